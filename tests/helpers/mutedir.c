/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mutedir AT SECONDS [name]: at AT a folder with the folder "sub", in which there is the file "f". Whoever asks for the attributes of "sub", or with
 * "name" whether there is a "sub", is answered after so many seconds, 0: never. Everything else is answered at once. Ends when AT is unmounted.
 * <linux/fuse.h>, protocol 7.25.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "str.h"

enum { ROOT = FUSE_ROOT_ID, SUB, FILE_F };

static const char content[] = "file\n";
static volatile sig_atomic_t due;

static void on_alarm(int sig)
{
	due = sig;
}

static void reply(int fd, uint64_t unique, int error, const void *data, size_t n)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + n), .error = error, .unique = unique };
	struct iovec v[2] = { { &h, sizeof(h) }, { (void *)(uintptr_t)data, n } };

	if (writev(fd, v, n ? 2 : 1) < 0 && errno != ENOENT)
		perror("mutedir: reply");
}

static struct fuse_attr attr_of(uint64_t ino)
{
	struct fuse_attr a = { .ino = ino, .mode = S_IFDIR | 0755, .nlink = 2, .mtime = 1286705410, .blksize = 4096 };

	if (ino == FILE_F) {
		a.mode = S_IFREG | 0644;
		a.nlink = 1;
		a.size = sizeof(content) - 1;
		a.blocks = 1;
	}
	return a;
}

static const char *name_in(uint64_t dir)
{
	return dir == ROOT ? "sub" : "f";
}

static void lookup(int fd, const struct fuse_in_header *h, const char *name)
{
	struct fuse_entry_out out = { .nodeid = h->nodeid + 1, .attr = attr_of(h->nodeid + 1), .entry_valid = 3600, .attr_valid = 3600 };

	if (str_eq(name, name_in(h->nodeid)))
		reply(fd, h->unique, 0, &out, sizeof(out));
	else
		reply(fd, h->unique, -ENOENT, NULL, 0);
}

static void read_dir(int fd, const struct fuse_in_header *h, const struct fuse_read_in *in)
{
	uint64_t out[8] = { 0 };                /* aligned as the kernel wants it */
	struct fuse_dirent *d = (void *)out;

	d->ino = h->nodeid + 1;
	d->off = 1;
	d->namelen = (uint32_t)strlen(name_in(h->nodeid));
	d->type = h->nodeid == ROOT ? DT_DIR : DT_REG;
	memcpy(d->name, name_in(h->nodeid), d->namelen);
	reply(fd, h->unique, 0, out, in->offset ? 0 : FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + d->namelen));
}

static void read_file(int fd, const struct fuse_in_header *h, const struct fuse_read_in *in)
{
	size_t at = in->offset < sizeof(content) - 1 ? (size_t)in->offset : sizeof(content) - 1, left = sizeof(content) - 1 - at;

	reply(fd, h->unique, 0, content + at, in->size < left ? in->size : left);
}

/* There are none. */
static void list_attributes(int fd, const struct fuse_in_header *h, const struct fuse_getxattr_in *in)
{
	struct fuse_getxattr_out out = { 0 };

	reply(fd, h->unique, 0, &out, in->size ? 0 : sizeof(out));
}

static void init(int fd, const struct fuse_in_header *h, const struct fuse_init_in *in)
{
	struct fuse_init_out out = { .major = 7, .minor = 25, .max_readahead = in->max_readahead, .max_write = 4096,
				     .flags = FUSE_PARALLEL_DIROPS };

	reply(fd, h->unique, 0, &out, sizeof(out));
}

static void one(int fd, const struct fuse_in_header *h)
{
	struct fuse_attr_out attr = { .attr_valid = 3600, .attr = attr_of(h->nodeid) };
	struct fuse_statfs_out fs = { .st.bsize = 4096, .st.namelen = 255 };
	struct fuse_open_out opened = { 0 };

	switch (h->opcode) {
	case FUSE_INIT: init(fd, h, (const void *)(h + 1)); break;
	case FUSE_LOOKUP: lookup(fd, h, (const char *)(h + 1)); break;
	case FUSE_GETATTR: reply(fd, h->unique, 0, &attr, sizeof(attr)); break;
	case FUSE_READDIR: read_dir(fd, h, (const void *)(h + 1)); break;
	case FUSE_READ: read_file(fd, h, (const void *)(h + 1)); break;
	case FUSE_LISTXATTR: list_attributes(fd, h, (const void *)(h + 1)); break;
	case FUSE_STATFS: reply(fd, h->unique, 0, &fs, sizeof(fs)); break;
	case FUSE_OPEN:
	case FUSE_OPENDIR: reply(fd, h->unique, 0, &opened, sizeof(opened)); break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: break;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_DESTROY: reply(fd, h->unique, 0, NULL, 0); break;
	default: reply(fd, h->unique, -ENOSYS, NULL, 0);
	}
}

/* The request that is answered late, or never. */
static bool is_mute(const struct fuse_in_header *h, bool names)
{
	return names ? h->opcode == FUSE_LOOKUP && h->nodeid == ROOT : h->opcode == FUSE_LISTXATTR && h->nodeid == SUB;
}

static int serve(int fd, unsigned int seconds, bool names)
{
	static char request[64 * KIB + 4096], late[sizeof(request)];

	for (;;) {
		ssize_t n = read(fd, request, sizeof(request));
		int err = errno;

		if (due)
			one(fd, (const void *)late);
		due = 0;
		if (n < 0 && (err == EINTR || err == ENOENT || err == EAGAIN))
			continue;
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			return n < 0 && err == ENODEV ? 0 : 1;
		if (!is_mute((const void *)request, names)) {
			one(fd, (const void *)request);
			continue;
		}
		memcpy(late, request, (size_t)n);
		(void)alarm(seconds);
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	AUTO_CLOSE int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[96];

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (argc < 3 || fd < 0 || sigaction(SIGALRM, &sa, NULL) < 0 || mount("mutedir", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		perror("mutedir");
		return 2;
	}
	return serve(fd, (unsigned int)atoi(argv[2]), argc > 3 && str_eq(argv[3], "name"));
}

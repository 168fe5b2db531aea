/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cow.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define BLOCK 4096
#define MAX_IO (128 * KIB)

/* ---- blocks ---- */

static bool in_store(const struct cow_file *f, uint64_t block)
{
	return f->map && (f->map[block / 8] >> (block % 8) & 1);
}

static bool is_bad(const struct cow_file *f, uint64_t off, size_t n)
{
	for (size_t i = 0; i < f->n_bad; i++)
		if (off < f->bad[i].off + f->bad[i].len && f->bad[i].off < off + n)
			return true;
	return false;
}

ssize_t cow_read(struct cow_file *f, char *buf, size_t n, uint64_t off)
{
	size_t done = 0;

	if (off >= f->size)
		return 0;
	n = off + n > f->size ? (size_t)(f->size - off) : n;
	while (done < n) {
		uint64_t at = off + done, block = at / BLOCK;
		bool store = in_store(f, block);
		size_t len = BLOCK - (size_t)(at % BLOCK);
		ssize_t got;

		while (len < n - done && in_store(f, (at + len) / BLOCK) == store)
			len += BLOCK;
		len = len > n - done ? n - done : len;
		if (!store && is_bad(f, at, len))
			return -EIO;
		got = pread(store ? f->store : f->below, buf + done, len, (off_t)at);
		if (got < 0)
			return -errno;
		if (got == 0)
			memset(buf + done, 0, (size_t)(got = (ssize_t)len));
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* One block or a part of it: what is not written comes from below first. */
static int write_block(struct cow_file *f, const char *buf, size_t n, uint64_t off)
{
	uint64_t block = off / BLOCK;
	char whole[BLOCK] = { 0 };
	ssize_t r;

	if (n < BLOCK && !in_store(f, block)) {
		r = cow_read(f, whole, BLOCK, block * BLOCK);
		if (r < 0)
			return (int)r;
		if (pwrite(f->store, whole, BLOCK, (off_t)(block * BLOCK)) != BLOCK)
			return -ENOSPC;
	}
	if (pwrite(f->store, buf, n, (off_t)off) != (ssize_t)n)
		return -ENOSPC;
	f->map[block / 8] |= (uint8_t)(1 << (block % 8));
	return 0;
}

ssize_t cow_write(struct cow_file *f, const char *buf, size_t n, uint64_t off)
{
	size_t done = 0;

	if (f->store < 0)
		return -EROFS;
	if (off + n > f->size)
		return -ENOSPC;
	while (done < n) {
		size_t len = BLOCK - (size_t)((off + done) % BLOCK);
		int r;

		len = len > n - done ? n - done : len;
		r = write_block(f, buf + done, len, off + done);
		if (r < 0)
			return r;
		done += len;
	}
	return (ssize_t)done;
}

/* ---- protocol ---- */

static void reply(int fd, uint64_t unique, int error, const void *data, size_t n)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + n), .error = error, .unique = unique };
	struct iovec v[2] = { { &h, sizeof(h) }, { (void *)(uintptr_t)data, n } };

	while (writev(fd, v, n ? 2 : 1) < 0 && errno == EINTR)
		;
}

static void do_init(int fd, uint64_t unique, const struct fuse_init_in *in)
{
	struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_readahead = in->max_readahead,
				     .max_write = MAX_IO, .max_background = 16, .congestion_threshold = 12 };

	out.flags = in->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES);
	reply(fd, unique, 0, &out, sizeof(out));
}

static void do_getattr(int fd, uint64_t unique, const struct cow_file *f)
{
	struct fuse_attr_out out = { .attr_valid = 3600 };

	out.attr.ino = FUSE_ROOT_ID;
	out.attr.size = f->size;
	out.attr.blocks = f->size / 512;
	out.attr.mode = S_IFREG | 0600;
	out.attr.nlink = 1;
	out.attr.blksize = BLOCK;
	reply(fd, unique, 0, &out, sizeof(out));
}

static void do_read(int fd, uint64_t unique, struct cow_file *f, const struct fuse_read_in *in, char *buf)
{
	ssize_t n = cow_read(f, buf, in->size > MAX_IO ? MAX_IO : in->size, in->offset);

	reply(fd, unique, n < 0 ? (int)n : 0, buf, n < 0 ? 0 : (size_t)n);
}

static void do_write(int fd, uint64_t unique, struct cow_file *f, const struct fuse_write_in *in, size_t have)
{
	struct fuse_write_out out = { 0 };
	ssize_t n = in->size > have - sizeof(*in) ? -EINVAL : cow_write(f, (const char *)(in + 1), in->size, in->offset);

	out.size = n < 0 ? 0 : (uint32_t)n;
	reply(fd, unique, n < 0 ? (int)n : 0, &out, n < 0 ? 0 : sizeof(out));
}

static void one(int fd, struct cow_file *f, char *request, size_t n, char *buf)
{
	const struct fuse_in_header *h = (const void *)request;
	const void *arg = request + sizeof(*h);
	struct fuse_open_out open_out = { .open_flags = FOPEN_DIRECT_IO };
	struct fuse_statfs_out statfs_out = { .st.bsize = BLOCK, .st.namelen = 255 };

	switch (h->opcode) {
	case FUSE_INIT:
		do_init(fd, h->unique, arg);
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		do_getattr(fd, h->unique, f);
		break;
	case FUSE_OPEN:
		reply(fd, h->unique, 0, &open_out, sizeof(open_out));
		break;
	case FUSE_READ:
		do_read(fd, h->unique, f, arg, buf);
		break;
	case FUSE_WRITE:
		do_write(fd, h->unique, f, arg, n - sizeof(*h));
		break;
	case FUSE_STATFS:
		reply(fd, h->unique, 0, &statfs_out, sizeof(statfs_out));
		break;
	case FUSE_FSYNC:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_DESTROY:
		reply(fd, h->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(fd, h->unique, -ENOSYS, NULL, 0);
	}
}

static int serve(int fd, struct cow_file *f)
{
	size_t cap = MAX_IO + 64 * KIB;
	AUTO_FREE char *request = xmalloc(cap), *buf = xmalloc(MAX_IO);

	for (;;) {
		ssize_t n = read(fd, request, cap);

		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			return n < 0 && errno != ENODEV ? -errno : 0;
		one(fd, f, request, (size_t)n, buf);
	}
}

int cow_serve(struct cow_file *f, const char *at, int ready, struct err *e)
{
	AUTO_CLOSE int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[128];

	if (fd < 0)
		return err_errno(e, "open /dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=100000,user_id=0,group_id=0,allow_other", fd);
	if (mount("rescue-cow", at, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return err_errno(e, "mount the overlay at '%s'", at);
	if (ready >= 0 && write(ready, "", 1) != 1)
		return err_errno(e, "tell that the overlay is there");
	return serve(fd, f);
}

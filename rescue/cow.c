/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cow.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "child.h"
#include "fs.h"

static int size_of(int fd, uint64_t *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		*ret = (uint64_t)st.st_size;
		return 0;
	}
	return ioctl(fd, BLKGETSIZE64, ret) < 0 ? -errno : 0;
}

int cow_loop(const char *file, bool read_only, char **ret_device, struct err *e)
{
	AUTO_CLOSE int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	AUTO_CLOSE int backing = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	struct loop_config config = { 0 };
	struct stat st;

	if (control < 0 || backing < 0 || fstat(backing, &st) < 0)      /* FUSE: only now the kernel (6.1) asks for the size */
		return err_errno(e, "attach '%s' to a loop device", file);
	config.fd = (uint32_t)backing;
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0);
	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", file);
	for (int i = 0; i < 50; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE), fd, ro = read_only;
		AUTO_FREE char *device = xasprintf("/dev/loop%d", number);

		fd = number < 0 ? -1 : open(device, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			(void)ioctl(fd, BLKROSET, &ro); /* an earlier user may have left it read-only */
			*ret_device = TAKE_PTR(device);
			return fd;
		}
		base_close(&fd);
		if (errno != EBUSY && errno != ENXIO)
			return err_errno(e, "attach '%s' to '%s'", file, device);
		usleep(20000);
	}
	return err_set(e, -EBUSY, "attach '%s': no free loop device", file);
}

static int open_store(struct cow *c, uint64_t size, struct err *e)
{
	AUTO_FREE char *path = fs_join(c->dir, "written");
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "open '%s'", path);
	if (ftruncate(fd, (off_t)size) < 0) {
		int r = err_errno(e, "make '%s' as large as the device", path);

		close(fd);
		return r;
	}
	return fd;
}

static void detach(struct cow *c)
{
	if (c->loop_fd >= 0)
		(void)ioctl(c->loop_fd, LOOP_CLR_FD);
	base_close(&c->loop_fd);
	c->loop_fd = -1;
}

/* ---- dm-snapshot ---- */

static int try_dm(struct cow *c, const char *below, uint64_t size, struct err *e)
{
	static unsigned int number;
	AUTO_FREE char *tool = child_find("dmsetup"), *table = NULL, *store = fs_join(c->dir, "written");
	int fd;

	if (!tool || access("/sys/class/misc/device-mapper", F_OK) < 0)
		return -ENOSYS;
	fd = cow_loop(store, false, &c->loop_store, e);
	if (fd < 0)
		return fd;
	c->loop_fd = fd;
	c->dm_name = xasprintf("rescue-cow-%d-%u", getpid(), number++);
	table = xasprintf("0 %llu snapshot %s %s N 8", (unsigned long long)(size / 512), below, c->loop_store);
	if (child_runl(e, "dmsetup", "create", c->dm_name, "--table", table, NULL) < 0) {
		free(c->dm_name);
		c->dm_name = NULL;
		detach(c);
		return -ENOSYS;
	}
	(void)child_runl(NULL, "dmsetup", "mknodes", c->dm_name, NULL);         /* where no udev makes the node */
	c->device = xasprintf("/dev/mapper/%s", c->dm_name);
	c->how = xstrdup("dm-snapshot");
	return 0;
}

/* ---- fuse ---- */

static void serve_child(struct cow_file *f, const char *at, int ready)
{
	struct err e = ERR_INIT;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_IGN);
	if (cow_serve(f, at, ready, &e) < 0) {
		dprintf(STDERR_FILENO, "overlay: %s\n", e.msg);
		_exit(1);
	}
	_exit(0);
}

static int start_server(struct cow *c, struct cow_file *f, const char *at, struct err *e)
{
	int p[2];
	char byte;
	ssize_t n;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(e, "make a pipe");
	c->pid = fork();
	if (c->pid == 0)
		serve_child(f, at, p[1]);
	close(p[1]);
	n = c->pid > 0 ? read(p[0], &byte, 1) : -1;
	close(p[0]);
	return n == 1 ? 0 : err_set(e, -EIO, "overlay: its server did not start (is there a /dev/fuse?)");
}

/* /dev/fuse comes with its module, and nobody but us may have wanted it so far. */
static void load_fuse(void)
{
	if (access("/dev/fuse", F_OK) < 0)
		(void)child_runl(NULL, "modprobe", "-q", "fuse", NULL);
}

static int try_fuse(struct cow *c, struct cow_file *f, struct err *e)
{
	AUTO_FREE char *at = fs_join(c->dir, "overlay");
	int r = fs_write_atomic(at, "", 0, 0600, e);

	load_fuse();
	if (r == 0)
		r = start_server(c, f, at, e);
	if (r < 0)
		return r;
	c->loop_fd = cow_loop(at, f->store < 0, &c->device, e);
	c->how = xstrdup("fuse");
	return c->loop_fd < 0 ? c->loop_fd : 0;
}

/* ---- both ---- */

static int make_dir(struct cow *c, const char *scratch, struct err *e)
{
	int r;

	c->loop_fd = -1;
	c->dir = xasprintf("%s/cow-XXXXXX", scratch);
	if (mkdtemp(c->dir))
		return 0;
	r = err_errno(e, "make '%s'", c->dir);
	c->dir[0] = '\0';
	return r;
}

static int open_writable(struct cow *c, const char *below, int fd, uint64_t size, const char *scratch, struct err *e)
{
	AUTO_FREE uint8_t *map = xcalloc(size / 4096 / 8 + 2, 1);
	struct cow_file f = { .below = fd, .store = -1, .size = size, .map = map };
	int r = make_dir(c, scratch, e);

	if (r < 0)
		return r;
	f.store = open_store(c, size, e);
	if (f.store < 0)
		return f.store;
	r = try_dm(c, below, size, e);
	if (r == -ENOSYS)
		r = try_fuse(c, &f, e);
	close(f.store);
	return r;
}

int cow_open(struct cow **ret, const char *below, const char *scratch, struct err *e)
{
	AUTO_CLOSE int fd = open(below, O_RDONLY | O_CLOEXEC);
	struct cow *c;
	uint64_t size = 0;
	int r = fd < 0 ? -errno : size_of(fd, &size);

	if (r < 0)
		return err_code(e, r, "open '%s'", below);
	c = xcalloc(1, sizeof(*c));
	r = open_writable(c, below, fd, size, scratch, e);
	if (r < 0) {
		cow_close(c);
		return err_wrap(e, r, "overlay of '%s'", below);
	}
	*ret = c;
	return 0;
}

int cow_open_bad(struct cow **ret, const char *below, uint64_t size, const struct cow_bad *bad, size_t n, const char *scratch, struct err *e)
{
	AUTO_CLOSE int fd = open(below, O_RDONLY | O_CLOEXEC);
	struct cow_file f = { .below = fd, .store = -1, .size = size, .bad = bad, .n_bad = n };
	struct cow *c;
	int r;

	if (fd < 0)
		return err_errno(e, "open '%s'", below);
	c = xcalloc(1, sizeof(*c));
	r = make_dir(c, scratch, e);
	if (r == 0)
		r = try_fuse(c, &f, e);
	if (r < 0) {
		cow_close(c);
		return err_wrap(e, r, "show '%s' as a device", below);
	}
	*ret = c;
	return 0;
}

void cow_close(struct cow *c)
{
	AUTO_FREE char *at = NULL;

	if (!c)
		return;
	if (c->dm_name)
		(void)child_runl(NULL, "dmsetup", "remove", "--retry", c->dm_name, NULL);
	detach(c);                      /* now, while its file is still served */
	if (c->dir && *c->dir) {
		at = fs_join(c->dir, "overlay");
		(void)umount2(at, MNT_DETACH);
		if (c->pid > 0) {
			usleep(50000);
			kill(c->pid, SIGKILL);
			(void)waitpid(c->pid, NULL, 0);
		}
		(void)fs_remove_tree(c->dir, NULL);
	}
	free(c->device);
	free(c->how);
	free(c->dm_name);
	free(c->dir);
	free(c->loop_store);
	free(c);
}

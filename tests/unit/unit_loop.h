/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unit_loop.h - loop devices for unit tests that need root: `if (!loop_allowed()) skip();` first. Mounts stay in this process. */
#ifndef UNIT_LOOP_H
#define UNIT_LOOP_H

#include "unit.h"

#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "child.h"

struct loop {
	char *file, *path;
	int fd;
};

static inline bool loop_allowed(void)
{
	static int answer = -1;

	if (answer < 0)
		answer = geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0 && unshare(CLONE_NEWNS) == 0 &&
			 mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
	return answer == 1;
}

/*
 * Partitions that were entered by hand outlive the file that a loop device had before, too. Another test that looks at all devices may
 * have one open at this moment.
 */
static inline void loop_forget_partitions(int fd)
{
	for (int i = 1; i <= 32; i++) {
		struct blkpg_partition part = { .pno = i };
		struct blkpg_ioctl_arg arg = { .op = BLKPG_DEL_PARTITION, .datalen = sizeof(part), .data = &part };

		for (int patience = 50; ioctl(fd, BLKPG, &arg) < 0 && errno == EBUSY && patience > 0; patience--)
			usleep(100000);
	}
}

/* Attaches `file`, which is made sparse with `size` bytes when size > 0. */
static inline struct loop loop_file(const char *file, uint64_t size)
{
	struct loop l = { .file = xstrdup(file), .fd = -1 };
	int back = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600), ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC), i, off = 0;
	struct loop_config c = { .fd = (uint32_t)back, .info.lo_flags = LO_FLAGS_AUTOCLEAR };

	assert_true(back >= 0 && ctl >= 0);
	if (size > 0)
		assert_int_equal(ftruncate(back, (off_t)size), 0);
	snprintf((char *)c.info.lo_file_name, LO_NAME_SIZE, "%s", file);
	for (i = 0; i < 50 && l.fd < 0; i++) {
		int n = ioctl(ctl, LOOP_CTL_GET_FREE);

		assert_true(n >= 0);
		l.path = xasprintf("/dev/loop%d", n);
		l.fd = open(l.path, O_RDWR | O_CLOEXEC);
		if (l.fd >= 0 && ioctl(l.fd, LOOP_CONFIGURE, &c) == 0)
			break;
		base_close(&l.fd);
		l.fd = -1;
		free(l.path);
		usleep(100000);
	}
	assert_true(l.fd >= 0);
	assert_int_equal(ioctl(l.fd, BLKROSET, &off), 0);       /* the flag outlives the file that was attached before */
	loop_forget_partitions(l.fd);
	close(back);
	close(ctl);
	return l;
}

static inline struct loop loop_new(const char *dir, const char *name, uint64_t size)
{
	AUTO_FREE char *file = fs_join(dir, name);

	return loop_file(file, size);
}

static inline void loop_end(struct loop *l)
{
	loop_forget_partitions(l->fd);
	ioctl(l->fd, LOOP_CLR_FD, 0);
	close(l->fd);
	free(l->file);
	free(l->path);
}

static inline void shell(const char *fmt, ...) PRINTF_LIKE(1, 2);
static inline void shell(const char *fmt, ...)
{
	struct err e = ERR_INIT;
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (child_runl(&e, "sh", "-ec", text, NULL) < 0)
		fail_msg("%s: %s", text, e.msg);
}

static inline char *digest_of(const char *file)
{
	const char *argv[] = { "sha256sum", file, NULL };
	struct err e = ERR_INIT;
	char *out = NULL;

	if (child_output(argv, &out, &e) < 0)
		fail_msg("%s", e.msg);
	out[64] = '\0';
	return out;
}

#endif

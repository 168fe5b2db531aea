/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chattr flags: set at the very end, because an immutable file can be neither linked nor replaced. */
#include "copy_int.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

#include "beneath.h"

#define KEPT (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP)

static int to_fs_flags(uint64_t attributes)
{
	return (attributes & STATX_ATTR_IMMUTABLE ? FS_IMMUTABLE_FL : 0) | (attributes & STATX_ATTR_APPEND ? FS_APPEND_FL : 0) |
	       (attributes & STATX_ATTR_NODUMP ? FS_NODUMP_FL : 0);
}

void copy_flags(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st)
{
	CLEANUP(str_free) struct str path = STR_INIT;
	struct copy *c = w->c;
	int flags = to_fs_flags(st->stx_attributes & KEPT);

	if (!flags || c->o->archive)
		return;
	copy_dir_path(d, name, &path);
	pthread_mutex_lock(&c->log_lock);
	if (!c->flags)
		c->flags = tmpfile();
	if (c->flags) {
		fwrite(&flags, sizeof(flags), 1, c->flags);
		fwrite(path.s, path.len + 1, 1, c->flags);
	}
	pthread_mutex_unlock(&c->log_lock);
}

/* An earlier run may have got as far as setting them. True when something was taken away. */
bool copy_flags_clear(int fd)
{
	int now = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &now) < 0 || !(now & (FS_IMMUTABLE_FL | FS_APPEND_FL)))
		return false;
	now &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
	return ioctl(fd, FS_IOC_SETFLAGS, &now) == 0;
}

int copy_unlink(int dir, const char *name)
{
	AUTO_CLOSE int fd = -1;

	if (unlinkat(dir, name, 0) == 0)
		return 0;
	if (errno != EPERM)
		return -1;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && copy_flags_clear(fd))
		return unlinkat(dir, name, 0);
	errno = EPERM;
	return -1;
}

static void set_flags(int root, const char *path, int flags)
{
	AUTO_CLOSE int fd = beneath_open(root, path, O_RDONLY | O_NONBLOCK, NULL);
	int now = 0;

	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &now) == 0) {
		now |= flags;
		(void)ioctl(fd, FS_IOC_SETFLAGS, &now);
	}
}

int copy_flags_apply(struct copy *c)
{
	AUTO_FREE char *path = NULL;
	size_t cap = 0;
	int flags;

	if (!c->flags)
		return 0;
	rewind(c->flags);
	while (fread(&flags, sizeof(flags), 1, c->flags) == 1 && getdelim(&path, &cap, '\0', c->flags) > 0)
		set_flags(c->o->dst, path, flags);
	return 0;
}

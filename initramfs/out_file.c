/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "out_file.h"

#include <fcntl.h>

#include "fs.h"

int out_file_not_input(const char *path, const char *input, struct err *e)
{
	struct stat a, b;

	if (!path || !input || stat(path, &a) < 0 || stat(input, &b) < 0)
		return 0;
	if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return err_set(e, -EINVAL, "output '%s' is the same file as the input '%s'", path, input);
	return 0;
}

int out_file_open(struct out_file *o, const char *path, struct err *e)
{
	struct stat st;

	if (!path[0] || str_ends(path, "/"))
		return err_set(e, -EINVAL, "output '%s' is not a file name", path);
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(e, -EEXIST, "output '%s' exists and is not a regular file: it will not be replaced", path);
	o->path = xstrdup(path);
	o->tmp = xasprintf("%s.XXXXXX", path);
	o->fd = mkostemp(o->tmp, O_CLOEXEC);
	if (o->fd < 0) {
		int r = err_errno(e, "create '%s'", path);

		free(o->tmp);
		o->tmp = NULL;
		return r;
	}
	return 0;
}

int out_file_commit(struct out_file *o, mode_t mode, struct err *e)
{
	int fd = take_fd(&o->fd);

	if (fchmod(fd, mode) < 0 || fsync(fd) < 0) {
		int r = err_errno(e, "write '%s'", o->path);

		close(fd);
		return r;
	}
	if (close(fd) < 0)
		return err_errno(e, "write '%s'", o->path);
	if (rename(o->tmp, o->path) < 0)
		return err_errno(e, "rename '%s' to '%s'", o->tmp, o->path);
	free(o->tmp);
	o->tmp = NULL;
	return fs_sync_parent(o->path, e);
}

void out_file_drop(struct out_file *o)
{
	if (o->fd >= 0)
		close(o->fd);
	if (o->tmp)
		unlink(o->tmp);
	free(o->tmp);
	free(o->path);
	*o = (struct out_file)OUT_FILE_INIT;
}

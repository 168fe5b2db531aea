/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second look: the archive is read again, and the disk is asked for every byte of it. */
#include "unpack_int.h"

#include <fcntl.h>
#include <limits.h>

#define PIECE 65536

static int differs(struct err *e, const char *path, const char *what)
{
	err_set(e, 0, "'%s' differs from the archive: %s", path, what);
	return 0;
}

static int same_piece(int fd, const char *want, size_t n, uint64_t off)
{
	char have[PIECE];

	while (n) {
		ssize_t got = pread(fd, have, n > PIECE ? PIECE : n, (off_t)off);

		if (got < 0)
			return -errno;
		if (got == 0 || memcmp(have, want, (size_t)got) != 0)
			return 0;
		want += got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return 1;
}

static int same_content(struct arc_in *in, int dir, const char *name, const struct arc_item *it, struct err *e)
{
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const void *buf;
	uint64_t off;
	size_t n;
	int r, same = 1;

	if (fd < 0)
		return err_errno(e, "open '%s'", it->path);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	while (same == 1 && (r = arc_in_data(in, &buf, &n, &off, e)) != 0) {
		if (r < 0)
			return r;
		same = same_piece(fd, buf, n, off);
	}
	if (same < 0)
		return err_code(e, same, "read '%s'", it->path);
	return same ? 1 : differs(e, it->path, "content");
}

static int same_link(int dir, const char *name, const struct arc_item *it, struct err *e)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(dir, name, target, PATH_MAX);

	target[n > 0 ? n : 0] = '\0';
	return str_eq(target, it->link ? it->link : "") ? 1 : differs(e, it->path, "target of the link");
}

static int same_entry(struct arc_in *in, int dir, const char *name, const struct arc_item *it, struct err *e)
{
	mode_t mask = xattrs_find(&it->xattrs, XATTR_ACL_ACCESS) ? 070 : 0;     /* with an ACL these bits are its mask */
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? differs(e, it->path, "it is missing") : err_errno(e, "look at '%s'", it->path);
	if (it->hard)
		return 1;
	if ((st.st_mode & S_IFMT) != (it->mode & S_IFMT))
		return differs(e, it->path, "type");
	if (!S_ISLNK(it->mode) && (st.st_mode & 07777 & ~mask) != (it->mode & 07777 & ~mask))
		return differs(e, it->path, "mode");
	if (st.st_uid != it->uid || st.st_gid != it->gid)
		return differs(e, it->path, "owner");
	if (it->has_mtime && (st.st_mtim.tv_sec != it->mtime.tv_sec || st.st_mtim.tv_nsec != it->mtime.tv_nsec))
		return differs(e, it->path, "time");
	if (S_ISLNK(it->mode))
		return same_link(dir, name, it, e);
	if (!S_ISREG(it->mode))
		return 1;
	if (it->has_size && (uint64_t)st.st_size != it->size)
		return differs(e, it->path, "size");
	return same_content(in, dir, name, it, e);
}

int unpack_compare(struct arc_in *in, int root, struct err *e)
{
	struct arc_item it;
	int r;

	while ((r = arc_in_next(in, &it, e)) == 1) {
		AUTO_FREE char *path = xstrdup(it.path);
		AUTO_CLOSE int dir = -1;
		const char *name;
		bool absolute;

		if (beneath_clean(path, &absolute) < 0 || !*path || S_ISSOCK(it.mode))
			continue;
		dir = beneath_parent(root, path, false, &name, e);
		if (dir < 0 && (dir == -ELOOP || dir == -ENOTDIR))
			continue;               /* refused, and listed */
		if (dir < 0)
			return differs(e, it.path, "its folder is missing");
		r = same_entry(in, dir, name, &it, e);
		if (r != 1)
			return r;
	}
	return r < 0 ? r : 1;
}

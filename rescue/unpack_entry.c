/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unpack_int.h"

#include <fcntl.h>
#include <sys/xattr.h>

#define CHATTR_LATE 0x70        /* immutable, append only, no dump */

/* Errors after which nothing else can be written either. */
static bool is_fatal(int err)
{
	return err == ENOSPC || err == EDQUOT || err == EROFS || err == EIO || err == ENODEV || err == ENOMEM || err == EMFILE || err == ENFILE;
}

static int failed(struct unpack *u, const char *path, int err, const char *what, struct err *e)
{
	if (is_fatal(err))
		return err_set(e, -err, "%s '%s' in '%s': %s", what, path, u->o->root_name, strerror(err));
	return unpack_refuse(u, path, err == ELOOP || err == ENOTDIR || err == EXDEV ? "refused" : "lost", err, what);
}

/* A folder that was there before (a resumed run had finished it already) may have a set-group-ID bit or a default ACL. */
static bool inherits(int fd)
{
	struct stat st;
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return fstat(fd, &st) < 0 || (st.st_mode & S_ISGID) || getxattr(self, XATTR_ACL_DEFAULT, NULL, 0) > 0;
}

/* The folder of `path`: the last entry's, most of the time. -errno. */
static int parent(struct unpack *u, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (u->parent_fd >= 0 && strlen(u->parent) == n && memcmp(u->parent, path, n) == 0)
		return u->parent_fd;
	fd = beneath_parent(u->o->root, path, true, ret_name, NULL);
	if (fd < 0)
		return fd;
	base_close(&u->parent_fd);
	u->parent_fd = fd;
	free(u->parent);
	u->parent = xstrndup(path, n);
	u->parent_inherits = inherits(fd);
	return fd;
}

static void forget_parent(struct unpack *u)
{
	base_close(&u->parent_fd);
	u->parent_fd = -1;
}

/* Makes room: whatever is there goes, a folder only when it is empty. */
static int clear(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return unlinkat(dir, name, AT_REMOVEDIR) == 0 ? 0 : -errno;
}

static int make_folder(struct unpack *u, const char *path, int dir, const char *name, const struct arc_item *it, struct err *e)
{
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
		r = clear(dir, name);
		if (r == 0 && mkdirat(dir, name, 0700) < 0)
			r = -errno;
		if (r < 0)
			return failed(u, path, -r, "make folder", e);
	}
	u->res.folders++;
	return unpack_late_add(u, path, it, e);
}

static int write_piece(int fd, const char *p, size_t n, uint64_t off)
{
	while (n) {
		ssize_t done = pwrite(fd, p, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
		off += (uint64_t)done;
	}
	return 0;
}

/* Content of the entry. *ret_end is where it ends. -EBADMSG: the archive; another -errno: the file. */
static int content(struct unpack *u, int fd, uint64_t *ret_end, struct err *e)
{
	const void *buf;
	uint64_t off, end = 0;
	size_t n;
	int r;

	while ((r = arc_in_data(u->o->in, &buf, &n, &off, e)) == 1) {
		if (!n)
			continue;
		u->res.bytes += n;
		if (u->o->max_bytes && (u->res.bytes > u->o->max_bytes || off > u->o->max_bytes))
			return err_set(e, -EFBIG, "more than %llu bytes", (unsigned long long)u->o->max_bytes);
		r = write_piece(fd, buf, n, off);
		if (r < 0)
			return r;
		end = off + n;
		if (u->o->progress)
			u->o->progress(u->o->arg, &u->res, arc_in_offset(u->o->in), u->last);
	}
	*ret_end = end;
	return r;
}

static int fill(struct unpack *u, const char *path, int fd, const struct arc_item *it, struct err *e)
{
	uint64_t end = 0;
	int r;

	if (u->o->max_bytes && it->size > u->o->max_bytes)
		return err_set(e, -EFBIG, "more than %llu bytes", (unsigned long long)u->o->max_bytes);
	r = content(u, fd, &end, e);
	if (r == 0 && it->has_size && end < it->size && ftruncate(fd, (off_t)it->size) < 0)
		r = -errno;
	if (r == 0)
		r = unpack_meta_fd(u, path, fd, it);
	return r;
}

static int make_file(struct unpack *u, const char *path, int dir, const char *name, const struct arc_item *it, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	int r = clear(dir, name);

	if (r == 0)
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(u, path, r < 0 ? -r : errno, "make file", e);
	r = fill(u, path, fd, it, e);
	if (r < 0) {
		(void)unlinkat(dir, name, 0);
		return r == -EBADMSG || r == -EFBIG ? r : failed(u, path, -r, "write file", e);
	}
	u->res.files++;
	return it->flags & CHATTR_LATE ? unpack_late_add(u, path, it, e) : 0;
}

static int link_to(int from, const char *old, int dir, const char *name)
{
	struct stat a, b;

	if (linkat(from, old, dir, name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (fstatat(from, old, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino)
		return 0;
	if (clear(dir, name) < 0 || linkat(from, old, dir, name, 0) < 0)
		return -errno;
	return 0;
}

/* Some formats (cpio) bring the content with the last name. */
static int linked_content(struct unpack *u, const char *path, int dir, const char *name, const struct arc_item *it, struct err *e)
{
	AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return unpack_refuse(u, path, "refused", 0, "content for a hard link to something that is not a file");
	r = ftruncate(fd, 0) < 0 ? -errno : fill(u, path, fd, it, e);
	return r < 0 && r != -EBADMSG && r != -EFBIG ? failed(u, path, -r, "write file", e) : r;
}

static int make_link(struct unpack *u, const char *path, int dir, const char *name, const struct arc_item *it, struct err *e)
{
	AUTO_FREE char *target = xstrdup(it->hard);
	AUTO_CLOSE int from = -1;
	const char *old;
	bool absolute;
	int r = beneath_clean(target, &absolute);

	if (r < 0 || !*target)
		return unpack_refuse(u, path, "refused", 0, "a hard link that leads out of the archive");
	from = beneath_parent(u->o->root, target, false, &old, NULL);
	r = from < 0 ? from : link_to(from, old, dir, name);
	if (r < 0) {
		AUTO_FREE char *what = xasprintf("make hard link to '%s' as", target);

		return failed(u, path, -r, what, e);
	}
	u->res.files++;
	return it->size && S_ISREG(it->mode) ? linked_content(u, path, dir, name, it, e) : 0;
}

static int node_meta(struct unpack *u, const char *path, int dir, const char *name, const struct arc_item *it)
{
	struct timespec ts[2] = { it->atime, it->mtime };
	const char *which = NULL;
	int r;

	if (fchownat(dir, name, it->uid, it->gid, AT_SYMLINK_NOFOLLOW) < 0)
		unpack_refuse(u, path, "attributes", errno, "set the owner");
	if (!S_ISLNK(it->mode) && fchmodat(dir, name, it->mode & 07777, 0) < 0)
		unpack_refuse(u, path, "attributes", errno, "set the mode");
	r = xattrs_write_at(dir, name, &it->xattrs, &which);
	if (r < 0)
		unpack_refuse(u, path, "attributes", -r, which);
	if (it->has_mtime && utimensat(dir, name, ts, AT_SYMLINK_NOFOLLOW) < 0)
		unpack_refuse(u, path, "attributes", errno, "set the times");
	return 0;
}

static int make_node(struct unpack *u, const char *path, int dir, const char *name, const struct arc_item *it, struct err *e)
{
	bool device = S_ISBLK(it->mode) || S_ISCHR(it->mode);
	int r;

	if (device && u->o->no_devices)
		return unpack_refuse(u, path, "refused", 0, "a device");
	r = clear(dir, name);
	if (r == 0 && S_ISLNK(it->mode))
		r = symlinkat(it->link ? it->link : "", dir, name) < 0 ? -errno : 0;
	else if (r == 0)
		r = mknodat(dir, name, it->mode & (S_IFMT | 0600), it->rdev) < 0 ? -errno : 0;
	if (r < 0)
		return failed(u, path, -r, "make", e);
	u->res.others++;
	return node_meta(u, path, dir, name, it);
}

static int make_any(struct unpack *u, const char *path, int dir, const char *name, const struct arc_item *it, struct err *e)
{
	if (it->hard)
		return make_link(u, path, dir, name, it, e);
	switch (it->mode & S_IFMT) {
	case S_IFDIR:
		return make_folder(u, path, dir, name, it, e);
	case S_IFREG:
		return make_file(u, path, dir, name, it, e);
	case S_IFLNK:
	case S_IFBLK:
	case S_IFCHR:
	case S_IFIFO:
	case S_IFSOCK:
		return make_node(u, path, dir, name, it, e);
	default:
		return unpack_refuse(u, path, "refused", 0, "an entry without a type");
	}
}

static void lost_ace(struct unpack *u, const struct arc_item *it)
{
	AUTO_FREE char *why = xasprintf("the ACL entry of '%s' comes without a number, and etc/passwd and etc/group do not know the name", it->acl_name);

	unpack_refuse(u, it->path, "attributes", 0, why);
}

int unpack_entry(struct unpack *u, const struct arc_item *it, struct err *e)
{
	AUTO_FREE char *path = xstrdup(it->path);
	const char *name;
	bool absolute;
	int r = beneath_clean(path, &absolute), dir;

	if (r < 0)
		return unpack_refuse(u, it->path, "refused", 0, r == -EXDEV ? "its name contains '..'" : "its name is too long");
	if (!*path)
		return S_ISDIR(it->mode) && !it->hard ? unpack_late_add(u, path, it, e)
						      : unpack_refuse(u, it->path, "refused", 0, "its name is the target itself");
	dir = parent(u, path, &name);
	if (dir == -ELOOP || dir == -ENOTDIR || dir == -EXDEV)
		return unpack_refuse(u, it->path, "refused", 0, "a symbolic link or a file lies on its way");
	if (dir < 0)
		return failed(u, it->path, -dir, "make the folder of", e);
	r = make_any(u, path, dir, name, it, e);
	if (r == 0 && it->acl_name)
		lost_ace(u, it);
	if (!S_ISREG(it->mode))
		forget_parent(u);               /* a folder may have been replaced */
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must wait until everything is there: attributes and times of folders (every new file changes them; a default ACL would be
 * inherited), chattr flags of files. One record each in a file: struct rec, path, then {u32 name length, u32 value length, name, value}.
 */
#include "unpack_int.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "fs.h"

#define RECORD_MAX (4 * MIB)
#define KEPT (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL)

struct rec {
	uint32_t len;                   /* bytes after this struct */
	uint32_t path_len;
	uint32_t n_xattrs;
	uint32_t mode, uid, gid;
	uint32_t flags;
	uint32_t has_mtime;
	struct timespec atime, mtime;
};

int unpack_late_open(struct unpack *u, uint64_t keep, struct err *e)
{
	if (!u->o->logs) {
		u->late = memfd_create("late", MFD_CLOEXEC);
		return u->late < 0 ? err_errno(e, "make a temporary file") : 0;
	}
	u->late = loss_open_log(u->o->logs, "folders", keep, e);
	return u->late < 0 ? u->late : 0;
}

static void add_u32(struct str *s, size_t v)
{
	uint32_t n = (uint32_t)v;

	str_addn(s, &n, sizeof(n));
}

int unpack_late_add(struct unpack *u, const char *path, const struct arc_item *it, struct err *e)
{
	CLEANUP(str_free) struct str body = STR_INIT, all = STR_INIT;
	struct rec h = { .path_len = (uint32_t)strlen(path), .n_xattrs = (uint32_t)it->xattrs.n, .mode = it->mode, .uid = it->uid,
			 .gid = it->gid, .flags = (uint32_t)it->flags & KEPT, .has_mtime = it->has_mtime, .atime = it->atime,
			 .mtime = it->mtime };

	str_addn(&body, path, h.path_len);
	for (size_t i = 0; S_ISDIR(it->mode) && i < it->xattrs.n; i++) {
		const struct xattr *x = &it->xattrs.v[i];

		add_u32(&body, strlen(x->name));
		add_u32(&body, x->len);
		str_add(&body, x->name);
		str_addn(&body, x->value, x->len);
	}
	if (!S_ISDIR(it->mode))
		h.n_xattrs = 0;
	h.len = (uint32_t)body.len;
	str_addn(&all, &h, sizeof(h));
	str_addn(&all, body.s, body.len);
	return fs_write_all(u->late, all.s, all.len, e);
}

/* Our own file, but a disk may have spoilt it: nothing is believed. */
static bool parse_xattrs(const char *p, const char *end, uint32_t n, struct xattrs *x)
{
	while (n-- > 0) {
		uint32_t name_len, len;

		if (end - p < 8)
			return false;
		memcpy(&name_len, p, 4);
		memcpy(&len, p + 4, 4);
		p += 8;
		if ((uint64_t)(end - p) < (uint64_t)name_len + len)
			return false;
		AUTO_FREE char *name = xstrndup(p, name_len);

		xattrs_add(x, name, p + name_len, len);
		p += name_len + len;
	}
	return p == end;
}

static void apply_flags(int fd, uint32_t flags)
{
	int now = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &now) < 0)
		return;
	now |= (int)flags;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &now);
}

static void apply(struct unpack *u, const struct rec *h, const char *path, struct xattrs *x)
{
	bool folder = S_ISDIR(h->mode);
	AUTO_CLOSE int fd = beneath_open(u->o->root, path, O_RDONLY | O_NONBLOCK | (folder ? O_DIRECTORY : 0), NULL);
	struct arc_item it = { .mode = h->mode, .uid = h->uid, .gid = h->gid, .has_mtime = h->has_mtime, .atime = h->atime,
			       .mtime = h->mtime, .xattrs = *x };

	if (fd < 0) {
		unpack_refuse(u, path, "attributes", -fd, "open it again");
		return;
	}
	if (folder)
		(void)unpack_meta_fd(u, path, fd, &it);
	if (h->flags)
		apply_flags(fd, h->flags);
}

static int read_record(FILE *f, struct rec *h, char **ret_body)
{
	AUTO_FREE char *body = NULL;

	if (fread(h, sizeof(*h), 1, f) != 1)
		return 0;
	if (h->len > RECORD_MAX || h->path_len > h->len)
		return -EBADMSG;
	body = xmalloc(h->len + 1);
	if (h->len && fread(body, h->len, 1, f) != 1)
		return -EBADMSG;
	*ret_body = TAKE_PTR(body);
	return 1;
}

int unpack_late_apply(struct unpack *u, struct err *e)
{
	AUTO_FREE char *name = xasprintf("/proc/self/fd/%d", u->late);
	AUTO_FCLOSE FILE *f = fopen(name, "re");
	struct rec h;
	char *next = NULL;
	int r;

	if (!f)
		return err_errno(e, "read the folders' attributes");
	while ((r = read_record(f, &h, &next)) == 1) {
		AUTO_FREE char *body = next, *path = xstrndup(body, h.path_len);
		CLEANUP(xattrs_free) struct xattrs x = XATTRS_INIT;

		if (!parse_xattrs(body + h.path_len, body + h.len, h.n_xattrs, &x))
			return err_set(e, -EIO, "read the folders' attributes: damaged");
		apply(u, &h, path, &x);
	}
	return r < 0 ? err_set(e, -EIO, "read the folders' attributes: damaged") : 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_int.h"

#include <sys/xattr.h>

void copy_times(const struct statx *st, struct timespec ts[2])
{
	ts[0].tv_sec = st->stx_atime.tv_sec;
	ts[0].tv_nsec = st->stx_atime.tv_nsec;
	ts[1].tv_sec = st->stx_mtime.tv_sec;
	ts[1].tv_nsec = st->stx_mtime.tv_nsec;
}

static void note(struct copy_worker *w, struct copy_dir *d, const char *name, int err, const char *what)
{
	copy_lost(w, d, name, "attributes", err, what);
}

static bool owner_is_right(struct copy *c, const struct statx *st)
{
	return st->stx_uid == c->uid && st->stx_gid == c->gid && !c->bsd_groups;
}

void copy_meta_read(struct copy_worker *w, struct copy_dir *d, const char *name, int src, struct xattrs *ret)
{
	int r;

	copy_ask(w);
	r = src >= 0 ? xattrs_read(src, ret) : xattrs_read_at(d->src, name, ret);
	copy_answered(w);
	if (r < 0)
		note(w, d, name, -r, "read extended attributes");
}

/* Changing the owner takes set-user-ID bits and capabilities away: first owner, then mode, then attributes. */
void copy_meta_fd(struct copy_worker *w, struct copy_dir *d, const char *name, int dst, const struct statx *st, struct xattrs *x)
{
	bool mine = owner_is_right(w->c, st), folder = S_ISDIR(st->stx_mode);
	const char *which = NULL;
	int r;

	if (!mine && fchown(dst, st->stx_uid, st->stx_gid) < 0)
		note(w, d, name, errno, "set the owner");
	if ((!mine || folder || (st->stx_mode & 07000)) && fchmod(dst, st->stx_mode & 07777) < 0)
		note(w, d, name, errno, "set the mode");
	r = xattrs_write(dst, x, &which);
	if (r < 0)
		note(w, d, name, -r, which);
}

void copy_meta_at(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, struct xattrs *x)
{
	int dst = d->dst;
	const char *which = NULL;
	int r;

	copy_meta_read(w, d, name, -1, x);
	if (!owner_is_right(w->c, st) && fchownat(dst, name, st->stx_uid, st->stx_gid, AT_SYMLINK_NOFOLLOW) < 0)
		note(w, d, name, errno, "set the owner");
	if (!S_ISLNK(st->stx_mode) && fchmodat(dst, name, st->stx_mode & 07777, 0) < 0)
		note(w, d, name, errno, "set the mode");
	r = xattrs_write_at(dst, name, x, &which);
	if (r < 0)
		note(w, d, name, -r, which);
}

bool copy_trusted(struct copy *c, int dst, const char *name, const struct statx *st)
{
	struct stat have;
	int64_t changed;

	if (c->trust_ns == INT64_MIN || !c->clock_ok || fstatat(dst, name, &have, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	changed = (int64_t)have.st_ctim.tv_sec * 1000000000 + have.st_ctim.tv_nsec;
	if (changed < c->o->keep_ns)
		return true;            /* a better version than this one */
	if ((have.st_mode & S_IFMT) != (st->stx_mode & S_IFMT) || (uint64_t)have.st_size != st->stx_size)
		return false;
	if (have.st_mtim.tv_sec != st->stx_mtime.tv_sec || (uint32_t)have.st_mtim.tv_nsec != st->stx_mtime.tv_nsec)
		return false;
	return changed < c->trust_ns;
}

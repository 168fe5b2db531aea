/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The destination is an archive: small files are read by all threads at once, and written by one after the other; copy_feed.c has the big ones. */
#include "copy_int.h"

#include <linux/fs.h>
#include <sys/sysmacros.h>

#include "arc.h"

static int fatal(struct copy_worker *w, const struct err *e)
{
	return copy_fatal(w->c, e->code, "'%s': %s", w->c->o->dst_name, e->msg);
}

static void fill(struct arc_item *it, const struct statx *st, const char *target)
{
	it->mode = st->stx_mode;
	it->uid = st->stx_uid;
	it->gid = st->stx_gid;
	it->rdev = makedev(st->stx_rdev_major, st->stx_rdev_minor);
	it->size = st->stx_size;
	it->atime = (struct timespec){ st->stx_atime.tv_sec, st->stx_atime.tv_nsec };
	it->mtime = (struct timespec){ st->stx_mtime.tv_sec, st->stx_mtime.tv_nsec };
	it->flags = (st->stx_attributes & STATX_ATTR_IMMUTABLE ? FS_IMMUTABLE_FL : 0UL) |
		    (st->stx_attributes & STATX_ATTR_APPEND ? FS_APPEND_FL : 0UL) |
		    (st->stx_attributes & STATX_ATTR_NODUMP ? FS_NODUMP_FL : 0UL);
	it->link = target ? xstrdup(target) : NULL;
}

static void map_data(struct arc_item *it, int fd)
{
	off_t at = 0, size = (off_t)it->size;

	while (at < size) {
		off_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			data = size;
		if (data < 0)
			return;
		hole = data < size ? lseek(fd, data, SEEK_HOLE) : size;
		if (hole < data || hole > size)
			hole = size;
		it->data = xrealloc(it->data, (it->n_data + 1) * sizeof(*it->data));
		it->data[it->n_data++] = (struct arc_range){ (uint64_t)data, (uint64_t)(hole - data) };
		at = hole > at ? hole : size;
	}
}

/* Reads a small file before the archive is locked. */
static int small_content(struct copy_worker *w, int fd, uint64_t size)
{
	ssize_t got = copy_read(w, fd, w->buf, (size_t)size, 0);

	if (got < (ssize_t)size) {
		memset(w->buf + got, 0, (size_t)size - (size_t)got);
		copy_bad_range(w, (uint64_t)got, size - (uint64_t)got, ENODATA);
	}
	if (w->hash)
		hash_add(w->hash, w->buf, (size_t)size);
	__atomic_fetch_add(&w->written, size, __ATOMIC_RELAXED);
	return 0;
}

int copy_archive_header(struct copy *c, struct arc_item *it, const struct statx *st, struct err *e)
{
	int r;

	if (st->stx_nlink > 1 && !S_ISDIR(st->stx_mode))
		it->hard = copy_link_path(c, st, it->path);
	if (S_ISREG(it->mode) && it->hard)
		it->size = 0;
	r = arc_out_item(c->o->archive, it, e);
	return r < 0 ? r : S_ISREG(it->mode) && !it->hard;
}

/* Header and content at once. As copy_archive_header. */
static int put(struct copy_worker *w, struct arc_item *it, const struct statx *st, struct err *e)
{
	int r, more;

	pthread_mutex_lock(&w->c->archive_lock);
	r = copy_archive_header(w->c, it, st, e);
	more = r > 0 ? arc_out_data(w->c->o->archive, w->buf, (size_t)it->size, e) : 0;
	pthread_mutex_unlock(&w->c->archive_lock);
	return more < 0 ? more : r;
}

/* What was read of another name of a file that is there is forgotten. */
static void is_link(struct copy_worker *w)
{
	w->n_bad = 0;
	w->holes = 0;
	__atomic_store_n(&w->written, 0, __ATOMIC_RELAXED);
}

static int entry(struct copy_worker *w, struct copy_dir *d, const char *name, int fd, const struct statx *st, struct arc_item *it, struct err *e)
{
	bool file = S_ISREG(st->stx_mode);

	if (file && st->stx_size <= COPY_BUF)
		small_content(w, fd, st->stx_size);
	if (file && st->stx_blocks * 512 < st->stx_size) {
		copy_ask(w);
		map_data(it, fd);
		copy_answered(w);
	}
	return file && st->stx_size > COPY_BUF ? copy_feed(w, d, name, it, fd, st, e) : put(w, it, st, e);
}

int copy_archive_entry(struct copy_worker *w, struct copy_dir *d, const char *name, int fd, const struct statx *st, const char *target,
		       struct xattrs *x)
{
	CLEANUP(str_free) struct str path = STR_INIT;
	struct arc_item it = { 0 };
	struct err e = ERR_INIT;
	int r;

	copy_dir_path(d, name, &path);
	fill(&it, st, target);
	it.path = xasprintf(".%s", str_cstr(&path));
	if (x)
		it.xattrs = *x;
	else
		copy_meta_read(w, d, name, fd, &it.xattrs);
	r = entry(w, d, name, fd, st, &it, &e);
	if (r == 0 && S_ISREG(st->stx_mode))
		is_link(w);
	if (r == -EOPNOTSUPP)
		copy_lost(w, d, name, "lost", EOPNOTSUPP, e.msg);
	else if (r < 0)
		fatal(w, &e);
	else if (S_ISDIR(st->stx_mode))
		__atomic_fetch_add(&w->res.dirs, 1, __ATOMIC_RELAXED);
	if (x)
		it.xattrs = (struct xattrs)XATTRS_INIT;
	arc_item_free(&it);
	return r;
}

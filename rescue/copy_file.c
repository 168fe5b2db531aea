/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_int.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

static int open_source(struct copy_dir *d, const char *name)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(d->src, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(d->src, name, flags);
	return fd;
}

static int create(int dir, const char *name, mode_t mode)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags, mode);

	if (fd < 0 && errno == EEXIST && copy_unlink(dir, name) == 0)
		fd = openat(dir, name, flags, mode);
	return fd;
}

static void cannot_make(struct copy_worker *w, struct copy_dir *d, const char *name)
{
	if (copy_write_is_fatal(errno))
		copy_fatal(w->c, -errno, "make a file in '%s'", w->c->o->dst_name);
	else
		copy_lost(w, d, name, "lost", errno, "make the file");
}

/* What the manifest says about a file that was read without an error. */
static const char *proof_word(struct copy_worker *w, int src)
{
	const struct copy_opts *o = w->c->o;
	int flags = 0;

	if (o->proof == COPY_PROOF_IGNORED)
		return "unproven";
	if (o->proof == COPY_PROOF_NONE)
		return "read";
	if (o->btrfs && ioctl(src, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_NOCOW_FL))
		return "read";          /* no copy on write: no checksums either */
	return o->proof == COPY_PROOF_OLDER ? "older" : "good";
}

static void count(struct copy_worker *w, const char *word)
{
	w->res.files++;
	w->res.bytes += w->written;
	__atomic_store_n(&w->written, 0, __ATOMIC_RELAXED);
	w->res.good += str_eq(word, "good");
	w->res.older += str_eq(word, "older");
	w->res.unproven += str_eq(word, "unproven");
	w->res.partial += str_eq(word, "partial");
}

static void hash_text(struct copy_worker *w, char hex[2 * HASH_MAX + 1])
{
	uint8_t digest[HASH_MAX];

	hex[0] = '\0';
	if (w->hash)
		hash_hex(digest, hash_end(w->hash, digest), hex);
}

/* Attributes, then times and the log line in one breath: after this the file is whole. */
static void finish(struct copy_worker *w, struct copy_dir *d, const char *name, int src, int dst, const struct statx *st, struct xattrs *x)
{
	const char *word = w->n_bad ? "partial" : proof_word(w, src);
	char hex[2 * HASH_MAX + 1];
	struct timespec ts[2];

	hash_text(w, hex);
	copy_meta_fd(w, d, name, dst, st, x);
	copy_times(st, ts);
	if (w->n_bad)
		copy_lost_ranges(w, d, name);
	pthread_mutex_lock(&w->lock);
	(void)futimens(dst, ts);
	count(w, word);
	copy_log_file(w, d, name, st, word, w->n_bad ? NULL : hex, x, NULL);
	pthread_mutex_unlock(&w->lock);
	if (st->stx_attributes)
		copy_flags(w, d, name, st);
}

/* The rest of copy_file. */
static bool make_file(struct copy_worker *w, struct copy_dir *d, const char *name, int src, const struct statx *st, int dir, const char *as,
		      struct xattrs *x)
{
	AUTO_CLOSE int dst = create(dir, as, st->stx_mode & 0777);
	int r;

	if (dst < 0) {
		cannot_make(w, d, name);
		return false;
	}
	w->half = dir != w->c->nursery;
	r = copy_data(w, src, dst, st);
	if (r == 0 && !copy_stopped(w->c) && !(w->n_bad && !w->written && st->stx_size)) {
		finish(w, d, name, src, dst, st, x);
		w->half = false;
		return true;
	}
	if (r == 0 || !copy_stopped(w->c))
		copy_lost(w, d, name, "lost", r < 0 ? -r : w->bad_errno, r < 0 ? "write the file" : "read the file: nothing of it can be read");
	(void)unlinkat(dir, as, 0);
	w->half = false;
	return false;
}

static bool make_in_turn(struct copy_worker *w, struct copy_dir *d, const char *name, int src, const struct statx *st, int dir, const char *as,
			 struct xattrs *x)
{
	uint8_t digest[HASH_MAX];
	bool whole;

	copy_make_begin(w);
	whole = make_file(w, d, name, src, st, dir, as, x);
	copy_make_end(w);
	if (!whole && w->hash)
		(void)hash_end(w->hash, digest);
	return whole;
}

/* Content and attributes as `as` in the folder `dir`. False when nothing was left there. */
static bool copy_file(struct copy_worker *w, struct copy_dir *d, const char *name, int src, const struct statx *st, int dir, const char *as)
{
	CLEANUP(xattrs_free) struct xattrs x = XATTRS_INIT;

	copy_data_begin(w);
	copy_data_ahead(w, src, st);
	copy_meta_read(w, d, name, src, &x);
	return make_in_turn(w, d, name, src, st, dir, as, &x);
}

static void linked_file(struct copy_worker *w, struct copy_dir *d, const char *name, int src, const struct statx *st)
{
	CLEANUP(xattrs_free) struct xattrs x = XATTRS_INIT;
	char key[48];

	if (copy_link_begin(w, d, name, st, key) == LINK_WRITE) {
		copy_link_end(w, d, name, st, key, copy_file(w, d, name, src, st, w->c->nursery, key));
		return;
	}
	copy_meta_read(w, d, name, src, &x);
	pthread_mutex_lock(&w->lock);
	w->res.files++;
	w->holes = 0;
	copy_log_file(w, d, name, st, "linked", NULL, &x, NULL);
	pthread_mutex_unlock(&w->lock);
}

static void present(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st)
{
	if (st->stx_attributes)
		copy_flags(w, d, name, st);
	pthread_mutex_lock(&w->lock);
	w->res.present++;
	pthread_mutex_unlock(&w->lock);
}

static void into_archive(struct copy_worker *w, struct copy_dir *d, const char *name, int src, const struct statx *st, const char *target)
{
	CLEANUP(xattrs_free) struct xattrs x = XATTRS_INIT;
	const char *word = S_ISREG(st->stx_mode) ? proof_word(w, src) : "read";
	char hex[2 * HASH_MAX + 1];
	int r;

	copy_data_begin(w);
	copy_meta_read(w, d, name, src, &x);
	r = copy_archive_entry(w, d, name, src, st, target, &x);
	if (r < 0)
		return;
	hash_text(w, hex);
	if (r == 0 && S_ISREG(st->stx_mode)) {
		word = "linked";
		hex[0] = '\0';
	} else if (w->n_bad) {
		word = "partial";
		copy_lost_ranges(w, d, name);
	}
	pthread_mutex_lock(&w->lock);
	if (S_ISREG(st->stx_mode))
		count(w, word);
	else
		w->res.others++;
	copy_log_file(w, d, name, st, word, S_ISREG(st->stx_mode) && !w->n_bad ? hex : NULL, &x, target);
	pthread_mutex_unlock(&w->lock);
}

static void regular(struct copy_worker *w, struct copy_dir *d, const char *name, int src, const struct statx *st)
{
	int dst;

	if (!copy_since(w, d, name, st))
		return;
	if (w->c->o->archive) {
		into_archive(w, d, name, src, st, NULL);
		return;
	}
	dst = copy_dir_dst(w, d);
	if (dst < 0)
		return;
	if (st->stx_nlink > 1)
		linked_file(w, d, name, src, st);
	else if (copy_trusted(w->c, dst, name, st))
		present(w, d, name, st);
	else
		(void)copy_file(w, d, name, src, st, dst, name);
}

/* One of many files that were read together. False: the usual way. */
static bool from_bulk(struct copy_worker *w, struct copy_dir *d, const struct copy_ent *ent)
{
	CLEANUP(xattrs_free) struct xattrs x = XATTRS_INIT;
	struct statx st;
	const struct btrfs_small *f = copy_bulk_find(w, ent, &st);
	int dst;

	if (!f)
		return copy_bulk_gone(w);
	dst = copy_since(w, d, ent->name, &st) ? copy_dir_dst(w, d) : -1;
	if (dst < 0)
		return true;
	if (copy_trusted(w->c, dst, ent->name, &st)) {
		present(w, d, ent->name, &st);
		return true;
	}
	copy_data_begin(w);
	if (!copy_bulk_read(w, ent, f, &x))
		return copy_bulk_gone(w);
	__atomic_fetch_add(&w->res.bulk, make_in_turn(w, d, ent->name, -1, &st, dst, ent->name, &x), __ATOMIC_RELAXED);
	return true;
}

/* ---- everything else ---- */

static int make_node(int dir, const char *as, const struct statx *st, const char *target)
{
	for (int i = 0; i < 2; i++) {
		int r = target ? symlinkat(target, dir, as)
			       : mknodat(dir, as, st->stx_mode, makedev(st->stx_rdev_major, st->stx_rdev_minor));

		if (r == 0 || errno != EEXIST || copy_unlink(dir, as) < 0)
			return r;
	}
	return -1;
}

static bool make_node_in_turn(struct copy_worker *w, struct copy_dir *d, const char *name, const char *key, const struct statx *st, const char *target)
{
	int r;

	copy_make_begin(w);
	r = make_node(*key ? w->c->nursery : d->dst, *key ? key : name, st, target);
	if (r < 0)
		cannot_make(w, d, name);
	copy_make_end(w);
	return r == 0;
}

static void make_other(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, const char *target)
{
	CLEANUP(xattrs_free) struct xattrs x = XATTRS_INIT;
	char key[48] = "";
	struct timespec ts[2];
	enum copy_link l = st->stx_nlink > 1 ? copy_link_begin(w, d, name, st, key) : LINK_WRITE;

	if (l == LINK_WRITE && !make_node_in_turn(w, d, name, key, st, target)) {
		if (*key)
			copy_link_end(w, d, name, st, key, false);
		return;
	}
	if (*key && l == LINK_WRITE)
		copy_link_end(w, d, name, st, key, true);
	copy_meta_at(w, d, name, st, &x);
	copy_times(st, ts);
	pthread_mutex_lock(&w->lock);
	(void)utimensat(d->dst, name, ts, AT_SYMLINK_NOFOLLOW);
	w->res.others++;
	w->holes = 0;
	copy_log_file(w, d, name, st, "read", NULL, &x, target);
	pthread_mutex_unlock(&w->lock);
}

static void other(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st)
{
	char target[PATH_MAX + 1];
	ssize_t n = 0;

	if (!copy_since(w, d, name, st) || (!w->c->o->archive && copy_dir_dst(w, d) < 0))
		return;
	if (S_ISLNK(st->stx_mode)) {
		copy_ask(w);
		n = readlinkat(d->src, name, target, PATH_MAX);
		copy_answered(w);
		if (n < 0) {
			copy_lost(w, d, name, "lost", errno, "read the link");
			return;
		}
	}
	target[n] = '\0';
	if (w->c->o->archive)
		into_archive(w, d, name, -1, st, S_ISLNK(st->stx_mode) ? target : NULL);
	else if (st->stx_nlink == 1 && copy_trusted(w->c, d->dst, name, st))
		present(w, d, name, st);
	else
		make_other(w, d, name, st, S_ISLNK(st->stx_mode) ? target : NULL);
}

void copy_entry(struct copy_worker *w, struct copy_dir *d, const struct copy_ent *ent)
{
	AUTO_CLOSE int src = -1;
	struct statx st;
	int r = 0;

	if (copy_link_is_nursery(d, ent->name))
		return;
	w->asked_for = ent->name;
	if (ent->type == DT_REG && w->c->bulk && !atomic_load_explicit(&w->c->bulk_off, memory_order_relaxed) && from_bulk(w, d, ent))
		return;
	copy_ask(w);
	if (ent->type == DT_REG)
		src = open_source(d, ent->name);
	if (ent->type != DT_REG || src >= 0)
		r = statx(src >= 0 ? src : d->src, src >= 0 ? "" : ent->name, src >= 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW, COPY_STATX, &st);
	copy_answered(w);
	if (ent->type == DT_REG && src < 0) {
		copy_lost(w, d, ent->name, "lost", errno, "open the file");
		return;
	}
	if (r < 0)
		copy_lost(w, d, ent->name, "lost", errno, "look at the file");
	else if (src >= 0 && S_ISREG(st.stx_mode))
		regular(w, d, ent->name, src, &st);
	else if (st.stx_mnt_id == w->c->mnt_id)
		other(w, d, ent->name, &st);
}

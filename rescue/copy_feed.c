/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Content of a big file on its way into the archive: the worker reads, a thread of its own writes, and that one holds the archive. When a
 * read has no answer, it fills the member up with zeros and gives the archive back, so that such a file holds up nothing else. A worker
 * that gets its answer later reads the file to its end once, and then writes it as a second member: of two with one name the later counts.
 */
#include "copy_int.h"

#include "arc.h"

#define DEPTH 2
#define TRIES 3                 /* members of one file */

struct copy_feed {
	struct copy_worker *w;
	struct copy_dir *dir;
	const char *name;
	struct arc_item *it;
	const struct statx *st;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	char *buf[DEPTH];
	size_t n[DEPTH];
	unsigned int filled, taken;     /* counts; buffer of number i is i % DEPTH */
	bool end;                       /* the worker puts nothing more */
	bool over;                      /* nothing more is taken */
	bool given_up;                  /* zeros from `at` on */
	uint64_t at;                    /* bytes of the member that are right */
	int r;                          /* 1: content is wanted, 0: it is another name of a file that is there */
	struct err e;
	/* of the newest member, since the worker knows that it was given up */
	struct loss_range *bad;
	size_t n_bad;
};

/* ---- the thread that writes ---- */

static bool is_late(const struct copy_feed *f)
{
	return atomic_load(&f->w->asked_ms) == -1;
}

/* Waits for a buffer. NULL: there will be none. */
static const char *next(struct copy_feed *f, size_t *ret_n)
{
	const char *buf = NULL;

	pthread_mutex_lock(&f->lock);
	while (f->taken == f->filled && !f->end && !is_late(f))
		copy_wait_a_moment(&f->change, &f->lock);
	if (f->taken != f->filled) {
		buf = f->buf[f->taken % DEPTH];
		*ret_n = f->n[f->taken % DEPTH];
	} else {
		f->given_up = !f->end;
		f->over = true;
	}
	pthread_mutex_unlock(&f->lock);
	return buf;
}

static void took(struct copy_feed *f, size_t n)
{
	pthread_mutex_lock(&f->lock);
	f->taken++;
	f->at += n;
	pthread_cond_broadcast(&f->change);
	pthread_mutex_unlock(&f->lock);
}

static int fill_up(struct copy_feed *f)
{
	static const char zeros[65536];
	uint64_t at = f->at;
	int r = 0;

	while (r == 0 && at < f->it->size && !copy_stopped(f->w->c)) {
		size_t n = f->it->size - at > sizeof(zeros) ? sizeof(zeros) : (size_t)(f->it->size - at);

		r = arc_out_data(f->w->c->o->archive, zeros, n, &f->e);
		at += n;
	}
	return r;
}

static int content(struct copy_feed *f)
{
	const char *buf;
	size_t n;
	int r = 0;

	while (r == 0 && f->at < f->it->size && (buf = next(f, &n))) {
		r = arc_out_data(f->w->c->o->archive, buf, n, &f->e);
		took(f, n);
	}
	if (r == 0 && f->given_up) {
		r = fill_up(f);
		copy_link_forget(f->w->c, f->st);       /* no other name shall be a link to this */
	}
	return r;
}

static void *feed_main(void *arg)
{
	struct copy_feed *f = arg;
	int r;

	pthread_mutex_lock(&f->w->c->archive_lock);
	r = copy_archive_header(f->w->c, f->it, f->st, &f->e);
	if (r > 0) {
		int more = content(f);

		r = more < 0 ? more : r;
	}
	pthread_mutex_unlock(&f->w->c->archive_lock);
	pthread_mutex_lock(&f->lock);
	f->r = r;
	f->over = true;
	pthread_cond_broadcast(&f->change);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* ---- the worker ---- */

/* A buffer that nobody uses; NULL: nothing more is wanted. */
static char *buffer(struct copy_feed *f)
{
	char *buf;

	pthread_mutex_lock(&f->lock);
	while (f->filled - f->taken == DEPTH && !f->over)
		pthread_cond_wait(&f->change, &f->lock);
	buf = f->over ? NULL : f->buf[f->filled % DEPTH];
	pthread_mutex_unlock(&f->lock);
	return buf;
}

static void put(struct copy_feed *f, size_t n)
{
	pthread_mutex_lock(&f->lock);
	f->n[f->filled++ % DEPTH] = n;
	pthread_cond_broadcast(&f->change);
	pthread_mutex_unlock(&f->lock);
}

/* A file that got shorter is filled up with zeros, noted as a lost range: the header has promised the size. */
static void read_all(struct copy_feed *f, int fd, bool only_look)
{
	struct copy_worker *w = f->w;
	uint64_t at = 0, size = f->st->stx_size;
	char *buf;

	while (at < size && !copy_stopped(w->c) && (buf = only_look ? w->buf : buffer(f))) {
		size_t want = size - at > COPY_BUF ? COPY_BUF : (size_t)(size - at);
		ssize_t got = copy_read(w, fd, buf, want, at);

		if (got < (ssize_t)want) {
			memset(buf + got, 0, want - (size_t)got);
			copy_bad_range(w, at + (uint64_t)got, want - (size_t)got, ENODATA);
		}
		at += want;
		if (only_look)
			continue;
		if (w->hash)
			hash_add(w->hash, buf, want);
		__atomic_fetch_add(&w->written, want, __ATOMIC_RELAXED);
		put(f, want);
	}
}

/* The unreadable ranges of a member that was given up: what was found before that, and the rest. */
static void keep_ranges(struct copy_feed *f)
{
	f->n_bad = 0;
	f->bad = xrealloc(f->bad, (f->w->n_bad + 1) * sizeof(*f->bad));
	for (size_t i = 0; i < f->w->n_bad; i++)
		if (f->w->bad[i].off + f->w->bad[i].len <= f->at)
			f->bad[f->n_bad++] = f->w->bad[i];
	f->bad[f->n_bad++] = (struct loss_range){ f->at, f->st->stx_size - f->at };
}

static int start(struct copy_feed *f)
{
	int r;

	f->filled = f->taken = 0;
	f->at = 0;
	f->end = f->over = f->given_up = false;
	f->n_bad = 0;
	free(f->it->hard);
	f->it->hard = NULL;
	f->it->size = f->st->stx_size;
	r = pthread_create(&f->thread, NULL, feed_main, f);
	return r ? err_code(&f->e, -r, "start a thread") : 0;
}

static void end(struct copy_feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->end = true;
	pthread_cond_broadcast(&f->change);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
}

/* One member. -ETIMEDOUT: it was given up. */
static int one(struct copy_feed *f, int fd)
{
	uint8_t digest[HASH_MAX];
	int r = start(f);

	if (r < 0)
		return r;
	read_all(f, fd, false);
	end(f);
	if (!f->given_up)
		return f->r;
	keep_ranges(f);
	if (f->w->hash)
		(void)hash_end(f->w->hash, digest);
	copy_data_begin(f->w);
	return -ETIMEDOUT;
}

static void feed_free(struct copy_feed *f)
{
	for (int i = 0; i < DEPTH; i++)
		copy_buffer_put(f->w->c, f->buf[i]);
	free(f->bad);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->change);
	free(f);
}

static struct copy_feed *feed_new(struct copy_worker *w, struct copy_dir *d, const char *name, struct arc_item *it, const struct statx *st)
{
	struct copy_feed *f = xcalloc(1, sizeof(*f));

	f->w = w;
	f->dir = d;
	f->name = name;
	f->it = it;
	f->st = st;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->change, NULL);
	for (int i = 0; i < DEPTH; i++)
		f->buf[i] = copy_buffer_get(w->c);
	return f;
}

int copy_feed(struct copy_worker *w, struct copy_dir *d, const char *name, struct arc_item *it, int fd, const struct statx *st, struct err *e)
{
	struct copy_feed *f = w->feed = feed_new(w, d, name, it, st);
	int r = one(f, fd);

	for (int i = 1; r == -ETIMEDOUT && i < TRIES && !copy_stopped(w->c); i++) {
		read_all(f, fd, true);
		copy_data_begin(w);
		r = one(f, fd);
	}
	if (r == -ETIMEDOUT) {          /* its last member has holes */
		for (size_t i = 0; i < f->n_bad; i++)
			copy_bad_range(w, f->bad[i].off, f->bad[i].len, ETIMEDOUT);
		__atomic_store_n(&w->written, f->at, __ATOMIC_RELAXED);
		r = 1;
	}
	if (r < 0)
		*e = f->e;
	w->feed = NULL;
	feed_free(f);
	return r;
}

bool copy_feed_dead(struct copy_worker *as, struct copy_worker *w)
{
	CLEANUP(str_free) struct str path = STR_INIT;
	struct copy_feed *f = w->feed;

	if (!f)
		return false;
	if (!f->n_bad)
		pthread_join(f->thread, NULL);
	if (!f->n_bad && f->given_up)
		keep_ranges(f);
	if (f->r < 0)
		copy_fatal(w->c, f->r, "'%s': %s", w->c->o->dst_name, f->e.msg);
	if (copy_stopped(w->c))
		return true;
	if (f->n_bad) {
		copy_dir_path(f->dir, f->name, &path);
		loss_add(&w->c->losses, str_cstr(&path), "partial", f->bad, f->n_bad, "read: no answer: Connection timed out");
	}
	pthread_mutex_lock(&as->lock);
	as->res.files++;
	as->res.partial += f->n_bad > 0;
	copy_log_file(as, f->dir, f->name, f->st, f->n_bad ? "partial" : "linked", NULL, &f->it->xattrs, NULL);
	pthread_mutex_unlock(&as->lock);
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bigsort.h"

#include <fcntl.h>

#include "fs.h"

#define WINDOW (16 * MIB / sizeof(struct bigsort_rec))
#define AHEAD 256               /* records of a run that are read at once */

struct run {
	uint64_t at, end;       /* records in the file that were not read yet */
	struct bigsort_rec buf[AHEAD];
	size_t pos, n;
};

struct bigsort {
	const char *dir;
	int fd;                 /* -1: everything is in memory */
	size_t window, n;
	struct bigsort_rec *v;
	uint64_t in_file;
	struct run *runs;
	size_t n_runs;
	bool reading;
};

struct bigsort *bigsort_new(const char *dir, size_t window)
{
	struct bigsort *s = xcalloc(1, sizeof(*s));

	s->dir = dir;
	s->fd = -1;
	s->window = window ? window : WINDOW;
	s->v = xmalloc(s->window * sizeof(*s->v));
	return s;
}

static int compare(const struct bigsort_rec *a, const struct bigsort_rec *b)
{
	int i = a->v[0] == b->v[0];

	return a->v[i] < b->v[i] ? -1 : a->v[i] > b->v[i];
}

static int by_value(const void *a, const void *b)
{
	return compare(a, b);
}

/* Not every filesystem can make a file without a name (vfat). */
static int nameless(const char *dir)
{
	AUTO_FREE char *name = xasprintf("%s/.sort-XXXXXX", dir);
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(name);
	return fd;
}

static int write_run(struct bigsort *s, struct err *e)
{
	if (!s->n)
		return 0;
	if (s->fd < 0)
		s->fd = nameless(s->dir);
	if (s->fd < 0)
		return err_errno(e, "make a file in '%s'", s->dir);
	qsort(s->v, s->n, sizeof(*s->v), by_value);
	if (fs_write_all(s->fd, s->v, s->n * sizeof(*s->v), e) < 0)
		return err_wrap(e, e->code, "'%s'", s->dir);
	s->runs = xrealloc(s->runs, (s->n_runs + 1) * sizeof(*s->runs));
	s->runs[s->n_runs] = (struct run){ .at = s->in_file, .end = s->in_file + s->n };
	s->n_runs++;
	s->in_file += s->n;
	s->n = 0;
	return 0;
}

int bigsort_add(struct bigsort *s, const struct bigsort_rec *r, struct err *e)
{
	s->v[s->n++] = *r;
	return s->n == s->window ? write_run(s, e) : 0;
}

/* The next record of a run, NULL at its end; -errno in *ret. */
static const struct bigsort_rec *head(struct bigsort *s, struct run *g, int *ret)
{
	size_t want = g->end - g->at > AHEAD ? AHEAD : (size_t)(g->end - g->at);
	ssize_t got;

	if (g->pos < g->n)
		return &g->buf[g->pos];
	if (!want)
		return NULL;
	got = pread(s->fd, g->buf, want * sizeof(*g->buf), (off_t)(g->at * sizeof(*g->buf)));
	if (got != (ssize_t)(want * sizeof(*g->buf))) {
		*ret = got < 0 ? -errno : -EIO;
		return NULL;
	}
	g->at += want;
	g->pos = 0;
	g->n = want;
	return g->buf;
}

int bigsort_next(struct bigsort *s, struct bigsort_rec *ret, struct err *e)
{
	const struct bigsort_rec *least = NULL;
	struct run *from = NULL;
	int r = s->reading ? 0 : write_run(s, e);

	s->reading = true;
	for (size_t i = 0; r == 0 && i < s->n_runs; i++) {
		const struct bigsort_rec *h = head(s, &s->runs[i], &r);

		if (r < 0)
			err_code(e, r, "read the sorted records in '%s'", s->dir);
		if (h && (!least || compare(h, least) < 0)) {
			least = h;
			from = &s->runs[i];
		}
	}
	if (r < 0 || !least)
		return r;
	*ret = *least;
	from->pos++;
	return 1;
}

void bigsort_free(struct bigsort *s)
{
	if (!s)
		return;
	base_close(&s->fd);
	free(s->v);
	free(s->runs);
	free(s);
}

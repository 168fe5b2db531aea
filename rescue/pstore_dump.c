/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_dump.h"

#include <ctype.h>
#include <inttypes.h>

#define SECONDS_BETWEEN_PARTS 60        /* slow NVRAM takes its time; two boots are further apart */
#define LOG_SLACK_US 1000000            /* processors do not stamp in strict order */

/* The first "[    2.449332]" in a text, in microseconds; -1: none. */
static int64_t first_stamp(const struct pstore_record *r)
{
	const char *s = r->text + r->hdr.body, *end = r->text + r->len;

	for (; s && s < end; s = memchr(s, '\n', (size_t)(end - s)), s = s ? s + 1 : NULL) {
		unsigned long long sec, us;
		const char *p = s;

		if (*p == '<')
			p += strcspn(p, ">\n") + (p[strcspn(p, ">\n")] == '>');
		if (sscanf(p, "[%6llu.%6llu", &sec, &us) == 2)
			return (int64_t)(sec * 1000000 + us);
	}
	return -1;
}

static bool has_header(const struct pstore_record *r)
{
	return r->hdr.reason[0] != '\0';
}

static unsigned int part_of(const struct pstore_record *r)
{
	return has_header(r) ? r->hdr.part : r->name.part;
}

static const struct pstore_record *newest_part(const struct pstore_dump *d)
{
	return d->v[d->n - 1];
}

static bool near(uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) <= SECONDS_BETWEEN_PARTS;
}

/* `older` has the higher part number: its text must not be younger. */
static bool log_agrees(const struct pstore_record *newer, const struct pstore_record *older)
{
	int64_t a = first_stamp(newer), b = first_stamp(older);

	return a < 0 || b < 0 || b <= a + LOG_SLACK_US;
}

/* May this record, which comes later in (time, part) order, be the dump's next part? */
static bool is_next_part(const struct pstore_dump *d, const struct pstore_record *r)
{
	const struct pstore_record *last = newest_part(d);

	if (!str_eq(d->reason, r->hdr.reason) || d->count != r->hdr.count || !str_eq(d->backend, r->name.backend))
		return false;
	if (r->hdr.part == d->last_part && r->name.id == last->name.id && r->exact_time && last->exact_time)
		return true;    /* two readings of one variable that differ: keep them together */
	if (r->hdr.part <= d->last_part)
		return false;
	if (r->exact_time && last->exact_time && !near(r->time, last->time))
		return false;
	return log_agrees(last, r);
}

static void dump_add(struct pstore_dump *d, struct pstore_record *r)
{
	d->v = xrealloc(d->v, (d->n + 1) * sizeof(struct pstore_record *));
	d->v[d->n++] = r;
	if (part_of(r) > d->last_part)
		d->last_part = part_of(r);
	if (r->time && (!d->time || (r->exact_time && !d->exact_time) || (r->exact_time == d->exact_time && r->time < d->time))) {
		d->time = r->time;
		d->exact_time = r->exact_time;
	}
}

static struct pstore_dump *dump_new(struct pstore_dumps *ds, struct pstore_record *r)
{
	struct pstore_dump *d;

	ds->v = xrealloc(ds->v, (ds->n + 1) * sizeof(*ds->v));
	d = &ds->v[ds->n++];
	*d = (struct pstore_dump){ .type = r->name.type, .backend = r->name.backend, .count = r->hdr.count };
	memcpy(d->reason, r->hdr.reason, sizeof(d->reason));
	dump_add(d, r);
	return d;
}

static int cmp(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* In the order in which they were written: by exact time, then part; else by number. */
static int by_writing(const void *pa, const void *pb)
{
	const struct pstore_record *a = *(struct pstore_record *const *)pa, *b = *(struct pstore_record *const *)pb;
	int r = strcmp(a->name.backend, b->name.backend);

	if (!r && a->exact_time && b->exact_time)
		r = cmp(a->time, b->time) ? cmp(a->time, b->time) : cmp(part_of(a), part_of(b));
	if (!r)
		r = cmp(a->exact_time, b->exact_time);
	if (!r)
		r = cmp(a->name.id, b->name.id);
	return r ? r : strcmp(a->views[0].file, b->views[0].file);
}

static void place_parts(struct pstore_dumps *ds, struct pstore_record **v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t j;

		if (!has_header(v[i]))
			continue;
		for (j = ds->n; j > 0 && !is_next_part(&ds->v[j - 1], v[i]); j--)
			;
		if (j > 0)
			dump_add(&ds->v[j - 1], v[i]);
		else
			dump_new(ds, v[i]);
	}
}

static const struct pstore_record *find_part(const struct pstore_dump *d, unsigned int part)
{
	for (size_t i = 0; i < d->n; i++)
		if (part_of(d->v[i]) == part)
			return d->v[i];
	return NULL;
}

static bool has_part(const struct pstore_dump *d, unsigned int part)
{
	return find_part(d, part) != NULL;
}

/* How well a record without a header fits: 0 not at all, 1 beside a part that is there, 2 when it fills a hole. */
static int fit(const struct pstore_dump *d, const struct pstore_record *r)
{
	const struct pstore_record *first = d->v[0], *same;

	if (d->type != PSTORE_DMESG || r->name.type != PSTORE_DMESG || !str_eq(d->backend, r->name.backend))
		return 0;
	if (r->name.has_place) {
		if (!first->exact_time || r->name.count != first->name.count || (!near(r->time, d->time) && !near(r->time, newest_part(d)->time)))
			return 0;
	} else if (!r->name.part || first->exact_time) {
		return 0;
	}
	same = find_part(d, r->name.part);
	if (!same)
		return 2;
	return r->len == 0 || r->name.id == same->name.id ? 1 : 0;
}

static void place_headless(struct pstore_dumps *ds, struct pstore_record *r)
{
	struct pstore_dump *best = NULL;
	int score = 0;

	for (size_t i = 0; i < ds->n; i++) {
		int f = fit(&ds->v[i], r);

		if (f > score || (f && f == score)) {
			score = f;
			best = &ds->v[i];
		}
	}
	if (best)
		dump_add(best, r);
	else
		dump_new(ds, r);
}

static int by_part(const void *pa, const void *pb)
{
	const struct pstore_record *a = *(struct pstore_record *const *)pa, *b = *(struct pstore_record *const *)pb;
	int r = cmp(part_of(a), part_of(b));

	if (!r)
		r = cmp(!has_header(a), !has_header(b));
	if (!r)
		r = cmp(b->len, a->len);        /* of two readings the longer one first */
	return r ? r : strcmp(a->key, b->key);
}

static int by_time(const void *pa, const void *pb)
{
	const struct pstore_dump *a = pa, *b = pb;
	int r = cmp(a->time, b->time);

	if (!r)
		r = cmp(a->count, b->count);
	if (!r)
		r = cmp(a->v[0]->name.id, b->v[0]->name.id);
	return r ? r : strcmp(a->v[0]->views[0].file, b->v[0]->views[0].file);
}

void pstore_dumps_make(struct pstore_dumps *ret, struct pstore_set *set)
{
	AUTO_FREE struct pstore_record **v = xcalloc(set->n, sizeof(struct pstore_record *));

	*ret = (struct pstore_dumps){ .n = 0 };
	for (size_t i = 0; i < set->n; i++)
		v[i] = &set->v[i];
	if (set->n)
		qsort(v, set->n, sizeof(struct pstore_record *), by_writing);
	place_parts(ret, v, set->n);
	for (size_t i = 0; i < set->n; i++)
		if (!has_header(v[i]))
			place_headless(ret, v[i]);
	for (size_t i = 0; i < ret->n; i++)
		qsort(ret->v[i].v, ret->v[i].n, sizeof(struct pstore_record *), by_part);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_time);
}

void pstore_dump_join(struct pstore_dump *ret, struct pstore_record *const *v, size_t n)
{
	struct pstore_dumps one = { .n = 0 };

	for (size_t i = 0; i < n; i++) {
		if (!one.n)
			dump_new(&one, v[i]);
		else
			dump_add(one.v, v[i]);
		if (!one.v->reason[0] && has_header(v[i])) {
			memcpy(one.v->reason, v[i]->hdr.reason, sizeof(one.v->reason));
			one.v->count = v[i]->hdr.count;
		}
	}
	*ret = one.n ? *one.v : (struct pstore_dump){ .n = 0 };
	free(one.v);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(struct pstore_record *), by_part);
}

bool pstore_dump_continues(const struct pstore_dump *d, const struct pstore_dump *more)
{
	if (d->type != PSTORE_DMESG || more->type != PSTORE_DMESG || !d->reason[0] || !str_eq(d->reason, more->reason) || d->count != more->count)
		return false;
	if (!str_eq(d->backend, more->backend) || !d->exact_time || !more->exact_time)
		return false;
	for (size_t i = 0; i < more->n; i++) {
		const struct pstore_record *r = more->v[i];

		if (has_part(d, part_of(r)) || !near(r->time, d->time))
			return false;
		for (size_t j = 0; j < d->n; j++) {
			const struct pstore_record *o = d->v[j];

			if (part_of(o) < part_of(r) ? !log_agrees(o, r) : !log_agrees(r, o))
				return false;
		}
	}
	return true;
}

void pstore_dump_free(struct pstore_dump *d)
{
	free(d->v);
	d->v = NULL;
	d->n = 0;
}

void pstore_dumps_free(struct pstore_dumps *d)
{
	for (size_t i = 0; i < d->n; i++)
		pstore_dump_free(&d->v[i]);
	free(d->v);
	*d = (struct pstore_dumps){ .n = 0 };
}

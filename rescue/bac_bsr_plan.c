/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a bootstrap file to sessions. What names its sessions (VolSessionId, VolSessionTime) is used as it is. What says it by job, client or level
 * needs the labels on the volumes, which are then scanned.
 */
#include <fnmatch.h>

#include "bac_bsr.h"

static bool in(const struct bac_spans *s, uint64_t v)
{
	for (size_t i = 0; i < s->n; i++)
		if (v >= s->v[i].lo && v <= s->v[i].hi)
			return true;
	return s->n == 0;
}

static bool any(const struct strv *l, const char *v)
{
	for (size_t i = 0; i < l->n; i++)
		if (fnmatch(l->v[i], v ? v : "", 0) == 0)
			return true;
	return l->n == 0;
}

static bool any_letter(const struct strv *l, char c)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i][0] == c || (l->v[i][0] == '"' && l->v[i][1] == c))
			return true;
	return l->n == 0;
}

static bool by_labels(const struct bac_set *s)
{
	return !s->ids.n || !s->times.n || s->job_ids.n || s->clients.n || s->jobs.n || s->levels.n || s->types.n;
}

static bool matches(const struct bac_set *s, const struct bac_session *x)
{
	return in(&s->ids, x->id) && in(&s->times, x->time) && in(&s->job_ids, x->label.job_id) && any(&s->clients, x->label.client) &&
	       (any(&s->jobs, x->label.job) || any(&s->jobs, x->label.unique)) && any_letter(&s->levels, x->label.level) &&
	       any_letter(&s->types, x->label.type);
}

static struct bac_session *planned(struct bac_plan *p, uint32_t id, uint32_t time)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->sess[i].id == id && p->sess[i].time == time)
			return &p->sess[i];
	return NULL;
}

/* Places that touch or overlap become one: nothing is read twice. */
static void add_place(struct bac_session *s, const char *volume, int vol, uint64_t start, uint64_t end)
{
	struct bac_seg *last = s->n_segs ? &s->segs[s->n_segs - 1] : NULL;

	if (last && str_eq(last->name, volume) && start >= last->start && start <= last->end) {
		if (end > last->end)
			last->end = end;
	} else {
		bac_session_add_seg(s, volume, vol, start, end);
	}
}

static void add_places(const struct bac_index *ix, const struct bac_set *s, struct bac_session *x)
{
	for (size_t v = 0; v < s->volumes.n; v++) {
		int vol = bac_index_find(ix, s->volumes.v[v]);

		for (size_t i = 0; i < s->addrs.n; i++)
			add_place(x, s->volumes.v[v], vol, s->addrs.v[i].lo, s->addrs.v[i].hi + 1);
		for (size_t i = 0; i < s->vol_files.n && !s->addrs.n && !s->blocks.n; i++)
			add_place(x, s->volumes.v[v], vol, s->vol_files.v[i].lo << 32, (s->vol_files.v[i].hi + 1) << 32);
		for (size_t i = 0; i < s->blocks.n && !s->addrs.n; i++) {
			struct bac_span f = i < s->vol_files.n ? s->vol_files.v[i] : (struct bac_span){ 0, 0 };

			add_place(x, s->volumes.v[v], vol, f.lo << 32 | s->blocks.v[i].lo, (f.hi << 32 | s->blocks.v[i].hi) + 1);
		}
		if (!s->addrs.n && !s->blocks.n && !s->vol_files.n)
			add_place(x, s->volumes.v[v], vol, 0, UINT64_MAX);
	}
}

/* Streams of several sets: those of any, and all when one does not say. */
static void add_streams(const struct bac_set *s, struct bac_session *x, bool first)
{
	if (!s->streams.n || (!first && !x->n_streams)) {
		x->n_streams = 0;
		return;
	}
	for (size_t i = 0; i < s->streams.n; i++)
		bac_session_add_stream(x, (uint32_t)s->streams.v[i].lo, s->streams.v[i].hi > UINT32_MAX ? UINT32_MAX : (uint32_t)s->streams.v[i].hi);
}

static int add_ranges(const struct bac_bsr *p, const struct bac_set *s, struct bac_session *x, bool first, struct err *e)
{
	x->limited = (first || x->limited) && s->count && !s->files.n && !s->addrs.n && !s->blocks.n && !s->vol_files.n;
	add_streams(s, x, first);
	if (s->regex) {
		free(x->regex);
		x->regex = xstrdup(s->regex);
	}
	if (!s->files.n || (!first && !x->n_ranges)) {  /* all of it */
		free(x->ranges);
		x->ranges = NULL;
		x->n_ranges = 0;
		x->count += s->count;
		return 0;
	}
	for (size_t i = 0; i < s->files.n; i++) {
		if (s->files.v[i].hi > INT32_MAX)
			return err_set(e, -EINVAL, "%s:%d: FileIndex %llu is too large", p->where, s->line, (unsigned long long)s->files.v[i].hi);
		bac_session_add_range(x, (uint32_t)s->files.v[i].lo, (uint32_t)s->files.v[i].hi);
	}
	return 0;
}

static int add_session(const struct bac_index *ix, const struct bac_bsr *p, const struct bac_set *s, const struct bac_session *known, uint32_t id,
		       uint32_t time, struct bac_plan *plan, struct err *e)
{
	struct bac_session *x = planned(plan, id, time);
	bool first = !x;

	if (first) {
		struct bac_session fresh = { .id = id, .time = time };

		if (known)
			fresh = *known;
		fresh.segs = NULL;
		fresh.n_segs = 0;
		bac_plan_add(plan, &fresh);
		x = &plan->sess[plan->n - 1];
		for (size_t i = 0; i < s->volumes.n; i++) {
			int v = bac_index_find(ix, s->volumes.v[i]);

			x->bareos |= v >= 0 && ix->vols[v].label.bareos;
		}
	}
	add_places(ix, s, x);
	return add_ranges(p, s, x, first, e);
}

static int add_set(struct bac_index *ix, const struct bac_bsr *p, const struct bac_set *s, struct bac_plan *plan, struct err *e)
{
	bool found = false;
	int r = 0;

	if (!by_labels(s)) {
		for (size_t t = 0; t < s->times.n && r == 0; t++)
			for (size_t i = 0; i < s->ids.n && r == 0; i++)
				for (uint64_t id = s->ids.v[i].lo; id <= s->ids.v[i].hi && id - s->ids.v[i].lo < 10000 && r == 0; id++)
					r = add_session(ix, p, s, bac_index_session(ix, (uint32_t)id, (uint32_t)s->times.v[t].lo), (uint32_t)id,
							(uint32_t)s->times.v[t].lo, plan, e);
		return r;
	}
	for (size_t i = 0; i < ix->n_sess && r == 0; i++)
		if (matches(s, &ix->sess[i])) {
			found = true;
			r = add_session(ix, p, s, &ix->sess[i], ix->sess[i].id, ix->sess[i].time, plan, e);
		}
	if (r == 0 && !found)
		strv_addf(&plan->notes, "%s:%d: no job on the volumes matches this part", p->where, s->line);
	return r;
}

static void note_missing(const struct bac_index *ix, const struct bac_bsr *p, struct bac_plan *plan)
{
	CLEANUP(strv_free) struct strv said = STRV_INIT;

	for (size_t i = 0; i < p->n; i++)
		for (size_t v = 0; v < p->sets[i].volumes.n; v++) {
			const char *name = p->sets[i].volumes.v[v];

			if (bac_index_find(ix, name) < 0 && !strv_has(&said, name)) {
				strv_add(&said, name);
				strv_addf(&plan->notes, "volume '%s' is missing: what is only there will be lost", name);
			}
		}
}

/* Count without FileIndex: that many files from the session's beginning. */
static void set_limits(struct bac_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->sess[i].limited && !plan->sess[i].n_ranges)
			bac_session_add_range(&plan->sess[i], 1, plan->sess[i].count > INT32_MAX ? INT32_MAX : (uint32_t)plan->sess[i].count);
}

int bac_bsr_plan(struct bac_index *ix, const char *text, size_t len, const char *where, struct bac_plan *ret, struct err *e)
{
	struct bac_bsr p = { .where = where };
	int r = bac_bsr_parse(&p, text, len, e);
	bool scan = false;

	for (size_t i = 0; i < p.n; i++)
		scan |= by_labels(&p.sets[i]);
	if (r == 0 && scan && !ix->n_sess)
		r = bac_index_scan(ix, NULL, NULL, e);
	for (size_t i = 0; i < p.n && r == 0; i++)
		r = add_set(ix, &p, &p.sets[i], ret, e);
	for (size_t i = 0; i < p.notes.n; i++)
		strv_add(&ret->notes, p.notes.v[i]);
	if (r == 0) {
		set_limits(ret);
		note_missing(ix, &p, ret);
	}
	bac_bsr_free(&p);
	return r;
}

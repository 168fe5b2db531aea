/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of a job: where its blocks are, which of its entries are wanted. */
#include "bac_index.h"

void bac_session_add_seg(struct bac_session *s, const char *volume, int vol, uint64_t start, uint64_t end)
{
	s->segs = xrealloc(s->segs, (s->n_segs + 1) * sizeof(*s->segs));
	s->segs[s->n_segs++] = (struct bac_seg){ xstrdup(volume), vol, start, end };
}

void bac_session_add_range(struct bac_session *s, uint32_t lo, uint32_t hi)
{
	size_t i = 0, n;

	while (i < s->n_ranges && (uint64_t)s->ranges[i].hi + 1 < lo)
		i++;
	for (n = i; n < s->n_ranges && s->ranges[n].lo <= (uint64_t)hi + 1; n++) {
		if (s->ranges[n].lo < lo)
			lo = s->ranges[n].lo;
		if (s->ranges[n].hi > hi)
			hi = s->ranges[n].hi;
	}
	if (n == i) {
		s->ranges = xrealloc(s->ranges, (s->n_ranges + 1) * sizeof(*s->ranges));
		memmove(s->ranges + i + 1, s->ranges + i, (s->n_ranges - i) * sizeof(*s->ranges));
		s->n_ranges++;
	} else {
		memmove(s->ranges + i + 1, s->ranges + n, (s->n_ranges - n) * sizeof(*s->ranges));
		s->n_ranges -= n - i - 1;
	}
	s->ranges[i] = (struct bac_range){ lo, hi };
}

void bac_session_add_stream(struct bac_session *s, uint32_t lo, uint32_t hi)
{
	s->streams = xrealloc(s->streams, (s->n_streams + 1) * sizeof(*s->streams));
	s->streams[s->n_streams++] = (struct bac_range){ lo, hi };
}

struct bac_range bac_session_next(const struct bac_session *s, uint32_t fi)
{
	size_t lo = 0, hi = s->n_ranges;
	struct bac_range none = { UINT32_MAX, 0 };

	if (!s->n_ranges)
		return (struct bac_range){ fi, UINT32_MAX };
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (fi > s->ranges[mid].hi)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == s->n_ranges ? none : (struct bac_range){ fi > s->ranges[lo].lo ? fi : s->ranges[lo].lo, s->ranges[lo].hi };
}

bool bac_session_wants(const struct bac_session *s, uint32_t fi)
{
	return bac_session_next(s, fi).lo == fi;
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

struct bac_session bac_session_copy(const struct bac_session *s)
{
	struct bac_session c = *s;

	c.label.pool = copy(s->label.pool);
	c.label.job = copy(s->label.job);
	c.label.client = copy(s->label.client);
	c.label.unique = copy(s->label.unique);
	c.label.fileset = copy(s->label.fileset);
	c.regex = copy(s->regex);
	c.segs = NULL;
	c.n_segs = 0;
	for (size_t i = 0; i < s->n_segs; i++)
		bac_session_add_seg(&c, s->segs[i].name, s->segs[i].vol, s->segs[i].start, s->segs[i].end);
	c.ranges = NULL;
	c.n_ranges = 0;
	for (size_t i = 0; i < s->n_ranges; i++)
		bac_session_add_range(&c, s->ranges[i].lo, s->ranges[i].hi);
	c.streams = NULL;
	c.n_streams = 0;
	for (size_t i = 0; i < s->n_streams; i++)
		bac_session_add_stream(&c, s->streams[i].lo, s->streams[i].hi);
	return c;
}

void bac_session_free(struct bac_session *s)
{
	bac_label_sess_free(&s->label);
	for (size_t i = 0; i < s->n_segs; i++)
		free(s->segs[i].name);
	free(s->segs);
	free(s->ranges);
	free(s->streams);
	free(s->regex);
	*s = (struct bac_session){ 0 };
}

void bac_plan_add(struct bac_plan *p, const struct bac_session *s)
{
	p->sess = xrealloc(p->sess, (p->n + 1) * sizeof(*p->sess));
	p->sess[p->n++] = bac_session_copy(s);
}

void bac_plan_free(struct bac_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		bac_session_free(&p->sess[i]);
	free(p->sess);
	strv_free(&p->notes);
	*p = (struct bac_plan){ 0 };
}

bool bac_session_ended_well(const struct bac_session *s)
{
	return s->has_end && (s->status == 'T' || s->status == 'W');
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file that is being read: where it begins and ends, what was missing before and inside it. Every FileIndex is accounted for. */
#include "bac_engine.h"

bool bac_cur_wanted(const struct bac_eng *g, const struct bac_file *f)
{
	return f->kind == BAC_K_FILE && f->fate == BAC_F_OK && g->o->mode != BAC_LIST;
}

void bac_cur_flush(struct bac_eng *g, bool last)
{
	struct bac_file *f = g->cur;
	struct bac_chunk *c = g->chunk;

	if (!c) {
		if (!last)
			return;
		c = bac_chunk_get(g);
	}
	g->chunk = NULL;
	c->file = f;
	c->seq = f->seqs++;
	c->last = last;
	bac_chunk_send(g, c);
}

static bool needs_worker(const struct bac_eng *g, const struct bac_file *f)
{
	return f->kind <= BAC_K_SPECIAL && f->fate == BAC_F_OK && g->o->mode != BAC_LIST;
}

void bac_cur_end(struct bac_eng *g)
{
	struct bac_file *f = g->cur;

	if (!f)
		return;
	if (f->kind == BAC_K_FILE && f->has_digest)
		g->seen_digests |= 1u << f->digest_type;
	if (needs_worker(g, f) || f->seqs || g->chunk) {
		bac_cur_flush(g, true);
	} else {
		pthread_mutex_lock(&g->lock);
		f->done = true;
		pthread_mutex_unlock(&g->lock);
	}
	g->cur = NULL;
}

int bac_cur_begin(struct bac_eng *g, struct bac_file *f, struct err *e)
{
	bac_cur_end(g);
	g->cur = f;
	if (f->fi > g->last_fi)
		g->last_fi = f->fi;
	bac_file_queue(g, f);
	return bac_harvest(g, false, e);
}

/* A file of which only the number is known: its attributes were lost. */
int bac_cur_nameless(struct bac_eng *g, uint32_t fi, struct err *e)
{
	struct bac_file *f = bac_file_new(g, fi, NULL, 0);

	if (g->bases)                   /* whether it was wanted is not known; those that were are named when they were not found */
		f->kind = BAC_K_IGNORE;
	f->fate = BAC_F_LOST;
	str_add(&f->why, "its attributes, and so its name, were in a block that could not be read");
	return bac_cur_begin(g, f, e);
}

/* Numbers between the last one seen and `next` never came. They are reported by harvest when their turn comes, as one range each. */
int bac_cur_missing(struct bac_eng *g, uint32_t next, struct err *e)
{
	uint32_t from = g->last_fi + 1;

	if (g->second || g->bases || next <= from)
		return 0;
	if (g->last_fi < g->skip_to)
		from = g->skip_to + 1;
	while (from < next) {
		struct bac_range lost = bac_session_next(g->sess, from);
		struct bac_file *f;
		int r;

		if (lost.lo >= next || lost.lo > lost.hi)
			break;
		if (lost.hi >= next)
			lost.hi = next - 1;
		f = bac_file_new(g, lost.lo, NULL, 0);
		f->fate = BAC_F_LOST;
		f->a.fi = lost.hi;      /* the range's end */
		f->a.type = -1;
		str_add(&f->why, "not on the volumes: their names were in blocks that could not be read");
		r = bac_cur_begin(g, f, e);
		if (r < 0)
			return r;
		from = lost.hi + 1;
		g->last_fi = lost.hi;
	}
	return 0;
}

/* Blocks were missing before what comes next. What the current file had may not be all. */
void bac_cur_gap(struct bac_eng *g, bool same_file_goes_on)
{
	struct bac_file *f = g->cur;

	if (!f || (f->has_digest && !same_file_goes_on))
		return;
	if (same_file_goes_on || (f->kind == BAC_K_FILE && g->seen_digests))
		f->touched = true;
	else
		f->doubtful = true;     /* without digests: the worker looks whether the content is as long as it should be */
}

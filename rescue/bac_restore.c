/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_restore.h"

#include <fcntl.h>

#include "bac_engine.h"
#include "fault.h"
#include "fs.h"
#include "rootmap.h"

static int open_target(struct bac_eng *g, struct err *e)
{
	g->root = -1;
	if (g->o->mode != BAC_RESTORE)
		return 0;
	g->root = open(g->o->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return g->root < 0 ? err_errno(e, "target '%s'", g->o->to) : 0;
}

static int open_lists(struct bac_eng *g, const uint64_t mark[2 * BAC_LISTS], struct err *e)
{
	static const char *const names[BAC_LISTS] = { "folders", "links", "deletions", "acls", "entries", "in-base-jobs" };
	int r = 0;

	for (int i = 0; i < BAC_LISTS; i++)
		g->list[i] = (struct bac_spill){ .fd = -1 };
	for (int i = 0; i < BAC_LISTS && r == 0; i++)
		r = bac_spill_open(&g->list[i], g->o->state, names[i], g->o->to, mark[2 * i], mark[2 * i + 1], e);
	if (r == 0 && g->o->state)
		r = fs_sync_dir(g->o->state, e);
	return r;
}

static void expectations(struct bac_eng *g)
{
	for (size_t i = 0; i < g->plan->n; i++) {
		const struct bac_session *s = &g->plan->sess[i];

		g->n.expected += s->count ? s->count : s->n_ranges ? 0 : s->files;
		for (size_t k = 0; k < s->n_ranges && !s->count; k++)
			g->n.expected += s->ranges[k].hi - s->ranges[k].lo + 1;
		for (size_t k = 0; k < s->n_segs; k++)
			if (s->segs[k].vol >= 0 && s->segs[k].end != UINT64_MAX)
				g->progress.volume_bytes_total += s->segs[k].end - s->segs[k].start;
	}
}

static int one_session(struct bac_eng *g, size_t i, const struct bac_pos *from, struct err *e)
{
	int r;

	g->sess_no = i;
	g->pos = *from;
	r = from->base ? 0 : bac_feed_session(g, &g->plan->sess[i], from, e);
	if (r == 0 && !from->base && g->o->mode == BAC_RESTORE) {
		fault_point("bacula.session");
		r = bac_finish_session(g, e);
	}
	if (r == 0)
		r = bac_base_fetch(g, from, e);
	g->pos = (struct bac_pos){ .sess = i + 1 };
	return r < 0 ? r : bac_mark_poll(g, true, e);
}

static int run(struct bac_eng *g, const struct bac_pos *from, struct err *e)
{
	int r = 0;

	for (size_t i = from->sess; i < g->plan->n && r == 0; i++) {
		const struct bac_pos start = i == from->sess ? *from : (struct bac_pos){ .sess = i };

		r = one_session(g, i, &start, e);
	}
	if (r == 0 && g->o->mode == BAC_RESTORE)
		r = bac_finish_all(g, e);
	if (r == 0 && g->root >= 0)
		r = rootmap_sync(g->o->to, e);
	return r;
}

static void end(struct bac_eng *g)
{
	bac_pool_stop(g);
	bac_mark_drop(g);
	bac_keys_free(g->keys);
	for (int i = 0; i < BAC_LISTS; i++)
		bac_spill_close(&g->list[i]);
	str_free(&g->pend.buf);
	free(g->lost_fis);
	if (g->have_regex)
		regfree(&g->regex);
	if (g->root >= 0)
		close(g->root);
}

int bac_restore(const struct bac_index *ix, const struct bac_plan *plan, const struct bac_opts *o, struct bac_result *ret, struct err *e)
{
	struct bac_eng g = { .ix = ix, .plan = plan, .o = o };
	struct bac_pos from = { 0 };
	uint64_t lists[2 * BAC_LISTS] = { 0 };
	char *report = NULL;
	int r;

	r = o->resume ? bac_mark_parse(&g, o->resume, &from, lists, e) : 0;
	if (open_target(&g, e) < 0 || open_lists(&g, lists, e) < 0)
		r = e->code;
	if (r == 0 && o->key)
		r = bac_keys_load(o->key, &g.keys, e);
	if (r == 0)
		r = bac_pool_start(&g, e);
	expectations(&g);
	if (r == 0)
		r = run(&g, &from, e);
	if (r == 0)
		r = bac_report_write(&g, &report, e);
	end(&g);
	if (r == 0)
		*ret = (struct bac_result){ g.n, report };
	return r;
}

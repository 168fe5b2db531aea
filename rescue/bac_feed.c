/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From blocks to files: records are put together, gaps are noticed. */
#include "bac_engine.h"

#include <inttypes.h>

/* ---- whole records ---- */

static struct bac_chunk *chunk_for_data(struct bac_eng *g)
{
	struct bac_chunk *c = g->chunk;

	if (c && (c->n_recs == BAC_CHUNK_RECS || c->in.len >= BAC_CHUNK_BYTES)) {
		bac_cur_flush(g, false);
		c = NULL;
	}
	return c ? c : (g->chunk = bac_chunk_get(g));
}

static void data_done(struct bac_eng *g, const struct bac_stream *st)
{
	struct bac_chunk *c = g->chunk;

	c->recs[c->n_recs].st = *st;
	c->recs[c->n_recs].at = g->pend.start;
	c->recs[c->n_recs].len = c->in.len - g->pend.start;
	c->n_recs++;
	g->cur->data_seen = true;
}

static void digest_done(struct bac_file *f, const struct bac_stream *st, const struct str *d)
{
	if (d->len > HASH_MAX)
		return;
	f->has_digest = true;
	f->digest_type = st->digest;
	f->digest_len = d->len;
	memcpy(f->digest, d->s, d->len);
}

static void stream_skipped(struct bac_file *f, int32_t stream, const struct bac_stream *st)
{
	if (f->kind != BAC_K_IGNORE && (!f->skipped_streams.len || !strstr(str_cstr(&f->skipped_streams), st->name)))
		str_addf(&f->skipped_streams, "%s%s (stream %d)", f->skipped_streams.len ? ", " : "", st->name, stream & 0x7ff);
}

static int attributes(struct bac_eng *g, uint32_t fi, const struct str *rec, struct err *e)
{
	int r = bac_cur_missing(g, fi, e);

	return r < 0 ? r : bac_cur_begin(g, bac_file_new(g, fi, rec->s, rec->len), e);
}

static void record_done(struct bac_eng *g, int32_t stream, struct str *d)
{
	struct bac_stream st = bac_stream_of(stream, g->sess->bareos);
	struct bac_file *f = g->cur;

	switch (st.what) {
	case BAC_W_DIGEST:
		digest_done(f, &st, d);
		break;
	case BAC_W_ACL:
		str_reset(&f->acl);
		str_addn(&f->acl, d->s, d->len);
		break;
	case BAC_W_ACL_DEFAULT:
		str_reset(&f->acl_default);
		str_addn(&f->acl_default, d->s, d->len);
		break;
	case BAC_W_XATTR:
		str_addn(&f->xattr, d->s, d->len);
		break;
	case BAC_W_SESSION_KEY:
		str_reset(&f->session_key);
		str_addn(&f->session_key, d->s, d->len);
		break;
	case BAC_W_SIGNATURE:
		str_reset(&f->signature);
		str_addn(&f->signature, d->s, d->len);
		break;
	case BAC_W_DATA:
	case BAC_W_ATTR:
		break;
	case BAC_W_SKIP:
		stream_skipped(f, stream, &st);
		break;
	}
}

/* ---- pieces of records ---- */

static void drop_pending(struct bac_eng *g)
{
	if (!g->pend.active)
		return;
	if (g->pend.in_chunk && g->chunk)
		g->chunk->in.len = g->pend.start;
	g->pend.active = false;
	if (g->cur && g->cur->fi == (uint32_t)g->pend.fi)
		g->cur->touched = true;
}

static void piece(struct bac_eng *g, const struct bac_rec *rec)
{
	if (g->pend.in_chunk)
		str_addn(&g->chunk->in, rec->data, rec->have);
	else if (g->pend.stream)        /* 0: not wanted */
		str_addn(&g->pend.buf, rec->data, rec->have);
	g->pend.left = rec->len - (uint32_t)rec->have;
}

static int piece_done(struct bac_eng *g, struct err *e)
{
	struct bac_stream st = bac_stream_of(g->pend.stream, g->sess->bareos);
	int r = 0;

	if (g->pend.left)
		return 0;
	g->pend.active = false;
	if (g->pend.in_chunk)
		data_done(g, &st);
	else if (g->pend.stream && st.what == BAC_W_ATTR)
		r = attributes(g, (uint32_t)g->pend.fi, &g->pend.buf, e);
	else if (g->pend.stream)
		record_done(g, g->pend.stream, &g->pend.buf);
	return r;
}

/* A new record that is not attributes belongs to the current file, or to one whose attributes are lost. */
static int ensure_file(struct bac_eng *g, uint32_t fi, struct err *e)
{
	int r;

	if (g->cur && g->cur->fi == fi)
		return 0;
	r = bac_cur_missing(g, fi, e);
	return r < 0 ? r : bac_cur_nameless(g, fi, e);
}

static int record_begin(struct bac_eng *g, const struct bac_rec *rec, struct err *e)
{
	struct bac_stream st = bac_stream_of(rec->stream, g->sess->bareos);
	int r;

	drop_pending(g);
	if (g->gap)
		bac_cur_gap(g, g->cur && g->cur->fi == (uint32_t)rec->fi);
	g->gap = false;
	g->pend.active = true;
	g->pend.in_chunk = false;
	g->pend.fi = rec->fi;
	g->pend.stream = rec->stream;
	str_reset(&g->pend.buf);
	if (st.what != BAC_W_ATTR) {
		r = ensure_file(g, (uint32_t)rec->fi, e);
		if (r < 0)
			return r;
		if (st.what == BAC_W_DATA && bac_cur_wanted(g, g->cur)) {
			g->pend.start = chunk_for_data(g)->in.len;
			g->pend.in_chunk = true;
		} else if (st.what == BAC_W_DATA || st.what == BAC_W_SKIP) {
			if (st.what == BAC_W_SKIP)
				record_done(g, rec->stream, &g->pend.buf);
			g->pend.stream = 0;
		}
	}
	piece(g, rec);
	return piece_done(g, e);
}

static int record_continue(struct bac_eng *g, const struct bac_rec *rec, struct err *e)
{
	bool fits = g->pend.active && !g->gap && g->pend.fi == rec->fi && g->pend.left == rec->len &&
		    ((uint32_t)g->pend.stream == bac_stream_number(rec->stream) || !g->pend.stream);

	if (fits) {
		piece(g, rec);
		return piece_done(g, e);
	}
	drop_pending(g);
	if (g->gap)
		bac_cur_gap(g, g->cur && g->cur->fi == (uint32_t)rec->fi);
	g->gap = false;
	if (g->cur && g->cur->fi == (uint32_t)rec->fi) {
		g->cur->touched = true;
		return 0;
	}
	return ensure_file(g, (uint32_t)rec->fi, e);
}

static int label(struct bac_eng *g, const struct bac_rec *rec, struct err *e)
{
	struct bac_sess_label l;
	int r = 0;

	if ((rec->fi != BAC_FI_EOS && rec->fi != BAC_FI_SOS) || bac_label_sess(rec, &l) < 0)
		return 0;
	g->job_id = l.job_id;
	if (rec->fi == BAC_FI_SOS) {
		bac_label_sess_free(&l);
		return 0;
	}
	g->ended = true;
	drop_pending(g);
	if (g->gap)
		bac_cur_gap(g, false);
	g->gap = false;
	if (!g->second)
		r = bac_cur_missing(g, l.files + 1, e);
	bac_label_sess_free(&l);
	return r;
}

/* Attributes are always wanted: nothing has a name without them. */
static bool stream_wanted(const struct bac_eng *g, int32_t stream)
{
	uint32_t s = bac_stream_number(stream);

	if (!g->sess->n_streams || bac_stream_of((int32_t)s, g->sess->bareos).what == BAC_W_ATTR)
		return true;
	for (size_t i = 0; i < g->sess->n_streams; i++)
		if ((s & 0x7ff) >= g->sess->streams[i].lo && (s & 0x7ff) <= g->sess->streams[i].hi)
			return true;
	return false;
}

/* A file whose content is left out is named, never made empty. */
static void left_out(struct bac_eng *g, const struct bac_rec *rec)
{
	struct bac_stream st = bac_stream_of(rec->stream, g->sess->bareos);
	struct bac_file *f = g->cur;

	if (st.what != BAC_W_DATA || !f || f->fi != (uint32_t)rec->fi || !bac_cur_wanted(g, f) || f->seqs || g->chunk)
		return;
	f->fate = BAC_F_SKIPPED;
	str_add(&f->why, "the bootstrap file's Stream leaves its content out");
}

static int record(struct bac_eng *g, const struct bac_rec *rec, struct err *e)
{
	if (rec->fi < 0)
		return label(g, rec, e);
	if ((uint32_t)rec->fi <= g->skip_to || !bac_session_wants(g->sess, (uint32_t)rec->fi))
		return 0;
	if (!stream_wanted(g, rec->stream)) {
		left_out(g, rec);
		return 0;
	}
	return rec->stream > 0 ? record_begin(g, rec, e) : rec->stream < 0 ? record_continue(g, rec, e) : 0;
}

static int block(struct bac_eng *g, const struct bac_block *b, struct err *e)
{
	struct bac_rec rec;
	int r = 0, got = 0;

	if (b->version > 1 && (b->sess_id != g->sess->id || b->sess_time != g->sess->time))
		return 0;
	if (b->version > 1) {
		if (g->have_number && b->number != g->last_number + 1)
			g->gap = true;          /* T83: nothing is glued together over a missing block */
		g->have_number = true;
		g->last_number = b->number;
	}
	g->block_off = b->off;
	for (size_t pos = 0; r == 0 && (got = bac_rec_next(b, &pos, &rec)) > 0;)
		if (rec.sess_id == g->sess->id && rec.sess_time == g->sess->time)
			r = record(g, &rec, e);
	if (got < 0)
		g->gap = true;
	return r;
}

/* ---- segments ---- */

static void tell(struct bac_eng *g, const struct bac_vol *v, const struct bac_seg *seg)
{
	g->progress.volume = seg->name;
	g->progress.pos = v->pos;
	g->progress.volume_bytes = g->read_before + (v->pos > seg->start ? v->pos - seg->start : 0);
	g->progress.bytes = g->n.bytes;
	g->progress.files = g->n.restored;
	g->progress.lost = g->n.lost;
	g->progress.current = g->cur ? g->cur->a.name : NULL;
	if (g->o->progress)
		g->o->progress(g->o->arg, &g->progress);
}

static int damage(struct bac_eng *g, const struct bac_vol *v, const struct bac_seg *seg, struct err *e)
{
	AUTO_FREE char *why = xasprintf("volume '%s': bytes %" PRIu64 " to %" PRIu64 " are no valid block%s", seg->name, v->bad_from, v->bad_to - 1,
					v->truncated && v->bad_to == v->size ? ": the volume ends inside it" : "");

	g->n.bad_areas++;
	/* BB01 blocks have no session: the number cannot tell whose block it was */
	if (!g->have_number || (v->truncated && v->bad_to == v->size))
		g->gap = true;
	return bac_report_add(g, "area", 0, 0, "", why, e);
}

static int segment(struct bac_eng *g, const struct bac_seg *seg, uint64_t from, struct err *e)
{
	struct bac_vol v = BAC_VOL_INIT;
	struct bac_block b;
	int r;

	r = bac_vol_open(&v, g->ix->vols[seg->vol].path, BAC_WINDOW, e);
	v.pos = from > seg->start ? from : seg->start;
	while (r >= 0 && v.pos < seg->end && (r = bac_vol_next(&v, &b, e)) > 0) {
		r = r == BAC_DAMAGE ? damage(g, &v, seg, e) : block(g, &b, e);
		tell(g, &v, seg);
		if (r == 0)
			r = bac_mark_poll(g, false, e);
		if (r == 0 && g->o->cancelled && g->o->cancelled(g->o->arg))
			r = err_set(e, -ECANCELED, "cancelled");
	}
	if (r == 0 && seg->end != UINT64_MAX && seg->end > v.size)
		g->gap = true;
	g->n.repaired += v.n_repaired;
	g->read_before += v.pos > seg->start ? v.pos - seg->start : 0;
	bac_vol_close(&v);
	return r < 0 ? r : 0;
}

static int missing_volume(struct bac_eng *g, const struct bac_seg *seg, struct err *e)
{
	AUTO_FREE char *why = xasprintf("volume '%s' is missing", seg->name);

	g->n.missing_volumes++;
	g->gap = true;
	return bac_report_add(g, "area", 0, 0, "", why, e);
}

/* What was promised and did not come. */
static int session_end(struct bac_eng *g, struct err *e)
{
	uint32_t expected = g->sess->files;
	int r;

	drop_pending(g);
	if (!g->ended && !g->second && g->sess->n_ranges == 0)
		g->gap = true;
	if (g->gap)
		bac_cur_gap(g, false);
	g->gap = false;
	if (g->sess->n_ranges && g->sess->ranges[g->sess->n_ranges - 1].hi > expected)
		expected = g->sess->ranges[g->sess->n_ranges - 1].hi;
	r = bac_cur_missing(g, expected + 1, e);
	if (r == 0 && !g->ended && !expected && !g->second)
		r = bac_report_add(g, "area", 0, 0, "", "the job's end label is not on the volumes: how many files it had is unknown", e);
	bac_cur_end(g);
	return r < 0 ? r : bac_harvest(g, true, e);
}

static int set_regex(struct bac_eng *g, struct err *e)
{
	char text[128];
	int r;

	if (g->have_regex)
		regfree(&g->regex);
	g->have_regex = false;
	if (!g->sess->regex)
		return 0;
	r = regcomp(&g->regex, g->sess->regex, REG_EXTENDED | REG_NOSUB);
	if (r) {
		regerror(r, &g->regex, text, sizeof(text));
		return err_set(e, -EINVAL, "FileRegex '%s': %s", g->sess->regex, text);
	}
	g->have_regex = true;
	return 0;
}

int bac_feed_session(struct bac_eng *g, const struct bac_session *s, const struct bac_pos *from, struct err *e)
{
	int r;

	g->sess = s;
	g->job_id = 0;
	r = set_regex(g, e);
	g->cur = NULL;
	g->chunk = NULL;
	g->pend.active = g->gap = g->ended = g->have_number = false;
	g->seen_digests = 0;
	g->last_fi = g->skip_to = from->fi;
	g->progress.files_total = g->n.expected;
	for (g->seg = from->seg; g->seg < s->n_segs && r == 0; g->seg++) {
		const struct bac_seg *seg = &s->segs[g->seg];

		if (seg->vol < 0)
			r = missing_volume(g, seg, e);
		else
			r = segment(g, seg, g->seg == from->seg ? from->off : 0, e);
	}
	if (r == 0)
		r = session_end(g, e);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Base jobs. A Full backup with one stores only what changed since; of everything else it says "in the base job" (BAC_BASE), with the name and the
 * attributes that the base job stored, and not with that job's number. So an entry of a base job is wanted when name and attributes agree.
 *
 * The list holds "w": hash, FileIndex and name of an entry that says so, and "f": hash, FileIndex and base job of one that came,
 * whatever became of it.
 */
#include <xxhash.h>

#include "bac_engine.h"
#include "fault.h"

struct wanted {
	uint64_t hash;
	bool found;
};

struct bac_bases {
	struct wanted *v;               /* sorted */
	size_t n, left;
	uint32_t *fis;                  /* FileIndexes taken from this base job, sorted */
	size_t n_fis;
	size_t no;                      /* which base job is read, or was when this run was interrupted */
	struct bac_index own;           /* sessions, when the plan was made without looking at the volumes */
	struct bac_eng *g;
};

static uint64_t hash_of(const struct bac_attr *a)
{
	const uint64_t v[] = { a->ino, a->mode, a->uid, a->gid, a->size, (uint64_t)a->mtime, (uint64_t)a->ctime };

	return XXH3_64bits_withSeed(v, sizeof(v), XXH3_64bits(a->name, strlen(a->name)));
}

int bac_base_note(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	uint64_t h = hash_of(&f->a);

	str_addc(&s, 'w');
	str_addn(&s, &h, sizeof(h));
	str_addn(&s, &f->fi, sizeof(f->fi));
	str_add(&s, f->a.name);
	return bac_spill_put(&g->list[BAC_L_BASE], s.s, s.len, e);
}

/* ---- while a base job is read ---- */

static void add_fi(struct bac_bases *b, uint32_t fi)
{
	if ((b->n_fis & (b->n_fis + 1)) == 0)
		b->fis = xrealloc(b->fis, (2 * b->n_fis + 2) * sizeof(*b->fis));
	b->fis[b->n_fis++] = fi;
}

static int by_hash(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static struct wanted *wanted(const struct bac_bases *b, uint64_t hash)
{
	const struct wanted key = { .hash = hash };

	return b->n ? bsearch(&key, b->v, b->n, sizeof(key), by_hash) : NULL;
}

bool bac_base_takes(struct bac_eng *g, const struct bac_attr *a)
{
	struct bac_bases *b = g->bases;
	struct wanted *w = wanted(b, hash_of(a));

	if (!w || w->found)
		return false;
	w->found = true;
	b->left--;
	add_fi(b, a->fi);
	return true;
}

static int by_fi(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

bool bac_base_took(const struct bac_eng *g, uint32_t fi)
{
	return g->bases->n_fis && bsearch(&fi, g->bases->fis, g->bases->n_fis, sizeof(fi), by_fi);
}

int bac_base_found(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	uint32_t no = (uint32_t)g->bases->no;
	char s[17] = "f";
	uint64_t h;

	if (!f->a.name)
		return 0;
	h = hash_of(&f->a);
	memcpy(s + 1, &h, sizeof(h));
	memcpy(s + 9, &f->fi, sizeof(f->fi));
	memcpy(s + 13, &no, sizeof(no));
	return bac_spill_put(&g->list[BAC_L_BASE], s, sizeof(s), e);
}

/* ---- the list ---- */

static uint64_t hash_in(const char *data)
{
	uint64_t h;

	memcpy(&h, data + 1, sizeof(h));
	return h;
}

static int load_wanted(void *arg, char *data, size_t n, struct err *e)
{
	struct bac_bases *b = arg;

	(void)e;
	if (n < 13 || *data != 'w')
		return 0;
	if ((b->n & (b->n + 1)) == 0)
		b->v = xrealloc(b->v, (2 * b->n + 2) * sizeof(*b->v));
	b->v[b->n++] = (struct wanted){ .hash = hash_in(data) };
	return 0;
}

static int load_found(void *arg, char *data, size_t n, struct err *e)
{
	struct bac_bases *b = arg;
	struct wanted *w = n == 17 && *data == 'f' ? wanted(b, hash_in(data)) : NULL;
	uint32_t v[2];

	(void)e;
	if (!w || w->found)
		return 0;
	w->found = true;
	b->left--;
	memcpy(v, data + 9, sizeof(v));
	if (v[1] == b->no)
		add_fi(b, v[0]);
	return 0;
}

/* Entries of two jobs that agree in everything are one: the same file, saved twice. */
static void sort_wanted(struct bac_bases *b)
{
	size_t k = 0;

	if (b->n)
		qsort(b->v, b->n, sizeof(*b->v), by_hash);
	for (size_t i = 0; i < b->n; i++)
		if (!k || b->v[k - 1].hash != b->v[i].hash)
			b->v[k++] = b->v[i];
	b->n = b->left = k;
}

static int load(struct bac_bases *b, struct err *e)
{
	struct bac_spill *l = &b->g->list[BAC_L_BASE];
	int r = bac_spill_each(l, load_wanted, b, e);

	sort_wanted(b);
	return r < 0 ? r : bac_spill_each(l, load_found, b, e);
}

static int lost_one(void *arg, char *data, size_t n, struct err *e)
{
	struct bac_bases *b = arg;
	struct wanted *w = n >= 13 && *data == 'w' ? wanted(b, hash_in(data)) : NULL;
	uint32_t fi;

	if (!w || w->found)
		return 0;
	memcpy(&fi, data + 9, sizeof(fi));
	b->g->n.entries++;
	b->g->n.lost++;
	return bac_report_add(b->g, "lost", fi, fi, data + 13, "it is in a base job, and that was not found on these volumes", e);
}

/* ---- which base jobs ---- */

static const struct bac_index *sessions(struct bac_bases *b, struct err *e)
{
	const struct bac_index *ix = b->g->ix;

	if (ix->n_sess)
		return ix;
	b->own.vols = ix->vols;
	b->own.n_vols = ix->n_vols;
	return bac_index_scan(&b->own, NULL, NULL, e) < 0 ? NULL : &b->own;
}

/* A job without labels may be one: its entries tell. */
static bool may_be(const struct bac_session *base, const struct bac_session *of)
{
	if (base->id == of->id && base->time == of->time)
		return false;
	return !base->label.job_id || (base->label.type == 'B' && base->label.level == 'B' &&
				       (!of->label.client || str_eq(base->label.client, of->label.client)));
}

static void tell(struct bac_eng *g, const struct bac_bases *b, const struct bac_session *s)
{
	AUTO_FREE char *text = xasprintf("%zu entries of job %u are in base jobs: looking for them in job %u", b->left, g->job_id, s->label.job_id);

	if (g->o->note)
		g->o->note(g->o->arg, text);
}

static int one(struct bac_bases *b, const struct bac_session *s, const struct bac_pos *from, struct err *e)
{
	struct bac_eng *g = b->g;
	int r;

	if (from->base != b->no)
		b->n_fis = 0;
	b->no = from->base;
	g->pos = *from;
	g->bases = b;
	r = bac_feed_session(g, s, from, e);
	if (b->n_fis)
		qsort(b->fis, b->n_fis, sizeof(*b->fis), by_fi);
	if (r == 0 && g->o->mode == BAC_RESTORE) {
		fault_point("bacula.base");
		r = bac_finish_session(g, e);
	}
	g->bases = NULL;
	return r;
}

/* Newest first: nothing is wanted twice, and most is in the last one. */
static int all(struct bac_bases *b, const struct bac_session *of, const struct bac_pos *from, struct err *e)
{
	const struct bac_index *ix = sessions(b, e);
	size_t no = 0;
	int r = ix ? 0 : e->code;

	for (size_t i = ix ? ix->n_sess : 0; i-- > 0 && (b->left || no < from->base) && r == 0;) {
		struct bac_pos at = { .sess = from->sess, .base = ++no };

		if (!may_be(&ix->sess[i], of) || no < from->base)
			continue;
		tell(b->g, b, &ix->sess[i]);
		r = one(b, &ix->sess[i], no == from->base ? from : &at, e);
	}
	return r;
}

int bac_base_fetch(struct bac_eng *g, const struct bac_pos *from, struct err *e)
{
	struct bac_bases b = { .g = g, .no = from->base };
	const struct bac_session *of = &g->plan->sess[from->sess];
	int r = load(&b, e);

	if (r == 0 && b.n)
		r = all(&b, of, from, e);
	g->sess = of;
	if (r == 0 && b.left)
		r = bac_spill_each(&g->list[BAC_L_BASE], lost_one, &b, e);
	if (r == 0)
		bac_spill_clear(&g->list[BAC_L_BASE]);
	b.own.vols = NULL;
	b.own.n_vols = 0;
	bac_index_free(&b.own);
	free(b.v);
	free(b.fis);
	return r;
}

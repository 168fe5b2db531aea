/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_index.h"

#include <dirent.h>
#include <sys/stat.h>

#include "bac_sd.h"
#include "fs.h"

#define HOP (4 * KIB)

static int add_volume(struct bac_index *ix, const char *path, struct err *e)
{
	struct bac_vol_label l;
	int r = bac_label_read(path, &l, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ix->n_vols; i++)
		if (str_eq(ix->vols[i].label.name, l.name)) {
			if (!str_eq(ix->vols[i].path, path))
				strv_addf(&ix->notes, "'%s': a second copy of volume '%s', not used", path, l.name);
			bac_label_vol_free(&l);
			return 0;
		}
	ix->vols = xrealloc(ix->vols, (ix->n_vols + 1) * sizeof(*ix->vols));
	ix->vols[ix->n_vols++] = (struct bac_volume){ xstrdup(path), l };
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct bac_index *ix, const char *path, struct err *e)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, by_name);
	size_t before = ix->n_vols, notes = ix->notes.n;

	if (n < 0)
		return err_errno(e, "read folder '%s'", path);
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *file = fs_join(path, names[i]->d_name);
		struct err why = ERR_INIT;
		struct stat st;

		if (lstat(file, &st) == 0 && S_ISREG(st.st_mode) && add_volume(ix, file, &why) < 0 && why.code != -ENODATA)
			strv_add(&ix->notes, why.msg);
		free(names[i]);
	}
	free(names);
	if (ix->n_vols > before)
		return 0;
	if (ix->notes.n > notes)
		return err_set(e, -ENODATA, "'%s': no volume in this folder can be read: %s", path, ix->notes.v[notes]);
	return err_set(e, -ENODATA, "'%s': no volume in this folder", path);
}

int bac_index_add(struct bac_index *ix, const char *path, struct err *e)
{
	struct stat st;
	int r;

	r = stat(path, &st) < 0 ? err_errno(e, "'%s'", path) : 0;
	if (r < 0 || S_ISCHR(st.st_mode)) {
		int changer = bac_sd_no_changer(path, e);

		r = changer < 0 ? changer : r;
	}
	if (r < 0)
		return r;
	return S_ISDIR(st.st_mode) ? add_folder(ix, path, e) : add_volume(ix, path, e);
}

int bac_index_find(const struct bac_index *ix, const char *volume)
{
	for (size_t i = 0; i < ix->n_vols; i++)
		if (str_eq(ix->vols[i].label.name, volume))
			return (int)i;
	return -1;
}

struct bac_session *bac_index_session(struct bac_index *ix, uint32_t id, uint32_t time)
{
	for (size_t i = ix->n_sess; i-- > 0;)
		if (ix->sess[i].id == id && ix->sess[i].time == time)
			return &ix->sess[i];
	return NULL;
}

static struct bac_session *session(struct bac_index *ix, uint32_t id, uint32_t time)
{
	struct bac_session *s = bac_index_session(ix, id, time);

	if (s)
		return s;
	ix->sess = xrealloc(ix->sess, (ix->n_sess + 1) * sizeof(*ix->sess));
	s = &ix->sess[ix->n_sess++];
	*s = (struct bac_session){ .id = id, .time = time };
	return s;
}

static void take_label(struct bac_session *s, const struct bac_rec *rec)
{
	struct bac_sess_label l;

	if (bac_label_sess(rec, &l) < 0)
		return;
	if (rec->fi == BAC_FI_EOS) {
		s->has_end = true;
		s->end_time = l.time;
		s->files = l.files;
		s->bytes = l.bytes;
		s->status = l.status;
	} else {
		s->has_start = true;
		s->start_time = l.time;
	}
	if (rec->fi == BAC_FI_SOS || !s->label.job_id) {
		bac_label_sess_free(&s->label);
		s->label = l;
	} else {
		bac_label_sess_free(&l);
	}
}

/* What is known of one session inside the volume that is being scanned. */
struct seen {
	uint32_t id, time;
	uint64_t first, last, end;      /* offsets of its first and last block, and behind that */
};

struct scan {
	struct bac_index *ix;
	int vol;
	struct bac_vol v;
	struct seen *seen;
	size_t n_seen;
};

static struct seen *seen_of(struct scan *sc, uint32_t id, uint32_t time, bool *ret_new)
{
	*ret_new = false;
	for (size_t i = sc->n_seen; i-- > 0;)
		if (sc->seen[i].id == id && sc->seen[i].time == time)
			return &sc->seen[i];
	sc->seen = xrealloc(sc->seen, (sc->n_seen + 1) * sizeof(*sc->seen));
	sc->seen[sc->n_seen] = (struct seen){ .id = id, .time = time };
	*ret_new = true;
	return &sc->seen[sc->n_seen++];
}

static void note_block(struct scan *sc, const struct bac_block *b, uint32_t id, uint32_t time, bool *ret_new)
{
	struct seen *s = seen_of(sc, id, time, ret_new);

	if (*ret_new)
		s->first = b->off;
	s->last = b->off;
	s->end = b->off + b->len;
}

static void look_into(struct scan *sc, const struct bac_block *b)
{
	struct bac_rec rec;
	bool fresh;

	for (size_t pos = 0; bac_rec_next(b, &pos, &rec) > 0;) {
		if (rec.fi == BAC_FI_VOL || rec.fi == BAC_FI_PRE)
			continue;
		if (b->version == 1)
			note_block(sc, b, rec.sess_id, rec.sess_time, &fresh);
		if (rec.fi == BAC_FI_SOS || rec.fi == BAC_FI_EOS)
			take_label(session(sc->ix, rec.sess_id, rec.sess_time), &rec);
	}
}

/* The whole block again, with its checksum. */
static int reread(struct scan *sc, uint64_t off, struct err *e)
{
	struct bac_block b;
	uint64_t keep = sc->v.pos;
	int r;

	sc->v.pos = off;
	r = bac_vol_next(&sc->v, &b, e);
	if (r == 1)
		look_into(sc, &b);
	if (sc->v.pos < keep)
		sc->v.pos = keep;
	return r < 0 ? r : 0;
}

static int scan_blocks(struct scan *sc, bac_scan_fn *progress, void *arg, struct err *e)
{
	struct bac_block b;
	bool fresh = false;
	int r;

	while ((r = bac_vol_skip(&sc->v, &b, e)) > 0) {
		if (progress)
			progress(arg, sc->ix->vols[sc->vol].label.name, sc->v.pos, sc->v.size);
		if (r == BAC_DAMAGE)
			continue;
		if (b.off == 0)
			continue;               /* the label */
		if (b.version > 1)
			note_block(sc, &b, b.sess_id, b.sess_time, &fresh);
		if (fresh || b.version == 1 || b.number == 0)
			r = reread(sc, b.off, e);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < sc->n_seen && r >= 0; i++)
		r = reread(sc, sc->seen[i].last, e);
	return r;
}

static int scan_volume(struct bac_index *ix, int vol, bac_scan_fn *progress, void *arg, struct err *e)
{
	struct scan sc = { .ix = ix, .vol = vol };
	const struct bac_volume *bv = &ix->vols[vol];
	int r = bac_vol_open(&sc.v, bv->path, HOP, e);

	if (r == 0)
		r = scan_blocks(&sc, progress, arg, e);
	for (size_t i = 0; i < sc.n_seen && r >= 0; i++) {
		struct bac_session *s = session(ix, sc.seen[i].id, sc.seen[i].time);

		s->bareos = bv->label.bareos;
		bac_session_add_seg(s, bv->label.name, vol, sc.seen[i].first, sc.seen[i].end);
	}
	free(sc.seen);
	bac_vol_close(&sc.v);
	return r;
}

static int by_written(const void *a, const void *b, void *arg)
{
	const struct bac_index *ix = arg;
	const struct bac_vol_label *x = &ix->vols[*(const int *)a].label, *y = &ix->vols[*(const int *)b].label;

	if (x->write_time != y->write_time)
		return x->write_time < y->write_time ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int by_start(const void *a, const void *b)
{
	const struct bac_session *x = a, *y = b;

	if (x->start_time && y->start_time && x->start_time != y->start_time)
		return x->start_time < y->start_time ? -1 : 1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Volumes in the order in which they were written, whatever the order in which they were given: a session's segments come out right. */
int bac_index_scan(struct bac_index *ix, bac_scan_fn *progress, void *arg, struct err *e)
{
	AUTO_FREE int *order = xcalloc(ix->n_vols + 1, sizeof(*order));
	int r = 0;

	for (size_t i = 0; i < ix->n_vols; i++)
		order[i] = (int)i;
	qsort_r(order, ix->n_vols, sizeof(*order), by_written, ix);
	for (size_t i = 0; i < ix->n_vols && r == 0; i++) {
		struct err why = ERR_INIT;

		r = scan_volume(ix, order[i], progress, arg, &why);
		if (r == -EOPNOTSUPP || r == -EIO) {
			strv_add(&ix->notes, why.msg);
			r = 0;
		}
		if (r < 0)
			return err_set(e, r, "%s", why.msg);
	}
	if (ix->n_sess)
		qsort(ix->sess, ix->n_sess, sizeof(*ix->sess), by_start);
	return r;
}

void bac_index_free(struct bac_index *ix)
{
	for (size_t i = 0; i < ix->n_vols; i++) {
		free(ix->vols[i].path);
		bac_label_vol_free(&ix->vols[i].label);
	}
	for (size_t i = 0; i < ix->n_sess; i++)
		bac_session_free(&ix->sess[i]);
	free(ix->vols);
	free(ix->sess);
	strv_free(&ix->notes);
	*ix = (struct bac_index){ 0 };
}

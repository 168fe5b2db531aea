/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_index.h"

#include <time.h>

int bac_parse_time(const char *text, uint64_t *ret)
{
	static const char *const forms[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	uint64_t secs;

	if (*text == '@') {
		if (str_to_u64(text + 1, &secs) < 0 || secs > UINT32_MAX * 4ULL)
			return -EINVAL;
		*ret = secs * 1000000;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, forms[i], &tm);
		time_t t;

		if (!end || (*end && !str_eq(end, "Z")))
			continue;
		t = *end ? timegm(&tm) : mktime(&tm);
		if (t < 0)
			return -EINVAL;
		*ret = (uint64_t)t * 1000000;
		return 0;
	}
	return -EINVAL;
}

static bool same(const char *want, const char *have)
{
	return !want || (have && str_eq(want, have));
}

static bool usable(const struct bac_session *s, const struct bac_want *w)
{
	if (!s->label.job_id || s->label.type != 'B' || !same(w->client, s->label.client) || !same(w->job, s->label.job) ||
	    !same(w->fileset, s->label.fileset))
		return false;
	if (w->before && (s->has_end ? s->end_time : s->start_time) > w->before)
		return false;
	return w->incomplete || bac_session_ended_well(s);
}

static bool same_series(const struct bac_session *a, const struct bac_session *b)
{
	return str_eq(a->label.client, b->label.client) && str_eq(a->label.job, b->label.job) && str_eq(a->label.fileset, b->label.fileset);
}

static struct bac_session *newest(struct bac_index *ix, const struct bac_want *w, const struct bac_session *series, char level, uint64_t after)
{
	for (size_t i = ix->n_sess; i-- > 0;) {
		struct bac_session *s = &ix->sess[i];

		if (s->label.level == level && usable(s, w) && same_series(s, series) && s->start_time >= after)
			return s;
	}
	return NULL;
}

static void note_skipped(struct bac_plan *p, const struct bac_index *ix, const struct bac_session *series, uint64_t after, const struct bac_want *w)
{
	for (size_t i = 0; i < ix->n_sess; i++) {
		const struct bac_session *s = &ix->sess[i];

		if (s->label.job_id && same_series(s, series) && s->start_time > after && !bac_session_ended_well(s) && !w->incomplete &&
		    (!w->before || s->start_time <= w->before))
			strv_addf(&p->notes, "job %u (%s, level %c) did not end well and is not used; --incomplete uses it", s->label.job_id,
				  s->label.job, s->label.level);
	}
}

/* Full, then the newest Differential after it, then the Incrementals after that. Base jobs are found by the engine when a Full names them. */
static int chain(struct bac_index *ix, const struct bac_want *w, const struct bac_session *series, struct bac_plan *p, struct err *e)
{
	const struct bac_session *full = newest(ix, w, series, 'F', 0), *diff;
	uint64_t after;

	if (!full)
		return err_set(e, -ENOENT, "client '%s', job '%s': no usable Full backup on these volumes%s", series->label.client, series->label.job,
			       w->before ? " before that time" : "");
	after = full->start_time;
	bac_plan_add(p, full);
	diff = newest(ix, w, series, 'D', after);
	if (diff) {
		bac_plan_add(p, diff);
		after = diff->start_time;
	}
	for (size_t i = 0; i < ix->n_sess; i++)
		if (ix->sess[i].label.level == 'I' && usable(&ix->sess[i], w) && same_series(&ix->sess[i], series) &&
		    ix->sess[i].start_time > after)
			bac_plan_add(p, &ix->sess[i]);
	note_skipped(p, ix, series, full->start_time, w);
	return 0;
}

static int one_job(struct bac_index *ix, const struct bac_want *want, struct bac_plan *p, struct err *e)
{
	for (size_t i = 0; i < ix->n_sess; i++) {
		struct bac_want w = *want;

		if (ix->sess[i].label.job_id != want->job_id)
			continue;
		if (!want->chain) {
			bac_plan_add(p, &ix->sess[i]);
			return 0;
		}
		w.before = ix->sess[i].has_end ? ix->sess[i].end_time : ix->sess[i].start_time;
		return chain(ix, &w, &ix->sess[i], p, e);
	}
	return err_set(e, -ENOENT, "job %u is not on these volumes", want->job_id);
}

static void add_clients(const struct bac_index *ix, struct strv *names)
{
	for (size_t i = 0; i < ix->n_sess; i++)
		if (ix->sess[i].label.client && !strv_has(names, ix->sess[i].label.client))
			strv_add(names, ix->sess[i].label.client);
}

static int check_client(const struct bac_index *ix, const struct bac_want *want, struct err *e)
{
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	CLEANUP(str_free) struct str list = STR_INIT;

	add_clients(ix, &names);
	for (size_t i = 0; i < names.n; i++)
		str_addf(&list, "%s'%s'", i ? ", " : "", names.v[i]);
	if (!names.n)
		return err_set(e, -ENOENT, "no job was found on these volumes");
	if (!want->client && names.n > 1)
		return err_set(e, -EINVAL, "the volumes hold backups of several clients: say which (%s)", str_cstr(&list));
	if (want->client && !strv_has(&names, want->client))
		return err_set(e, -ENOENT, "client '%s' is not on these volumes (they hold %s)", want->client, str_cstr(&list));
	return 0;
}

static bool first_of_series(const struct bac_index *ix, size_t i, const struct bac_want *w)
{
	for (size_t k = 0; k < i; k++)
		if (ix->sess[k].label.job_id && usable(&ix->sess[k], w) && ix->sess[k].label.level != 'B' && same_series(&ix->sess[k], &ix->sess[i]))
			return false;
	return true;
}

int bac_select_state(struct bac_index *ix, const struct bac_want *want, struct bac_plan *p, struct err *e)
{
	int r;

	if (want->job_id)
		return one_job(ix, want, p, e);
	r = check_client(ix, want, e);
	for (size_t i = 0; i < ix->n_sess && r == 0; i++)
		if (usable(&ix->sess[i], want) && ix->sess[i].label.level != 'B' && first_of_series(ix, i, want))
			r = chain(ix, want, &ix->sess[i], p, e);
	if (r == 0 && !p->n)
		r = err_set(e, -ENOENT, "no usable backup%s%s%s on these volumes", want->job ? " of job '" : "", want->job ? want->job : "",
			    want->job ? "'" : "");
	return r;
}

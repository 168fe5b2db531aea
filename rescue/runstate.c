/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runstate.h"

static const char *const status_names[RUN_STATUS_MAX] = {
	[RUN_NEW] = "not begun", [RUN_BEGUN] = "begun", [RUN_FAILED] = "failed", [RUN_DONE] = "done",
};

const char *run_status_name(enum run_status s)
{
	return status_names[s];
}

static bool takes_back(const struct journal_rec *r)
{
	return r->verb == J_RESUME && str_eq(r->payload, RUNSTATE_AGAIN);
}

/* ---- one record, one step ---- */

static void begin(struct step_state *s, const struct journal_rec *r)
{
	s->status = RUN_BEGUN;
	s->failure = NULL;
	s->began = r->time;
	s->ended = 0;
	if (!s->last_mark) {            /* starts over: what an earlier attempt lost is asked again */
		s->degraded = 0;
		s->degradation = NULL;
	}
}

static void fail(struct step_state *s, const struct journal_rec *r)
{
	if (s->status == RUN_BEGUN)     /* a refusal before `begin` changed nothing */
		s->status = RUN_FAILED;
	s->failure = r->payload;
	s->ended = r->time;
}

static void step_record(struct step_state *s, const struct journal_rec *r)
{
	switch (r->verb) {
	case J_BEGIN:
		begin(s, r);
		break;
	case J_FACT:
		s->facts++;
		break;
	case J_MARK:
		s->last_mark = r->payload;
		s->marks++;
		break;
	case J_DEGRADED:
		s->degradation = r->payload;
		s->degraded++;
		break;
	case J_DONE:
		s->status = RUN_DONE;
		s->failure = NULL;
		s->ended = r->time;
		break;
	case J_FAIL:
		fail(s, r);
		break;
	case J_RESUME:
		if (takes_back(r))
			*s = (struct step_state){ .status = RUN_NEW };
		break;
	default:
		break;
	}
}

/* ---- the whole journal ---- */

static struct step_state *find(struct runstate *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->plan[i].id, id))
			return &s->steps[i];
	return NULL;
}

/* A resume: whatever was decided so far was decided before. */
static void note_resume(struct runstate *s)
{
	for (size_t i = 0; i < s->n; i++)
		s->steps[i].decided_before = s->steps[i].facts > 0;
}

static void run_record(struct runstate *s, const struct journal_rec *r, bool *ended)
{
	if (r->verb == J_PLAN || (r->verb == J_RESUME && str_eq(r->step, "-")))
		s->digest = r->payload;
	if (r->verb == J_RESUME && str_eq(r->step, "-"))
		note_resume(s);
	if (r->verb == J_END)
		*ended = true;
	else if (takes_back(r) || r->verb == J_BEGIN)
		*ended = false;
}

void runstate_read(struct runstate *s, const struct journal *j, const struct run_step *steps, size_t n)
{
	bool ended = false;

	*s = (struct runstate){ .plan = steps, .n = n, .steps = xcalloc(n, sizeof(*s->steps)) };
	for (size_t i = 0; i < j->n; i++) {
		struct step_state *st = find(s, j->recs[i].step);

		run_record(s, &j->recs[i], &ended);
		if (st)
			step_record(st, &j->recs[i]);
	}
	s->finished = ended;
	for (size_t i = 0; i < n; i++) {
		s->finished = s->finished && s->steps[i].status == RUN_DONE;
		s->degraded = s->degraded || s->steps[i].degraded > 0;
	}
}

void runstate_free(struct runstate *s)
{
	free(s->steps);
	*s = (struct runstate){ .n = 0 };
}

/* ---- what to do ---- */

static bool work_follows(const struct runstate *s, size_t i)
{
	for (size_t k = i + 1; k < s->n; k++)
		if (s->steps[k].status != RUN_DONE)
			return true;
	return false;
}

static enum run_action again(const struct run_step *p)
{
	if (p->effect == STEP_EPHEMERAL || p->resume == STEP_VERIFY_FIRST)
		return p->can_verify ? RUN_VERIFY : RUN_START;
	return p->resume == STEP_ASK ? RUN_REFUSE : RUN_START;
}

enum run_action runstate_action(const struct runstate *s, size_t i)
{
	const struct run_step *p = &s->plan[i];
	const struct step_state *st = &s->steps[i];

	switch (st->status) {
	case RUN_DONE:
		return p->effect == STEP_EPHEMERAL && work_follows(s, i) ? again(p) : RUN_SKIP;
	case RUN_BEGUN:
	case RUN_FAILED:
		return again(p);
	default:
		/* What was decided in an earlier run may have been made by it, should the journal have lost lines since. */
		return st->decided_before && p->resume == STEP_VERIFY_FIRST ? again(p) : RUN_START;
	}
}

/* ---- facts and consent: backwards until the step was taken back ---- */

const char *runstate_fact(const struct journal *j, const char *step, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = j->n; i-- > 0;) {
		const struct journal_rec *r = &j->recs[i];

		if (!str_eq(r->step, step))
			continue;
		if (takes_back(r))
			return NULL;
		if (r->verb == J_FACT && (n == 0 || (strncmp(r->payload, key, n) == 0 && r->payload[n] == '=')))
			return n == 0 ? r->payload : r->payload + n + 1;
	}
	return NULL;
}

bool runstate_consented(const struct journal *j, const char *step, const char *payload)
{
	for (size_t i = j->n; i-- > 0;) {
		const struct journal_rec *r = &j->recs[i];

		if (!str_eq(r->step, step))
			continue;
		if (takes_back(r))
			return false;
		if (r->verb == J_CONSENT && str_eq(r->payload, payload))
			return true;
	}
	return false;
}

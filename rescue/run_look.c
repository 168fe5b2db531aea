/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before the first byte: which steps there are, what earlier runs did of them, and whether each could be done now. */
#include "fault.h"
#include "run.h"

/* Steps with STEP_ASK and an option `repeatable: yes` are an ordinary rerun. */
static bool is_repeatable(const struct plan_step *s)
{
	for (size_t i = 0; i < s->vals.n_kids; i++) {
		const struct opt_val *v = &s->vals.kids[i];

		if (v->key && str_eq(v->key, "repeatable") && v->text)
			return str_eq(v->text, "yes") || str_eq(v->text, "true") || str_eq(v->text, "on");
	}
	return false;
}

void run_fill_steps(struct run *r)
{
	r->rs = xcalloc(r->plan->n_steps, sizeof(*r->rs));
	for (size_t i = 0; i < r->plan->n_steps; i++) {
		const struct plan_step *s = &r->plan->steps[i];

		r->rs[i] = (struct run_step){ .id = s->id, .effect = s->type->effect, .resume = s->type->resume, .can_verify = s->type->verify };
		if (r->rs[i].resume == STEP_ASK && is_repeatable(s))
			r->rs[i].resume = STEP_RERUN;
	}
}

void run_read_state(struct run *r)
{
	runstate_free(&r->st);
	runstate_read(&r->st, &r->j, r->rs, r->plan->n_steps);
	r->degraded = r->st.degraded;
}

int run_check_repeat(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->plan->n_steps; i++) {
		if (runstate_action(&r->st, i) != RUN_REFUSE)
			continue;
		err_set(e, -EPERM, "%s: was begun before and did not finish, and it is not known to be repeatable: look at what it did (rescue log %s), then "
			"give --from %s to run it again", r->rs[i].id, r->rs[i].id, r->rs[i].id);
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

/* decide and preflight of one step; what is not there yet is asked again right before the step runs. */
static int look_at(struct run *r, size_t i, struct err *e)
{
	int rc = run_hook(r, i, RUN_DECIDE, e);

	if (rc < 0)
		return rc;
	fault_point("run.decided");
	r->decided[i] = rc == 0;
	rc = run_hook(r, i, RUN_PREFLIGHT, e);
	if (rc < 0)
		return rc;
	r->later[i] = rc == STEP_LATER || !r->decided[i];
	return 0;
}

/* Every step is looked at, so that a person hears of everything that is wrong at once. */
int run_look(struct run *r)
{
	size_t bad = 0;

	for (size_t i = 0; i < r->plan->n_steps; i++) {
		struct err e = ERR_INIT;

		if (runstate_action(&r->st, i) == RUN_SKIP)
			continue;
		if (hooks_cancelled(&r->hooks))
			return EXIT_CANCELLED;
		if (look_at(r, i, &e) == 0)
			continue;
		if (e.code == -ECANCELED && r->hooks.cancel)
			return EXIT_CANCELLED;
		bad++;
		run_say(r, i, UI_ERROR, "refused", e.msg);
	}
	if (r->broken)
		return EXIT_STATE;
	if (bad)
		ui_event(&r->ui, UI_INFO, "hint", NULL, "", "%zu of %zu steps cannot be done; no step was run", bad, r->plan->n_steps);
	return bad ? EXIT_REFUSED : EXIT_DONE;
}

int run_check_from(struct run *r)
{
	CLEANUP(strv_free) struct strv ids = STRV_INIT;
	const char *near;

	if (!r->o->from || plan_step(r->plan, r->o->from))
		return EXIT_DONE;
	for (size_t i = 0; i < r->plan->n_steps; i++)
		strv_add(&ids, r->plan->steps[i].id);
	near = ids.n ? str_nearest(r->o->from, (const char *const *)ids.v) : NULL;
	ui_event(&r->ui, UI_ERROR, "usage", NULL, "", "--from %s: the plan has no such step%s%s%s", r->o->from, near ? ", did you mean '" : "",
		 near ? near : "", near ? "'?" : "");
	return EXIT_USAGE;
}

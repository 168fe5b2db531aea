/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order, and nothing but the order:
 *
 *   plan valid, each device found once, shown   (--dry-run ends here)
 *   state directory, journal, whose it is
 *   read-only devices made so; decide and preflight of every step; consent
 *   each step:  begin on disk -> run -> verify -> done on disk
 *   end
 */
#include "fault.h"
#include "run.h"

/* ---- one step ---- */

static void say(struct run *r, size_t i, enum ui_kind kind, const char *event, const char *text)
{
	char place[32];

	ui_event(&r->ui, kind, event, r->plan->steps[i].id, run_place(r, i, place), "%s", text);
}

/* Cancelled is a failure that nobody made. After `begin` the journal hears of both. */
static int failed(struct run *r, size_t i, bool begun, const struct err *e)
{
	AUTO_FREE char *log = run_log_path(r, i);
	AUTO_FREE char *text = xstrdup(e->msg);
	struct err ignored = ERR_INIT;
	bool cancelled = e->code == -ECANCELED && r->hooks.cancel;

	if (begun || !cancelled)
		(void)run_record(r, r->plan->steps[i].id, J_FAIL, text, &ignored);
	say(r, i, cancelled ? UI_STEP : UI_ERROR, cancelled ? "cancelled" : "fail", text);
	if (!cancelled)
		ui_event(&r->ui, UI_INFO, "hint", NULL, "", "what it printed: %s; the same command goes on from this step", log);
	return cancelled ? EXIT_CANCELLED : r->broken ? EXIT_STATE : EXIT_FAILED;
}

static int done(struct run *r, size_t i, const char *text)
{
	struct err e = ERR_INIT;

	fault_point("run.verified");
	if (run_record(r, r->plan->steps[i].id, J_DONE, "", &e) < 0)
		return failed(r, i, true, &e);
	fault_point("run.done");
	if (run_witness_add(r, i, &e) < 0)
		return failed(r, i, true, &e);
	say(r, i, UI_STEP, "done", text);
	return EXIT_DONE;
}

static int verified(struct run *r, size_t i, uint64_t since)
{
	struct err e = ERR_INIT;
	AUTO_FREE char *text = NULL;
	int rc = run_hook(r, i, RUN_CHECK, &e);

	if (rc == 0 && !*e.msg)
		err_set(&e, -EIO, "verify says no");
	if (rc == 0)
		err_wrap(&e, -EIO, "it was done, but does not hold");
	else if (rc < 0)
		err_wrap(&e, rc, "cannot be verified");
	if (rc != 1)
		return failed(r, i, true, &e);
	text = xasprintf("done (%llu s)", (unsigned long long)((ui_now_ms() - since) / 1000));
	return done(r, i, text);
}

static int act(struct run *r, size_t i)
{
	struct err e = ERR_INIT;
	AUTO_FREE char *text = xasprintf("begin: %s", r->plan->steps[i].type->summary);
	uint64_t since = ui_now_ms();
	int rc;

	say(r, i, UI_STEP, "begin", text);
	fault_point("run.begin");
	rc = run_record(r, r->plan->steps[i].id, J_BEGIN, "", &e);
	if (rc < 0)
		return failed(r, i, false, &e);
	fault_point("run.begun");
	rc = run_hook(r, i, RUN_RUN, &e);
	fault_point("run.acted");
	return rc < 0 ? failed(r, i, true, &e) : verified(r, i, since);
}

/* What could not be judged before the steps in front of it had run. */
static int judge_late(struct run *r, size_t i)
{
	struct err e = ERR_INIT;
	int rc = 0;

	if (!r->later[i])
		return EXIT_DONE;
	if (!r->decided[i])
		rc = run_hook(r, i, RUN_DECIDE, &e);
	if (rc >= 0)
		rc = run_hook(r, i, RUN_PREFLIGHT, &e);
	return rc < 0 ? failed(r, i, false, &e) : EXIT_DONE;
}

static int do_step(struct run *r, size_t i)
{
	enum run_action a = runstate_action(&r->st, i);
	struct err e = ERR_INIT;
	int rc;

	if (a == RUN_SKIP) {
		say(r, i, UI_STEP, "skip", "done before");
		return EXIT_DONE;
	}
	if (a == RUN_VERIFY) {
		rc = run_hook(r, i, RUN_CHECK, &e);
		if (rc == 1)
			return done(r, i, "holds already");
		if (rc == -ECANCELED && r->hooks.cancel)
			return failed(r, i, false, &e);
	}
	rc = judge_late(r, i);
	return rc == EXIT_DONE ? act(r, i) : rc;
}

static int all_steps(struct run *r)
{
	int rc = EXIT_DONE;

	for (size_t i = 0; rc == EXIT_DONE && i < r->plan->n_steps; i++) {
		if (hooks_cancelled(&r->hooks)) {
			ui_event(&r->ui, UI_STEP, "cancelled", NULL, "", "cancelled before step '%s'", r->plan->steps[i].id);
			return EXIT_CANCELLED;
		}
		rc = do_step(r, i);
	}
	return rc;
}

/* ---- before the first byte ---- */

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

static void fill_steps(struct run *r)
{
	r->rs = xcalloc(r->plan->n_steps, sizeof(*r->rs));
	for (size_t i = 0; i < r->plan->n_steps; i++) {
		const struct plan_step *s = &r->plan->steps[i];

		r->rs[i] = (struct run_step){ .id = s->id, .effect = s->type->effect, .resume = s->type->resume, .can_verify = s->type->verify };
		if (r->rs[i].resume == STEP_ASK && is_repeatable(s))
			r->rs[i].resume = STEP_RERUN;
	}
}

static void read_state(struct run *r)
{
	runstate_free(&r->st);
	runstate_read(&r->st, &r->j, r->rs, r->plan->n_steps);
	r->degraded = r->st.degraded;
}

static int check_repeat(struct run *r, struct err *e)
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
static int look(struct run *r)
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
		say(r, i, UI_ERROR, "refused", e.msg);
	}
	if (r->broken)
		return EXIT_STATE;
	if (bad)
		ui_event(&r->ui, UI_INFO, "hint", NULL, "", "%zu of %zu steps cannot be done; no step was run", bad, r->plan->n_steps);
	return bad ? EXIT_REFUSED : EXIT_DONE;
}

static int check_from(struct run *r)
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

/* ---- the phases ---- */

static int refuse(struct run *r, int code, const struct err *e)
{
	if (code == EXIT_CANCELLED)
		ui_event(&r->ui, UI_STEP, "cancelled", NULL, "", "cancelled; no step was run");
	else
		ui_event(&r->ui, UI_ERROR, "refused", NULL, "", "%s", e->msg);
	return code;
}

static int open_plan(struct run *r)
{
	struct err e = ERR_INIT;

	if (plan_load(r->o->plan, &r->plan, &e) < 0)
		return refuse(r, EXIT_REFUSED, &e);
	r->state = r->o->state ? xstrdup(r->o->state) : runner_default_state(r->plan->name);
	fill_steps(r);
	if (check_from(r) != EXIT_DONE)
		return EXIT_USAGE;
	return run_dev_open(r, &e) < 0 ? refuse(r, EXIT_REFUSED, &e) : EXIT_DONE;
}

static int dry_run(struct run *r)
{
	struct err e = ERR_INIT;
	int rc = journal_read(&r->j, r->state, &e);

	if (rc < 0 && rc != -ENOENT)
		return refuse(r, EXIT_JOURNAL, &e);
	read_state(r);
	run_show(r);
	ui_event(&r->ui, UI_INFO, "end", NULL, "", "dry run: nothing was changed");
	return EXIT_DONE;
}

/* State directory, journal, resume. EXIT_CODE_MAX: finished before, nothing to do (T59). */
static int open_state(struct run *r)
{
	struct err e = ERR_INIT;
	int rc = run_state_open(r, &e);

	if (rc != EXIT_DONE)
		return refuse(r, rc, &e);
	if (r->j.torn)
		ui_event(&r->ui, UI_WARN, "warning", NULL, "", "the journal's last line was torn and is cut off, going on");
	read_state(r);
	if (r->st.finished && !r->o->from && !r->o->shell && str_eq(r->st.digest, r->plan->digest)) {
		ui_event(&r->ui, UI_INFO, "finished", NULL, "", "plan '%s' is finished%s; nothing was done (--from STEP runs a part of it again)",
			 r->plan->name ? r->plan->name : r->plan->path, r->st.degraded ? ", degraded" : "");
		run_dev_release(r);
		return EXIT_CODE_MAX;
	}
	if (r->j.n == 0)
		run_show(r);
	rc = run_state_begin(r, &e);
	if (rc != EXIT_DONE)
		return refuse(r, rc, &e);
	read_state(r);
	if (run_witness_check(r, &e) < 0)
		return refuse(r, EXIT_JOURNAL, &e);
	rc = r->o->shell ? EXIT_DONE : check_repeat(r, &e);
	return rc == EXIT_DONE ? rc : refuse(r, rc, &e);
}

static int end(struct run *r)
{
	struct err e = ERR_INIT;

	read_state(r);          /* a step that started over does not count its earlier losses */
	fault_point("run.end");
	if (run_record(r, "-", J_END, r->degraded ? "degraded" : "done", &e) < 0)
		return refuse(r, EXIT_STATE, &e);
	fault_point("run.ended");
	if (r->o->ret_acted)
		*r->o->ret_acted = true;
	ui_event(&r->ui, UI_INFO, "end", NULL, "", "plan '%s' is done%s", r->plan->name ? r->plan->name : r->plan->path,
		 r->degraded ? ", but not everything could be had: see the warnings above and 'rescue status'" : "");
	return r->degraded ? EXIT_DEGRADED : EXIT_DONE;
}

static int in_namespace(struct run *r)
{
	struct err e = ERR_INIT;
	int rc;

	r->decided = xcalloc(r->plan->n_steps, sizeof(*r->decided));
	r->later = xcalloc(r->plan->n_steps, sizeof(*r->later));
	if (run_dev_protect(r, &e) < 0)
		return refuse(r, r->broken ? EXIT_STATE : EXIT_REFUSED, &e);
	if (r->o->shell)
		return run_shell(r);
	rc = look(r);
	if (rc != EXIT_DONE)
		return rc;
	fault_point("run.looked");
	rc = run_consent(r, &e);
	if (rc != EXIT_DONE)
		return refuse(r, rc, &e);
	rc = all_steps(r);
	return rc == EXIT_DONE ? end(r) : rc;
}

static int enter(struct run *r, struct err *e)
{
	int rc = run_keeper_start(r, e);

	if (rc == 0)
		rc = run_ns_enter(r, e);
	if (rc == 0)
		rc = run_keeper_tell(r, e);
	hooks_adopt();
	return rc;
}

static int with_state(struct run *r)
{
	struct err e = ERR_INIT;
	int rc = open_state(r);

	if (rc == EXIT_DONE && enter(r, &e) < 0)
		rc = refuse(r, EXIT_REFUSED, &e);
	if (rc == EXIT_DONE) {
		rc = in_namespace(r);
		run_dev_restore(r);
	}
	run_ns_leave(r);
	run_keeper_stop(r);
	return rc == EXIT_CODE_MAX ? EXIT_DONE : rc;
}

static int with_hooks(struct run *r)
{
	struct err e = ERR_INIT;
	int rc;

	if (hooks_open(&r->hooks, &r->ui, &e) < 0)
		rc = refuse(r, EXIT_REFUSED, &e);
	else
		rc = with_state(r);
	hooks_close(&r->hooks);
	return rc;
}

int runner_run(const struct runner_opts *o)
{
	struct run r = { .o = o, .j = JOURNAL_INIT, .keeper = -1 };
	int rc;

	ui_init(&r.ui, o->json);
	rc = open_plan(&r);
	if (rc == EXIT_DONE)
		rc = o->dry_run ? dry_run(&r) : with_hooks(&r);
	if (o->json)
		ui_event(&r.ui, UI_INFO, "exit", NULL, "", "%d", rc);
	runstate_free(&r.st);
	journal_close(&r.j);
	run_dev_free(&r);
	plan_free(r.plan);
	free(r.rs);
	free(r.decided);
	free(r.later);
	free(r.state);
	return rc;
}

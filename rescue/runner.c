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

void run_say(struct run *r, size_t i, enum ui_kind kind, const char *event, const char *text)
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
	run_say(r, i, cancelled ? UI_STEP : UI_ERROR, cancelled ? "cancelled" : "fail", text);
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
	run_say(r, i, UI_STEP, "done", text);
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

	run_say(r, i, UI_STEP, "begin", text);
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
		run_say(r, i, UI_STEP, "skip", "done before");
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
	run_fill_steps(r);
	if (run_check_from(r) != EXIT_DONE)
		return EXIT_USAGE;
	return run_dev_open(r, &e) < 0 ? refuse(r, EXIT_REFUSED, &e) : EXIT_DONE;
}

static int dry_run(struct run *r)
{
	struct err e = ERR_INIT;
	int rc = journal_read(&r->j, r->state, &e);

	if (rc < 0 && rc != -ENOENT)
		return refuse(r, EXIT_JOURNAL, &e);
	run_read_state(r);
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
	run_read_state(r);
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
	run_read_state(r);
	if (run_witness_check(r, &e) < 0)
		return refuse(r, EXIT_JOURNAL, &e);
	rc = r->o->shell ? EXIT_DONE : run_check_repeat(r, &e);
	return rc == EXIT_DONE ? rc : refuse(r, rc, &e);
}

static int end(struct run *r)
{
	struct err e = ERR_INIT;

	run_read_state(r);          /* a step that started over does not count its earlier losses */
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
	rc = run_look(r);
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

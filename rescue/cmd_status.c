/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "cmd.h"
#include "cmd_state.h"
#include "ui.h"

static const char *state_dir;
static bool json;

static const struct cmd_opt opts[] = {
	{ "state", CMD_TEXT, &state_dir, "DIR", "State directory of the run; default: the one that was used last." },
	{ "json", CMD_FLAG, &json, NULL, "Print JSON, one object a line." },
	CMD_END
};

static void add_when(struct str *s, uint64_t t)
{
	char buf[32];
	time_t when = (time_t)t;
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%SZ", &tm);
	str_add(s, buf);
}

static void describe(const struct step_state *st, struct str *s)
{
	str_add(s, run_status_name(st->status));
	if (st->status == RUN_DONE && st->ended >= st->began && st->began)
		str_addf(s, " (%llu s)", (unsigned long long)(st->ended - st->began));
	if (st->status != RUN_NEW && (st->ended || st->began)) {
		str_add(s, ", ");
		add_when(s, st->ended ? st->ended : st->began);
	}
	if (st->failure)
		str_addf(s, ": %s", st->failure);
	if (st->last_mark && st->status != RUN_DONE)
		str_addf(s, "; newest mark: %s", st->last_mark);
	if (st->degraded)
		str_addf(s, "; degraded: %s%s", st->degradation, st->degraded > 1 ? " (and more, see the journal)" : "");
}

static const char *summary(const struct cmd_state *s)
{
	if (s->st.finished)
		return s->st.degraded ? "finished, degraded: not everything could be had" : "finished";
	for (size_t i = 0; i < s->st.n; i++)
		if (s->st.steps[i].status == RUN_FAILED || s->st.steps[i].failure)
			return "stopped after a failure; 'rescue run PLAN' goes on from there";
	return "not finished; 'rescue run PLAN' goes on";
}

static int run(int argc, char **argv)
{
	struct cmd_state s;
	struct err e = ERR_INIT;
	struct ui ui;
	int rc = cmd_state_open(&s, state_dir, &e);

	(void)argc;
	(void)argv;
	if (rc != EXIT_DONE) {
		cmd_error("%s", e.msg);
		cmd_state_close(&s);
		return rc;
	}
	ui_init(&ui, json);
	ui_event(&ui, UI_INFO, "status", NULL, "", "plan '%s' in %s: %s", s.plan->name ? s.plan->name : "", s.dir, summary(&s));
	for (size_t i = 0; i < s.st.n; i++) {
		CLEANUP(str_free) struct str text = STR_INIT;

		describe(&s.st.steps[i], &text);
		ui_event(&ui, UI_INFO, run_status_name(s.st.steps[i].status), s.rs[i].id, "", "  %2zu %-14s %s", i + 1, s.rs[i].id, str_cstr(&text));
	}
	cmd_state_close(&s);
	return EXIT_DONE;
}

const struct cmd cmd_status = {
	.name = "status", .summary = "Say where a run stands, step by step.", .usage = "", .opts = opts, .run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/reboot.h>

#include "child.h"
#include "cmd.h"
#include "plan.h"
#include "runner.h"

static struct runner_opts o;
static struct strv yes_erase;
static bool stay;

static const struct cmd_opt opts[] = {
	{ "dry-run", CMD_FLAG, &o.dry_run, NULL, "Check the plan, find each device, show what would be done, change nothing." },
	{ "state", CMD_TEXT, &o.state, "DIR", "State directory: journal, logs, reports; default: " RUNNER_STATE_ROOT "/NAME-OF-THE-PLAN." },
	{ "yes-erase", CMD_LIST, &yes_erase, "IDENTITY", "Agree that the device with this serial (or other identity) is destroyed; may be given again." },
	{ "from", CMD_TEXT, &o.from, "STEP", "Take this step and everything after it back, and run them again." },
	{ "accept-changes", CMD_FLAG, &o.accept_changes, NULL, "Go on although the plan was changed since the run began." },
	{ "json", CMD_FLAG, &o.json, NULL, "Print events as JSON, one object a line." },
	{ "volatile-state", CMD_FLAG, &o.volatile_state, NULL, "Allow a state directory that a reboot forgets." },
	{ "stay", CMD_FLAG, &stay, NULL, "Do not restart or power off at the end, whatever the plan's finish says." },
	CMD_END
};

/* The plan's `finish`, after everything else of the run is closed. */
static void finish(const char *path)
{
	static const struct { const char *prog; int how; } ways[] = { { NULL, 0 }, { "reboot", RB_AUTOBOOT }, { "poweroff", RB_POWER_OFF } };
	struct plan *p = NULL;
	AUTO_FREE char *prog = NULL;
	struct err e = ERR_INIT;
	int f;

	if (plan_load(path, &p, &e) < 0)
		return;
	f = p->finish;
	plan_free(p);
	if (f <= 0 || f >= (int)ARRAY_SIZE(ways))
		return;
	sync();
	prog = child_find(ways[f].prog);
	if (prog && child_runl(&e, prog, NULL) == 0)
		return;
	(void)reboot(ways[f].how);
	cmd_error("%s: %s", ways[f].prog, *e.msg ? e.msg : "did not happen");
}

static int run(int argc, char **argv)
{
	bool acted = false;
	int rc;

	(void)argc;
	o.plan = argv[0];
	o.yes_erase = &yes_erase;
	o.ret_acted = &acted;
	rc = runner_run(&o);
	strv_free(&yes_erase);
	if (!stay && acted && (rc == EXIT_DONE || rc == EXIT_DEGRADED))
		finish(argv[0]);
	return rc;
}

const struct cmd cmd_run = {
	.name = "run", .summary = "Run a plan, or go on with it where it stopped.", .usage = "PLAN", .opts = opts, .run = run,
	.manual = "Looks first: every option, every device, every step's preflight, and consent for everything that will be destroyed, before the\n"
		  "first byte is written. Then step by step; what was done is in the journal before the next thing happens. After a failure, a\n"
		  "cancel (Ctrl-C; twice kills) or a power cut, the same command goes on.",
};

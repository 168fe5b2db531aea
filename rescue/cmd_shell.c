/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"
#include "cmd_state.h"
#include "runner.h"

static const char *state_dir;

static const struct cmd_opt opts[] = {
	{ "state", CMD_TEXT, &state_dir, "DIR", "State directory of the run; default: the one that was used last." },
	CMD_END
};

static int run(int argc, char **argv)
{
	struct cmd_state s;
	struct err e = ERR_INIT;
	int rc = cmd_state_open(&s, state_dir, &e);

	(void)argc;
	(void)argv;
	if (rc == EXIT_DONE)
		rc = runner_run(&(struct runner_opts){ .plan = s.plan_path, .state = s.dir, .shell = true, .volatile_state = true });
	else
		cmd_error("%s", e.msg);
	cmd_state_close(&s);
	return rc;
}

const struct cmd cmd_shell = {
	.name = "shell", .summary = "Open a shell inside a run's mounts.", .usage = "", .opts = opts, .run = run,
	.manual = "Mounts, opened containers and activated volumes that the run had made are established again first. Devices of the plan are\n"
		  "mounted below $RESCUE_RUNTIME/dev with the access that the plan gives them. Everything ends with the shell.",
};

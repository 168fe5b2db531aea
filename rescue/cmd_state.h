/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_state.h - which state directory `status`, `log` and `shell` mean, and what is in it. */
#ifndef RESCUE_CMD_STATE_H
#define RESCUE_CMD_STATE_H

#include "journal.h"
#include "plan.h"
#include "runstate.h"

struct cmd_state {
	char *dir;
	char *plan_path;
	struct plan *plan;
	struct journal j;
	struct run_step *rs;
	struct runstate st;
};

/* `given` or, when NULL, the folder below RUNNER_STATE_ROOT whose journal changed last. An exit code, with a sentence. */
int cmd_state_open(struct cmd_state *s, const char *given, struct err *e);
void cmd_state_close(struct cmd_state *s);

#endif

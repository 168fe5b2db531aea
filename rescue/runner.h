/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runner.h - runs a plan: looks, decides, asks for consent, acts, verifies, and remembers. Everything that knows the order is behind this.
 *
 *   return runner_run(&(struct runner_opts){ .plan = argv[0], .state = "/var/lib/rescue/web-01" });
 */
#ifndef RESCUE_RUNNER_H
#define RESCUE_RUNNER_H

#include "exitcode.h"
#include "err.h"
#include "str.h"

#define RUNNER_STATE_ROOT "/var/lib/rescue"

struct runner_opts {
	const char *plan;               /* file */
	const char *state;              /* folder, or NULL: RUNNER_STATE_ROOT/NAME */
	const char *from;               /* step to take back, with everything after it, or NULL */
	const struct strv *yes_erase;   /* identities, or NULL */
	bool dry_run, accept_changes, json, volatile_state;
	bool *ret_acted;                /* set when the plan came to its end in this run, not in an earlier one; or NULL */
	bool shell;                     /* establish what is ephemeral, then open a shell instead of going on */
};

/* Speaks; returns a code of exitcode.h. */
int runner_run(const struct runner_opts *o);

/* Folder of a plan's state when --state is not given: its name in letters, digits and '-'. The caller frees. */
char *runner_default_state(const char *plan_name);

#endif

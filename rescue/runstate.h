/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runstate.h - what a journal says about each step, and what a resumed run does with it. Pure: looks at nothing but its arguments.
 *
 *   runstate_read(&s, &journal, steps, n);
 *   switch (runstate_action(&s, i)) { ... }
 *   runstate_free(&s);
 *
 * The strings of a runstate belong to the journal, which must live longer and not grow meanwhile.
 */
#ifndef RESCUE_RUNSTATE_H
#define RESCUE_RUNSTATE_H

#include "journal.h"
#include "step.h"

struct run_step {               /* what the plan says about a step */
	const char *id;
	enum step_effect effect;
	enum step_resume resume;
	bool can_verify;
};

enum run_status { RUN_NEW, RUN_BEGUN, RUN_FAILED, RUN_DONE, RUN_STATUS_MAX };

struct step_state {
	enum run_status status;
	const char *last_mark;          /* newest, or NULL */
	const char *failure;            /* sentence of the newest failure that nothing followed, or NULL */
	const char *degradation;        /* newest, or NULL */
	size_t degraded, marks, facts;
	bool decided_before;            /* facts were decided before the newest resume */
	uint64_t began, ended;          /* seconds since 1970, 0: not yet */
};

struct runstate {
	const char *digest;             /* SHA-256 of the plan that the journal is for now, or NULL: nothing was recorded yet */
	bool finished;                  /* the plan ended, and every step that it has now is done */
	bool degraded;
	const struct run_step *plan;
	struct step_state *steps;       /* in the plan's order */
	size_t n;
};

void runstate_read(struct runstate *s, const struct journal *j, const struct run_step *steps, size_t n);
void runstate_free(struct runstate *s);

enum run_action {
	RUN_SKIP,               /* done: nothing to do */
	RUN_START,              /* run, then verify */
	RUN_VERIFY,             /* verify first; run when it does not hold */
	RUN_REFUSE,             /* begun once and must not be repeated without a person */
};

/* What to do with step i. An ephemeral step that is done is established again when a later step has still to run. */
enum run_action runstate_action(const struct runstate *s, size_t i);

/* Fact "ID.KEY" as it stands now (a step that was taken back has none), or NULL. */
const char *runstate_fact(const struct journal *j, const char *step, const char *key);
/* True when the step was consented to for this "DEVICE=IDENTITY" and not taken back since. */
bool runstate_consented(const struct journal *j, const char *step, const char *payload);

/* A J_RESUME record with this payload takes a step back to the start: marks, facts, consent and outcome no longer count. */
#define RUNSTATE_AGAIN "again"

const char *run_status_name(enum run_status s);

#endif

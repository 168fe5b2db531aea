/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h - one run, as the files run_*.c and runner.c share it. Nobody else includes this.
 */
#ifndef RESCUE_RUN_H
#define RESCUE_RUN_H

#include "hook.h"
#include "journal.h"
#include "plan.h"
#include "runner.h"
#include "runstate.h"

enum run_hook { RUN_DECIDE, RUN_PREFLIGHT, RUN_RUN, RUN_CHECK };

struct run_dev {
	const struct plan_device *pd;
	char *identity;                 /* "serial S3Z8NB0K partition 2": what the plan says, for people and for consent */
	char *word;                     /* `erase`: the one word of it that a person types or gives to --yes-erase */
	char *node;                     /* device node at this moment, NULL: not there (yet) */
	dev_t rdev;
	bool ro_set, ro_was;            /* we made it read-only; it was read-only before */
	char *mnt;                      /* where it is mounted for this run, or NULL */
};

struct run {
	const struct runner_opts *o;
	struct plan *plan;
	struct run_step *rs;            /* the plan's steps as runstate wants them */
	struct journal j;
	struct runstate st;             /* as the journal had it when the run began */
	char *state;                    /* state directory */
	char *runtime;                  /* scratch on tmpfs in our mount namespace */
	struct run_dev *dev;
	size_t n_dev;
	struct ui ui;
	struct hooks hooks;
	int keeper;                     /* pipe to the keeper, -1: none */
	bool *decided, *later;          /* a step: decide() ran; preflight() could not judge yet */
	bool degraded;
	bool stdin_wanted;              /* the hook that is about to start reads standard input */
	bool broken;                    /* the journal cannot be written: stop */
};


/* ---- run_state.c: the state directory ---- */

/* Makes, checks and opens it; loads the journal. An exit code; EXIT_DONE: go on. */
int run_state_open(struct run *r, struct err *e);
/* First record, or the resume; refuses another plan's journal. An exit code. */
int run_state_begin(struct run *r, struct err *e);
char *run_log_path(const struct run *r, size_t step);   /* the caller frees */

/* ---- run_diff.c: what changed between two plans ---- */
void plan_diff(const struct plan *was, const struct plan *now, struct strv *ret);      /* sentences; empty: nothing that matters */

/* ---- run_dev.c: devices, their nodes, flags and mounts ---- */
int run_dev_open(struct run *r, struct err *e);         /* resolves each device to exactly one thing */
void run_dev_free(struct run *r);
int run_dev_protect(struct run *r, struct err *e);      /* `read` devices read-only, before anything else touches them */
void run_dev_restore(struct run *r);                    /* unmounts, flags as they were */
void run_dev_release(struct run *r);                    /* flags that a run which was killed could not give back */
struct run_dev *run_dev_find(struct run *r, const char *name);
/* Fills device nodes and paths into self for a hook. `act`: write devices are mounted too. Before preflight and run, what will be erased is
 * guarded: still the same device, used by nobody. *ret_missing: something is not there yet. */
int run_dev_fill(struct run *r, size_t step, void *self, enum run_hook hook, bool act, bool *ret_missing, struct err *e);
int run_dev_mount(struct run *r, size_t step, struct run_dev *d, struct err *e);       /* for the shell; nothing for `erase` devices */
dev_t run_rdev(const char *node);                       /* 0: not a block device */

/* ---- run_under.c ---- */
bool run_dev_conflict(struct run *r, const char *dir, struct err *e);   /* dir lies on a device that must not be written: sentence */

/* ---- run_resolve.c: identity to device node ---- */
/* *ret_node: the one device that matches, or NULL when it is not there yet (a partition that a step makes). `known`: where it was last. */
int run_resolve(const struct plan *p, const struct plan_device *d, const char *known, char **ret_node, struct err *e);
int run_guard(const struct plan_device *d, const char *node, struct err *e);   /* still the same one, and nobody uses it */

/* ---- run_ns.c: mount namespace and scratch ---- */
int run_ns_enter(struct run *r, struct err *e);
void run_ns_leave(struct run *r);

/* ---- run_keeper.c: ends what a killed runner leaves; holds the lock until then ---- */
int run_keeper_start(struct run *r, struct err *e);
int run_keeper_tell(struct run *r, struct err *e);
void run_keeper_stop(struct run *r);

/* ---- run_witness.c: what must not be done twice is remembered twice ---- */
int run_witness_add(struct run *r, size_t step, struct err *e);         /* after its `done` */
int run_witness_remove(struct run *r, size_t step, struct err *e);      /* before it is taken back */
int run_witness_check(struct run *r, struct err *e);                    /* -EBADMSG: the journal lost lines */

/* ---- run_refs.c: which devices a step names, without applying its options (facts may be unknown yet) ---- */
int run_refs_each(const struct opt *table, const struct opt_val *map, int (*fn)(const struct opt *row, const char *device, bool path, void *arg),
		  void *arg);

/* ---- run_consent.c ---- */
int run_consent(struct run *r, struct err *e);          /* an exit code */
bool run_consent_given(const struct run *r, const struct run_dev *d);   /* by the plan or the command line */

/* ---- run_show.c ---- */
void run_show(struct run *r);                           /* the whole plan, with what a run would do */

/* ---- run_step.c: hooks of one step ---- */
/* Calls a hook in its own process. Decide and preflight: 0, STEP_LATER, -errno; run: 0, -errno; check: 1, 0, -errno. */
int run_hook(struct run *r, size_t step, enum run_hook hook, struct err *e);
const char *run_place(const struct run *r, size_t step, char buf[32]);  /* "[2/5] " */
int run_record(struct run *r, const char *step, enum journal_verb verb, const char *payload, struct err *e);

/* ---- run_shell.c ---- */
int run_shell(struct run *r);

/* ---- runner.c ---- */
void run_say(struct run *r, size_t step, enum ui_kind kind, const char *event, const char *text);

/* ---- run_look.c; what returns an int: an exit code ---- */
void run_fill_steps(struct run *r);                     /* r->rs from the plan */
void run_read_state(struct run *r);                     /* r->st from the journal */
int run_check_repeat(struct run *r, struct err *e);     /* a step begun before that may not run twice */
int run_check_from(struct run *r);                      /* --from names a step of the plan */
int run_look(struct run *r);                            /* decide and preflight of every step, all troubles said */

#endif

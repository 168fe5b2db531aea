/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * step.h - the contract between a step type and whatever runs it. A step sees this, the helpers, and nothing else:
 * not the runner, the journal, the plan or another step.
 *
 * One step type = one file in steps/ with one public symbol `const struct step_type step_NAME`, one line in steps/steps.def, one test.
 * steps/write_file.c is the template.
 *
 * Each hook is called in a fresh child process (own process group, the run's private mount namespace, standard input /dev/null,
 * standard output and error captured into the step's log), with `self` filled from the plan. Nothing that a hook leaves in memory
 * reaches the next hook: use facts (decided once, small) and marks (progress that is safe). Whatever process a hook leaves behind is killed
 * when it returns. decide() is called again after a crash: it must keep a fact that is there. A hook that must undo something when it is
 * cancelled asks step_cancelled() from time to time; one that never asks is ended by SIGTERM at once.
 */
#ifndef RESCUE_STEP_H
#define RESCUE_STEP_H

#include "err.h"
#include "opt.h"

enum step_effect {
	STEP_LOOKS,             /* changes nothing */
	STEP_EPHEMERAL,         /* gone after a reboot: established again on every resume, whatever the journal says */
	STEP_DURABLE,
	STEP_DESTRUCTIVE,       /* needs consent for every device it opens with ACCESS_ERASE */
};

enum step_resume {
	STEP_RERUN,             /* begun but not done: run again from the start */
	STEP_VERIFY_FIRST,      /* ask verify() first; when it holds, the step is done */
	STEP_FROM_MARK,         /* run again; it continues from step_last_mark() */
	STEP_ASK,               /* may not be repeated without a person: stop with a sentence. A bool option `repeatable: yes` makes it RERUN */
};

#define STEP_LATER 1            /* preflight: cannot be judged yet; asked again right before run */

struct step_io;

struct step_type {
	const char *name, *summary;     /* plan word (kebab-case); one sentence: capital letter, full stop */
	const char *manual;             /* more paragraphs for the manual (plain text, blank line between), or NULL */
	const struct opt *opts;
	size_t size;                    /* of the private struct filled from opts */
	enum step_effect effect;
	enum step_resume resume;
	const char *facts;              /* names of the facts it sets, separated by one space ("uuid label"), or NULL */
	int (*decide)(void *self, struct step_io *io, struct err *e);    /* picks identities: step_fact_set(). 0, -errno. NULL: nothing */
	int (*preflight)(void *self, struct step_io *io, struct err *e); /* changes nothing. 0, STEP_LATER, -errno. NULL: 0 */
	int (*run)(void *self, struct step_io *io, struct err *e);       /* 0, -errno */
	int (*verify)(void *self, struct step_io *io, struct err *e);    /* looks at the world: 1 holds, 0 does not (sentence in e), -errno cannot tell */
};

/* ---- what a hook may ask and say ---- */

/* A fact of this step (key "uuid") as decided earlier in this or a previous run, or NULL. Owned by io. */
const char *step_fact(struct step_io *io, const char *key);
/* Decides a fact: on stable storage when it returns 0. Keys: [a-z0-9_]; values: one line. */
int step_fact_set(struct step_io *io, const char *key, const char *value, struct err *e);

/* Vouches for everything before it: call only after the data was synced. On stable storage when it returns 0. One line of text. */
int step_mark(struct step_io *io, const char *text, struct err *e);
/* Text of the newest mark of this step, or NULL. Owned by io. */
const char *step_last_mark(struct step_io *io);
/* True when an earlier attempt of this step was begun and not done. */
bool step_is_resume(struct step_io *io);

struct step_progress {
	uint64_t bytes, bytes_total;    /* total 0: unknown */
	uint64_t items, items_total;    /* files, blocks, ... */
	uint64_t errors;
	const char *current;            /* what it works on now, or NULL */
};

/* Cheap: may be called for every file; at most ten a second are sent. Never blocks. Feeds stall detection: call it when there IS progress. */
void step_progress(struct step_io *io, const struct step_progress *p);

/* A line for the person and the log. A warning ends with what happens next ("..., going on"). */
void step_note(struct step_io *io, const char *fmt, ...) PRINTF_LIKE(2, 3);
void step_warn(struct step_io *io, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The step will succeed, but not with everything that was asked for (files lost, entry refused): the run's exit code says so. */
void step_degraded(struct step_io *io, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A folder of this step's own in the state directory, durable, kept after the run: reports, manifests, mapfiles. Made when first asked. */
const char *step_dir(struct step_io *io, struct err *e);
/* The run's scratch folder on tmpfs: gone with the run. */
const char *step_runtime_dir(struct step_io *io);
/* Identity text of a device of the plan for messages ("serial S3Z8NB0K partition 2"). Owned by io; never NULL. */
const char *step_identity(struct step_io *io, const char *device_name);
/* Device nodes of the plan that carry the state directory or have read/write access only, for a step that must keep away from them. */
bool step_may_erase(struct step_io *io, const char *device_path);
/* Asks the person at the console; 1 yes, 0 no, -EAGAIN when nobody can be asked. Only `confirm` uses it. */
int step_ask(struct step_io *io, const char *question, struct err *e);
/* True after SIGTERM: a long loop should sync, mark and return -ECANCELED. A step that never asks is simply ended. */
bool step_cancelled(struct step_io *io);

/* ---- registry ---- */

extern const struct step_type *const step_types[];      /* in the order of steps.def, NULL-terminated */
const struct step_type *step_type_find(const char *name);

/* ---- for unit tests of a step: an io without a runner; facts and marks are kept in memory ---- */
struct step_io *step_io_new_test(const char *dir);      /* dir: becomes step_dir and step_runtime_dir */
void step_io_free(struct step_io *io);

#endif

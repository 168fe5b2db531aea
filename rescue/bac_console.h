/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_console.h - Bacula's own programs, made to behave: no question can be asked, every end is looked at, silence is noticed.
 *
 * A restore through the Director: a File Daemon is started here (its working folder on tmpfs, backups of it disabled, so that the
 * Director's schedule cannot back up the rescue system over the real backups), the restore command gets every keyword (T89), the job is
 * polled to its end, its log is kept as joblog.txt in the step's folder, zero files are a failure (T88).
 */
#ifndef RESCUE_BAC_CONSOLE_H
#define RESCUE_BAC_CONSOLE_H

#include "err.h"
#include "step.h"

struct bac_console {
	const char *config;             /* bconsole.conf */
	const char *fd_config;          /* bacula-fd.conf, or NULL: a File Daemon runs already */
	const char *client, *restore_client, *fileset, *job, *before, *where;
	const char *storage, *pool;     /* salvage; NULL: as the job says */
	uint64_t silence_s;
	struct step_io *io;
};

struct bac_job {
	uint64_t id, files, bytes;
	char status;                    /* T W E f A ... */
	uint64_t errors;
};

/* The Director answers: 0, or a sentence: not reachable, wrong password, no bconsole. */
int bac_console_check(const char *config, struct err *e);
int bac_console_restore(const struct bac_console *c, struct err *e);
/* Runs the backup job c->job and waits for its end. */
int bac_console_backup(const struct bac_console *c, const char *level, struct bac_job *ret, struct err *e);
/* 1 when the step's folder says that its job ended well. */
int bac_console_holds(struct step_io *io, struct err *e);
/* Asks the Director about that job again: 1 it is in the catalog, ended well, with at least so many files; 0 with a sentence. */
int bac_console_in_catalog(const struct bac_console *c, uint64_t min_files, struct err *e);
int bac_bextract(const char *volumes, const char *bsr, const char *to, struct step_io *io, struct err *e);

/* ---- shared by bac_console.c, bac_console_restore.c and bac_earlier.c ---- */

struct bac_resume;

#define BAC_ASK_S 90            /* time for one question to the Director */

/* Sends commands, gives everything that was printed. The connection itself must have worked. */
int bac_console_ask(const char *config, const char *commands, uint64_t timeout_s, struct str *out, struct err *e);
/* Words of the plan that would change a command are refused. */
int bac_console_words(const struct bac_console *c, struct err *e);
/* The command has the step's comment (bac_earlier.h). out: what the Director said. */
int bac_console_start(const struct bac_console *c, const char *command, struct str *out, uint64_t *ret, struct err *e);
int bac_console_wait(const struct bac_console *c, const char *client, struct bac_resume *resume, struct bac_job *j, struct err *e);
/* One line of what llist prints, "   JobFiles: 1,234": its value if `key` is its name, else NULL. Within `line`, which is cut. */
char *bac_llist_value(char *line, const char *key);
uint64_t bac_llist_number(const char *text);    /* "1,234" */
bool bac_job_runs(char status);         /* JobStatus of the catalog: it waits or runs */
void bac_console_cancel(const struct bac_console *c, uint64_t id);
void bac_console_keep_log(const struct bac_console *c, uint64_t id, struct err *e);
/* `resumed`: files of an earlier attempt are there, so that none may be missing. */
int bac_console_judge(const struct bac_console *c, const struct bac_job *j, bool resumed, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_resume.h - a restore by the Director goes on after an interruption.
 *
 * Bacula cannot be told where to begin, but what to leave out (bac_remain.h), and the File Daemon can be told to leave files alone. While the job
 * runs, the target is synced every few seconds and the time before that is the step's mark. After an interruption everything younger than the
 * mark is taken out of the target (half a file, or one that was not on the disk yet), and so are files whose own time was not set yet, however
 * long ago their data stopped coming; what is left is whole, has its time from the backup, and so is not "older" for `replace=ifolder`.
 *
 * That needs a target without files before the first attempt, and a clock that only goes forward. Without them all is restored again.
 */
#ifndef RESCUE_BAC_RESUME_H
#define RESCUE_BAC_RESUME_H

#include "err.h"
#include "step.h"

struct bac_resume {
	struct step_io *io;
	const char *target;
	bool goes_on;                   /* files of an earlier attempt are kept */
	bool useless;                   /* a mark would promise too much: there were files before, or the clock was set */
	int64_t mark;                   /* goes_on: what was changed before it (ms since 1970) and is still there is whole */
	int64_t clock;                  /* what the clock shows minus how long the system runs, in ms */
	uint64_t last_ms;
};

/* Before the job is started. */
int bac_resume_begin(struct bac_resume *b, struct step_io *io, const char *target, struct err *e);
/* From time to time while the job runs. */
int bac_resume_mark(struct bac_resume *b, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_earlier.h - jobs at the Director that an attempt before this one has started.
 *
 * A kill or a power cut leaves them there: they wait for our File Daemon, and run as soon as the next attempt starts one, beside the next
 * attempt's own job, into the same files. Every job of a step carries a comment that no other step and no other run has, so that a job is
 * found even if we were killed before the Director told us its number.
 */
#ifndef RESCUE_BAC_EARLIER_H
#define RESCUE_BAC_EARLIER_H

#include "bac_console.h"

/* "rescue UUID", the same for all attempts of the step; the caller frees. NULL: e says why. */
char *bac_earlier_comment(struct step_io *io, struct err *e);
/* Cancels all jobs of this step that run, but job `except` (0: all), and waits until the catalog says that they ended, 15 s at most. */
int bac_earlier_stop(const struct bac_console *c, uint64_t except, struct err *e);

/* For tests: jobs with that comment that run, in `text` as `llist jobs` prints it, the first `n` of them. How many. */
size_t bac_earlier_find(const char *text, const char *comment, uint64_t *ids, size_t n);

#endif

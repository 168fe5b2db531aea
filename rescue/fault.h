/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault.h - named points at which tests kill the whole run, as a power cut would.
 *
 *   fault_point("journal.append.synced");
 *
 * RESCUE_FAULT=NAME:N    kills (SIGKILL) the runner and this process when NAME is passed for the N-th time (1 = first) in a run.
 * RESCUE_FAULT_TRACE=F   appends one line "NAME" to F at every passage instead, so that a test can enumerate them.
 * Passages are counted over all processes of a run (shared memory set up by fault_init in the runner). Without either variable a
 * point costs one test of a static flag.
 */
#ifndef RESCUE_FAULT_H
#define RESCUE_FAULT_H

void fault_init(void);                  /* once, in main(), before any fork: remembers this process as the one to kill */
void fault_point(const char *name);

#endif

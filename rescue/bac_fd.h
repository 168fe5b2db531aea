/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_fd.h - a File Daemon for the time of one job, in the rescue environment.
 *
 * Its configuration is the machine's own with three changes: working and pid folders are in `dir` (tmpfs), and what this job does not need
 * is disabled. A daemon that restores takes no backup: the Director's schedule cannot save the rescue system as if it were the machine.
 */
#ifndef RESCUE_BAC_FD_H
#define RESCUE_BAC_FD_H

#include "err.h"
#include "str.h"

struct bac_fd {
	pid_t pid;
	char *dir;
};

#define BAC_FD_INIT { 0, NULL }

/* job: 'r' restores, 'b' backs up. */
int bac_fd_start(struct bac_fd *f, const char *config, const char *dir, char job, struct err *e);
void bac_fd_stop(struct bac_fd *f);
int bac_fd_config(const char *text, const char *dir, char job, struct str *ret, struct err *e);


#endif

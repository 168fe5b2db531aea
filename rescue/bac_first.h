/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_first.h - the first backup of a recovered machine: a script of plain sh that goes into the target and needs nothing of rescue there.
 *
 * It runs the machine's own backup job through the Director, remembers its number (a restart goes on with the same job), follows it to its
 * end and asks the catalog: ended well, with files. Then /var/lib/rescue/backup-done exists; until then backup-problem says why not.
 */
#ifndef RESCUE_BAC_FIRST_H
#define RESCUE_BAC_FIRST_H

#include "err.h"

#define BAC_FIRST "var/lib/rescue/first-backup"         /* below the target's root */

/* -EINVAL with a sentence: a name that Bacula does not take, or that would change the command. */
int bac_first_check(const char *job, const char *console, struct err *e);
/* The script, to be freed. */
char *bac_first_script(const char *job, const char *console);
/* A systemd unit that runs it until it succeeded. */
extern const char bac_first_unit[];

#endif

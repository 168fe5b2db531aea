/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_bacula_show.h - what `rescue bacula` shows: sessions and entries on standard output, progress on standard error when that is a terminal.
 */
#ifndef RESCUE_CMD_BACULA_SHOW_H
#define RESCUE_CMD_BACULA_SHOW_H

#include "bac_restore.h"

extern bool bac_show_silent;    /* no progress */

/* Microseconds since 1970 as local time; "-" for 0. */
void bac_show_time(uint64_t us, char *buf, size_t n);
void bac_show_session(const struct bac_session *s, bool json);
void bac_show_entry(const struct bac_session *s, const struct bac_attr *a, bool json);

void bac_show_scan(void *arg, const char *volume, uint64_t pos, uint64_t size);
void bac_show_progress(void *arg, const struct bac_progress *p);
/* Takes the line of progress away. */
void bac_show_end(void);

#endif

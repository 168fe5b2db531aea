/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_event.h - where in a log the crash is: the first event that led to the end, not the panic that only ended it. Part of pstore_explain.h.
 *
 *   CLEANUP(pstore_lines_free) struct pstore_lines l = { NULL, NULL, 0 };
 *   pstore_lines_split(&l, log, len);
 *   ev = pstore_event_find(&l);
 */
#ifndef RESCUE_PSTORE_EVENT_H
#define RESCUE_PSTORE_EVENT_H

#include "pstore_explain.h"

/* The log as lines: pointers into a copy in which each '\n' became NUL (and each NUL a space). */
struct pstore_lines {
	char *text;
	char **v;
	size_t n;
};

struct pstore_event {
	size_t line;            /* SIZE_MAX: none */
	size_t panic;           /* line of the panic, SIZE_MAX: none */
	enum pstore_kind kind;
};

void pstore_lines_split(struct pstore_lines *l, const char *log, size_t len);
void pstore_lines_free(struct pstore_lines *l);
struct pstore_event pstore_event_find(const struct pstore_lines *l);
/* What a line (without level and time stamp) starts, PSTORE_KIND_NONE: nothing. */
enum pstore_kind pstore_event_kind(const char *line);
bool pstore_event_is_fatal(enum pstore_kind k);         /* an exception in the kernel: an oops */

#endif

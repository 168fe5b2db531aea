/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * err.h - one sentence and one code, without allocation.
 *
 * A function that can fail returns 0 (or another value >= 0) or -errno and takes `struct err *e` last.
 * The innermost function says what and why; callers may add where:
 *
 *   if (fd < 0)
 *           return err_errno(e, "open '%s'", path);         "open '/x': No such file or directory"
 *   r = journal_append(...);
 *   if (r < 0)
 *           return err_wrap(e, r, "journal");               "journal: open '/x': No such ..."
 *
 * Grammar: `<where>: <what>: <why>`, lower case, no full stop. `e` may be NULL: the code is returned all the same.
 */
#ifndef RESCUE_ERR_H
#define RESCUE_ERR_H

#include <errno.h>

#include "base.h"

struct err {
	int code;               /* -errno of the last err_* call, 0 when nothing was set */
	char msg[1024];         /* the sentence; cut off with "..." when it does not fit */
};

#define ERR_INIT { 0, "" }

/* Sets the sentence; `code` is a negative errno. Returns code. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same with ": strerror(errno)" appended; returns -errno (never 0). */
int err_errno(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same for a negative errno that was returned. */
int err_code(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts "<text>: " before the sentence that is there. Returns code. */
int err_wrap(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
void err_clear(struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ui.h - what a run says: events as lines for people or as JSON objects, and progress.
 *
 * On a terminal progress is one line that is written over; elsewhere one plain line every 10 seconds; with --json one object a second.
 * Only the runner and the commands speak; a reader that went away (SIGPIPE is ignored) never stops a run.
 */
#ifndef RESCUE_UI_H
#define RESCUE_UI_H

#include "step.h"

struct ui {
	bool json, tty;
	bool line_open;                 /* a progress line stands on the terminal */
	uint64_t shown_ms;              /* when progress was shown last */
};

enum ui_kind { UI_INFO, UI_STEP, UI_NOTE, UI_WARN, UI_ERROR };

void ui_init(struct ui *u, bool json);
/* event: a word for --json ("begin"); step: its id or NULL; place: "[2/5] " or "". Errors go to standard error. */
void ui_event(struct ui *u, enum ui_kind kind, const char *event, const char *step, const char *place, const char *fmt, ...)
	PRINTF_LIKE(6, 7);

/* ---- progress of one hook ---- */

struct ui_rate {                        /* bytes and items over the last ten seconds */
	struct { uint64_t ms, bytes, items; } at[11];
	unsigned int n;
};

struct ui_progress {
	struct step_progress p;         /* p.current points to `current` */
	char current[256];
	struct ui_rate rate;
	uint64_t started_ms;
};

void ui_progress_add(struct ui_progress *up, const struct step_progress *p, uint64_t now_ms);
/* "1.2 GiB of 4.0 GiB (30 %), 1234 files, 85.0 MiB/s, 0:45 left, 2 errors". */
void ui_progress_text(const struct ui_progress *up, uint64_t now_ms, struct str *s);
/* Shows it when it is time to; `done` shows it at once where it is a line of its own. */
void ui_progress_show(struct ui *u, const struct ui_progress *up, const char *step, const char *place, uint64_t now_ms);
void ui_progress_end(struct ui *u);

/* ---- ui_out.c: output that never holds a run ---- */

/*
 * Writes to standard output or error. A terminal that stands still, or a pipe whose reader sleeps, holds nobody: what it does not take
 * waits (up to 1 MiB, then later messages are counted instead of kept) and goes out with the next call. Files are written at once.
 */
void ui_put(int fd, const char *text);
bool ui_drain(void);                    /* writes what goes now; true: something still waits */
void ui_flush(void);                    /* waits until all is out, for a terminal a minute at most; called at exit */

uint64_t ui_now_ms(void);               /* CLOCK_MONOTONIC */

#endif

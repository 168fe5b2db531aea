/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hook_watch.h - what the files of hook.h share: one child that is being watched. */
#ifndef RESCUE_HOOK_WATCH_H
#define RESCUE_HOOK_WATCH_H

#include "hook.h"

enum source { SRC_SIGNAL, SRC_TIMER, SRC_CHILD, SRC_MESSAGE, SRC_OUTPUT, SRC_TERMINAL };

struct watch {
	struct hooks *hs;
	struct hook *h;
	struct hook_log log;
	pid_t pid;
	int pidfd, sock, out;           /* -1: none, or at its end */
	bool ended, result, given_up, asking;
	int status, code;
	struct err err;                 /* the hook's sentence */
	struct ui_progress progress;
	uint64_t started, alive;        /* ms: start, newest sign of life */
	uint64_t stalls;                /* how often it was found stalled since then */
	uint64_t stopped;               /* ms of SIGTERM, 0: not asked to stop */
	uint64_t killed;                /* ms of SIGKILL */
	int why;                        /* -ECANCELED, -ETIMEDOUT: why we end it */
	char why_text[64];
};

int watch_add(int ep, int fd, enum source src, struct err *e);
void watch_kill(struct watch *w, uint64_t now);         /* SIGKILL to the whole group, once */
int watch_spawn(struct watch *w, struct err *e);        /* hook_child.c: forks; the child runs the hook and never returns */
void watch_messages(struct watch *w, bool all);         /* hook_message.c: takes in what the child says; all: until there is no more */
void watch_terminal(struct watch *w);                   /* a person answered */

#endif

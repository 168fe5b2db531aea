/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook.h - one hook of one step in a child process of its own, watched by an event loop that nothing can block.
 *
 *   hooks_open(&hs, &ui, &e);                      signals, timer, epoll: once a run
 *   r = hook_run(&hs, &h, &e);                     what fn returned, or -ECANCELED, -ETIMEDOUT, -EIO with a sentence
 *   hooks_close(&hs);
 *
 * The child leads its own process group and dies with us. Its output is drained into the log without ever waiting for it; messages come
 * over a SOCK_SEQPACKET pair (step_io.h). When it ends, everything that it left behind (also what left its group: we are a subreaper) is
 * killed. A child that does not even react to SIGKILL (state D) is given up with a sentence; it never holds us.
 *
 * Without pidfd_open(2) (an old kernel, valgrind) SIGCHLD alone is used.
 */
#ifndef RESCUE_HOOK_H
#define RESCUE_HOOK_H

#include <signal.h>

#include "step_io.h"
#include "ui.h"

struct hooks {
	struct ui *ui;
	int ep, sig, timer;
	sigset_t old_mask;
	int cancel;                     /* how often a person or init said stop: 1 asks, 2 kills */
};

struct hook {
	const char *name;               /* "run", "verify", ... for the log */
	const char *step, *place;       /* for messages: its id and "[2/5] " */
	int (*fn)(void *arg, struct step_io *io, struct err *e);
	void *arg;
	struct step_io_init io;         /* all but fd */
	uint64_t stall_s, timeout_s;    /* 0: off */
	bool stall_cancel;
	bool keep_stdin;                /* ours, for a step that reads an archive from it; else /dev/null */
	const char *log_path;
	/* Called for facts, marks, degradations: its result and sentence are the answer. Notes and warnings: nothing is answered. */
	int (*on_message)(void *ctx, const struct step_msg *m, struct err *e);
	void *ctx;
	/* out */
	bool ended_by_us;               /* cancelled, timed out, stalled: e says why */
	struct step_progress progress;  /* the last numbers */
};

int hooks_open(struct hooks *hs, struct ui *ui, struct err *e);
void hooks_adopt(void);                 /* from now on orphans of our children come to us */
void hooks_close(struct hooks *hs);
int hook_run(struct hooks *hs, struct hook *h, struct err *e);
/* Takes note of signals that arrived between hooks. True when the run is to stop. */
bool hooks_cancelled(struct hooks *hs);

/* Reads one line from the terminal; waits for as long as it takes, or for a signal (-ECANCELED). -EAGAIN: no terminal. The caller frees. */
int hooks_read_line(struct hooks *hs, char **ret, struct err *e);

/* ---- hook_proc.c: processes ---- */

/* Every process below `root` (not itself): children, theirs, and so on. Returns the count; the caller frees *ret. */
size_t proc_descendants(pid_t root, pid_t **ret);
/* State, wchan, kernel stack and system call of each thread of `pid` and of everything below it. */
void proc_describe(pid_t pid, struct str *s);
/* 'D' when one of its threads sleeps uninterruptibly, else its state letter, 0 when it is gone. */
char proc_state(pid_t pid);
/* Kills and reaps whatever is below us. Gives up after `ms`; number of processes that are left. */
size_t proc_kill_rest(uint64_t ms);

/* ---- hook_log.c: logs/NN-name.log, written by the runner only ---- */

#define LOG_MAX (64 * MIB)      /* a step that prints more loses the rest, not the state directory */

struct hook_log {
	int fd;                         /* -1: not opened yet, -2: cannot be */
	const char *path, *head;
	bool full;
	uint64_t size;
};

void hook_log_write(struct hook_log *l, const void *data, size_t n);
void hook_log_line(struct hook_log *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
void hook_log_close(struct hook_log *l);

#endif

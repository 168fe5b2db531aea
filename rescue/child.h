/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child.h - run another program, and know the difference between "not found" and "failed".
 *
 *   struct child c = { .argv = argv, .timeout_s = 600 };
 *   r = child_run(&c, &e);       0: exit code 0; else -errno and "mkfs.btrfs: exit code 1: ERROR: ..." in e
 *
 * Standard input is /dev/null unless given: nothing can wait for a person. The child dies with its parent (PR_SET_PDEATHSIG).
 * Environment: PATH as ours with the sbin folders added, LC_ALL=C.UTF-8.
 */
#ifndef RESCUE_CHILD_H
#define RESCUE_CHILD_H

#include "err.h"
#include "str.h"

struct child {
	const char *const *argv;        /* argv[0] is looked up in PATH (of the chroot when root is set) */
	const char *root;               /* chroot(2) there first, or NULL */
	const char *cwd;                /* or NULL */
	const char *const *env;         /* more "NAME=value" pairs, NULL-terminated, or NULL */
	const char *input;              /* text for standard input, or NULL for /dev/null */
	size_t input_len;
	int stdin_fd, stdout_fd;        /* used when > 0: a descriptor to use; else as the other fields say */
	struct str *out;                /* collects standard output, or NULL: it goes where ours goes (a step's log) */
	size_t out_max;                 /* more output than this is dropped, oldest kept; 0 = 16 MiB */
	uint64_t timeout_s;             /* seconds until SIGTERM, then SIGKILL 5 s later; 0 = none */
	bool quiet_stderr;              /* standard error is collected for the error sentence but not passed on to ours */
	int exit_code;                  /* out: exit code when it ended by itself, else -1 */
	int term_signal;                /* out: signal that ended it, else 0 */
};

/* Returns 0 when the program ended with exit code 0; -ENOENT when it does not exist, -ETIMEDOUT, -EINTR for a signal, -EIO for another exit code. */
int child_run(struct child *c, struct err *e);
/*
 * For a process whose whole group gets SIGTERM (a step): from now on the signal, unless it has a handler, ends us only after the program
 * that runs has ended, so that it can put its things in order.
 */
void child_outlive_term(void);
/* Shorthand: child_runl(&e, "mkfs.xfs", "-f", dev, NULL). */
int child_runl(struct err *e, const char *prog, ...) __attribute__((sentinel));
/* Standard output of a program, without the last newline; the caller frees. */
int child_output(const char *const *argv, char **ret, struct err *e);
/* Full path of a program in our PATH plus the sbin folders, or NULL; the caller frees. */
char *child_find(const char *prog);

#endif

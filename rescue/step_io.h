/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * step_io.h - the two ends of a step's line to its runner. Steps include step.h only; this is for the runner and for tests.
 *
 * One SOCK_SEQPACKET socketpair a hook. Each packet is a struct step_msg with text behind it. Facts, marks, degradations and questions
 * are answered with STEP_MSG_ACK after they are in the journal; notes are not answered; progress is sent without waiting and may be lost.
 * STEP_MSG_RESULT is the last packet: the hook's return value and its sentence.
 */
#ifndef RESCUE_STEP_IO_H
#define RESCUE_STEP_IO_H

#include "step.h"

enum step_msg_type {
	STEP_MSG_FACT,          /* text: KEY=VALUE */
	STEP_MSG_MARK,
	STEP_MSG_DEGRADED,
	STEP_MSG_NOTE,
	STEP_MSG_WARN,
	STEP_MSG_PROGRESS,      /* v: bytes, bytes_total, items, items_total, errors; text: current */
	STEP_MSG_ASK,           /* answered with code 1, 0 or -EAGAIN */
	STEP_MSG_RESULT,
	STEP_MSG_ACK,           /* runner to step: code; text: sentence */
	STEP_MSG_MAX
};

#define STEP_MSG_TEXT 16384     /* longer text is refused (facts, marks) or cut (notes) */

struct step_msg {
	uint32_t type;
	int32_t code;
	uint64_t v[5];
	char text[STEP_MSG_TEXT];
};

/* Sends one packet; text may be NULL. flags: MSG_DONTWAIT or 0. 0 or -errno. */
int step_msg_send(int fd, enum step_msg_type type, int code, const uint64_t v[5], const char *text, int flags);
/* Receives one: 1; 0 at the end or when the packet makes no sense; -errno (-EAGAIN: nothing there now). text is always terminated. */
int step_msg_recv(int fd, struct step_msg *m, int flags);

struct step_io_device {
	char *name, *identity;
	bool may_erase;
	dev_t rdev;             /* 0: not there */
};

/* Everything a hook may ask for, as the runner knows it when the hook starts. Strings are copied. */
struct step_io_init {
	int fd;                 /* the step's end of the socketpair */
	const char *const *facts;       /* "KEY=VALUE", NULL-terminated, or NULL */
	const char *last_mark;
	bool resume;
	const char *dir, *runtime_dir;
	const struct step_io_device *devices;
	size_t n_devices;
};

struct step_io *step_io_new(const struct step_io_init *init);
/* Sends what is left of the progress, then the result. */
void step_io_result(struct step_io *io, int code, const struct err *e);

/* Unit tests: what notes, warnings and degradations said so far ("note: ...\nwarning: ...\ndegraded: ...\n"), and a resumed attempt. */
const char *step_io_test_log(struct step_io *io);
void step_io_test_resume(struct step_io *io, const char *last_mark);
void step_io_test_answer(struct step_io *io, int answer);       /* what step_ask() returns: 1, 0 or -EAGAIN (the default) */

#endif

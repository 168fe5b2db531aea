/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exitcode.h - what the exit code of `rescue` says. One list: the enum, `rescue help run` and the manual read it.
 */
#ifndef RESCUE_EXITCODE_H
#define RESCUE_EXITCODE_H

#define EXIT_CODES(X) \
	X(EXIT_DONE,      0, "done: everything that was asked for holds (also: the plan had finished before)") \
	X(EXIT_FAILED,    1, "a step failed; nothing after it was run; the same command goes on from there") \
	X(EXIT_USAGE,     2, "the command line is wrong") \
	X(EXIT_REFUSED,   3, "the plan was refused; nothing was changed") \
	X(EXIT_CONSENT,   4, "a destructive step needs consent; nothing was changed") \
	X(EXIT_JOURNAL,   5, "the journal is damaged or belongs to another plan; nothing was changed") \
	X(EXIT_BUSY,      6, "another run uses this state directory") \
	X(EXIT_DEGRADED,  7, "done, but not everything that was asked for could be had: see the report") \
	X(EXIT_CANCELLED, 8, "cancelled; the same command goes on where it stopped") \
	X(EXIT_STATE,     9, "the state directory cannot be used")

#define EXIT_CODE_ENUM(name, number, text) name = number,
enum exit_code { EXIT_CODES(EXIT_CODE_ENUM) EXIT_CODE_MAX };

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd.h - the commands of `rescue`. One file rescue/cmd_NAME.c with one public symbol and one line in cmd.def:
 *
 *   static bool json;
 *   static const char *state;
 *   static const struct cmd_opt opts[] = {
 *           { "json", CMD_FLAG, &json, NULL, "Print events as JSON, one object a line." },
 *           { "state", CMD_TEXT, &state, "DIR", "Where the journal is." },
 *           CMD_END
 *   };
 *   static int run(int argc, char **argv) { ... }       argv[0..argc-1]: the arguments behind the options
 *   const struct cmd cmd_status = { .name = "status", .summary = "Say where a plan stands.", .usage = "[PLAN]",
 *                                   .opts = opts, .run = run };
 *
 * `usage` is also the rule for the number of arguments: "PLAN" one, "[STEP]" one or none, "FILE..." or "[FILE...]" any more.
 * run() speaks (it is the top) and returns a code of exitcode.h.
 */
#ifndef RESCUE_CMD_H
#define RESCUE_CMD_H

#include "exitcode.h"
#include "str.h"

#ifndef RESCUE_VERSION
#define RESCUE_VERSION "0.1"
#endif

enum cmd_opt_type {
	CMD_FLAG,               /* bool * */
	CMD_TEXT,               /* const char **; points into argv */
	CMD_LIST,               /* struct strv *; may be given again */
};

struct cmd_opt {
	const char *name;       /* "dry-run": given as --dry-run */
	enum cmd_opt_type type;
	void *value;
	const char *arg;        /* the value's name in the help: "DIR"; NULL for a flag */
	const char *help;       /* a sentence: capital letter, full stop */
};

#define CMD_END { NULL, CMD_FLAG, NULL, NULL, NULL }

struct cmd {
	const char *name, *summary;     /* the word; one sentence: capital letter, full stop */
	const char *usage;              /* arguments, or "" */
	const char *manual;             /* more paragraphs, or NULL */
	const struct cmd_opt *opts;     /* ends with CMD_END; NULL: none */
	int (*run)(int argc, char **argv);
};

extern const struct cmd *const cmds[];          /* in the order of cmd.def, NULL-terminated */
const struct cmd *cmd_find(const char *name);
/* Takes the options out of argv (permuting it) and stores them. Number of arguments left, or -EINVAL with a sentence. */
int cmd_parse(const struct cmd *c, int argc, char **argv, struct str *ret_error);
/* Everything behind main(): picks the command, parses, runs. Returns the exit code. */
int cmd_main(int argc, char **argv);
/* "rescue: TEXT" on standard error. */
void cmd_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif

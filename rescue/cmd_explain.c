/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"
#include "manual.h"

static int list(void)
{
	printf("step types ('rescue explain TYPE' shows one):\n");
	for (size_t i = 0; step_types[i]; i++)
		printf("  %-16s %s\n", step_types[i]->name, step_types[i]->summary);
	return EXIT_DONE;
}

static int unknown(const char *word)
{
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	const char *near;

	for (size_t i = 0; step_types[i]; i++)
		strv_add(&names, step_types[i]->name);
	near = names.n ? str_nearest(word, (const char *const *)names.v) : NULL;
	cmd_error("there is no step type '%s'%s%s%s", word, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "; 'rescue explain' lists them");
	return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	const struct step_type *t = argc ? step_type_find(argv[0]) : NULL;

	if (argc == 0)
		return list();
	if (!t)
		return unknown(argv[0]);
	manual_step_text(&out, t);
	fputs(str_cstr(&out), stdout);
	return EXIT_DONE;
}

const struct cmd cmd_explain = {
	.name = "explain", .summary = "List the step types, or explain one with all its options.", .usage = "[STEP-TYPE]", .run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"
#include "step.h"

/* The words behind a command: its options, and what its arguments can be. */
static void add_case(struct str *out, const struct cmd *c)
{
	str_addf(out, "\t%s) words=\"", c->name);
	for (const struct cmd_opt *o = c->opts; o && o->name; o++)
		str_addf(out, "--%s ", o->name);
	if (str_eq(c->name, "explain"))
		for (size_t i = 0; step_types[i]; i++)
			str_addf(out, "%s ", step_types[i]->name);
	str_add(out, "\" ;;\n");
}

static int run(int argc UNUSED, char **argv UNUSED)
{
	CLEANUP(str_free) struct str out = STR_INIT;

	str_add(&out, "# bash completion for rescue, written by `rescue completion`\n_rescue() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} words\n"
		      "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords=\"help");
	for (size_t i = 0; cmds[i]; i++)
		str_addf(&out, " %s", cmds[i]->name);
	str_add(&out, "\"\n\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; cmds[i]; i++)
		add_case(&out, cmds[i]);
	str_add(&out, "\t*) words= ;;\n\tesac\n\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"; compgen -f -- \"$cur\")\n}\n"
		      "complete -o filenames -F _rescue rescue\n");
	fputs(str_cstr(&out), stdout);
	return EXIT_DONE;
}

const struct cmd cmd_completion = {
	.name = "completion", .summary = "Write the completion for bash: source <(rescue completion).", .usage = "", .run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rescue completion: a bash script made from the same tables as help and manual. */
#include "cmd.h"
#include "step.h"

static const char *words_for(const char *usage)
{
	if (strstr(usage, "STEP-TYPE"))
		return "steps";
	return strstr(usage, "PLAN") || strstr(usage, "FILE") || strstr(usage, "DIR") || strstr(usage, "PATH") ? "files" : "none";
}

static void add_case(struct str *s, const struct cmd *c)
{
	CLEANUP(str_free) struct str opts = STR_INIT, valued = STR_INIT;

	str_add(&opts, "--help");
	for (const struct cmd_opt *o = c->opts; o && o->name; o++) {
		str_addf(&opts, " --%s", o->name);
		if (o->type != CMD_FLAG)
			str_addf(&valued, "%s--%s", valued.len ? " " : "", o->name);
	}
	str_addf(s, "\t%s) opts='%s' valued='%s' args=%s ;;\n", c->name, str_cstr(&opts), str_cstr(&valued), words_for(c->usage ? c->usage : ""));
}

static void add_script(struct str *s)
{
	CLEANUP(str_free) struct str names = STR_INIT, types = STR_INIT;

	for (size_t i = 0; cmds[i]; i++)
		str_addf(&names, "%s ", cmds[i]->name);
	for (size_t i = 0; step_types[i]; i++)
		str_addf(&types, "%s ", step_types[i]->name);
	str_add(s, "# bash completion for rescue(8), made by 'rescue completion'\n_rescue()\n{\n"
		   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} opts= valued= args=none\n\tCOMPREPLY=()\n");
	str_addf(s, "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '%shelp --help --version' -- \"$cur\"))\n\t\treturn\n\tfi\n",
		 str_cstr(&names));
	str_addf(s, "\tcase ${COMP_WORDS[1]} in\n\thelp) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", str_cstr(&names));
	for (size_t i = 0; cmds[i]; i++)
		add_case(s, cmds[i]);
	str_add(s, "\tesac\n\tcase \" $valued \" in *\" $prev \"*) COMPREPLY=($(compgen -f -- \"$cur\")); return ;; esac\n"
		   "\tcase $cur in -*) COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\")); return ;; esac\n\tcase $args in\n");
	str_addf(s, "\tsteps) COMPREPLY=($(compgen -W '%sdevices options exit-codes' -- \"$cur\")) ;;\n", str_cstr(&types));
	str_add(s, "\tfiles) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n\tesac\n}\ncomplete -o filenames -F _rescue rescue\n");
}

static int run(int argc, char **argv)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	(void)argc;
	(void)argv;
	add_script(&s);
	fputs(str_cstr(&s), stdout);
	return EXIT_DONE;
}

const struct cmd cmd_completion = {
	.name = "completion", .summary = "Print a script that completes commands, options and step types in bash.", .usage = "",
	.manual = "For this shell: eval \"$(rescue completion)\".",
	.run = run,
};

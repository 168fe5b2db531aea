/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"

#include <errno.h>
#include <stdarg.h>

#define CMD(name) extern const struct cmd cmd_##name;
#include "cmd.def"
#undef CMD

const struct cmd *const cmds[] = {
#define CMD(name) &cmd_##name,
#include "cmd.def"
#undef CMD
	NULL
};

const struct cmd *cmd_find(const char *name)
{
	for (size_t i = 0; cmds[i]; i++)
		if (str_eq(cmds[i]->name, name))
			return cmds[i];
	return NULL;
}

void cmd_error(const char *fmt, ...)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	va_list ap;
	char *text = NULL;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	str_addf(&s, "rescue: %s\n", text ? text : fmt);
	free(text);
	fflush(stdout);
	fputs(str_cstr(&s), stderr);
}

/* ---- options ---- */

static const struct cmd_opt *opt_find(const struct cmd *c, const char *name, size_t len)
{
	for (const struct cmd_opt *o = c->opts; o && o->name; o++)
		if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static int unknown(const struct cmd *c, const char *name, size_t len, struct str *err)
{
	AUTO_FREE char *word = xstrndup(name, len);
	CLEANUP(strv_free) struct strv words = STRV_INIT;
	const char *near;

	for (const struct cmd_opt *o = c->opts; o && o->name; o++)
		strv_add(&words, o->name);
	near = words.n ? str_nearest(word, (const char *const *)words.v) : NULL;
	str_addf(err, "%s: --%s: unknown option", c->name, word);
	if (near)
		str_addf(err, ", did you mean '--%s'?", near);
	return -EINVAL;
}

static void store(const struct cmd_opt *o, const char *value)
{
	switch (o->type) {
	case CMD_FLAG:
		*(bool *)o->value = true;
		break;
	case CMD_TEXT:
		*(const char **)o->value = value;
		break;
	case CMD_LIST:
		strv_add(o->value, value);
		break;
	}
}

/* One option at argv[*i]; moves *i to its value when that is a word of its own. */
static int take(const struct cmd *c, int argc, char **argv, int *i, struct str *err)
{
	const char *name = argv[*i] + 2, *eq = strchr(name, '='), *value = eq ? eq + 1 : NULL;
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	const struct cmd_opt *o = opt_find(c, name, len);

	if (!o)
		return unknown(c, name, len, err);
	if (o->type == CMD_FLAG && value) {
		str_addf(err, "%s: --%s: takes no value", c->name, o->name);
		return -EINVAL;
	}
	if (o->type != CMD_FLAG && !value) {
		if (*i + 1 >= argc) {
			str_addf(err, "%s: --%s: needs a value: --%s %s", c->name, o->name, o->name, o->arg ? o->arg : "VALUE");
			return -EINVAL;
		}
		value = argv[++*i];
	}
	store(o, value);
	return 0;
}

static int check_count(const struct cmd *c, int n, struct str *err)
{
	CLEANUP(strv_free) struct strv words = STRV_INIT;
	int min = 0, max = 0;

	strv_split(&words, c->usage ? c->usage : "", " ");
	for (size_t k = 0; k < words.n; k++) {
		min += words.v[k][0] != '[';
		max += strstr(words.v[k], "...") ? 1000000 : 1;
	}
	if (n >= min && n <= max)
		return n;
	if (n < min)
		str_addf(err, "%s: %s is missing", c->name, words.v[n]);
	else
		str_addf(err, "%s: too many arguments", c->name);
	str_addf(err, " (usage: rescue %s [OPTIONS] %s)", c->name, c->usage ? c->usage : "");
	return -EINVAL;
}

int cmd_parse(const struct cmd *c, int argc, char **argv, struct str *ret_error)
{
	bool only_args = false;
	int n = 0, r;

	for (int i = 0; i < argc; i++) {
		if (only_args || argv[i][0] != '-' || str_eq(argv[i], "-")) {
			argv[n++] = argv[i];
		} else if (str_eq(argv[i], "--")) {
			only_args = true;
		} else if (argv[i][1] != '-') {
			str_addf(ret_error, "%s: %s: unknown option (options are written --word)", c->name, argv[i]);
			return -EINVAL;
		} else {
			r = take(c, argc, argv, &i, ret_error);
			if (r < 0)
				return r;
		}
	}
	return check_count(c, n, ret_error);
}

/* ---- help ---- */

static int help_all(void)
{
	printf("rescue brings a lost filesystem, its boot entries and its last words back, step by step, and resumes.\n\n"
	       "usage: rescue COMMAND [OPTIONS] [ARGUMENTS]\n\ncommands:\n");
	for (size_t i = 0; cmds[i]; i++)
		printf("  %-12s %s\n", cmds[i]->name, cmds[i]->summary);
	printf("  %-12s %s\n\nexit codes:\n", "help", "Explain a command: rescue help run.");
#define EXIT_CODE_LINE(name, number, text) printf("  %d  %s\n", number, text);
	EXIT_CODES(EXIT_CODE_LINE)
	return EXIT_DONE;
}

static int help_cmd(const struct cmd *c)
{
	printf("usage: rescue %s%s%s%s\n\n%s\n", c->name, c->opts ? " [OPTIONS]" : "", c->usage && *c->usage ? " " : "",
	       c->usage ? c->usage : "", c->summary);
	if (c->manual)
		printf("\n%s\n", c->manual);
	if (c->opts)
		printf("\noptions:\n");
	for (const struct cmd_opt *o = c->opts; o && o->name; o++) {
		AUTO_FREE char *left = xasprintf("--%s%s%s", o->name, o->type == CMD_FLAG ? "" : " ",
						 o->type == CMD_FLAG ? "" : o->arg ? o->arg : "VALUE");

		printf("  %-24s %s\n", left, o->help);
	}
	return EXIT_DONE;
}

static int unknown_command(const char *word)
{
	CLEANUP(strv_free) struct strv words = STRV_INIT;
	const char *near;

	strv_add(&words, "help");
	for (size_t i = 0; cmds[i]; i++)
		strv_add(&words, cmds[i]->name);
	near = str_nearest(word, (const char *const *)words.v);
	if (near)
		cmd_error("'%s': unknown command, did you mean '%s'?", word, near);
	else
		cmd_error("'%s': unknown command; 'rescue help' lists them", word);
	return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	const struct cmd *c;

	if (argc == 0)
		return help_all();
	c = cmd_find(argv[0]);
	return c ? help_cmd(c) : unknown_command(argv[0]);
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && !str_eq(argv[i], "--"); i++)
		if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))
			return true;
	return false;
}

static int dispatch(const char *word, int argc, char **argv)
{
	CLEANUP(str_free) struct str err = STR_INIT;
	const struct cmd *c = cmd_find(word);
	int n;

	if (!c)
		return unknown_command(word);
	if (wants_help(argc, argv))
		return help_cmd(c);
	n = cmd_parse(c, argc, argv, &err);
	if (n < 0) {
		cmd_error("%s", str_cstr(&err));
		return EXIT_USAGE;
	}
	return c->run(n, argv);
}

int cmd_main(int argc, char **argv)
{
	if (argc < 2) {
		help_all();
		return EXIT_USAGE;
	}
	if (str_eq(argv[1], "--version")) {
		printf("rescue %s\n", RESCUE_VERSION);
		return EXIT_DONE;
	}
	if (str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help"))
		return help(argc - 2, argv + 2);
	return dispatch(argv[1], argc - 2, argv + 2);
}

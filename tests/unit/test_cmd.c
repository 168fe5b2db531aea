/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "cmd.h"

static bool dry;
static const char *dir;
static struct strv yes;

static const struct cmd_opt opts[] = {
	{ "dry-run", CMD_FLAG, &dry, NULL, "Change nothing." },
	{ "state", CMD_TEXT, &dir, "DIR", "Where the journal is." },
	{ "yes-erase", CMD_LIST, &yes, "IDENTITY", "Agree." },
	CMD_END
};

static const struct { const char *usage, *args; int n; const char *error; } cases[] = {
	{ "PLAN", "p.yaml", 1, "" },
	{ "PLAN", "--dry-run p.yaml --state /s", 1, "" },
	{ "PLAN", "--state=/s -- --dry-run", 1, "" },
	{ "PLAN", "-", 1, "" },
	{ "[STEP]", "", 0, "" },
	{ "FILE...", "a b c", 3, "" },
	{ "PLAN", "", -EINVAL, "t: PLAN is missing (usage: rescue t [OPTIONS] PLAN)" },
	{ "PLAN", "a b", -EINVAL, "t: too many arguments (usage: rescue t [OPTIONS] PLAN)" },
	{ "PLAN", "--dry-rn a", -EINVAL, "t: --dry-rn: unknown option, did you mean '--dry-run'?" },
	{ "PLAN", "--zzzzzzzz a", -EINVAL, "t: --zzzzzzzz: unknown option" },
	{ "PLAN", "--dry-run=1 a", -EINVAL, "t: --dry-run: takes no value" },
	{ "PLAN", "a --state", -EINVAL, "t: --state: needs a value: --state DIR" },
	{ "PLAN", "-n a", -EINVAL, "t: -n: unknown option (options are written --word)" },
};

static void test_options_and_arguments_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct cmd c = { .name = "t", .usage = cases[i].usage, .opts = opts };
		CLEANUP(strv_free) struct strv argv = STRV_INIT;
		CLEANUP(str_free) struct str err = STR_INIT;
		char *copy[8];

		strv_split(&argv, cases[i].args, " ");
		for (size_t k = 0; k < argv.n; k++)
			copy[k] = argv.v[k];
		assert_int_equal(cmd_parse(&c, (int)argv.n, copy, &err), cases[i].n);
		assert_string_equal(str_cstr(&err), cases[i].error);
	}
}

static void test_values_are_stored(void **state)
{
	const struct cmd c = { .name = "t", .usage = "PLAN", .opts = opts };
	CLEANUP(str_free) struct str err = STR_INIT;
	char *argv[] = { (char[]){"--yes-erase"}, (char[]){"a"}, (char[]){"p"}, (char[]){"--yes-erase=b"}, (char[]){"--state"}, (char[]){"/s"} };

	(void)state;
	dry = false;
	assert_int_equal(cmd_parse(&c, 6, argv, &err), 1);
	assert_string_equal(argv[0], "p");
	assert_string_equal(dir, "/s");
	assert_int_equal(yes.n, 2);
	assert_string_equal(yes.v[1], "b");
	assert_false(dry);
	strv_free(&yes);
}

/* Each command's table is sound: a summary and help that are sentences, unique names. */
static void test_every_command_has_a_manual(void **state)
{
	(void)state;
	for (size_t i = 0; cmds[i]; i++) {
		assert_non_null(cmds[i]->run);
		assert_true(str_ends(cmds[i]->summary, "."));
		for (const struct cmd_opt *o = cmds[i]->opts; o && o->name; o++) {
			assert_non_null(o->value);
			assert_true(str_ends(o->help, "."));
			assert_true(o->type == CMD_FLAG || o->arg != NULL);
		}
		assert_ptr_equal(cmd_find(cmds[i]->name), cmds[i]);
	}
	assert_null(cmd_find("nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_and_arguments_are_told_apart),
		cmocka_unit_test(test_values_are_stored),
		cmocka_unit_test(test_every_command_has_a_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

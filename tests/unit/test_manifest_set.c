/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "manifest_set.h"

static const struct {
	const char *text;       /* a manifest */
	int code;
	bool known;             /* the file below */
} cases[] = {
	{ "f 0644 5 6 9 1000000000.000000001 aa - - 0 - /a%20b\n", 0, true },
	{ "good f 0644 5 6 9 1000000000.000000001 - cc i 4096 inode:3 /a%20b\n", 0, true },      /* what stat does not say is not compared */
	{ "f 0644 5 6 9 1000000000.000000001 aa - - 0 - /a%20b", 0, true },                     /* no newline at the end */
	{ "partial f 0644 5 6 9 1000000000.000000001 - - - 0 - /a%20b\n", 0, false },
	{ "f 0600 5 6 9 1000000000.000000001 aa - - 0 - /a%20b\n", 0, false },
	{ "f 0644 0 6 9 1000000000.000000001 aa - - 0 - /a%20b\n", 0, false },
	{ "f 0644 5 0 9 1000000000.000000001 aa - - 0 - /a%20b\n", 0, false },
	{ "f 0644 5 6 8 1000000000.000000001 aa - - 0 - /a%20b\n", 0, false },
	{ "f 0644 5 6 9 1000000000.000000002 aa - - 0 - /a%20b\n", 0, false },
	{ "f 0644 5 6 9 1000000000.000000001 aa - - 0 - /a\n", 0, false },
	{ "", 0, false },
	{ "f 0644 5 6 9 1000000000.000000001 aa - - 0 -\n", -EBADMSG, false },
	{ "f 0644 5 6 9 1000000000.000000001 aa - - 0 - a\n", -EBADMSG, false },
	{ "very good f 0644 5 6 9 1.0 aa - - 0 - /a\n", -EBADMSG, false },
	{ "\n", -EBADMSG, false },
};

static void test_a_file_is_known_when_stat_says_the_same(void **state)
{
	struct statx st = { .stx_mode = S_IFREG | 0644, .stx_uid = 5, .stx_gid = 6, .stx_size = 9, .stx_nlink = 1,
			    .stx_mtime = { .tv_sec = 1000000000, .tv_nsec = 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		FILE *in = tmpfile();
		struct manifest_set *s = NULL;
		struct err e = ERR_INIT;

		fputs(cases[i].text, in);
		rewind(in);
		assert_int_equal(manifest_set_parse(&s, in, "m", false, &e), cases[i].code);
		if (cases[i].code)
			assert_string_equal(e.msg, "'m': line 1 is not a manifest's");
		else
			assert_int_equal(manifest_set_has(s, &(struct manifest_line){ .st = &st, .path = "/a b" }), cases[i].known);
		manifest_set_free(s);
		fclose(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_file_is_known_when_stat_says_the_same) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

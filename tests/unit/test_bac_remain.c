/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left of a restore through the Director: which commands its file selection gets. An entry that is unmarked wrongly is lost. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bac_remain.h"

#define LATER INT64_MAX                 /* a mark after everything */

static char *where;

static int begin(void **state)
{
	(void)state;
	where = unit_dir();
	return 0;
}

static int end(void **state)
{
	(void)state;
	unit_dir_end(where);
	return 0;
}

static void make(const char *name, bool finished)
{
	AUTO_FREE char *path = xasprintf("%s%s", where, name);
	AUTO_FREE char *folder = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	int fd;

	assert_int_equal(fs_mkdir_p(folder, 0755, NULL), 0);
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	assert_true(fd >= 0);
	close(fd);
	if (finished)
		assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){ { 1000, 0 }, { 1000, 0 } }, 0), 0);
}

static void check_text(const char *text, int64_t mark, const char *want, uint64_t left)
{
	struct bac_remain r;

	bac_remain(text, where, mark, &r);
	assert_string_equal(str_cstr(&r.commands), want);
	assert_int_equal(r.left, left);
	bac_remain_free(&r);
}

/* As bconsole prints it. */
static void check(const char *marked, const char *odd, const char *all, int64_t mark, const char *want, uint64_t left)
{
	AUTO_FREE char *text = xasprintf("cwd is: /\n$ count\n99 total files/dirs. %s marked to be restored.\n$ " BAC_REMAIN_ODD "\n%s$ " BAC_REMAIN_ALL
					 "\n%s$ quit\nRestore not done.\n", marked, odd, all);

	check_text(text, mark, want, left);
}

static void test_whole_folders_and_single_files(void **state)
{
	(void)state;
	make("/a/whole/1", true);
	make("/a/whole/2", true);
	make("/a/part/3", true);
	make("/top", true);
	/* 4 is missing; nothing is in order, as when an Incremental brings later names */
	check("8", "", "/a/\n*/a/part/\n*/a/part/4\n*/a/whole/2\n*/top\n*/a/part/3\n*/a/whole/\n*/a/whole/1\n*/a/gone\n", LATER,
	      "cd \"/\"\nunmark \"top\"\ncd \"/a\"\nunmark \"whole\"\ncd \"/a/part\"\nunmark \"3\"\n", 3);
}

static void test_half_files_stay_marked(void **state)
{
	(void)state;
	make("/d/done", true);
	make("/d/half", false);
	check("2", "", "*/d/done\n*/d/half\n/d/\n", LATER, "cd \"/d\"\nunmark \"done\"\n", 1);
	check("2", "", "*/d/done\n*/d/half\n/d/\n", 1000000, "", 2);   /* all are younger than the mark */
	check("2", "", "*/d/done/\n*/d/half\n/d/\n", LATER, "", 2);    /* a file, and the backup has a folder */
}

static void test_names_that_are_no_words_stay_marked(void **state)
{
	static const char *const names[] = { "a*b", "a?b", "[a]", "a\"b", "a\\b", "a=b", " a", "a ", "missing" };
	CLEANUP(str_free) struct str all = STR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FREE char *path = xasprintf("/d/%s", names[i]);

		if (!str_eq(names[i], "missing"))
			make(path, true);
		str_addf(&all, "*%s\n", path);
	}
	make("/d/a b", true);
	make("/d/caf\xe9", true);
	str_add(&all, "*/d/a b\n*/d/caf\xe9\n/d/\n");
	check("11", "", str_cstr(&all), LATER, "cd \"/d\"\nunmark \"caf\xe9\" \"a b\"\n", 9);
}

/* The Director cannot be led into the folder: what is in there is sent. */
static void test_folders_that_are_no_words_are_left_alone(void **state)
{
	(void)state;
	make("/a*/x", true);
	make("/b/x", true);
	check("4", "", "*/a*/x\n*/a*/missing\n*/b/x\n*/b/missing\n/a*/\n/b/\n", LATER, "cd \"/b\"\nunmark \"x\"\n", 3);
}

/* "/a", "/a-b", "/a/x": in the order of their bytes, what is in a folder does not stand behind it; and "/ab" is not in "/a". */
static void test_names_that_begin_like_a_folder_are_not_in_it(void **state)
{
	(void)state;
	make("/a/y", true);
	make("/a-b", true);
	make("/ab", true);
	check("4", "", "/a/\n*/a-b\n*/a/x\n*/a/y\n*/ab\n", LATER, "cd \"/\"\nunmark \"ab\" \"a-b\"\ncd \"/a\"\nunmark \"y\"\n", 1);
}

/* The Director is silent about the words of a command that are too many: what they name would be restored again. */
static void test_a_command_has_few_names(void **state)
{
	CLEANUP(str_free) struct str all = STR_INIT;
	size_t n = 0, most = 0;

	(void)state;
	for (int i = 0; i < 45; i++) {
		AUTO_FREE char *path = xasprintf("/d/%d", i);

		make(path, true);
		str_addf(&all, "*%s\n", path);
	}
	str_add(&all, "*/d/missing\n/d/\n");
	{
		AUTO_FREE char *text = xasprintf("$ count\n99 total files/dirs. 46 marked to be restored.\n$ " BAC_REMAIN_ODD "\n$ " BAC_REMAIN_ALL
						 "\n%s$ quit\n", str_cstr(&all));
		struct bac_remain r;

		bac_remain(text, where, LATER, &r);
		for (const char *p = str_cstr(&r.commands); *p; p++) {
			n = *p == '\n' ? 0 : n + (*p == ' ');
			most = n > most ? n : most;
		}
		assert_in_range(most, 2, 25);
		assert_int_equal(r.out, 45);
		assert_int_equal(r.left, 1);
		bac_remain_free(&r);
	}
}

/* The Director compares each name with each entry: in a very large folder that takes longer than to send everything. */
static void test_a_very_large_folder_is_sent(void **state)
{
	CLEANUP(str_free) struct str all = STR_INIT;

	(void)state;
	make("/top", true);
	for (int i = 0; i < 7100; i++) {
		AUTO_FREE char *path = xasprintf("/d/%d", i);

		make(path, true);
		str_addf(&all, "*%s\n", path);
	}
	str_add(&all, "*/d/missing\n/d/\n*/top\n");
	check("7,102", "", str_cstr(&all), LATER, "cd \"/\"\nunmark \"top\"\n", 7101);
}

static void test_a_line_break_in_a_name_hides_nothing(void **state)
{
	(void)state;
	make("/d/a", true);
	make("/d/sub/x", true);
	make("/e/y", true);
	make("/none", true);
	/* "a\nb" is missing: /d must not be taken for whole, though every line of the list is there */
	check("5", "*/d/a\nb\n", "*/d/a\n*/d/a\nb\n*/d/sub/x\n*/e/y\n*/missing\n/d/\n/d/sub/\n/e/\n", LATER,
	      "cd \"/\"\nunmark \"e\"\ncd \"/d\"\nunmark \"sub\" \"a\"\n", 2);
}

static void test_what_cannot_be_understood_is_sent(void **state)
{
	(void)state;
	make("/d/a", true);
	make("/d/b", true);
	check("4", "", "*/d/a\n*/d/b\n*/d/missing\n/d/\n", LATER, "", 4);             /* the list is not whole */
	check("2", "", "*/d/a\n*/d/b\n*/d/missing\n/d/\n", LATER, "", 2);             /* or has too many */
	check("3", "*/e/x\ny\n", "*/d/a\n*/d/b\n*/d/missing\n/d/\n", LATER, "", 3);  /* a name whose folder is not in the list */
	check("0", "", "/d/a\n/d/\n", LATER, "", 0);
	check("1,001", "", "*/d/a\n/d/\n", LATER, "", 1001);
	check_text("$ count\n3 total files/dirs. 3 marked to be restored.\n$ " BAC_REMAIN_ALL "\n*/d/a\n*/d/b\n*/d/missing\n/d/\n$ quit\n", LATER, "", 3);
	check_text("$ count\n3 total files/dirs. 3 marked to be restored.\n$ " BAC_REMAIN_ODD "\n$ " BAC_REMAIN_ALL "\n*/d/a\n*/d/b\n*/d/missing\n",
		   LATER, "", 3);                                               /* the connection was lost in the middle */
}

static void test_all_is_there_and_one_is_sent_again(void **state)
{
	(void)state;
	make("/d/a", true);
	make("/d/b", true);
	make("/c", true);
	check("3", "", "*/c\n*/d/a\n*/d/b\n/d/\n", LATER, "cd \"/\"\nunmark \"c\"\ncd \"/d\"\nunmark \"a\"\n", 1);    /* a job of nothing is none */
	check("1", "", "*/d/a\n/d/\n", LATER, "", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole_folders_and_single_files, begin, end),
		cmocka_unit_test_setup_teardown(test_half_files_stay_marked, begin, end),
		cmocka_unit_test_setup_teardown(test_names_that_are_no_words_stay_marked, begin, end),
		cmocka_unit_test_setup_teardown(test_a_line_break_in_a_name_hides_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_understood_is_sent, begin, end),
		cmocka_unit_test_setup_teardown(test_folders_that_are_no_words_are_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(test_names_that_begin_like_a_folder_are_not_in_it, begin, end),
		cmocka_unit_test_setup_teardown(test_a_command_has_few_names, begin, end),
		cmocka_unit_test_setup_teardown(test_a_very_large_folder_is_sent, begin, end),
		cmocka_unit_test_setup_teardown(test_all_is_there_and_one_is_sent_again, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

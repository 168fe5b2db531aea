/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs that an attempt before left at the Director: which of those that it lists are ours, and run. */
#include "unit.h"

#include "bac_earlier.h"
#include "fs.h"

#define OURS "rescue 0c9a6f0e-8f5c-4d0f-9a58-1a2b3c4d5e6f"

/* The lines of `llist jobs` of Bacula 9.6 that matter, and some around them. */
#define JOB(id, status, comment) \
	"           JobId: " id "\n             Job: restore.2026-11-29_18.07.48_06\n            Name: restore\n       JobStatus: " status \
	"\n       JobErrors: 0\n  PriorJobId: 9\n         Comment: " comment "\n\n"

static void finds_those_that_run(void **state)
{
	uint64_t ids[4];

	(void)state;
	assert_int_equal(bac_earlier_find(JOB("7", "T", OURS) JOB("1,234", "R", OURS) JOB("12", "R", OURS) JOB("13", "F", "mine") JOB("14", "C", "")
					  JOB("15", "A", OURS) JOB("16", "f", OURS) JOB("17", "F", OURS), OURS, ids, 4), 3);
	assert_int_equal(ids[0], 1234);
	assert_int_equal(ids[1], 12);
	assert_int_equal(ids[2], 17);
	assert_int_equal(bac_earlier_find(JOB("12", "R", OURS) JOB("13", "R", OURS), OURS, ids, 1), 1);
	assert_int_equal(bac_earlier_find("No results to list.\n", OURS, ids, 4), 0);
	assert_int_equal(bac_earlier_find("Comment: " OURS "\nJobStatus: R\nComment: " OURS "\n", OURS, ids, 4), 0);      /* of no job */
}

static void a_step_keeps_its_comment(void **state)
{
	char dir[] = "/tmp/bac-earlier.XXXXXX", dir2[] = "/tmp/bac-earlier.XXXXXX";
	AUTO_FREE char *a = NULL, *b = NULL, *c = NULL;
	struct step_io *io, *io2;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_non_null(mkdtemp(dir2));
	io = step_io_new_test(dir);
	io2 = step_io_new_test(dir2);
	a = bac_earlier_comment(io, NULL);
	b = bac_earlier_comment(io, NULL);
	c = bac_earlier_comment(io2, NULL);
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	assert_memory_equal(a, "rescue ", 7);
	step_io_free(io);
	step_io_free(io2);
	fs_remove_tree(dir, NULL);
	fs_remove_tree(dir2, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds_those_that_run), cmocka_unit_test(a_step_keeps_its_comment) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an interrupted restore of the Director left in the target: what stays, what is taken out, and when nothing may stay. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bac_resume.h"
#include "fs.h"

static char dir[64], target[80];
static struct step_io *io;

static int begin(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/bac-resume.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(target, sizeof(target), "%s/target", dir);
	assert_int_equal(mkdir(target, 0755), 0);
	io = step_io_new_test(dir);
	return 0;
}

static int end(void **state)
{
	(void)state;
	step_io_free(io);
	return fs_remove_tree(dir, NULL);
}

static void make(const char *name)
{
	AUTO_FREE char *path = fs_join(target, name);
	AUTO_CLOSE int fd = open(path, O_CREAT | O_WRONLY, 0644);

	assert_true(fd >= 0);
}

/* As the File Daemon leaves it. */
static void dated(const char *name)
{
	AUTO_FREE char *path = fs_join(target, name);

	assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){ { 1000, 0 }, { 1000, 0 } }, 0), 0);
}

static bool there(const char *name)
{
	AUTO_FREE char *path = fs_join(target, name);

	return fs_exists(path);
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void mark(long long ms)
{
	AUTO_FREE char *text = xasprintf("console %lld", ms);
	struct err e = ERR_INIT;

	assert_int_equal(step_mark(io, text, &e), 0);
}

static void test_older_stays_younger_goes(void **state)
{
	struct bac_resume b;
	struct err e = ERR_INIT;
	struct stat st;
	AUTO_FREE char *folder = fs_join(target, "folder");

	(void)state;
	assert_int_equal(bac_resume_begin(&b, io, target, &e), 0);
	assert_false(b.goes_on || b.useless);
	assert_string_equal(step_last_mark(io), "console 1");
	make("old");
	dated("old");
	make("half");                                   /* its data stopped coming long before the mark */
	usleep(300000);
	mark(now_ms());
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(utimensat(AT_FDCWD, folder, (struct timespec[2]){ { 1000, 0 }, { 1000, 0 } }, 0), 0);
	make("young");
	usleep(5000);
	assert_int_equal(bac_resume_begin(&b, io, target, &e), 0);
	assert_true(b.goes_on);
	assert_true(there("old"));
	assert_false(there("young"));
	assert_false(there("half"));
	assert_int_equal(stat(folder, &st), 0);
	assert_true(st.st_mtime > 1000);                /* so that its attributes are set again */
}

static void test_killed_before_the_first_mark(void **state)
{
	struct bac_resume b;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(bac_resume_begin(&b, io, target, &e), 0);
	make("file");
	assert_int_equal(bac_resume_begin(&b, io, target, &e), 0);
	assert_false(there("file"));
}

static void test_files_that_were_there_are_not_touched(void **state)
{
	struct bac_resume b;
	struct err e = ERR_INIT;

	(void)state;
	make("mine");
	assert_int_equal(bac_resume_begin(&b, io, target, &e), 0);
	assert_true(b.useless && !b.goes_on);
	assert_null(step_last_mark(io));
	assert_int_equal(bac_resume_mark(&b, &e), 0);
	assert_null(step_last_mark(io));
	assert_true(there("mine"));
}

static void test_a_clock_that_was_set_back(void **state)
{
	struct bac_resume b;
	struct err e = ERR_INIT;

	(void)state;
	mark(now_ms() + 60000);
	make("file");
	assert_int_equal(bac_resume_begin(&b, io, target, &e), 0);
	assert_true(b.useless && !b.goes_on);
	assert_string_equal(step_last_mark(io), "console 0");
	assert_int_equal(bac_resume_begin(&b, io, target, &e), 0);      /* nor may the attempt after that rely on anything */
	assert_true(b.useless && !b.goes_on);
}

static void test_a_clock_that_is_set_while_the_job_runs(void **state)
{
	struct bac_resume b;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(bac_resume_begin(&b, io, target, &e), 0);
	b.last_ms = 0;
	assert_int_equal(bac_resume_mark(&b, &e), 0);
	assert_true(atoll(step_last_mark(io) + 8) > now_ms() - 10000);
	b.last_ms = 0;
	b.clock -= 5000;
	assert_int_equal(bac_resume_mark(&b, &e), 0);
	assert_string_equal(step_last_mark(io), "console 0");
	assert_true(b.useless);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_older_stays_younger_goes, begin, end),
		cmocka_unit_test_setup_teardown(test_killed_before_the_first_mark, begin, end),
		cmocka_unit_test_setup_teardown(test_files_that_were_there_are_not_touched, begin, end),
		cmocka_unit_test_setup_teardown(test_a_clock_that_was_set_back, begin, end),
		cmocka_unit_test_setup_teardown(test_a_clock_that_is_set_while_the_job_runs, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

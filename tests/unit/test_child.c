/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <signal.h>
#include <time.h>

#include "child.h"

static void test_not_found_is_not_failed(void **state)
{
	const char *const none[] = { "no-such-program-here", NULL }, *const seven[] = { "sh", "-c", "echo first >&2; echo why >&2; exit 7", NULL };
	struct child c = { .argv = none };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(child_run(&c, &e), -ENOENT);
	assert_string_equal(e.msg, "start 'no-such-program-here': No such file or directory");
	c = (struct child){ .argv = seven, .quiet_stderr = true };
	assert_int_equal(child_run(&c, &e), -EIO);
	assert_int_equal(c.exit_code, 7);
	assert_string_equal(e.msg, "sh: exit code 7: why");
}

static void test_input_and_output_of_any_size(void **state)
{
	const char *const cat[] = { "cat", NULL };
	CLEANUP(str_free) struct str out = STR_INIT;
	size_t n = 3 * MIB;
	AUTO_FREE char *text = xmalloc(n);
	struct child c = { .argv = cat, .input = text, .input_len = n, .out = &out };

	(void)state;
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(i * 7 % 251);
	assert_int_equal(child_run(&c, NULL), 0);
	assert_int_equal(out.len, n);
	assert_memory_equal(out.s, text, n);
}

static void test_a_program_that_ignores_its_input(void **state)
{
	const char *const argv[] = { "true", NULL };
	AUTO_FREE char *text = xcalloc(1, MIB);
	struct child c = { .argv = argv, .input = text, .input_len = MIB };

	(void)state;
	assert_int_equal(child_run(&c, NULL), 0);
}

static void test_deadline_ends_even_the_stubborn(void **state)
{
	const char *const argv[] = { "sh", "-c", "trap '' TERM; while :; do sleep 1; done", NULL };
	struct child c = { .argv = argv, .timeout_s = 1 };
	struct err e = ERR_INIT;
	time_t t0 = time(NULL);

	(void)state;
	assert_int_equal(child_run(&c, &e), -ETIMEDOUT);
	assert_int_equal(c.term_signal, SIGKILL);
	assert_non_null(strstr(e.msg, "stopped after 1 s without an end"));
	assert_true(time(NULL) - t0 < 60);
}

static void test_a_signal_is_named(void **state)
{
	const char *const argv[] = { "sh", "-c", "kill -SEGV $$", NULL };
	struct child c = { .argv = argv };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(child_run(&c, &e), -EINTR);
	assert_int_equal(c.term_signal, SIGSEGV);
	assert_non_null(strstr(e.msg, "sh: ended by signal 11"));
}

static void test_a_grandchild_that_keeps_the_pipe_does_not_hold_us(void **state)
{
	const char *const argv[] = { "sh", "-c", "sleep 20 & echo done", NULL };
	AUTO_FREE char *out = NULL;
	time_t t0 = time(NULL);

	(void)state;
	assert_int_equal(child_output(argv, &out, NULL), 0);
	assert_string_equal(out, "done");
	assert_true(time(NULL) - t0 < 15);
}

static void test_environment_and_folder(void **state)
{
	const char *const argv[] = { "sh", "-c", "echo $PWD $LC_ALL $X", NULL }, *const env[] = { "X=y", NULL };
	CLEANUP(str_free) struct str out = STR_INIT;
	struct child c = { .argv = argv, .env = env, .cwd = "/usr", .out = &out };

	(void)state;
	assert_int_equal(child_run(&c, NULL), 0);
	assert_string_equal(str_cstr(&out), "/usr C.UTF-8 y\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_found_is_not_failed), cmocka_unit_test(test_input_and_output_of_any_size),
		cmocka_unit_test(test_a_program_that_ignores_its_input), cmocka_unit_test(test_deadline_ends_even_the_stubborn),
		cmocka_unit_test(test_a_signal_is_named), cmocka_unit_test(test_a_grandchild_that_keeps_the_pipe_does_not_hold_us),
		cmocka_unit_test(test_environment_and_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hooks in processes of their own: results, sentences, deaths, deadlines, output, and what they leave behind. */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "hook.h"

struct setup {
	char *dir, *log;
	struct ui ui;
	struct hooks hs;
	int acks;
	char said[256];
};

static void begin(struct setup *s)
{
	struct err e = ERR_INIT;

	*s = (struct setup){ .dir = unit_dir() };
	s->log = fs_join(s->dir, "log");
	s->ui = (struct ui){ .json = false };
	assert_int_equal(hooks_open(&s->hs, &s->ui, &e), 0);
	hooks_adopt();
}

static void end(struct setup *s)
{
	hooks_close(&s->hs);
	unit_dir_end(s->dir);
	free(s->log);
}

static int on_message(void *ctx, const struct step_msg *m, struct err *e)
{
	struct setup *s = ctx;
	size_t n = strlen(s->said);

	s->acks++;
	snprintf(s->said + n, sizeof(s->said) - n, "%s;", m->text);
	return str_eq(m->text, "no=1") ? err_set(e, -ENOSPC, "journal: full") : 0;
}

static int call(struct setup *s, int (*fn)(void *arg, struct step_io *io, struct err *e), struct hook *h, struct err *e)
{
	h->name = "run";
	h->step = "s";
	h->place = "";
	h->fn = fn;
	h->log_path = s->log;
	h->on_message = on_message;
	h->ctx = s;
	h->io = (struct step_io_init){ .dir = s->dir, .runtime_dir = s->dir, .last_mark = "before" };
	return hook_run(&s->hs, h, e);
}

static char *log_text(struct setup *s)
{
	char *text = NULL;

	return fs_read(s->log, 1 << 24, &text, NULL, NULL) == 0 ? text : xstrdup("");
}

static int says_one(void *arg, struct step_io *io, struct err *e)
{
	(void)arg;
	(void)io;
	err_set(e, 0, "a sentence");
	return 1;
}

static int fails(void *arg, struct step_io *io, struct err *e)
{
	(void)arg;
	(void)io;
	printf("printed\n");
	return err_set(e, -ENOENT, "no such thing");
}

static int dies(void *arg, struct step_io *io, struct err *e)
{
	(void)arg;
	(void)io;
	(void)e;
	return raise(SIGKILL);
}

static int leaves(void *arg, struct step_io *io, struct err *e)
{
	(void)arg;
	(void)io;
	(void)e;
	_exit(3);
}

static void test_results_come_back(void **state)
{
	struct setup s;
	struct hook h = { .name = NULL };
	struct err e = ERR_INIT;
	AUTO_FREE char *text = NULL;

	(void)state;
	begin(&s);
	assert_int_equal(call(&s, says_one, &h, &e), 1);
	assert_string_equal(e.msg, "a sentence");
	assert_int_equal(call(&s, fails, &h, &e), -ENOENT);
	assert_string_equal(e.msg, "no such thing");
	text = log_text(&s);
	assert_non_null(strstr(text, "printed\n"));
	assert_non_null(strstr(text, "run: failed: no such thing\n"));
	assert_int_equal(call(&s, dies, &h, &e), -EIO);
	assert_string_equal(e.msg, "the step's process was ended by signal 9 (Killed)");
	assert_int_equal(call(&s, leaves, &h, &e), -EIO);
	assert_string_equal(e.msg, "the step's process ended with exit code 3 and no result");
	end(&s);
}

static int talks(void *arg, struct step_io *io, struct err *e)
{
	(void)arg;
	assert_string_equal(step_last_mark(io), "before");
	if (step_fact_set(io, "a", "1", e) < 0 || step_mark(io, "m", e) < 0)
		return e->code;
	step_degraded(io, "lost %d", 2);
	step_progress(io, &(struct step_progress){ .bytes = 42, .items = 7 });
	return step_fact_set(io, "no", "1", e);
}

static void test_facts_and_marks_are_answered(void **state)
{
	struct setup s;
	struct hook h = { .name = NULL };
	struct err e = ERR_INIT;

	(void)state;
	begin(&s);
	assert_int_equal(call(&s, talks, &h, &e), -ENOSPC);
	assert_string_equal(e.msg, "journal: full");
	assert_string_equal(s.said, "a=1;m;lost 2;no=1;");
	assert_int_equal(h.progress.bytes, 42);
	assert_int_equal(h.progress.items, 7);
	end(&s);
}

static int sleeps(void *arg, struct step_io *io, struct err *e)
{
	(void)arg;
	(void)io;
	(void)e;
	sleep(600);
	return 0;
}

static int listens(void *arg, struct step_io *io, struct err *e)
{
	(void)arg;
	while (!step_cancelled(io))
		usleep(10000);
	return step_mark(io, "synced", e) < 0 ? e->code : err_set(e, -ECANCELED, "stopped where it is safe");
}

static void test_deadlines_end_a_step(void **state)
{
	struct setup s;
	struct hook h = { .timeout_s = 1 };
	struct err e = ERR_INIT;
	AUTO_FREE char *text = NULL;

	(void)state;
	begin(&s);
	assert_int_equal(call(&s, sleeps, &h, &e), -ETIMEDOUT);
	assert_string_equal(e.msg, "took longer than 1 s");
	assert_true(h.ended_by_us);
	h.timeout_s = 0;
	h.stall_s = 1;
	h.stall_cancel = true;
	assert_int_equal(call(&s, sleeps, &h, &e), -ETIMEDOUT);
	assert_true(str_starts(e.msg, "no progress for "));
	text = log_text(&s);
	assert_non_null(strstr(text, "status: State:"));
	/* one that asks gets the time to sync and mark */
	h.stall_s = 0;
	h.timeout_s = 1;
	assert_int_equal(call(&s, listens, &h, &e), -ETIMEDOUT);
	assert_string_equal(s.said, "synced;");
	end(&s);
}

static void test_a_signal_cancels(void **state)
{
	struct setup s;
	struct hook h = { .name = NULL };
	struct err e = ERR_INIT;

	(void)state;
	begin(&s);
	assert_false(hooks_cancelled(&s.hs));
	kill(getpid(), SIGTERM);
	assert_int_equal(call(&s, sleeps, &h, &e), -ECANCELED);
	assert_string_equal(e.msg, "cancelled");
	assert_true(hooks_cancelled(&s.hs));
	end(&s);
}

static int scatters(void *arg, struct step_io *io, struct err *e)
{
	(void)arg;
	(void)io;
	(void)e;
	for (int i = 0; i < 20; i++) {
		if (fork() > 0)
			continue;
		if (i % 2)
			setsid();
		if (fork() == 0)
			sleep(600);
		_exit(0);
	}
	return 0;
}

static void test_nothing_is_left_behind(void **state)
{
	struct setup s;
	struct hook h = { .name = NULL };
	struct err e = ERR_INIT;
	AUTO_FREE pid_t *below = NULL;

	(void)state;
	begin(&s);
	assert_int_equal(call(&s, scatters, &h, &e), 0);
	assert_int_equal(proc_descendants(getpid(), &below), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	end(&s);
}

static int floods(void *arg, struct step_io *io, struct err *e)
{
	char line[1024];

	(void)arg;
	(void)io;
	(void)e;
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 3000; i++)
		if (write(STDOUT_FILENO, line, sizeof(line)) < 0)
			return -errno;
	return 0;
}

static void test_output_is_drained_to_the_end(void **state)
{
	struct setup s;
	struct hook h = { .name = NULL };
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	begin(&s);
	assert_int_equal(call(&s, floods, &h, &e), 0);
	assert_int_equal(stat(s.log, &st), 0);
	assert_true(st.st_size > 3000 * 1024);
	end(&s);
}

static void test_progress_in_words(void **state)
{
	static const struct { struct step_progress p; const char *text; } cases[] = {
		{ { .bytes = 0 }, "10 s" },
		{ { .items = 1 }, "1 item" },
		{ { .items = 5, .items_total = 10, .errors = 1 }, "5 of 10 items, 1 error" },
		{ { .bytes = 512 }, "512 B" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ui_progress up = { .started_ms = 0 };
		CLEANUP(str_free) struct str s = STR_INIT;

		ui_progress_add(&up, &cases[i].p, 10000);
		ui_progress_text(&up, 10000, &s);
		assert_string_equal(str_cstr(&s), cases[i].text);
	}
	{
		struct ui_progress up = { .started_ms = 0 };
		CLEANUP(str_free) struct str s = STR_INIT;

		ui_progress_add(&up, &(struct step_progress){ .bytes_total = 4 * GIB }, 1000);
		ui_progress_add(&up, &(struct step_progress){ .bytes = GIB, .bytes_total = 4 * GIB, .errors = 2 }, 11000);
		ui_progress_text(&up, 11000, &s);
		assert_string_equal(str_cstr(&s), "1.0 GiB of 4.0 GiB (25 %), 102 MiB/s, 0:30 left, 2 errors");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results_come_back),
		cmocka_unit_test(test_facts_and_marks_are_answered),
		cmocka_unit_test(test_deadlines_end_a_step),
		cmocka_unit_test(test_a_signal_cancels),
		cmocka_unit_test(test_nothing_is_left_behind),
		cmocka_unit_test(test_output_is_drained_to_the_end),
		cmocka_unit_test(test_progress_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

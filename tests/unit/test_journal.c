/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "hash.h"
#include "journal.h"
#include "runstate.h"

static const struct run_step steps[] = {
	{ "rootfs", STEP_DESTRUCTIVE, STEP_VERIFY_FIRST, true },
	{ "mount", STEP_EPHEMERAL, STEP_RERUN, true },
	{ "restore", STEP_DURABLE, STEP_FROM_MARK, true },
	{ "hook", STEP_DURABLE, STEP_ASK, false },
};

enum { ROOTFS, MOUNT, RESTORE, HOOK };

struct entry {
	const char *step;
	enum journal_verb verb;
	const char *payload;
};

/* A run that was killed once, resumed, and finished. */
static const struct entry whole[] = {
	{ "-", J_PLAN, "0123456789abcdef" },
	{ "rootfs", J_FACT, "uuid=5e4b ü" },
	{ "rootfs", J_CONSENT, "root=serial S3Z8NB0K" },
	{ "rootfs", J_BEGIN, "" },
	{ "-", J_RESUME, "0123456789abcdef" },
	{ "rootfs", J_BEGIN, "" },
	{ "rootfs", J_DONE, "" },
	{ "mount", J_BEGIN, "" },
	{ "mount", J_DONE, "" },
	{ "restore", J_BEGIN, "" },
	{ "restore", J_MARK, "member 10" },
	{ "restore", J_DEGRADED, "1 file lost" },
	{ "restore", J_MARK, "member 20" },
	{ "restore", J_DONE, "" },
	{ "hook", J_BEGIN, "" },
	{ "hook", J_FAIL, "exit code 1" },
	{ "hook", J_RESUME, RUNSTATE_AGAIN },
	{ "hook", J_BEGIN, "" },
	{ "hook", J_DONE, "" },
	{ "-", J_END, "degraded" },
};

static void append_all(const char *dir, const struct entry *v, size_t n)
{
	struct journal j;
	struct err e = ERR_INIT;

	assert_int_equal(journal_open(&j, dir, &e), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(journal_append(&j, v[i].step, v[i].verb, v[i].payload, &e), 0);
	journal_close(&j);
}

/* The bytes of the journal `whole`; the caller frees. */
static char *whole_text(size_t *ret_len)
{
	char *dir = unit_dir(), *text;
	AUTO_FREE char *path = fs_join(dir, "journal");

	append_all(dir, whole, ARRAY_SIZE(whole));
	assert_int_equal(fs_read(path, 1 << 20, &text, ret_len, NULL), 0);
	unit_dir_end(dir);
	return text;
}

static void test_what_was_appended_is_read(void **state)
{
	char *dir = unit_dir();
	struct journal j;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(journal_read(&j, dir, &e), -ENOENT);
	append_all(dir, whole, 3);
	append_all(dir, whole + 3, ARRAY_SIZE(whole) - 3);
	assert_int_equal(journal_read(&j, dir, &e), 0);
	assert_int_equal(j.n, ARRAY_SIZE(whole));
	assert_false(j.torn);
	for (size_t i = 0; i < j.n; i++) {
		assert_int_equal(j.recs[i].seq, i + 1);
		assert_int_equal(j.recs[i].verb, whole[i].verb);
		assert_string_equal(j.recs[i].step, whole[i].step);
		assert_string_equal(j.recs[i].payload, whole[i].payload);
	}
	assert_string_equal(journal_fact(&j, "rootfs", "uuid"), "5e4b ü");
	assert_null(journal_fact(&j, "rootfs", "uui"));
	journal_close(&j);
	unit_dir_end(dir);
}

static void test_one_run_at_a_time(void **state)
{
	char *dir = unit_dir();
	struct journal j, other;
	struct err e = ERR_INIT;
	char pid[32];

	(void)state;
	assert_int_equal(journal_open(&j, dir, &e), 0);
	assert_int_equal(journal_open(&other, dir, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "another run uses it"));
	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	assert_non_null(strstr(e.msg, pid));
	assert_int_equal(journal_read(&other, dir, &e), 0);     /* looking is allowed */
	journal_close(&other);
	journal_close(&j);
	assert_int_equal(journal_open(&j, dir, &e), 0);
	journal_close(&j);
	unit_dir_end(dir);
}

static void test_nothing_follows_a_failed_append(void **state)
{
	char *dir = unit_dir();
	struct journal j;
	struct err e = ERR_INIT;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(journal_open(&j, dir, &e), 0);
	assert_true(full >= 0);
	assert_true(dup2(full, j.fd) >= 0);
	close(full);
	assert_int_equal(journal_append(&j, "-", J_PLAN, "x", &e), -ENOSPC);
	assert_non_null(strstr(e.msg, "No space left on device"));
	assert_int_equal(journal_append(&j, "-", J_PLAN, "x", &e), -EIO);
	assert_int_equal(j.n, 0);
	journal_close(&j);
	unit_dir_end(dir);
}

/* ---- damage ---- */

/* What must hold for any journal that is accepted: a prefix of `whole`, and no step that it says is done is done twice. */
static void check_prefix(const struct journal *j)
{
	struct runstate s;

	assert_true(j->n <= ARRAY_SIZE(whole));
	for (size_t i = 0; i < j->n; i++) {
		assert_int_equal(j->recs[i].verb, whole[i].verb);
		assert_string_equal(j->recs[i].payload, whole[i].payload);
	}
	runstate_read(&s, j, steps, ARRAY_SIZE(steps));
	if (j->n >= 7)
		assert_int_equal(runstate_action(&s, ROOTFS), RUN_SKIP);
	else if (j->n >= 4)             /* begun: the world is asked before it is destroyed again */
		assert_int_equal(runstate_action(&s, ROOTFS), RUN_VERIFY);
	if (j->n == 15 || j->n == 16)
		assert_int_equal(runstate_action(&s, HOOK), RUN_REFUSE);
	assert_int_equal(s.finished, j->n == ARRAY_SIZE(whole));
	runstate_free(&s);
}

static void test_cut_at_every_byte(void **state)
{
	size_t len, good;
	AUTO_FREE char *text = whole_text(&len);

	(void)state;
	for (size_t n = 0; n <= len; n++) {
		struct journal j = JOURNAL_INIT;
		struct err e = ERR_INIT;

		assert_int_equal(journal_parse(&j, text, n, &good, &e), 0);
		assert_true(good <= n && (good == 0 || text[good - 1] == '\n'));
		assert_int_equal(j.torn, good != n);
		check_prefix(&j);
		journal_close(&j);
	}
}

/* Every byte, three ways: each is refused with the line's number, the last line too, for it may be the `done` of something destructive. */
static void test_every_byte_flipped(void **state)
{
	size_t len, good, line = 1, refused = 0;
	AUTO_FREE char *text = whole_text(&len);
	static const char masks[] = { 0x01, 0x20, (char)0xff };

	(void)state;
	for (size_t i = 0; i < len; i++) {
		bool newline = text[i] == '\n';

		for (size_t m = 0; m < ARRAY_SIZE(masks); m++) {
			struct journal j = JOURNAL_INIT;
			struct err e = ERR_INIT;
			char where[32], old = text[i];
			int r;

			text[i] = (char)(old ^ masks[m]);
			r = journal_parse(&j, text, len, &good, &e);
			text[i] = old;
			snprintf(where, sizeof(where), "line %zu: ", line);
			assert_int_equal(r, -EBADMSG);
			assert_true(str_starts(e.msg, where));
			refused++;
			journal_close(&j);
		}
		line += newline;
	}
	print_message("%zu bytes, 3 flips each: %zu refused\n", len, refused);
}

/* Sectors of the last line that never arrived read as zeros: torn, not damaged. */
static void test_lost_sectors_of_the_last_line_are_torn(void **state)
{
	size_t len, good, start, last;
	AUTO_FREE char *text = whole_text(&len), *copy = xmalloc(len);

	(void)state;
	for (last = len - 1; text[last - 1] != '\n'; last--)
		;
	for (size_t to = 512; to < len; to += 512) {
		struct journal j = JOURNAL_INIT;
		struct err e = ERR_INIT;

		start = to - 512 > last ? to - 512 : last;
		if (to <= last)
			continue;
		memcpy(copy, text, len);
		memset(copy + start, 0, to - start);
		assert_int_equal(journal_parse(&j, copy, len, &good, &e), 0);
		assert_true(j.torn);
		assert_int_equal(good, last);
		journal_close(&j);
	}
	memcpy(copy, text, len);
	for (size_t n = last + 1; n < len; n++) {       /* the size arrived, the end of the data did not */
		struct journal j = JOURNAL_INIT;

		memcpy(copy, text, len);
		memset(copy + n, 0, len - n);
		assert_int_equal(journal_parse(&j, copy, len, &good, NULL), 0);
		assert_true(j.torn && good == last);
		journal_close(&j);
	}
}

/* The same through the file: what is torn is cut off durably, and the next record follows the last good one. */
static void test_a_torn_line_is_cut_off_when_opened(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *path = fs_join(dir, "journal");
	struct journal j;
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	append_all(dir, whole, 7);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 5), 0);
	assert_int_equal(journal_read(&j, dir, &e), 0);
	assert_true(j.torn);
	journal_close(&j);
	assert_int_equal(journal_open(&j, dir, &e), 0);
	assert_true(j.torn);
	assert_int_equal(j.n, 6);
	assert_int_equal(journal_append(&j, "rootfs", J_DONE, "", &e), 0);
	journal_close(&j);
	assert_int_equal(journal_read(&j, dir, &e), 0);
	assert_false(j.torn);
	assert_int_equal(j.n, 7);
	journal_close(&j);
	unit_dir_end(dir);
}

static void test_strange_lines_are_refused(void **state)
{
	static const struct { const char *text; const char *error; } cases[] = {
		{ "1 b 1 - begin x ", "line 1: does not begin with a plan" },
		{ "2 b 1 - plan x ", "line 1: wrong sequence number: a line is missing or doubled" },
		{ "1 b 1 - plan ", "line 1: wrong number of fields" },
		{ "1 b 1 - plan x y ", "line 1: wrong number of fields" },
		{ "1 b x - plan x ", "line 1: time is not a number" },
		{ "1 b 1 - plane x ", "line 1: unknown verb" },
		{ "1 b 1 - plan %x ", "line 1: bad escape" },
		{ "1 0123456789012345678901234567890123456789 1 - plan x ", "line 1: boot id too long" },
	};
	size_t good;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct journal j = JOURNAL_INIT;
		struct err e = ERR_INIT;
		AUTO_FREE char *text = xasprintf("%s%08x\n", cases[i].text, hash_crc32c(0, cases[i].text, strlen(cases[i].text)));

		assert_int_equal(journal_parse(&j, text, strlen(text), &good, &e), -EBADMSG);
		assert_string_equal(e.msg, cases[i].error);
		journal_close(&j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_appended_is_read),
		cmocka_unit_test(test_one_run_at_a_time),
		cmocka_unit_test(test_nothing_follows_a_failed_append),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_every_byte_flipped), cmocka_unit_test(test_lost_sectors_of_the_last_line_are_torn),
		cmocka_unit_test(test_a_torn_line_is_cut_off_when_opened),
		cmocka_unit_test(test_strange_lines_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

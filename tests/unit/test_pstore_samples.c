/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records that distributions' kernels do not write: console, pmsg, ftrace, a block device as backend, other packers. make_own.sh made them by a kernel. */
#include "pstore_unit.h"

#include "boot_args.h"
#include "pstore_show.h"

/* The log of the only dump of this type, NULL: there is none. The caller frees. */
static char *log_of(struct pstore_dumps *dumps, enum pstore_type type, struct pstore_dump **ret)
{
	char *log = NULL;
	size_t len;

	for (size_t i = 0; i < dumps->n; i++) {
		if (dumps->v[i].type != type)
			continue;
		assert_null(log);
		log = pstore_dump_log(&dumps->v[i], &len);
		*ret = &dumps->v[i];
	}
	return log;
}

static const struct {
	enum pstore_type type;
	const char *file, *words;
	bool crash;
} kinds[] = {
	{ PSTORE_DMESG, "dmesg.txt", NULL, true }, { PSTORE_CONSOLE, "console.txt", NULL, false },
	{ PSTORE_PMSG, "pmsg.txt", "a note for the next boot\n", false }, { PSTORE_FTRACE, "ftrace.txt", " <- ", false },
};

/* Each kind is a dump of its own, kept as text, and only one of them is the crash. */
static void every_kind(const char *sample, const char *backend, const char *crash)
{
	CLEANUP(pstore_set_free) struct pstore_set set = { .n = 0 };
	struct pstore_dumps dumps;

	assert_int_equal(pstore_scan(&set, sample, PSTORE_SCAN_RECORDS, NULL), 0);
	pstore_set_link(&set);
	pstore_dumps_make(&dumps, &set);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct pstore_dump *d = NULL;
		AUTO_FREE char *log = log_of(&dumps, kinds[i].type, &d), *file = NULL;
		struct pstore_explain x;

		if (!log)
			fail_msg("%s: no %s", sample, kinds[i].file);
		file = pstore_report_log_name(d);
		assert_string_equal(file, kinds[i].file);
		assert_string_equal(d->backend, backend);
		assert_non_null(strstr(log, kinds[i].words ? kinds[i].words : crash));
		pstore_explain(log, strlen(log), d->reason, &x);
		assert_int_equal(pstore_dump_is_crash(d, x.kind), kinds[i].crash);
		pstore_explain_free(&x);
	}
	pstore_dumps_free(&dumps);
}

static void test_ramoops_with_all_its_kinds_T5(void **state)
{
	(void)state;
	every_kind(FIXTURES "ramoops-all", "ramoops", "Kernel panic - not syncing: sysrq triggered crash");
}

static void test_a_block_device_as_backend_T5(void **state)
{
	(void)state;
	every_kind(FIXTURES "pstore_blk", "pstore_blk", "kernel BUG at drivers/misc/lkdtm/bugs.c");
}

/* A console may hold the crash too; the banner says it once. */
static void test_one_crash_is_said_once(void **state)
{
	CLEANUP(pstore_set_free) struct pstore_set set = { .n = 0 };
	CLEANUP(strv_free) struct strv findings = STRV_INIT;
	CLEANUP(str_free) struct str out = STR_INIT;
	struct pstore_show sh = { .brief = true };
	struct pstore_dumps dumps;

	(void)state;
	assert_int_equal(pstore_scan(&set, FIXTURES "ramoops-all", PSTORE_SCAN_RECORDS, NULL), 0);
	pstore_dumps_make(&dumps, &set);
	for (size_t i = 0; i < dumps.n; i++)
		pstore_show_dump(&sh, "(not collected yet)", &dumps.v[i], &out);
	pstore_dumps_free(&dumps);
	assert_true(boot_crash_findings(str_cstr(&out), "hint", &findings));
	assert_int_equal(findings.n, 1);
	assert_string_equal(findings.v[0], "this machine crashed: crash on request (SysRq c) by sh, kernel 6.1.192 (hint)");
}

/* Packers that rescue does not know: kept as they are, named, and the log says where they would be (T8). */
static void test_other_packers_T8(void **state)
{
	static const struct { const char *sample, *hint; } packers[] = {
		{ "packed-lzo", "lzo, lz4, 842 or damaged" }, { "packed-lz4", "lzo, lz4, 842 or damaged" }, { "packed-842", "lzo, lz4, 842 or damaged" },
		{ "packed-zstd", "zstd" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packers); i++) {
		CLEANUP(pstore_set_free) struct pstore_set set = { .n = 0 };
		AUTO_FREE char *dir = fs_join(FIXTURES, packers[i].sample), *log = NULL, *want = NULL, *line = NULL;
		struct pstore_explain x;
		struct pstore_dumps dumps;
		size_t len;

		assert_int_equal(pstore_scan(&set, dir, PSTORE_SCAN_RECORDS, NULL), 0);
		assert_int_equal(set.n, 1);
		assert_int_equal(set.v[0].coding, PSTORE_UNREADABLE);
		assert_string_equal(set.v[0].coding_hint, packers[i].hint);
		assert_int_equal(set.v[0].len, set.v[0].views[0].len);
		pstore_dumps_make(&dumps, &set);
		assert_int_equal(dumps.n, 1);
		assert_true(pstore_dump_is_crash(&dumps.v[0], PSTORE_KIND_NONE));
		log = pstore_dump_log(&dumps.v[0], &len);
		want = xasprintf("[rescue: a part could not be unpacked (%s); its bytes are kept in raw/%s]\n", packers[i].hint, set.v[0].views[0].file);
		assert_string_equal(log, want);
		pstore_explain(log, len, "", &x);
		line = pstore_dump_line(&dumps.v[0], len, &x);
		free(want);
		want = xasprintf("its record could not be unpacked (%s)", packers[i].hint);
		assert_string_equal(line, want);
		pstore_explain_free(&x);
		pstore_dumps_free(&dumps);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ramoops_with_all_its_kinds_T5),
		cmocka_unit_test(test_a_block_device_as_backend_T5),
		cmocka_unit_test(test_one_crash_is_said_once),
		cmocka_unit_test(test_other_packers_T8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

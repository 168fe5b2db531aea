/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a record to the banner of the rescue image: only what is a crash may say "this machine crashed". */
#include "pstore_unit.h"

#include "boot_args.h"
#include "pstore_show.h"

#define STAMP "<6>[    1.000000] "

/* What `rescue pstore list` prints of records that are not collected yet. The caller frees. */
static char *list_of(struct pstore_set *set)
{
	struct pstore_show sh = { .brief = true };
	struct pstore_dumps dumps;
	struct str out = STR_INIT;

	pstore_set_link(set);
	pstore_dumps_make(&dumps, set);
	for (size_t i = 0; i < dumps.n; i++)
		pstore_show_dump(&sh, "(not collected yet)", &dumps.v[i], &out);
	pstore_dumps_free(&dumps);
	return str_take(&out);
}

static const struct {
	const char *file, *text, *finding;
} cases[] = {
	{ "dmesg-efi-179588234401001", "Panic#1 Part1\n" STAMP "Kernel panic - not syncing: VFS: no root\n", "panic 'VFS: no root'" },
	{ "dmesg-ramoops-0", "Oops#1 Part1\n" STAMP "general protection fault: 0000 [#1] SMP\n", "general protection fault" },
	/* nothing but what a kernel always writes */
	{ "console-ramoops-0", STAMP "Linux version 6.1\n" STAMP "a healthy machine\n", NULL },
	{ "console-ramoops-0", STAMP "Kernel panic - not syncing: of a boot whose dmesg record was taken\n", NULL },
	{ "pmsg-ramoops-0", "a note\n", NULL }, { "ftrace-ramoops-0", "0 ffff\n", NULL }, { "console-pstore_blk-0", "x\n", NULL },
	/* printk.always_kmsg_dump: an orderly end, also of a boot that killed a process for its memory */
	{ "dmesg-efi-179588234401001", "Shutdown#1 Part1\n" STAMP "reboot: Power down\n", NULL },
	{ "dmesg-efi-179588234401001", "Restart#1 Part1\n" STAMP "Out of memory: Killed process 77\n", NULL },
	{ "dmesg-efi-179588234401001", "Emergency#1 Part1\n" STAMP "sysrq: Resetting\n", NULL },
	{ "dmesg-efi-179588234401001", "Emergency#1 Part1\n" STAMP "Kernel panic - not syncing: x\n", "panic 'x'" },
	/* in doubt it is one: without being told otherwise, kernels write logs when they crash only */
	{ "dmesg-efi-179588234401001", "", "no crash in this log" },
	{ "dmesg-ramoops-0.enc.z", "\x28\xb5\x2f\xfd packed by a kernel with zstd", "its record could not be unpacked (zstd)" },
	{ "mce-erst-7", "\1\2\3\4", "mce of erst, 4 bytes" },
	{ "newthing-efi-12", "?", NULL },
	/* what a crashed program called itself is not obeyed by the console */
	{ "dmesg-efi-179588234401001", "Oops#1 Part1\n" STAMP "BUG: unable to handle page fault for address: 1\n"
	  STAMP "CPU: 0 PID: 9 Comm: a\033[2Jb\200 Not tainted 6.1.0 #1\n", "bad address (page fault in the kernel) by a?[2Jb?, kernel 6.1.0" },
};

static void test_only_crashes_are_called_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(strv_free) struct strv findings = STRV_INIT;
		CLEANUP(pstore_set_free) struct pstore_set set = { .n = 0 };
		AUTO_FREE char *list = NULL, *want = NULL;

		set_add(&set, cases[i].file, cases[i].text);
		list = list_of(&set);
		assert_true(boot_crash_findings(list, "hint", &findings));
		if (findings.n != (cases[i].finding ? 1 : 0))
			fail_msg("case %zu: %s", i, list);
		if (!cases[i].finding)
			continue;
		want = xasprintf("this machine crashed: %s (hint)", cases[i].finding);
		assert_string_equal(findings.v[0], want);
	}
}

/* The samples: a ramoops with a crash in it says so once for each dump, in order; what is stored already says nothing. */
static void test_real_records(void **state)
{
	CLEANUP(strv_free) struct strv findings = STRV_INIT;
	CLEANUP(pstore_set_free) struct pstore_set set = { .n = 0 };
	AUTO_FREE char *list = NULL;

	(void)state;
	assert_int_equal(pstore_scan(&set, FIXTURES "efi-3.11", PSTORE_SCAN_RECORDS, NULL), 0);
	assert_int_equal(pstore_scan(&set, FIXTURES "ramoops", PSTORE_SCAN_RECORDS, NULL), 0);
	list = list_of(&set);
	assert_true(boot_crash_findings(list, "hint", &findings));
	assert_int_equal(findings.n, 3);
	assert_true(strv_has(&findings, "this machine crashed: general protection fault in btrfs_clean_one_deleted_snapshot+0x49/0x150 by btrfs-cleaner, "
		"kernel 3.11.0-rc1+ (hint)"));
	assert_false(boot_crash_findings("20261128T161224Z-efi-panic1-f1d2c08342987752 Panic#1, 3 records\n  panic\n", "hint", &findings));
	assert_false(boot_crash_findings("", "hint", &findings));
	assert_false(boot_crash_findings("  panic\nrescue: something\n", "hint", &findings));
	assert_true(boot_crash_findings("(not collected yet)", "hint", &findings));
	assert_int_equal(findings.n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_crashes_are_called_so),
		cmocka_unit_test(test_real_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

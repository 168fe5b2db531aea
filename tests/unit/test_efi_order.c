/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boot entries as a transaction: reuse, order, rollback, cuts, foreign entries. */
#include "unit.h"

#include <sys/wait.h>

#include "efi_order.h"
#include "efi_var.h"
#include "fault.h"

#define SHIM "\\EFI\\debian\\shimx64.efi"

static char *dir;
static struct err e;
static const char *fail_name;
static int fail_with, fail_times;

static int hook(const char *name, size_t n)
{
	(void)n;
	if (!fail_name || !str_starts(name, fail_name) || fail_times == 0)
		return 0;
	fail_times--;
	return fail_with;
}

static int setup(void **state)
{
	(void)state;
	dir = unit_dir();
	setenv("EFIVARFS_PATH", dir, 1);
	fail_name = NULL;
	efi_var_test_hook = hook;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unit_dir_end(dir);
	return 0;
}

static struct efi_hd hd(uint8_t id, uint64_t start)
{
	struct efi_hd h = { .number = 1, .start = start, .size = 0x80000, .format = 2, .sig_type = 2 };

	memset(h.sig, id, sizeof(h.sig));
	return h;
}

static void put(const char *name, const char *label, const char *file, uint8_t id, const char *data)
{
	struct efi_loadopt o = { .attrs = EFI_ACTIVE, .label = (char *)label, .has_hd = true, .hd = hd(id, 2048), .file = (char *)file,
				 .data = (uint8_t *)data, .data_len = data ? strlen(data) : 0 };
	AUTO_FREE uint8_t *raw = NULL;
	size_t n;

	assert_int_equal(efi_loadopt_build(&o, &raw, &n, &e), 0);
	assert_int_equal(efi_var_set(name, EFI_GLOBAL, 7, raw, n, &e), 0);
}

static void put_order(const char *bytes, size_t n)
{
	assert_int_equal(efi_var_set("BootOrder", EFI_GLOBAL, 7, bytes, n, &e), 0);
}

/* All variables as text, to compare before and after. */
static char *picture(void)
{
	struct str s = STR_INIT;

	assert_int_equal(efi_save(&s, &e), 0);
	return str_take(&s);
}

static void assert_order(const char *want)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { 0 };
	CLEANUP(str_free) struct str got = STR_INIT;

	assert_int_equal(efi_entries_read(&s, &e), 0);
	for (size_t i = 0; i < s.n_order; i++)
		str_addf(&got, "%s%04X", i ? "," : "", s.order[i]);
	assert_string_equal(str_cstr(&got), want);
}

static bool is_gone(const struct efi_hd *h, void *arg)
{
	return h->sig[0] == *(uint8_t *)arg;
}

static struct efi_want want_debian(uint8_t id)
{
	return (struct efi_want){ .label = "debian", .file = SHIM, .hd = hd(id, 2048) };
}

/* T27, T32: the second and the hundredth repair add nothing. */
static void test_a_second_repair_adds_nothing(void **state)
{
	struct efi_want w = want_debian(1);
	AUTO_FREE char *before = NULL;
	struct efi_done d;
	uint16_t num;

	(void)state;
	assert_int_equal(efi_entry_holds(&w, &num, &e), 0);
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_true(d.created && d.ordered);
	assert_order("0000");
	assert_int_equal(efi_entry_holds(&w, &num, &e), 1);
	before = picture();
	for (int i = 0; i < 100; i++) {
		AUTO_FREE char *after = NULL;

		assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
		assert_false(d.created || d.ordered || d.rewritten || d.doubles);
		after = picture();
		assert_string_equal(after, before);
	}
}

/* T34, T35: a Windows entry with its blob, vendor entries, numbers that lead nowhere: bytes, numbers and order stay. */
static void test_what_is_foreign_stays(void **state)
{
	struct efi_want w = want_debian(1);
	CLEANUP(efi_entries_free) struct efi_entries s = { 0 };
	struct efi_done d;

	(void)state;
	put("Boot0000", "Windows Boot Manager", "\\EFI\\Microsoft\\Boot\\bootmgfw.efi", 9, "WINDOWS\x01 BCDOBJECT={9dea862c}");
	put("Boot0002", "Vendor", "\\EFI\\v\\v.efi", 8, "RC");
	assert_int_equal(efi_var_set("Boot0007", EFI_GLOBAL, 7, "garbage that no one can read", 28, &e), 0);
	put_order("\2\0\5\0\0\0", 6);
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_int_equal(d.num, 1);     /* lowest number that nobody has; 5 is named by the order */
	assert_order("0001,0002,0005,0000");
	assert_int_equal(efi_entries_read(&s, &e), 0);
	assert_int_equal(s.n, 4);
	assert_int_equal(efi_entries_find(&s, 0)->opt.data_len, 29);
	assert_memory_equal(efi_entries_find(&s, 0)->opt.data, "WINDOWS\x01 BCDOBJECT={9dea862c}", 29);
	assert_memory_equal(efi_entries_find(&s, 7)->raw, "garbage", 7);
	w.place = EFI_LAST;
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_order("0002,0005,0000,0001");
	w.place = EFI_KEEP;
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_order("0002,0005,0000,0001");
	w.place = EFI_FIRST;    /* wrong boot order */
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_false(d.created);
	assert_order("0001,0002,0005,0000");
}

/* T31: number, label, data and order kept; only the partition is new. T28: the same file on a partition that is there is left alone. */
static void test_own_entry_of_a_partition_that_is_gone(void **state)
{
	uint8_t gone = 3;
	struct efi_want w = want_debian(1);
	CLEANUP(efi_entries_free) struct efi_entries s = { 0 };
	struct efi_done d;

	(void)state;
	w.stale = is_gone;
	w.arg = &gone;
	put("Boot0000", "debian", SHIM, 4, NULL);
	put("Boot0003", "debian", SHIM, 3, "own data");
	put("Boot0004", "other label", SHIM, 3, NULL);
	put_order("\0\0\3\0\4\0", 6);
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_true(d.rewritten && !d.created);
	assert_int_equal(d.num, 3);
	assert_order("0003,0000,0004");
	assert_int_equal(efi_entries_read(&s, &e), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(efi_entries_find(&s, 3)->opt.hd.sig[0], 1);
	assert_memory_equal(efi_entries_find(&s, 3)->opt.data, "own data", 8);
	assert_int_equal(efi_entries_find(&s, 0)->opt.hd.sig[0], 4);
	assert_int_equal(efi_entries_find(&s, 4)->opt.hd.sig[0], 3);
}

/* T31: the same GUID at another place of the disk is not the same partition. */
static void test_start_and_size_count_too(void **state)
{
	struct efi_want w = want_debian(1);
	struct efi_done d;

	(void)state;
	put("Boot0000", "debian", SHIM, 1, NULL);
	put_order("\0\0", 2);
	w.hd.start = 4096;
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_true(d.created);
	assert_order("0001,0000");
}

static void test_an_inactive_entry_is_switched_on(void **state)
{
	struct efi_want w = want_debian(1);
	CLEANUP(efi_entries_free) struct efi_entries s = { 0 };
	struct efi_loadopt o = { .attrs = 0, .label = (char *)"mine", .has_hd = true, .hd = hd(1, 2048), .file = (char *)"\\efi\\DEBIAN\\SHIMX64.EFI" };
	AUTO_FREE uint8_t *raw = NULL;
	struct efi_done d;
	size_t n;

	(void)state;
	assert_int_equal(efi_loadopt_build(&o, &raw, &n, &e), 0);
	assert_int_equal(efi_var_set("Boot0009", EFI_GLOBAL, 7, raw, n, &e), 0);
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_true(d.rewritten);
	assert_int_equal(d.num, 9);
	assert_int_equal(efi_entries_read(&s, &e), 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.v[0].opt.label, "mine");
	assert_int_equal(s.v[0].opt.attrs, 1);
}

/* T27: ten copies that another tool left become one; an entry that differs in one byte stays. */
static void test_doubles_are_removed(void **state)
{
	struct efi_want w = want_debian(1);
	CLEANUP(efi_entries_free) struct efi_entries s = { 0 };
	struct efi_done d;
	char name[16];

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "Boot%04X", i);
		put(name, i == 4 ? "debian 2" : "debian", SHIM, 1, NULL);
	}
	put_order("\4\0\5\0\6\0\7\0\2\0\1\0", 12);
	w.place = EFI_KEEP;
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_int_equal(d.num, 4);
	put_order("\5\0\6\0\7\0\4\0\2\0", 10);
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_int_equal(d.num, 5);
	assert_int_equal(d.doubles, 8);
	assert_order("0005,0004");
	assert_int_equal(efi_entries_read(&s, &e), 0);
	assert_int_equal(s.n, 2);
}

/* T33: the order cannot be written: the entry that was made is taken away again. T23: no room: nothing changed. */
static void test_rollback(void **state)
{
	static const struct { const char *name; int code; } cases[] = { { "BootOrder", -EIO }, { "BootOrder", -ENOSPC }, { "Boot0", -ENOSPC }, { "BootOrder", 1 } };
	struct efi_want w = want_debian(1);
	AUTO_FREE char *before = NULL;
	struct efi_done d;

	(void)state;
	put("Boot0000", "Windows", "\\w.efi", 9, "blob");
	put_order("\0\0", 2);
	before = picture();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *after = NULL;

		fail_name = cases[i].name;
		fail_with = cases[i].code;
		fail_times = 1;
		assert_int_equal(efi_entry_ensure(&w, &d, &e), cases[i].code == 1 ? -EIO : cases[i].code);
		after = picture();
		assert_string_equal(after, before);
	}
	fail_name = "BootOrder";        /* T36 */
	fail_with = -EEXIST;
	fail_times = 1;
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_order("0001,0000");
}

/* T33: power goes between entry and order, or after the order: the next run ends where an undisturbed one does. */
static void test_a_cut_between_entry_and_order(void **state)
{
	static const char *const points[] = { "efi.entry.written:1", "efi.order.written:1" };
	struct efi_want w = want_debian(1);
	struct efi_done d;

	(void)state;
	put("Boot0000", "Windows", "\\w.efi", 9, "blob");
	put_order("\0\0", 2);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			setenv("RESCUE_FAULT", points[i], 1);
			fault_init();
			_exit(efi_entry_ensure(&w, &d, NULL) < 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_order(i == 0 ? "0000" : "0001,0000");
		if (i == 0)
			assert_int_equal(efi_entry_holds(&w, &(uint16_t){ 0 }, &e), 0);
	}
	assert_int_equal(efi_entry_ensure(&w, &d, &e), 0);
	assert_false(d.created);
	assert_order("0001,0000");
}

static void test_saved_entries_come_back(void **state)
{
	AUTO_FREE char *saved = NULL, *after = NULL;
	CLEANUP(efi_entries_free) struct efi_entries s = { 0 };
	unsigned int n;

	(void)state;
	put("Boot0000", "Windows", "\\w.efi", 9, "blob");
	put("Boot0001", "debian", SHIM, 1, NULL);
	put_order("\1\0\0\0", 4);
	saved = picture();
	assert_int_equal(efi_restore(saved, strlen(saved), &n, &e), 0);
	assert_int_equal(n, 0);
	unit_dir_end(dir);
	setup(NULL);
	assert_int_equal(efi_restore(saved, strlen(saved), &n, &e), 0);
	assert_int_equal(n, 3);
	after = picture();
	assert_string_equal(after, saved);
	put("Boot0000", "firmware's own", "\\f.efi", 7, NULL);     /* a reset gave number 0 to someone else */
	put_order("\0\0", 2);
	assert_int_equal(efi_restore(saved, strlen(saved), &n, &e), 0);
	assert_order("0001,0002,0000");
	assert_int_equal(efi_entries_read(&s, &e), 0);
	assert_string_equal(efi_entries_find(&s, 2)->opt.label, "Windows");
	assert_string_equal(efi_entries_find(&s, 0)->opt.label, "firmware's own");
	assert_int_equal(efi_restore(saved, strlen(saved), &n, &e), 0);
	assert_int_equal(n, 0);
}

static void test_a_damaged_copy_is_refused(void **state)
{
	AUTO_FREE char *saved = NULL;
	unsigned int n;
	size_t len;

	(void)state;
	put("Boot0001", "debian", SHIM, 1, NULL);
	saved = picture();
	len = strlen(saved);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(efi_restore(saved, i, &n, &e), -EBADMSG);
		saved[i] ^= 1;
		assert_int_equal(efi_restore(saved, len, &n, &e), -EBADMSG);
		saved[i] ^= 1;
	}
	assert_int_equal(efi_restore("hello", 5, &n, &e), -EBADMSG);
	assert_string_equal(e.msg, "this is not a file that 'rescue efi save' wrote");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_second_repair_adds_nothing),
		T(test_what_is_foreign_stays),
		T(test_own_entry_of_a_partition_that_is_gone),
		T(test_start_and_size_count_too),
		T(test_an_inactive_entry_is_switched_on),
		T(test_doubles_are_removed),
		T(test_rollback),
		T(test_a_cut_between_entry_and_order),
		T(test_saved_entries_come_back),
		T(test_a_damaged_copy_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

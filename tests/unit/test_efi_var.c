/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Variables and load options on a folder of ordinary files (EFIVARFS_PATH). */
#include "unit.h"

#include "efi_loadopt.h"
#include "efi_var.h"

static int refuse_with;
static int hook(const char *name, size_t n)
{
	(void)name;
	(void)n;
	return refuse_with;
}

static char *vars(void)
{
	char *dir = unit_dir();

	setenv("EFIVARFS_PATH", dir, 1);
	return dir;
}

static void vars_end(char *dir)
{
	efi_var_test_hook = NULL;
	unsetenv("EFIVARFS_PATH");
	unit_dir_end(dir);
}

static void test_a_variable_is_attributes_and_data(void **state)
{
	char *dir = vars();
	AUTO_FREE char *path = fs_join(dir, "Timeout-" EFI_GLOBAL), *raw = NULL;
	AUTO_FREE uint8_t *got = NULL;
	struct err e = ERR_INIT;
	uint32_t attrs;
	size_t n;

	(void)state;
	assert_int_equal(efi_var_ready(&e), 0);
	assert_int_equal(efi_var_set("Timeout", EFI_GLOBAL, 7, "\5\1\3", 3, &e), 0);
	assert_int_equal(efi_var_set("Timeout", EFI_GLOBAL, 7, "\5\0", 2, &e), 0);
	assert_int_equal(fs_read(path, 100, &raw, &n, &e), 0);
	assert_int_equal(n, 6);
	assert_memory_equal(raw, "\7\0\0\0\5\0", 6);
	assert_int_equal(efi_var_get("Timeout", EFI_GLOBAL, &attrs, &got, &n, &e), 0);
	assert_int_equal(attrs, 7);
	assert_int_equal(n, 2);
	assert_int_equal(efi_var_delete("Timeout", EFI_GLOBAL, &e), 0);
	assert_int_equal(efi_var_delete("Timeout", EFI_GLOBAL, &e), 0);
	assert_int_equal(efi_var_get("Timeout", EFI_GLOBAL, NULL, &got, &n, &e), -ENOENT);
	vars_end(dir);
}

/* T23, T32, T38: refusals have sentences, nothing is left behind, and a firmware that lies is caught. */
static void test_a_firmware_that_refuses_or_lies(void **state)
{
	char *dir = vars();
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	AUTO_FREE uint8_t *got = NULL;
	struct err e = ERR_INIT;
	size_t n;

	(void)state;
	efi_var_test_hook = hook;
	refuse_with = -ENOSPC;
	assert_int_equal(efi_var_set("Boot0001", EFI_GLOBAL, 7, "abcd", 4, &e), -ENOSPC);
	assert_string_equal(e.msg, "EFI variable Boot0001: the firmware has no room for 4 more bytes");
	refuse_with = -EROFS;
	assert_int_equal(efi_var_set("Boot0001", EFI_GLOBAL, 7, "abcd", 4, &e), -EROFS);
	assert_string_equal(e.msg, "EFI variable Boot0001: variables are read-only here");
	refuse_with = 1;
	assert_int_equal(efi_var_set("Boot0001", EFI_GLOBAL, 7, "abcd", 4, &e), -EIO);
	assert_string_equal(e.msg, "EFI variable Boot0001: the firmware accepted it but did not keep it");
	assert_int_equal(efi_var_names(EFI_GLOBAL, &names, &e), 0);
	assert_int_equal(names.n, 0);
	refuse_with = 0;
	assert_int_equal(efi_var_set("Boot0001", EFI_GLOBAL, 7, "abcd", 4, &e), 0);
	refuse_with = -EIO;
	assert_int_equal(efi_var_set("Boot0001", EFI_GLOBAL, 7, "efgh", 4, &e), -EIO);
	assert_int_equal(efi_var_get("Boot0001", EFI_GLOBAL, NULL, &got, &n, &e), 0);
	assert_memory_equal(got, "abcd", 4);
	vars_end(dir);
}

/* T21: where the firmware does not say how much room it has, that is unknown: neither "no UEFI" nor "no room". */
static void test_room_that_nobody_tells(void **state)
{
	char *dir = vars();
	struct err e = ERR_INIT;
	uint64_t room = 7, total = 7;

	(void)state;
	assert_int_equal(efi_var_space(&room, &total, &e), -ENOSYS);
	assert_string_equal(e.msg, "EFI variables: the firmware does not say how much room it has");
	assert_int_equal(room, 7);
	assert_int_equal(efi_var_ready(&e), 0);
	assert_int_equal(efi_var_set("Boot0001", EFI_GLOBAL, 7, "abcd", 4, &e), 0);
	vars_end(dir);
}

static void test_names_of_one_guid_only(void **state)
{
	char *dir = vars();
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(efi_var_set("Boot0002", EFI_GLOBAL, 7, "x", 1, &e), 0);
	assert_int_equal(efi_var_set("Boot0001", "8BE4DF61-93CA-11D2-AA0D-00E098032B8C", 7, "x", 1, &e), 0);
	assert_int_equal(efi_var_set("Boot0003", "cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0", 7, "x", 1, &e), 0);
	assert_int_equal(efi_var_names(EFI_GLOBAL, &names, &e), 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "Boot0001");
	vars_end(dir);
}

/* T19: without UEFI the sentence says what to do. */
static void test_without_uefi(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	unsetenv("EFIVARFS_PATH");
	if (fs_is_dir("/sys/firmware/efi"))
		skip();
	assert_int_equal(efi_var_ready(&e), -ENODEV);
	assert_string_equal(e.msg, "EFI variables: this system was started in BIOS mode, entries need a start in UEFI mode");
}

/* What a Debian's Boot0003 holds, laid out by hand from the specification. */
static const uint8_t sample[] = {
	0x01, 0x00, 0x00, 0x00, 0x62, 0x00, 'd', 0, 'e', 0, 'b', 0, 'i', 0, 'a', 0, 'n', 0, 0, 0,
	0x04, 0x01, 0x2a, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x08, 0, 0, 0, 0, 0, 0, 0x00, 0x00, 0x08, 0, 0, 0, 0, 0,
	0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4, 0x02, 0x02,
	0x04, 0x04, 0x34, 0x00, '\\', 0, 'E', 0, 'F', 0, 'I', 0, '\\', 0, 'd', 0, 'e', 0, 'b', 0, 'i', 0, 'a', 0, 'n', 0, '\\', 0,
	's', 0, 'h', 0, 'i', 0, 'm', 0, 'x', 0, '6', 0, '4', 0, '.', 0, 'e', 0, 'f', 0, 'i', 0, 0, 0,
	0x7f, 0xff, 0x04, 0x00,
};

static void test_an_option_is_read_and_built_the_same(void **state)
{
	AUTO_FREE uint8_t *raw = NULL;
	struct efi_loadopt o, bad;
	struct err e = ERR_INIT;
	size_t n;

	(void)state;
	assert_int_equal(efi_loadopt_parse(sample, sizeof(sample), &o, &e), 0);
	assert_string_equal(o.label, "debian");
	assert_string_equal(o.file, "\\EFI\\debian\\shimx64.efi");
	assert_string_equal(o.path, "HD(1,GPT,0fc63daf-8483-4772-8e79-3d69d8477de4,0x800,0x80000)/File(\\EFI\\debian\\shimx64.efi)");
	assert_true(o.has_hd);
	assert_int_equal(o.hd.start, 2048);
	assert_int_equal(efi_loadopt_build(&o, &raw, &n, &e), 0);
	assert_int_equal(n, sizeof(sample));
	assert_memory_equal(raw, sample, n);
	efi_loadopt_free(&o);
	for (size_t cut = 0; cut < sizeof(sample); cut++)
		assert_int_equal(efi_loadopt_parse(sample, cut, &bad, &e), -EBADMSG);
}

/* T35, T40: labels with any character and optional data survive. libefiboot 37 writes U+0800.. wrongly. */
static void test_labels_of_the_whole_world(void **state)
{
	static const char *const labels[] = { "", "Système \"A\" 'x' $(reboot)", "\xe0\xa4\x95\xe0\xa5\x8d", "\xe6\x95\x91\xe6\x8f\xb4", "\xf0\x9f\x9b\x9f" };
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		struct efi_loadopt o = { .attrs = 1, .label = (char *)labels[i], .has_hd = true, .file = (char *)"\\EFI\\\xc3\xa9\\x.efi",
					 .data = (uint8_t *)"RC\0\1", .data_len = 4 }, back;
		AUTO_FREE uint8_t *raw = NULL;
		size_t n;

		assert_int_equal(efi_loadopt_build(&o, &raw, &n, &e), 0);
		assert_int_equal(efi_loadopt_parse(raw, n, &back, &e), 0);
		assert_string_equal(back.label, labels[i]);
		assert_string_equal(back.file, o.file);
		assert_int_equal(back.data_len, 4);
		assert_memory_equal(back.data, "RC\0\1", 4);
		efi_loadopt_free(&back);
	}
}

static void test_what_cannot_be_an_option_is_refused(void **state)
{
	struct efi_loadopt o = { .label = (char *)"\xff", .has_hd = true, .file = (char *)"\\x" };
	AUTO_FREE char *longest = xcalloc(1, 1026);
	struct err e = ERR_INIT;
	uint8_t *raw;
	size_t n;

	(void)state;
	assert_int_equal(efi_loadopt_build(&o, &raw, &n, &e), -EINVAL);
	memset(longest, 'x', 1025);
	o.label = longest;
	assert_int_equal(efi_loadopt_build(&o, &raw, &n, &e), -EINVAL);
	o.label = (char *)"fine";
	o.file = (char *)"\\\xc3";
	assert_int_equal(efi_loadopt_build(&o, &raw, &n, &e), -EINVAL);
}

static void test_guids(void **state)
{
	uint8_t g[16];
	char t[37];

	(void)state;
	assert_int_equal(efi_guid_parse("0FC63DAF-8483-4772-8E79-3D69D8477DE4", g), 0);
	assert_int_equal(g[0], 0xaf);
	efi_guid_text(g, t);
	assert_string_equal(t, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	assert_int_equal(efi_guid_parse("0FC63DAF-8483-4772-8E79-3D69D8477DE", g), -EINVAL);
	assert_int_equal(efi_guid_parse("0FC63DAF-8483-4772-8E79-3D69D8477DE4x", g), -EINVAL);
	assert_int_equal(efi_guid_parse("0FC63DAF08483-4772-8E79-3D69D8477DE4", g), -EINVAL);
	assert_int_equal(efi_guid_parse("", g), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_variable_is_attributes_and_data),
		cmocka_unit_test(test_a_firmware_that_refuses_or_lies),
		cmocka_unit_test(test_room_that_nobody_tells),
		cmocka_unit_test(test_names_of_one_guid_only),
		cmocka_unit_test(test_without_uefi),
		cmocka_unit_test(test_an_option_is_read_and_built_the_same),
		cmocka_unit_test(test_labels_of_the_whole_world),
		cmocka_unit_test(test_what_cannot_be_an_option_is_refused),
		cmocka_unit_test(test_guids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

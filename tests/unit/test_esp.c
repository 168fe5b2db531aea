/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on an ESP, and the removable path, on folders. */
#include "unit.h"

#include "esp.h"

static char *dir;
static struct err e;

static int setup(void **state)
{
	(void)state;
	dir = unit_dir();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unit_dir_end(dir);
	return 0;
}

static void put(const char *file, const void *data, size_t n)
{
	AUTO_FREE char *path = NULL;

	assert_int_equal(esp_make(dir, file, &path, &e), 0);
	assert_int_equal(fs_write_atomic(path, data, n, 0644, &e), 0);
}

static void put_csv(const char *file, const char *text)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_addn(&s, "\xff\xfe", 2);
	assert_int_equal(efi_utf16_add(&s, text), 0);
	put(file, s.s, s.len);
}

static void assert_content(const char *file, const char *want)
{
	AUTO_FREE char *path = esp_find(dir, file), *got = NULL;
	size_t n;

	assert_non_null(path);
	assert_int_equal(fs_read(path, 1000, &got, &n, &e), 0);
	assert_string_equal(got, want);
}

static void test_names_know_no_case(void **state)
{
	AUTO_FREE char *found = NULL, *path = NULL;

	(void)state;
	put("\\efi\\Debian\\GRUBX64.EFI", "g", 1);
	found = esp_find(dir, "\\EFI\\debian\\grubx64.efi");
	assert_non_null(found);
	assert_int_equal(esp_make(dir, "\\EFI\\DEBIAN\\new.efi", &path, &e), 0);
	assert_true(str_ends(path, "/efi/Debian/new.efi"));
	assert_null(esp_find(dir, "\\EFI\\debian\\..\\..\\..\\etc\\passwd"));
	assert_int_equal(esp_make(dir, "\\EFI\\..\\x", &path, &e), -EINVAL);
}

/* T39: nothing was saved; the ESP alone says what there was. */
static void test_everything_that_can_be_started_is_found(void **state)
{
	struct esp_loader *v;
	size_t n;

	(void)state;
	put("\\EFI\\debian\\shimx64.efi", "s", 1);
	put("\\EFI\\debian\\grubx64.efi", "g", 1);
	put_csv("\\EFI\\debian\\BOOTX64.CSV", "shimx64.efi,Debian \xe6\x95\x91,,comment\r\nmissing.efi,never,,\n");
	put("\\EFI\\fedora\\shimx64.efi", "s", 1);
	put_csv("\\EFI\\fedora\\BOOT.CSV", "shimx64.efi,Fedora,\\x,c\n");
	put("\\EFI\\arch\\grubx64.efi", "g", 1);
	put("\\EFI\\broken\\BOOTX64.CSV", "\xff\xfe\1", 3);
	put("\\EFI\\broken\\grubx64.efi", "g", 1);
	put("\\EFI\\systemd\\systemd-bootx64.efi", "b", 1);
	put("\\EFI\\Linux\\debian-6.1.efi", "u", 1);
	put("\\EFI\\Linux\\notes.txt", "u", 1);
	put("\\EFI\\Microsoft\\Boot\\bootmgfw.efi", "w", 1);
	put("\\EFI\\BOOT\\bootx64.efi", "r", 1);
	assert_int_equal(esp_scan(dir, "x64", &v, &n, &e), 0);
	assert_int_equal(n, 8);
	assert_string_equal(v[0].file, "\\EFI\\debian\\shimx64.efi");
	assert_string_equal(v[0].label, "Debian \xe6\x95\x91");
	assert_string_equal(v[1].label, "Fedora");
	assert_int_equal(v[1].data_len, 6);
	assert_memory_equal(v[1].data, "\\\0x\0\0\0", 6);
	assert_string_equal(v[2].label, "arch");
	assert_string_equal(v[3].label, "broken");
	assert_string_equal(v[4].label, "Linux Boot Manager");
	assert_string_equal(v[5].label, "debian-6.1");
	assert_string_equal(v[6].label, "Windows Boot Manager");
	assert_string_equal(v[7].file, "\\EFI\\BOOT\\BOOTX64.EFI");
	esp_loaders_free(v, n);
	assert_int_equal(esp_scan(dir, "aa64", &v, &n, &e), 0);
	assert_int_equal(n, 3);         /* Fedora's BOOT.CSV names a file that exists; the UKI; Windows */
	esp_loaders_free(v, n);
}

static void test_an_empty_esp_and_none(void **state)
{
	struct esp_loader *v;
	size_t n;

	(void)state;
	assert_int_equal(esp_scan(dir, "x64", &v, &n, &e), 0);
	assert_int_equal(n, 0);
	esp_loaders_free(v, n);
	assert_int_equal(esp_scan("/no/such", "x64", &v, &n, &e), -ENOTDIR);
}

/* T26: the removable path is made where there is none, with what shim needs, and a CSV for shim's fallback. */
static void test_the_removable_path_is_made(void **state)
{
	AUTO_FREE char *csv = NULL;
	bool changed = false;

	(void)state;
	put("\\EFI\\debian\\shimx64.efi", "shim", 4);
	put("\\EFI\\debian\\grubx64.efi", "grub", 4);
	put("\\EFI\\debian\\mmx64.efi", "mok", 3);
	assert_int_equal(esp_removable(dir, "x64", "\\EFI\\debian\\shimx64.efi", "debian", false, &changed, &e), 0);
	assert_true(changed);
	assert_content("\\EFI\\BOOT\\BOOTX64.EFI", "shim");
	assert_content("\\EFI\\BOOT\\grubx64.efi", "grub");
	assert_content("\\EFI\\BOOT\\mmx64.efi", "mok");
	csv = esp_find(dir, "\\EFI\\debian\\BOOTX64.CSV");
	assert_non_null(csv);
	changed = false;
	assert_int_equal(esp_removable(dir, "x64", "\\EFI\\debian\\shimx64.efi", "debian", true, &changed, &e), 0);
	assert_false(changed);
}

/* T37: when variables cannot be written, fbx64.efi would reset the machine for ever. What stood there is kept beside. */
static void test_force_replaces_and_takes_the_fallback_away(void **state)
{
	bool changed = false;

	(void)state;
	put("\\EFI\\debian\\grubx64.efi", "grub", 4);
	put("\\EFI\\BOOT\\BOOTX64.EFI", "other", 5);
	put("\\EFI\\BOOT\\fbx64.efi", "fb", 2);
	assert_int_equal(esp_removable(dir, "x64", "\\EFI\\debian\\grubx64.efi", "debian", false, &changed, &e), 0);
	assert_content("\\EFI\\BOOT\\BOOTX64.EFI", "other");
	assert_int_equal(esp_removable(dir, "x64", "\\EFI\\debian\\grubx64.efi", "debian", true, &changed, &e), 0);
	assert_content("\\EFI\\BOOT\\BOOTX64.EFI", "grub");
	assert_content("\\EFI\\BOOT\\BOOTX64.EFI.before-rescue", "other");
	assert_null(esp_find(dir, "\\EFI\\BOOT\\fbx64.efi"));
	assert_int_equal(esp_removable(dir, "x64", "\\EFI\\nothing\\x.efi", "x", true, &changed, &e), -ENOENT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_names_know_no_case),
		T(test_everything_that_can_be_started_is_found),
		T(test_an_empty_esp_and_none),
		T(test_the_removable_path_is_made),
		T(test_force_replaces_and_takes_the_fallback_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

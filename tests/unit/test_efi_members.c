/* SPDX-License-Identifier: GPL-2.0-or-later */
/* T30: an ESP on several disks: the entries of its members stand one behind the other, whatever the order was, and a second repair agrees. */
#include "unit.h"

#include "efi_repair.h"
#include "efi_var.h"
#include "fs.h"

#define OURS "\\EFI\\debian\\shimx64.efi"

static char *dir, *esp, *vars;
static struct err e;
static struct esp_part parts[3];

static int setup(void **state)
{
	AUTO_FREE char *debian = NULL, *file = NULL;

	(void)state;
	dir = unit_dir();
	vars = xasprintf("%s/vars", dir);
	esp = xasprintf("%s/esp", dir);
	debian = xasprintf("%s/EFI/debian", esp);
	file = xasprintf("%s/shimx64.efi", debian);
	assert_int_equal(fs_mkdir_p(debian, 0755, &e), 0);
	assert_int_equal(fs_mkdir_p(vars, 0755, &e), 0);
	assert_int_equal(fs_write_atomic(file, "MZ shim", 7, 0644, &e), 0);
	setenv("EFIVARFS_PATH", vars, 1);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		parts[i] = (struct esp_part){ .dev = (char *)"/dev/member", .hd = { .number = 1, .start = 2048, .size = 2048, .format = 2, .sig_type = 2 } };
		memset(parts[i].hd.sig, 'A' + (int)i, sizeof(parts[i].hd.sig));
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unit_dir_end(dir);
	free(esp);
	free(vars);
	return 0;
}

/* Number `num` belongs to member A, B, C, to one that is gone (another capital), or to someone else (a small letter). */
static void put(uint16_t num, char who)
{
	bool is_ours = who >= 'A' && who <= 'Z';
	struct efi_loadopt o = { .attrs = EFI_ACTIVE, .label = (char *)(is_ours ? "debian" : "foreign"), .has_hd = true, .hd = parts[0].hd,
				 .file = (char *)(is_ours ? OURS : "\\EFI\\other\\o.efi") };
	AUTO_FREE uint8_t *raw = NULL;
	char name[9];
	size_t n;

	memset(o.hd.sig, who, sizeof(o.hd.sig));
	snprintf(name, sizeof(name), "Boot%04X", num);
	assert_int_equal(efi_loadopt_build(&o, &raw, &n, &e), 0);
	assert_int_equal(efi_var_set(name, EFI_GLOBAL, 7, raw, n, &e), 0);
}

/* The firmware as a word: BootOrder is these, one after the other. */
static void firmware(const char *order)
{
	uint8_t raw[32];

	for (size_t i = 0; order[i]; i++) {
		put((uint16_t)i, order[i]);
		raw[2 * i] = (uint8_t)i;
		raw[2 * i + 1] = 0;
	}
	assert_int_equal(efi_var_set("BootOrder", EFI_GLOBAL, 7, raw, 2 * strlen(order), &e), 0);
}

static char member_of(uint16_t num)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { 0 };

	assert_int_equal(efi_entries_read(&s, &e), 0);
	return (char)efi_entries_find(&s, num)->opt.hd.sig[0];
}

static void assert_firmware(const char *before, const char *want)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { 0 };
	char got[32] = "";

	assert_int_equal(efi_entries_read(&s, &e), 0);
	for (size_t i = 0; i < s.n_order; i++)
		got[i] = (char)efi_entries_find(&s, s.order[i])->opt.hd.sig[0];
	if (!str_eq(got, want))
		fail_msg("from %s: %s, wanted %s", before, got, want);
	assert_int_equal(s.n, strlen(want));
}

static void repair(const char *before, const char *want, size_t members, enum efi_place place, bool is_named)
{
	struct efi_repair r = { .esp = esp, .arch = "x64", .parts = parts, .n_parts = members, .file = is_named ? OURS : NULL, .label = "debian",
				.place = place };
	bool was_right = str_eq(before, want);

	assert_int_equal(efi_repair_holds(&r, OURS, "debian", false, &e), was_right);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(efi_repair(&r, &e), 0);
		assert_null(r.degraded);
		assert_int_equal(r.written != 0, i == 0 && !was_right);
		assert_int_equal(member_of(r.num), 'A');
		assert_firmware(before, want);
		assert_int_equal(efi_repair_holds(&r, OURS, "debian", false, &e), 1);
		free(r.first);
		r.first = NULL;
		r.written = 0;
	}
}

static const struct {
	size_t members;
	enum efi_place place;
	const char *before, *want;
} cases[] = {
	{ 2, EFI_FIRST, "xAyB", "ABxy" },
	{ 2, EFI_FIRST, "AxB", "ABx" },
	{ 2, EFI_FIRST, "xBy", "ABxy" },
	{ 2, EFI_FIRST, "BAx", "ABx" },
	{ 2, EFI_FIRST, "xy", "ABxy" },
	{ 2, EFI_FIRST, "ABxy", "ABxy" },
	{ 3, EFI_FIRST, "CxByA", "ABCxy" },
	{ 3, EFI_FIRST, "xAyBz", "ABCxyz" },
	{ 2, EFI_FIRST, "xSyT", "ABxy" },      /* both stale: two entries are corrected, none is added */
	{ 2, EFI_FIRST, "SxB", "ABx" },
	{ 2, EFI_LAST, "AxBy", "xyAB" },
	{ 2, EFI_LAST, "xy", "xyAB" },
	{ 3, EFI_LAST, "CxAyB", "xyABC" },
	{ 2, EFI_LAST, "xAB", "xAB" },
	{ 2, EFI_KEEP, "xAyB", "xABy" },
	{ 2, EFI_KEEP, "BxAy", "BAxy" },        /* nobody else moves up */
	{ 2, EFI_KEEP, "xBAy", "xBAy" },
	{ 3, EFI_KEEP, "xCyAzB", "xCAByz" },
	{ 2, EFI_KEEP, "xAy", "xABy" },
	{ 1, EFI_FIRST, "xBA", "AxB" },         /* B is not ours to move here */
};

static void test_members_stand_one_behind_the_other(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (i) {
			teardown(state);
			setup(state);
		}
		firmware(cases[i].before);
		repair(cases[i].before, cases[i].want, cases[i].members, cases[i].place, true);
	}
}

/* `rescue efi repair` without --first: our own entry was first, so it stays first; the other member comes to it. */
static void test_a_member_that_was_chosen(void **state)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { 0 };
	struct efi_repair r = { .esp = esp, .arch = "x64", .parts = parts, .n_parts = 2, .label = "debian", .place = EFI_FIRST };

	(void)state;
	firmware("BxAy");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(efi_repair(&r, &e), 0);
		assert_firmware("BxAy", "BAxy");
		free(r.first);
		r.first = NULL;
	}
	assert_int_equal(efi_entries_read(&s, &e), 0);
	assert_int_equal(r.num, 2);     /* of the first partition */
}

/* Numbers say nothing about places: of two stale entries the one that stands first is corrected, and nobody else moves up. */
static void test_stale_entries_in_another_order_than_their_numbers(void **state)
{
	(void)state;
	firmware("SxT");
	assert_int_equal(efi_var_set("BootOrder", EFI_GLOBAL, 7, "\2\0\1\0\0\0", 6, &e), 0);
	repair("TxS", "ABx", 2, EFI_KEEP, true);
	assert_int_equal(member_of(2), 'A');
}

/* Two disks that are copies of each other, identifiers and all: one entry serves both. */
static void test_members_that_cannot_be_told_apart(void **state)
{
	(void)state;
	parts[1] = parts[0];
	firmware("xA");
	repair("xA", "Ax", 2, EFI_FIRST, true);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_members_stand_one_behind_the_other),
		T(test_a_member_that_was_chosen),
		T(test_stale_entries_in_another_order_than_their_numbers),
		T(test_members_that_cannot_be_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "pstore_name.h"

static const struct {
	const char *file;
	int r;
	enum pstore_type type;
	const char *backend;
	bool variable, packed, has_place;
	uint64_t id, time;
	unsigned int part, count;
} cases[] = {
	/* T5: every spelling of EFI, and the other backends */
	{ "dmesg-efi-3", 0, PSTORE_DMESG, "efi", false, false, false, 3, 0, 3, 0 },
	{ "dmesg-efi-179588234401001", 0, PSTORE_DMESG, "efi", false, false, true, 179588234401001, 1795882344, 1, 1 },
	{ "dmesg-efi_pstore-179588234714002", 0, PSTORE_DMESG, "efi", false, false, true, 179588234714002, 1795882347, 14, 2 },
	{ "dmesg-efi-179588234401001.enc.z", 0, PSTORE_DMESG, "efi", false, true, true, 179588234401001, 1795882344, 1, 1 },
	{ "dmesg-erst-7713270733195345921", 0, PSTORE_DMESG, "erst", false, false, false, 7713270733195345921, 0, 0, 0 },
	{ "dmesg-ramoops-0", 0, PSTORE_DMESG, "ramoops", false, false, false, 0, 0, 0, 0 },
	{ "dmesg-pstore_blk-2", 0, PSTORE_DMESG, "pstore_blk", false, false, false, 2, 0, 0, 0 },
	{ "dmesg-some-new-backend-2.enc.z", 0, PSTORE_DMESG, "some-new-backend", false, true, false, 2, 0, 0, 0 },
	{ "console-ramoops-0", 0, PSTORE_CONSOLE, "ramoops", false, false, false, 0, 0, 0, 0 },
	{ "pmsg-ramoops-0", 0, PSTORE_PMSG, "ramoops", false, false, false, 0, 0, 0, 0 },
	{ "ftrace-ramoops-1", 0, PSTORE_FTRACE, "ramoops", false, false, false, 1, 0, 0, 0 },
	{ "mce-erst-7713270733195345922", 0, PSTORE_MCE, "erst", false, false, false, 7713270733195345922, 0, 0, 0 },
	{ "powerpc-ofw-nvram-1", 0, PSTORE_POWERPC_OFW, "nvram", false, false, false, 1, 0, 0, 0 },
	{ "rtas-nvram-4", 0, PSTORE_RTAS, "nvram", false, false, false, 4, 0, 0, 0 },
	/* T16: the variable's name is the truth; part 101 looks like part 1 of the next second in the ID */
	{ "dump-type0-101-1-1795882344-C-cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0", 0, PSTORE_DMESG, "efi", true, true, true, 179588234501001, 1795882344, 101, 1 },
	{ "dump-type0-3-1001-1795882344-D-cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0", 0, PSTORE_DMESG, "efi", true, false, true, 179588234404001, 1795882344, 3, 1001 },
	{ "dump-type0-2-1-1795882344-cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0", 0, PSTORE_DMESG, "efi", true, false, true, 179588234402001, 1795882344, 2, 1 },
	{ "dump-type0-2-1375000000", 0, PSTORE_DMESG, "efi", true, false, true, 2, 1375000000, 2, 0 },
	{ "dump-type1-2-1-1795882344-C", 0, PSTORE_MCE, "efi", true, true, true, 179588234402001, 1795882344, 2, 1 },
	{ "dump-type77-2-1-1795882344-C", 0, PSTORE_UNKNOWN, "efi", true, true, true, 179588234402001, 1795882344, 2, 1 },
	/* not understood, and kept all the same */
	{ "newthing-efi-12", -EINVAL, PSTORE_UNKNOWN, "efi", false, false, false, 12, 0, 12, 0 },
	{ "dmesg-efi-99999999999999999999999", -EINVAL, PSTORE_UNKNOWN, "efi", false, false, false, 0, 0, 0, 0 },
	{ "dmesg-efi-12x", -EINVAL, PSTORE_UNKNOWN, "efi", false, false, false, 12, 0, 0, 0 },
	{ "dmesg-efi-", -EINVAL, PSTORE_UNKNOWN, "efi", false, false, false, 0, 0, 0, 0 },
	{ "dmesg", -EINVAL, PSTORE_UNKNOWN, "unknown", false, false, false, 0, 0, 0, 0 },
	{ "", -EINVAL, PSTORE_UNKNOWN, "unknown", false, false, false, 0, 0, 0, 0 },
	{ ".enc.z", -EINVAL, PSTORE_UNKNOWN, "unknown", false, true, false, 0, 0, 0, 0 },
	{ "dump-type0", -EINVAL, PSTORE_UNKNOWN, "efi", true, false, false, 0, 0, 0, 0 },
	{ "dump-type0-1-2-3-4-C", -EINVAL, PSTORE_UNKNOWN, "efi", true, false, false, 0, 0, 0, 0 },
	{ "dump-type0-1-2-3-X", -EINVAL, PSTORE_UNKNOWN, "efi", true, false, false, 0, 0, 0, 0 },
};

static void test_names_say_what_they_say_T5_T16(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pstore_name n;

		if (pstore_name_parse(cases[i].file, &n) != cases[i].r)
			fail_msg("%s: result", cases[i].file);
		if (n.type != cases[i].type || !str_eq(n.backend, cases[i].backend) || n.variable != cases[i].variable || n.packed != cases[i].packed)
			fail_msg("%s: type %d backend %s variable %d packed %d", cases[i].file, (int)n.type, n.backend, n.variable, n.packed);
		if (n.has_place != cases[i].has_place || n.time != cases[i].time || n.part != cases[i].part || n.count != cases[i].count)
			fail_msg("%s: place %d time %llu part %u count %u", cases[i].file, n.has_place, (unsigned long long)n.time, n.part, n.count);
		if (n.has_id && n.id != cases[i].id)
			fail_msg("%s: id %llu", cases[i].file, (unsigned long long)n.id);
	}
}

static void test_the_header_puts_an_overflown_id_right_T16(void **state)
{
	struct pstore_name n;
	uint64_t t = 0;

	(void)state;
	assert_int_equal(pstore_name_parse("dmesg-efi-179588234501001", &n), 0);
	assert_true(pstore_name_time(&n, 101, 1, &t));
	assert_int_equal(t, 1795882344);
	assert_true(pstore_name_time(&n, 1, 1, &t));
	assert_int_equal(t, 1795882345);
	assert_false(pstore_name_time(&n, 2, 1, &t));
	assert_false(pstore_name_time(&n, 1, 2, &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_say_what_they_say_T5_T16),
		cmocka_unit_test(test_the_header_puts_an_overflown_id_right_T16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

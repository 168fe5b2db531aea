/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layouts of partition tables: reading and placing. Arithmetic only, no disk. */
#include "unit.h"

#include "parttable.h"

static void test_a_saved_gpt_is_read_whole(void **state)
{
	static const char text[] =
		"label: gpt\nlabel-id: F57C43C2-9CA1-1240-8712-B514B941F6DC\ndevice: /dev/nvme0n1\nunit: sectors\nfirst-lba: 34\nsector-size: 512\n\n"
		"/dev/nvme0n1p1 : start=        2048, size=       20480, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, "
		"uuid=83C6B31D-F537-7F42-A8D0-761E85B5A152, name=\"EFI \\x24x, \\\"y\\\"\", attrs=\"RequiredPartition GUID:60,63\"\n"
		"/dev/nvme0n1p12 : start=22528, size=2048, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F, uuid=2D8A7B9A-A4F4-8541-BF42-0F4119A9A303\n";
	CLEANUP(part_free) struct part_layout l = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(part_parse(text, strlen(text), &l, &e), 0);
	assert_int_equal(l.scheme, PART_GPT);
	assert_string_equal(l.id, "f57c43c2-9ca1-1240-8712-b514b941f6dc");
	assert_int_equal(l.n, 2);
	assert_int_equal(l.parts[0].number, 1);
	assert_int_equal(l.parts[0].start, MIB);
	assert_int_equal(l.parts[0].size, 10 * MIB);
	assert_string_equal(l.parts[0].type, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
	assert_string_equal(l.parts[0].uuid, "83c6b31d-f537-7f42-a8d0-761e85b5a152");
	assert_string_equal(l.parts[0].name, "EFI $x, \"y\"");
	assert_true(l.parts[0].flags == (PART_REQUIRED | 1ULL << 60 | 1ULL << 63));
	assert_int_equal(l.parts[1].number, 12);
	assert_null(l.parts[1].name);
}

static void test_a_saved_mbr_is_read_whole(void **state)
{
	static const char text[] = "label: dos\nlabel-id: 0xae47bc25\ndevice: /dev/sda\nunit: sectors\n\n"
				   "/dev/sda1 : start=2048, size=20480, type=ef, bootable\n/dev/sda2 : start=22528, size=102400, type=5\n"
				   "/dev/sda3 : start=0, size=0, type=0\n/dev/sda5 : start=24576, size=16384, type=83\n";
	CLEANUP(part_free) struct part_layout l = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(part_parse(text, strlen(text), &l, &e), 0);
	assert_string_equal(l.id, "0xae47bc25");
	assert_int_equal(l.n, 3);
	assert_int_equal(l.parts[0].flags, PART_ACTIVE);
	assert_string_equal(l.parts[1].type, "05");
	assert_int_equal(l.parts[2].number, 5);
	assert_int_equal(part_place(&l, GIB, 512, &e), 0);
	assert_int_equal(part_decide(&l, &e), 0);
	assert_string_equal(l.parts[2].uuid, "ae47bc25-05");
}

static void test_what_is_no_layout_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *sentence;
	} cases[] = {
		{ "", "no partition in it" },
		{ "label: gpt\n", "no partition in it" },
		{ "label: sun\n", "line 1: a table of another kind than gpt and dos (T67): 'sun'" },
		{ "size=1M\n", "line 1: 'label: gpt' or 'label: dos' must come first, not: 'size=1M'" },
		{ "label: gpt\nunit: cylinders\n", "line 2: unit: only sectors are known, not: 'cylinders'" },
		{ "label: gpt\nstart=-5\n", "line 2: not a number of sectors or bytes: '-5'" },
		{ "label: gpt\nsize=99999999999999999999\n", "line 2: too large a number: '99999999999999999999'" },
		{ "label: gpt\ntype=83\n", "line 2: unknown type: '83'" },
		{ "label: gpt\nname=\"x\n", "line 2: a quote without an end: '\"x'" },
		{ "label: gpt\nsize=1M, bootable\n", "line 2: not a field: 'bootable'" },
		{ "label: gpt\nsize=1M, colour=red\n", "line 2: unknown field: 'colour'" },
		{ "label: gpt\nattrs=\"GUID:64\"\n", "line 2: attrs: unknown: 'GUID:64'" },
		{ "label: gpt\n/dev/sda : size=5\n", "line 2: no partition number from 1 to 128 at the end of: '/dev/sda'" },
		{ "label: gpt\nlabel-id: 1234\n", "line 2: label-id: not a GUID: '1234'" },
		{ "label: dos\nlabel-id: 0\n", "line 2: label-id: not a number such as 0x1234abcd: '0'" },
		{ "label: gpt\nsector-size: 100\n", "line 2: sector-size: not a power of two from 512 to 65536: '100'" },
		{ "label: gpt\nhello\n", "line 2: neither 'key: value' nor a partition: 'hello'" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(part_free) struct part_layout l = { 0 };
		struct err e = ERR_INIT;

		assert_true(part_parse(cases[i].text, strlen(cases[i].text), &l, &e) < 0);
		assert_string_equal(e.msg, cases[i].sentence);
	}
	assert_int_equal(part_parse("label: gpt\n\0", 12, &(struct part_layout) { 0 }, NULL), -EINVAL);
}

/* One case: rows "NUMBER:START:SIZE:TYPE", sizes in MiB; what comes out, or the sentence. */
struct place {
	enum part_scheme scheme;
	uint64_t disk;
	const char *rows, *result;
};

static void rows_of(const char *text, struct part_layout *l)
{
	CLEANUP(strv_free) struct strv rows = STRV_INIT;
	size_t i;

	strv_split(&rows, text, " ");
	for (i = 0; i < rows.n; i++) {
		unsigned long long number, start, size;
		struct part *p = part_add(l);
		char type[40];

		assert_int_equal(sscanf(rows.v[i], "%llu:%llu:%llu:%39s", &number, &start, &size, type), 4);
		*p = (struct part) { .number = number, .start = start * MIB, .size = size * MIB, .type = part_type(l->scheme, type) };
		assert_non_null(p->type);
	}
}

static void test_partitions_are_placed_on_the_disk(void **state)
{
	static const struct place cases[] = {
		{ PART_GPT, 100, "0:0:10:esp 0:0:20:swap 0:0:0:linux", "1:1+10 2:11+20 3:31+68" },
		{ PART_GPT, 100, "0:0:0:linux 2:50:10:swap", "1:1+49 2:50+10" },
		{ PART_GPT, 100, "5:0:10:linux 0:0:10:linux", "5:1+10 1:11+10" },
		{ PART_GPT, 100, "0:0:0:linux 0:0:10:linux", "partition 1: size is missing, and another one without a start follows" },
		{ PART_GPT, 100, "0:0:200:linux", "partition 1: ends at 201 MiB, 101 MiB behind the space for partitions: the disk is too small for this "
						  "layout" },
		{ PART_GPT, 100, "0:10:20:linux 0:20:20:linux", "partitions 1 and 2 overlap" },
		{ PART_GPT, 100, "1:0:5:linux 1:0:5:linux", "partition 1 is named twice or above 128" },
		{ PART_GPT, 100, "0:0:99:linux", "partition 1: ends at 100 MiB, 16.5 KiB behind the space for partitions: the disk is too small for this "
						 "layout" },
		{ PART_MBR, 100, "0:0:10:linux 0:0:0:extended 5:0:20:linux 6:0:0:swap", "1:1+10 2:11+89 5:12+20 6:33+67" },
		{ PART_MBR, 100, "0:0:10:linux 0:0:10:linux 0:0:10:linux 0:0:10:linux 0:0:10:linux",
		  "no partition number is left: an MBR has four, and logical ones from 5 on whose number must be given" },
		{ PART_MBR, 100, "5:10:10:linux", "partition 5: a logical one must lie inside an extended one" },
		{ PART_MBR, 100, "1:1:50:extended 6:0:10:linux", "logical partitions must be numbered from 5 on without a gap" },
		{ PART_MBR, 100, "1:1:20:extended 2:30:20:extended", "more than one extended partition" },
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(part_free) struct part_layout l = { .scheme = cases[i].scheme };
		CLEANUP(str_free) struct str got = STR_INIT;
		struct err e = ERR_INIT;
		int r;

		rows_of(cases[i].rows, &l);
		r = part_place(&l, cases[i].disk * MIB, 512, &e);
		for (k = 0; r == 0 && k < l.n; k++)
			str_addf(&got, "%s%llu:%llu+%llu", k ? " " : "", (unsigned long long)l.parts[k].number,
				 (unsigned long long)(l.parts[k].start / MIB), (unsigned long long)(l.parts[k].size / MIB));
		assert_string_equal(r == 0 ? str_cstr(&got) : e.msg, cases[i].result);
	}
}

static void test_words_of_types_and_flags(void **state)
{
	AUTO_FREE char *a = part_type(PART_GPT, "esp"), *b = part_type(PART_MBR, "0xA"), *c = part_type(PART_MBR, "bios");
	AUTO_FREE char *d = part_type(PART_GPT, "0fc63daf-8483-4772-8e79-3d69d8477de4"), *f = part_type(PART_GPT, "V"), *g = part_type(PART_GPT, "lnux");
	uint64_t flags = 0;

	(void)state;
	assert_string_equal(a, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
	assert_string_equal(b, "0a");
	assert_null(c);
	assert_string_equal(d, "0FC63DAF-8483-4772-8E79-3D69D8477DE4");
	assert_string_equal(f, "E6D6D379-F507-44C2-A23C-238F2A3DF928");
	assert_null(g);
	assert_int_equal(part_flag(PART_GPT, "legacy-boot", &flags), 0);
	assert_int_equal(part_flag(PART_GPT, "63", &flags), 0);
	assert_true(flags == (PART_LEGACY_BOOT | 1ULL << 63));
	assert_int_equal(part_flag(PART_GPT, "active", &flags), -EINVAL);
	assert_int_equal(part_flag(PART_MBR, "required", &flags), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_saved_gpt_is_read_whole),
		cmocka_unit_test(test_a_saved_mbr_is_read_whole),
		cmocka_unit_test(test_what_is_no_layout_is_refused_with_its_line),
		cmocka_unit_test(test_partitions_are_placed_on_the_disk),
		cmocka_unit_test(test_words_of_types_and_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

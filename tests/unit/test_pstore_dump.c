/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_unit.h"

#include <zlib.h>

#define T "1795882344"

/* Up to 12 records, and what comes out. */
static const struct {
	const char *what;
	const char *records[12][2];
	const char *want;
} cases[] = {
	{ "T1: part 1 is the newest text",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\nnew\n" }, { "dmesg-efi-179588234402001", "Panic#1 Part2\nmiddle\n" },
	    { "dmesg-efi-179588234403001", "Panic#1 Part3\nold\n" } },
	  "== 20261128T161224Z-efi-panic1\nold\nmiddle\nnew\n" },
	{ "T2: two dumps in one second are two logs",
	  { { "dmesg-efi-179588234401001", "Oops#1 Part1\noops new\n" }, { "dmesg-efi-179588234401002", "Panic#2 Part1\npanic new\n" },
	    { "dmesg-efi-179588234402001", "Oops#1 Part2\noops old\n" }, { "dmesg-efi-179588234402002", "Panic#2 Part2\npanic old\n" } },
	  "== 20261128T161224Z-efi-oops1\noops old\noops new\n== 20261128T161224Z-efi-panic2\npanic old\npanic new\n" },
	{ "T2: two oopses in one second differ in their count only",
	  { { "dmesg-efi-179588234401001", "Oops#1 Part1\none new\n" }, { "dmesg-efi-179588234401002", "Oops#2 Part1\ntwo new\n" },
	    { "dmesg-efi-179588234402001", "Oops#1 Part2\none old\n" }, { "dmesg-efi-179588234402002", "Oops#2 Part2\ntwo old\n" } },
	  "== 20261128T161224Z-efi-oops1\none old\none new\n== 20261128T161224Z-efi-oops2\ntwo old\ntwo new\n" },
	{ "T16: the time of part 101 is not the one that its id shows",
	  { { "dmesg-efi-179588234501001", "Panic#1 Part1\nnew\n" }, { "dmesg-efi-179588594501001", "Panic#1 Part101\nold\n" } },
	  "== 20261128T161225Z-efi-panic1\nnew\n"
	  "== 20261128T171224Z-efi-panic1\nold\n[rescue: parts 1 to 100 are missing: some lines of the log are lost here]\n" },
	{ "T3: the clock moves within one dump",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\nnew\n" }, { "dmesg-efi-179588234402001", "Panic#1 Part2\nmiddle\n" },
	    { "dmesg-efi-179588234503001", "Panic#1 Part3\nold\n" } },
	  "== 20261128T161224Z-efi-panic1\nold\nmiddle\nnew\n" },
	{ "two boots that both died with Panic#1 are two dumps",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\nfirst boot, new\n" }, { "dmesg-efi-179588234402001", "Panic#1 Part2\nfirst boot, old\n" },
	    { "dmesg-efi-179588235601001", "Panic#1 Part1\nsecond boot, new\n" }, { "dmesg-efi-179588235602001", "Panic#1 Part2\nsecond boot, old\n" } },
	  "== 20261128T161224Z-efi-panic1\nfirst boot, old\nfirst boot, new\n== 20261128T161236Z-efi-panic1\nsecond boot, old\nsecond boot, new\n" },
	{ "two boots, the first lost its end, the second its beginning: an hour apart is not one dump",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\nfirst boot\n" }, { "dmesg-efi-179588594402001", "Panic#1 Part2\nsecond boot\n" } },
	  "== 20261128T161224Z-efi-panic1\nfirst boot\n"
	  "== 20261128T171224Z-efi-panic1\nsecond boot\n[rescue: part 1 is missing: some lines of the log are lost here]\n" },
	{ "two boots within a minute: the log's own clock tells them apart",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\n<4>[   10.000000] first boot\n" },
	    { "dmesg-efi-179588236402001", "Panic#1 Part2\n<4>[   15.000000] second boot\n" } },
	  "== 20261128T161224Z-efi-panic1\n<4>[   10.000000] first boot\n"
	  "== 20261128T161244Z-efi-panic1\n<4>[   15.000000] second boot\n[rescue: part 1 is missing: some lines of the log are lost here]\n" },
	{ "T4: ERST, two dumps of one boot with ids without a gap",
	  { { "dmesg-erst-7713270733195345921", "Oops#1 Part1\noops new\n" }, { "dmesg-erst-7713270733195345922", "Oops#1 Part2\noops old\n" },
	    { "dmesg-erst-7713270733195345923", "Panic#2 Part1\npanic new\n" }, { "dmesg-erst-7713270733195345924", "Panic#2 Part2\npanic old\n" },
	    { "dmesg-erst-7713270733195345925", "Panic#2 Part1\nnext boot new\n" } },
	  "== unknown-time-erst-oops1\noops old\noops new\n== unknown-time-erst-panic2\npanic old\npanic new\n== unknown-time-erst-panic2\nnext boot new\n" },
	{ "T5, T6: ramoops stores one part of each dump; other kinds are dumps of their own",
	  { { "dmesg-ramoops-0", "Oops#1 Part1\noops\n" }, { "dmesg-ramoops-1", "Panic#2 Part1\npanic\n\nNo errors detected\n" },
	    { "console-ramoops-0", "console\n" }, { "pmsg-ramoops-0", "a note\n" }, { "newthing-efi-12", "what is this\n" } },
	  "== unknown-time-ramoops-console\nconsole\n== unknown-time-ramoops-pmsg\na note\n== unknown-time-efi-unknown\nwhat is this\n"
	  "== unknown-time-ramoops-oops1\noops\n== unknown-time-ramoops-panic2\npanic\n" },
	{ "pstore_blk counts first",
	  { { "dmesg-pstore_blk-0", "Panic: Total 3 times\nPanic#1 Part1\npanic\n" } },
	  "== unknown-time-pstore_blk-panic1\npanic\n" },
	{ "T17: a missing part shows",
	  { { "dmesg-efi-179588234402001", "Panic#1 Part2\nnew\n" }, { "dmesg-efi-179588234406001", "Panic#1 Part6\nold\n" },
	    { "dmesg-efi-179588234404001", "Panic#1 Part4\nmiddle\n" } },
	  "== 20261128T161224Z-efi-panic1\nold\n[rescue: part 5 is missing: some lines of the log are lost here]\nmiddle\n"
	  "[rescue: part 3 is missing: some lines of the log are lost here]\nnew\n[rescue: part 1 is missing: some lines of the log are lost here]\n" },
	{ "a run of missing parts is one line, however many they are",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\nnew\n" }, { "dmesg-efi-179588234402001", "Panic#1 Part2147483647\nold\n" } },
	  "== 20261128T161224Z-efi-panic1\nold\n[rescue: parts 2 to 2147483646 are missing: some lines of the log are lost here]\nnew\n" },
	{ "an empty record belongs to the dump beside it",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\nnew\n" }, { "dmesg-efi-179588234402001", "" }, { "dmesg-efi-179588234503001", "Panic#1 Part3\nold\n" } },
	  "== 20261128T161224Z-efi-panic1\nold\n[rescue: part 2 is empty (dmesg-efi-179588234402001)]\nnew\n" },
	{ "an empty record beside the same part, whole, is no second dump",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\nnew\n" }, { "dump-type0-1-1-" T "-C-" GUID, "\7\0\0\0" },
	    { "dmesg-efi-179588234502001", "Panic#1 Part2\nold\n" }, { "dmesg-efi-179588234402001", "" } },
	  "== 20261128T161224Z-efi-panic1\nold\nnew\n" },
	{ "a part that cannot be unpacked keeps its place",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\nnew\n" }, { "dmesg-efi-179588234402001.enc.z", "\x28\xb5\x2f\xfd garbage" } },
	  "== 20261128T161224Z-efi-panic1\n[rescue: part 2 could not be unpacked (zstd); its bytes are kept in raw/dmesg-efi-179588234402001.enc.z]\nnew\n" },
	{ "T16: parts above 99 run into the second of the id",
	  { { "dmesg-efi-179588234499001", "Panic#1 Part99\n99\n" }, { "dmesg-efi-179588234500001", "Panic#1 Part100\n100\n" },
	    { "dmesg-efi-179588234501001", "Panic#1 Part101\n101\n" } },
	  "== 20261128T161224Z-efi-panic1\n101\n100\n99\n[rescue: parts 1 to 98 are missing: some lines of the log are lost here]\n" },
	{ "no line is glued to the next",
	  { { "dmesg-efi-179588234401001", "Panic#1 Part1\nnew" }, { "dmesg-efi-179588234402001", "Panic#1 Part2\nold" } },
	  "== 20261128T161224Z-efi-panic1\nold\nnew\n" },
	{ "a log without a header is kept as it is",
	  { { "dmesg-efi-179588234401001", "no header here\n" } },
	  "== 20261128T161224Z-efi-dmesg\nno header here\n" },
};

static void test_dumps_come_out_as_they_were(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int backwards = 0; backwards < 2; backwards++) {
			struct pstore_set set = { .n = 0 };
			AUTO_FREE char *got = NULL;

			for (size_t k = 0; k < 12; k++) {
				const char *const *r = cases[i].records[backwards ? 11 - k : k];

				if (r[0])
					set_add(&set, r[0], r[1]);
			}
			got = all_logs(&set);
			if (!str_eq(got, cases[i].want))
				fail_msg("%s:\n--- got\n%s--- wanted\n%s", cases[i].what, got, cases[i].want);
			pstore_set_free(&set);
		}
	}
}

static void test_two_views_of_which_one_is_empty_are_one_record(void **state)
{
	struct pstore_set set = { .n = 0 };

	(void)state;
	set_add(&set, "dump-type0-1-1-" T "-C-" GUID, "\7");
	set_add(&set, "dmesg-efi-179588234401001", "Panic#1 Part1\nnew\n");
	pstore_set_link(&set);
	assert_int_equal(set.n, 1);
	assert_int_equal(set.v[0].n_views, 2);
	assert_int_equal(set.v[0].hdr.part, 1);
	pstore_set_free(&set);
}

static char *packed(const char *text, int bits, size_t *ret_len)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)strlen(text) };
	char *out = xmalloc(4096);

	z.next_out = (Bytef *)out;
	z.avail_out = 4096;
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	*ret_len = z.total_out;
	deflateEnd(&z);
	return out;
}

static void test_packed_records_are_unpacked_T8(void **state)
{
	static const char text[] = "Panic#1 Part1\n<4>[    1.000000] something happened, and then something happened again\n";
	static const struct {
		int bits;
		enum pstore_coding coding;
	} kinds[] = { { -15, PSTORE_DEFLATE }, { -11, PSTORE_DEFLATE }, { 12, PSTORE_ZLIB }, { 15, PSTORE_ZLIB } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		AUTO_FREE char *data = NULL, *out = NULL, *half = NULL;
		size_t n, len, half_len;
		bool cut;

		data = packed(text, kinds[i].bits, &n);
		assert_int_equal(pstore_unpack(data, n, &out, &len, &cut), kinds[i].coding);
		assert_string_equal(out, text);
		assert_false(cut);
		/* what an interrupted write left: the beginning is still worth having, and it says that it is one */
		assert_int_equal(pstore_unpack(data, n - 12, &half, &half_len, &cut), kinds[i].coding);
		assert_true(cut);
		assert_true(half_len < len && half_len > 20);
		assert_memory_equal(half, text, half_len);
	}
}

static void test_what_is_not_packed_is_not_unpacked_T8(void **state)
{
	AUTO_FREE char *out = NULL;
	size_t len;
	bool cut;

	(void)state;
	assert_int_equal(pstore_unpack("\x28\xb5\x2f\xfd.............", 17, &out, &len, &cut), PSTORE_UNREADABLE);
	assert_int_equal(pstore_unpack("", 0, &out, &len, &cut), PSTORE_UNREADABLE);
	assert_int_equal(pstore_unpack("\3\0", 2, &out, &len, &cut), PSTORE_UNREADABLE);   /* a valid deflate stream of nothing */
	assert_null(out);
}

static void test_ecc_notice(void **state)
{
	(void)state;
	assert_int_equal(pstore_ecc_notice("text\n\nNo errors detected\n", 25), 20);
	assert_int_equal(pstore_ecc_notice("text\n\n3 Corrected bytes, 1 unrecoverable blocks\n", 48), 43);
	assert_int_equal(pstore_ecc_notice("text\n\nECC: No errors detected\n", 30), 25);
	assert_int_equal(pstore_ecc_notice("text\n\nECC: 3 Corrected bytes, 0 unrecoverable blocks\n", 53), 48);
	assert_int_equal(pstore_ecc_notice("text\nECC: \n", 11), 0);
	assert_int_equal(pstore_ecc_notice("text\n3 Corrected bytes, 0 unrecoverable blocks and more\n", 57), 0);
	assert_int_equal(pstore_ecc_notice("text\nNo errors\n", 15), 0);
	assert_int_equal(pstore_ecc_notice("", 0), 0);
}

static void test_headers(void **state)
{
	static const struct {
		const char *text, *reason;
		unsigned int count, part;
	} rows[] = {
		{ "Panic#1 Part1\nx", "Panic", 1, 1 }, { "Oops#12 Part14\n", "Oops", 12, 14 }, { "Emergency#3 Part2\n", "Emergency", 3, 2 },
		{ "Shutdown#1 Part1\n", "Shutdown", 1, 1 }, { "Oops: Total 2 times\nOops#1 Part1\nx", "Oops", 1, 1 },
		{ "Panic#1 Part1", NULL, 0, 0 }, { "Panic#x Part1\n", NULL, 0, 0 }, { "#1 Part1\n", NULL, 0, 0 }, { "Panic#1 Part\n", NULL, 0, 0 },
		{ "Panic#99999999999 Part1\n", NULL, 0, 0 }, { "Panic#4294967295 Part1\n", NULL, 0, 0 }, { "", NULL, 0, 0 },
		{ "A reason that is much longer than any kernel has#1 Part1\n", NULL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pstore_header h;
		bool r = pstore_header_parse(rows[i].text, strlen(rows[i].text), &h);

		if (r != (rows[i].reason != NULL) || !str_eq(h.reason, rows[i].reason ? rows[i].reason : ""))
			fail_msg("%s: '%s'", rows[i].text, h.reason);
		assert_int_equal(h.count, rows[i].count);
		assert_int_equal(h.part, rows[i].part);
	}
}

/* Two panics of Debian's 6.1 kernel: the pstore files alone, the variables alone and both together give the same two logs. */
static void test_real_panics_seen_in_three_ways_T10(void **state)
{
	AUTO_FREE char *files = NULL, *variables = NULL, *both = NULL;

	(void)state;
	for (int way = 0; way < 3; way++) {
		struct pstore_set set = { .n = 0 };
		char **to = way == 0 ? &files : way == 1 ? &variables : &both;

		if (way != 1)
			assert_int_equal(pstore_scan(&set, FIXTURES "efi-6.1-two-panics/pstore", PSTORE_SCAN_RECORDS, NULL), 0);
		if (way != 0)
			assert_int_equal(pstore_scan(&set, FIXTURES "efi-6.1-two-panics/efivars", PSTORE_SCAN_EFIVARS, NULL), 0);
		assert_int_equal(set.n, way == 2 ? 56 : 28);
		*to = all_logs(&set);
		assert_int_equal(set.n, 28);
		pstore_set_free(&set);
	}
	assert_string_equal(files, variables);
	assert_string_equal(files, both);
	assert_non_null(strstr(files, "== 20261128T161224Z-efi-panic1\n"));
	assert_non_null(strstr(files, "== 20261128T161235Z-efi-panic1\n"));
	assert_null(strstr(files, "[rescue:"));
	assert_int_equal(strlen(files) > 45000, 1);
}

/* One dump of 108 parts: from the variables, and from the names that pstore gives them, whose numbers overflow (T16). */
static void test_a_real_dump_of_more_than_100_parts_T16(void **state)
{
	struct pstore_set variables = { .n = 0 }, files = { .n = 0 };
	AUTO_FREE char *a = NULL, *b = NULL;

	(void)state;
	assert_int_equal(pstore_scan(&variables, FIXTURES "many", PSTORE_SCAN_EFIVARS, NULL), 0);
	assert_int_equal(variables.n, 108);
	for (size_t i = 0; i < variables.n; i++) {
		AUTO_FREE char *file = xasprintf("dmesg-efi-%llu", (unsigned long long)variables.v[i].name.id);

		set_add(&files, file, variables.v[i].text);
	}
	a = all_logs(&variables);
	b = all_logs(&files);
	assert_string_equal(a, b);
	assert_ptr_equal(strstr(a, "== "), a);
	assert_null(strstr(a + 1, "\n== "));
	assert_null(strstr(a, "[rescue:"));
	pstore_set_free(&variables);
	pstore_set_free(&files);
}

/* Three oopses and a panic within two seconds; one of the dumps straddles the second, others share it (T2, T3). */
static void test_a_real_burst_T2_T3(void **state)
{
	static const char *const names[] = { "efi-oops1\n", "efi-oops2\n", "efi-oops3\n", "efi-panic4\n" };
	struct pstore_set set = { .n = 0 };
	AUTO_FREE char *logs = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(pstore_scan(&set, FIXTURES "burst", PSTORE_SCAN_RECORDS, NULL), 0);
	logs = all_logs(&set);
	assert_int_equal(set.n, 20);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(strstr(logs, names[i]));
	for (const char *p = logs; p; p = strstr(p + 1, "\n== "))
		n++;
	assert_int_equal(n, 4);
	assert_null(strstr(logs, "[rescue:"));
	pstore_set_free(&set);
}

/* A reader that could not unpack left .enc.z: the same text as from the variables (T8). */
static void test_real_packed_records_T8(void **state)
{
	struct pstore_set set = { .n = 0 };

	(void)state;
	assert_int_equal(pstore_scan(&set, FIXTURES "packed", PSTORE_SCAN_RECORDS, NULL), 0);
	assert_int_equal(set.n, 10);
	for (size_t i = 0; i < set.n; i++)
		assert_int_equal(set.v[i].coding, PSTORE_DEFLATE);
	pstore_set_link(&set);
	assert_int_equal(set.n, 5);
	pstore_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dumps_come_out_as_they_were),
		cmocka_unit_test(test_two_views_of_which_one_is_empty_are_one_record),
		cmocka_unit_test(test_packed_records_are_unpacked_T8),
		cmocka_unit_test(test_what_is_not_packed_is_not_unpacked_T8),
		cmocka_unit_test(test_ecc_notice),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_real_panics_seen_in_three_ways_T10),
		cmocka_unit_test(test_a_real_dump_of_more_than_100_parts_T16),
		cmocka_unit_test(test_a_real_burst_T2_T3),
		cmocka_unit_test(test_real_packed_records_T8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

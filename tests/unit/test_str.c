/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "err.h"
#include "str.h"

static void test_numbers_are_whole_or_refused(void **state)
{
	static const struct { const char *text; int r; uint64_t v; } cases[] = {
		{ "0", 0, 0 }, { "42", 0, 42 }, { "0x1f", 0, 31 }, { "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 }, { "", -EINVAL, 0 }, { "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 }, { "1x", -EINVAL, 0 }, { "0x", -EINVAL, 0 }, { "0xg", -EINVAL, 0 },
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		v = 0;
		assert_int_equal(str_to_u64(cases[i].text, &v), cases[i].r);
		assert_true(v == cases[i].v);
	}
}

static void test_sizes_and_times_know_their_units(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(str_to_size("10G", &v), 0);
	assert_true(v == 10 * GIB);
	assert_int_equal(str_to_size("1MB", &v), 0);
	assert_true(v == 1000000);
	assert_int_equal(str_to_size("16777216T", &v), -ERANGE);
	assert_int_equal(str_to_size("10X", &v), -EINVAL);
	assert_int_equal(str_to_seconds("5m", &v), 0);
	assert_true(v == 300);
	assert_int_equal(str_to_seconds("5 m", &v), -EINVAL);
}

static void test_escaping_comes_back(void **state)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	static const char text[] = "a b%c\n\xff\xc3\xa4\x01";
	char bad[][5] = { "%", "%4", "%zz", "%00" };

	(void)state;
	str_add_escaped(&s, text);
	assert_string_equal(str_cstr(&s), "a%20b%25c%0A%FF%C3%A4%01");
	assert_int_equal(str_unescape(s.s), 0);
	assert_string_equal(s.s, text);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(str_unescape(bad[i]), -EINVAL);
}

static void test_json_and_names_are_valid_utf8(void **state)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	(void)state;
	str_add_json(&s, "\"\\\n\x01\xc3\xa4\xff\xed\xa0\x80\xc0\x80");
	assert_string_equal(str_cstr(&s), "\\\"\\\\\\n\\u0001\xc3\xa4\\u00ff\\u00ed\\u00a0\\u0080\\u00c0\\u0080");
	str_reset(&s);
	str_add_printable(&s, "a\nb\\\xfe\xe2\x82\xac");
	assert_string_equal(str_cstr(&s), "a\\x0ab\\x5c\\xfe\xe2\x82\xac");
}

static void test_suggestions_are_near(void **state)
{
	static const char *const words[] = { "label", "device", "type", "features", NULL };

	(void)state;
	assert_string_equal(str_nearest("lable", words), "label");
	assert_string_equal(str_nearest("devcie", words), "device");
	assert_string_equal(str_nearest("typ", words), "type");
	assert_null(str_nearest("zebra", words));
	assert_null(str_nearest("", words));
}

static void test_lists_grow_and_split(void **state)
{
	CLEANUP(strv_free) struct strv l = STRV_INIT;

	(void)state;
	strv_split(&l, " a, b,,c ", " ,");
	assert_int_equal(l.n, 3);
	for (int i = 0; i < 100; i++)
		strv_addf(&l, "%d", i);
	assert_int_equal(l.n, 103);
	assert_string_equal(l.v[102], "99");
	assert_null(l.v[103]);
	assert_true(strv_has(&l, "57"));
	assert_false(strv_has(&l, "x"));
}

static void test_a_sorted_list_is_searched(void **state)
{
	CLEANUP(strv_free) struct strv l = STRV_INIT;

	(void)state;
	strv_sort(&l);
	assert_false(strv_has_sorted(&l, "a"));
	strv_split(&l, "b ab c a", " ");
	strv_sort(&l);
	assert_string_equal(l.v[0], "a");
	assert_string_equal(l.v[1], "ab");
	assert_string_equal(l.v[3], "c");
	assert_true(strv_has_sorted(&l, "b"));
	assert_false(strv_has_sorted(&l, "bb"));
}

static void test_a_path_has_slashes_between_its_parts_only(void **state)
{
	static const char *const rows[][2] = { { "/a//b/", "a/b" }, { "a", "a" }, { "//", "" }, { "", "" }, { "/..a/.b/...", "..a/.b/..." },
					       { "/a/../b", NULL }, { "/a/.", NULL }, { "..", NULL } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *got = str_path(rows[i][0]);

		if (rows[i][1])
			assert_string_equal(got, rows[i][1]);
		else
			assert_null(got);
	}
}

static void test_errors_gain_context(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_errno(&e, "open '%s'", "/x"), -ENOENT);
	assert_int_equal(err_wrap(&e, -ENOENT, "journal"), -ENOENT);
	assert_string_equal(e.msg, "journal: open '/x': No such file or directory");
	for (int i = 0; i < 200; i++)
		err_wrap(&e, -EIO, "a long place");
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_string_equal(e.msg + sizeof(e.msg) - 4, "...");
	assert_int_equal(err_set(NULL, -EIO, "nobody listens"), -EIO);
}

static void test_human_sizes(void **state)
{
	static const struct { uint64_t n; const char *text; } cases[] = {
		{ 0, "0 B" }, { 1023, "1023 B" }, { 1536, "1.5 KiB" }, { 100 * MIB, "100 MiB" }, { 5 * GIB, "5.0 GiB" },
	};
	char buf[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(str_human_size(buf, sizeof(buf), cases[i].n), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_whole_or_refused), cmocka_unit_test(test_sizes_and_times_know_their_units),
		cmocka_unit_test(test_escaping_comes_back), cmocka_unit_test(test_json_and_names_are_valid_utf8),
		cmocka_unit_test(test_suggestions_are_near), cmocka_unit_test(test_lists_grow_and_split),
		cmocka_unit_test(test_a_sorted_list_is_searched), cmocka_unit_test(test_a_path_has_slashes_between_its_parts_only),
		cmocka_unit_test(test_errors_gain_context), cmocka_unit_test(test_human_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

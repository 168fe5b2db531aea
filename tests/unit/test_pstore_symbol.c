/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_unit.h"

#include "pstore_line.h"
#include "pstore_show.h"

static const char map[] = "ffffffff812e7080 t btrfs_clean_one_deleted_snapshot\nffffffff812e71d0 T btrfs_next_one\nffffffff812df4b0 t cleaner_kthread\n"
			  "ffffffff812df630 t other\nffffffff810aa410 T kthread\nffffffff810aa4e0 T after_kthread\nffffffff82000000 D some_data\n";

static void test_a_system_map_names_addresses_and_places(void **state)
{
	struct pstore_symbols s;
	struct err e = ERR_INIT;
	const struct pstore_symbol *f;

	(void)state;
	assert_int_equal(pstore_symbols_parse("map", xstrdup(map), strlen(map), &s, &e), 0);
	assert_int_equal(s.n, 6);
	f = pstore_symbols_at(&s, 0xffffffff812e70c9);
	assert_non_null(f);
	assert_string_equal(f->name, "btrfs_clean_one_deleted_snapshot");
	assert_int_equal(f->size, 0x150);
	assert_null(pstore_symbols_at(&s, 0xffffffff81000000));
	assert_null(pstore_symbols_named(&s, "kthre", 5, 0));
	assert_int_equal(pstore_symbols_named(&s, "kthread+0x1/0x2", 7, 0)->addr, 0xffffffff810aa410);
	pstore_symbols_free(&s);
	assert_int_equal(pstore_symbols_parse("x", xstrdup("hello\nworld\nthis\nis\nnothing\n"), 28, &s, &e), -EINVAL);
	assert_string_equal(e.msg, "'x': neither a System.map nor a 64-bit ELF file");
	assert_int_equal(pstore_symbols_parse("x", xstrdup(""), 0, &s, &e), -EINVAL);
}

static void test_places_in_a_dump_are_looked_up(void **state)
{
	struct pstore_show sh = { .n_symbols = 1 };
	CLEANUP(str_free) struct str out = STR_INIT;

	(void)state;
	assert_int_equal(pstore_symbols_parse("map", xstrdup(map), strlen(map), &sh.symbols[0], NULL), 0);
	pstore_show_place(&sh, "btrfs_clean_one_deleted_snapshot+0x49/0x150", &out);
	assert_string_equal(str_cstr(&out), "   ffffffff812e70c9");
	str_reset(&out);
	pstore_show_place(&sh, "? kthread+0xc0/0xfff0", &out);
	assert_string_equal(str_cstr(&out), "   (map: this function has 208 bytes there: not the kernel that crashed)");
	str_reset(&out);
	pstore_show_place(&sh, "stranger+0xc0/0xd0", &out);
	assert_string_equal(str_cstr(&out), "   (not in the given symbols)");
	pstore_show_end(&sh);
}

/* This program is an ELF file with a symbol table and a line table of its own; this function is in it. */
static void test_our_own_elf_file_tells_symbol_and_line(void **state)
{
	struct pstore_symbols s;
	const struct pstore_symbol *f;
	AUTO_FREE char *line = NULL;
	struct err e = ERR_INIT;
	int want = __LINE__ - 6;
	AUTO_FREE char *expect = xasprintf("tests/unit/test_pstore_symbol.c:%d", want), *brace = xasprintf("tests/unit/test_pstore_symbol.c:%d", want + 1);
	static const char name[] = "test_our_own_elf_file_tells_symbol_and_line";

	(void)state;
	if (pstore_symbols_load("/proc/self/exe", &s, &e) < 0)
		fail_msg("%s", e.msg);
	f = pstore_symbols_named(&s, name, strlen(name), 0);
	assert_non_null(f);
	assert_true(f->size > 0);
	assert_ptr_equal(pstore_symbols_at(&s, f->addr + f->size - 1), f);
	line = pstore_line_at(s.text, s.len, f->addr);
	assert_non_null(line);
	if (!str_ends(line, expect) && !str_ends(line, brace))   /* compilers differ in where a function begins */
		fail_msg("%s, not %s", line, expect);
	pstore_symbols_free(&s);
}

static void test_a_damaged_elf_file_is_refused_or_read_but_never_worse(void **state)
{
	AUTO_FREE char *whole = NULL;
	size_t len;

	(void)state;
	assert_int_equal(fs_read("/proc/self/exe", 256 * MIB, &whole, &len, NULL), 0);
	for (size_t n = 0; n < 40; n++) {
		size_t cut = len / 40 * n;
		char *part = xmalloc(cut + 1);
		struct pstore_symbols s;

		memcpy(part, whole, cut);
		part[cut] = '\0';
		free(pstore_line_at(part, cut, 0x1234));
		if (pstore_symbols_parse("part", part, cut, &s, NULL) == 0)
			pstore_symbols_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_system_map_names_addresses_and_places),
		cmocka_unit_test(test_places_in_a_dump_are_looked_up),
		cmocka_unit_test(test_our_own_elf_file_tells_symbol_and_line),
		cmocka_unit_test(test_a_damaged_elf_file_is_refused_or_read_but_never_worse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

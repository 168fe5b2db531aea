/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The builder's parts that need no system: ELF, PE, lists, the set, outputs. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "elf_read.h"
#include "image.h"
#include "image_find.h"
#include "out_file.h"
#include "pe_add.h"
#include "sbat.h"

static char *corpus(const char *name, size_t *n)
{
	char *path = xasprintf("%s/tests/fuzz/corpus/%s", getenv("TOP") ? getenv("TOP") : ".", name), *d;

	assert_int_equal(fs_read(path, MIB, &d, n, NULL), 0);
	free(path);
	return d;
}

static void test_elf_says_what_it_needs(void **state)
{
	size_t n;
	AUTO_FREE char *d = corpus("elf_read/dynamic", &n);
	CLEANUP(elf_free) struct elf f;

	(void)state;
	assert_int_equal(elf_parse((uint8_t *)d, n, &f, NULL), 0);
	assert_string_equal(f.interp, "/lib64/ld.so");
	assert_int_equal(f.needed.n, 2);
	assert_string_equal(f.needed.v[1], "libm.so.6");
	assert_string_equal(f.runpath, "$ORIGIN/../lib");
	assert_string_equal(f.soname, "libself.so");
	assert_int_equal(elf_strip((uint8_t *)d, n), n - strlen("symbols follow"));
}

static void test_damaged_elf_is_refused_with_a_reason(void **state)
{
	size_t n;
	AUTO_FREE char *d = corpus("elf_read/dynamic", &n);
	CLEANUP(elf_free) struct elf f = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(elf_parse((const uint8_t *)"#!/bin/sh", 9, &f, &e), -ENOEXEC);
	assert_int_equal(elf_parse((uint8_t *)d, 100, &f, &e), -EBADMSG);
	assert_string_equal(e.msg, "ELF program headers lie outside the file");
	d[4] = 1;
	assert_int_equal(elf_parse((uint8_t *)d, n, &f, &e), -ENOTSUP);
}

static void test_pe_gets_sections_behind_what_it_has(void **state)
{
	size_t n;
	AUTO_FREE char *d = corpus("pe_add/stub", &n);
	CLEANUP(str_free) struct str out = STR_INIT;
	struct pe_section s[12] = { { ".a", 700, 0, 0 }, { ".linux", 3, 0, 0 } };

	(void)state;
	assert_int_equal(pe_add_sections((uint8_t *)d, n, s, 2, &out, NULL), 0);
	assert_int_equal(s[0].offset, 0x400);
	assert_int_equal(s[1].offset, 0x800);
	assert_int_equal(s[1].end, 0xa00);
	assert_int_equal(out.s[0x86], 3);
	assert_int_equal(*(uint32_t *)(out.s + 0x98 + 56), 0x4000);     /* size in memory: up to the end of the last page */
	/* more rows than the header has room for: everything behind it moves */
	str_reset(&out);
	for (int i = 0; i < 12; i++)
		s[i] = (struct pe_section){ ".x", 1, 0, 0 };
	assert_int_equal(pe_add_sections((uint8_t *)d, n, s, 12, &out, NULL), 0);
	assert_int_equal(*(uint32_t *)(out.s + 0x98 + 60), 0x400);
	assert_int_equal(*(uint32_t *)(out.s + 0x188 + 20), 0x400);
	assert_int_equal(s[0].offset, 0x600);
	assert_int_equal(pe_add_sections((uint8_t *)d, 0x100, s, 1, &out, NULL), -EBADMSG);
}

/* A symbol table behind the sections belongs to none: signing tools and firmware would hash different bytes. */
static void test_nothing_lies_between_sections(void **state)
{
	struct pe_section s[] = { { ".linux", 600, 0, 0 }, { ".x", 1, 0, 0 } };
	CLEANUP(str_free) struct str plain = STR_INIT, out = STR_INIT, longer = STR_INIT;
	size_t n;
	AUTO_FREE char *d = corpus("pe_add/stub", &n);

	(void)state;
	str_addn(&longer, d, n);
	for (int i = 0; i < 1000; i++)
		str_addc(&longer, 'S');
	*(uint32_t *)(longer.s + 0x80 + 12) = htole32((uint32_t)n);
	*(uint32_t *)(longer.s + 0x80 + 16) = htole32(7);
	assert_int_equal(pe_add_sections((uint8_t *)d, n, s, 2, &plain, NULL), 0);
	assert_int_equal(pe_add_sections((uint8_t *)longer.s, longer.len, s, 2, &out, NULL), 0);
	assert_int_equal(out.len, plain.len);
	assert_memory_equal(out.s, plain.s, plain.len);
}

/* T100 */
static void test_revoked_loaders_are_known(void **state)
{
	static const struct { const char *level, *why; } rows[] = {
		{ "sbat,1,2025\nshim,4\ngrub,5\n", NULL }, { "shim,5\n", "shim is generation 4, the least that starts is 5" },
		{ "grub,9\nshim.x,3", "shim.x is generation 2, the least that starts is 3" }, { "shi,9\nshim.,9\n,9\nshim\nshim,x\n\n", NULL }, { "", NULL },
	};
	size_t n;
	AUTO_FREE char *d = corpus("sbat/shim", &n), *parts = sbat_parts(d, n);
	char *level[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(str_free) struct str why = STR_INIT;

		assert_int_equal(sbat_revoked(parts, rows[i].level, &why), rows[i].why != NULL);
		assert_string_equal(str_cstr(&why), rows[i].why ? rows[i].why : "");
	}
	sbat_levels(d, n, level);
	assert_string_equal(level[0], "sbat,1,2025\ngrub,5\n");
	assert_string_equal(level[1], "sbat,1,2026\ngrub,6\nshim,5\n");
	free(level[0]);
	free(level[1]);
	sbat_levels(d, 100, level);
	assert_null(level[0]);
	assert_null(sbat_parts(d, 100));
}

static void test_kernel_image_says_its_release(void **state)
{
	size_t n;
	AUTO_FREE char *d = corpus("pe_add/bzimage", &n), *release = NULL;

	(void)state;
	assert_int_equal(image_kernel_release((uint8_t *)d, n, &release, NULL), 0);
	assert_string_equal(release, "6.1.0-1-x");
	memcpy(d + 0x280, "../../x", 7);
	free(TAKE_PTR(release));
	assert_int_equal(image_kernel_release((uint8_t *)d, n, &release, NULL), -EBADMSG);
}

static int collect(const struct image_entry *x, void *arg)
{
	str_addf(arg, "%s%s%s ", x->path, x->target ? ">" : "", x->target ? x->target : "");
	return 0;
}

static void test_set_is_sorted_and_under_usr(void **state)
{
	AUTO_IMAGE struct image *im = image_new();
	CLEANUP(str_free) struct str s = STR_INIT;

	(void)state;
	image_add_text(im, "/bin/tool", 0755, "x", 1);
	image_add_text(im, "/a/b/c", 0644, "first", 5);
	image_add_text(im, "/a/b/c", 0644, "second", 6);
	image_each(im, collect, &s);
	assert_string_equal(str_cstr(&s), "/ /a /a/b /a/b/c /bin>usr/bin /lib>usr/lib /lib32>usr/lib32 /lib64>usr/lib64 /libx32>usr/libx32 "
					  "/sbin>usr/sbin /usr /usr/bin /usr/bin/tool /usr/lib /usr/lib32 /usr/lib64 /usr/libx32 /usr/sbin ");
	assert_int_equal(image_find(im, "/a/b/c")->size, 5);
	assert_int_equal(im->files, 2);
	assert_true(image_has_prog(im, "tool"));
	assert_false(image_has_prog(im, "other"));
}

static void test_list_errors_name_the_line(void **state)
{
	static const struct { const char *text; int code; const char *msg; } cases[] = {
		{ "dir /x\nmodul ext4\n", -EINVAL, "l:2: unknown word 'modul', did you mean 'module'?" },
		{ "dir\n", -EINVAL, "l:1: 'dir' names nothing" },
		{ "dir x\n", -EINVAL, "l:1: expected: dir /PATH [MODE]" },
		{ "link /x\n", -EINVAL, "l:1: expected: link /PATH TARGET" },
		{ "# c\n\nprog no-such-program-here\n", -ENOENT, "l:3: program 'no-such-program-here' is not installed" },
		{ "file /no/such/*\n", -ENOENT, "l:1: no file matches '/no/such/*'" },
		{ "lib libnosuch.so.99\n", -ENOENT, "l:1: library 'libnosuch.so.99' is not installed" },
		{ "?prog no-such-program-here\nmodule a b\n?module c\nwrite /etc/t a\\nb\n", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_IMAGE struct image *im = image_new();
		struct image_selection sel = { 0 };
		struct err e = ERR_INIT;

		assert_int_equal(image_list_apply(im, "l", cases[i].text, strlen(cases[i].text), &sel, &e), cases[i].code);
		assert_string_equal(e.msg, cases[i].msg);
		if (cases[i].code == 0) {
			assert_string_equal(im->notes.v[0], "program 'no-such-program-here' is not installed: not aboard");
			assert_int_equal(sel.modules.n, 2);
			assert_int_equal(image_find(im, "/etc/t")->size, 4);
		}
		image_selection_free(&sel);
	}
}

static void test_builtin_list_is_valid_text(void **state)
{
	(void)state;
	assert_true(image_list_len > 1000);
	assert_true(str_starts(image_list_text, "# What goes into a rescue image."));
	assert_int_equal(image_list_text[image_list_len], 0);
}

static void test_output_appears_whole_or_not_at_all(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *path = fs_join(dir, "out"), *link_path = fs_join(dir, "link");
	struct out_file o = OUT_FILE_INIT;
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(out_file_open(&o, path, &e), 0);
	assert_int_equal(write(o.fd, "half", 4), 4);
	out_file_drop(&o);
	assert_false(fs_exists(path));
	assert_int_equal(out_file_open(&o, path, &e), 0);
	assert_int_equal(write(o.fd, "whole", 5), 5);
	assert_int_equal(out_file_commit(&o, 0644, &e), 0);
	out_file_drop(&o);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(out_file_not_input(path, path, &e), -EINVAL);
	assert_int_equal(symlink("out", link_path), 0);
	assert_int_equal(out_file_open(&o, link_path, &e), -EEXIST);
	out_file_drop(&o);
	assert_int_equal(out_file_open(&o, "/dev/null", &e), -EEXIST);
	out_file_drop(&o);
	assert_int_equal(out_file_open(&o, "", &e), -EINVAL);
	out_file_drop(&o);
	unit_dir_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf_says_what_it_needs),
		cmocka_unit_test(test_damaged_elf_is_refused_with_a_reason),
		cmocka_unit_test(test_pe_gets_sections_behind_what_it_has),
		cmocka_unit_test(test_nothing_lies_between_sections),
		cmocka_unit_test(test_revoked_loaders_are_known),
		cmocka_unit_test(test_kernel_image_says_its_release),
		cmocka_unit_test(test_set_is_sorted_and_under_usr),
		cmocka_unit_test(test_list_errors_name_the_line),
		cmocka_unit_test(test_builtin_list_is_valid_text),
		cmocka_unit_test(test_output_appears_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels, initramfs images, EFI programs, GRUB cores, BLS entries: whole or not, and what they say. */
#include "unit.h"

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "bls.h"
#include "bzimage.h"
#include "grubimg.h"
#include "initrd.h"
#include "pe.h"

static struct err e;

static void cpio_add(struct str *s, const char *name, const char *data)
{
	str_addf(s, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0100644, 0, 0, 1, 0, (unsigned int)strlen(data), 0, 0, 0, 0,
		 (unsigned int)strlen(name) + 1, 0);
	str_addn(s, name, strlen(name) + 1);
	while (s->len % 4)
		str_addc(s, 0);
	str_add(s, data);
	while (s->len % 4)
		str_addc(s, 0);
}

static void test_an_initramfs_of_two_archives(void **state)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	struct initrd i;
	size_t first;

	(void)state;
	cpio_add(&s, "kernel/x86/microcode/AuthenticAMD.bin", "code");
	cpio_add(&s, "TRAILER!!!", "");
	while (s.len % 512)
		str_addc(&s, 0);
	first = s.len;
	cpio_add(&s, "./init", "#!");
	cpio_add(&s, "usr/lib/modules/6.1/kernel/fs/btrfs/btrfs.ko.zst", "");
	cpio_add(&s, "lib/modules/6.1/kernel/drivers/md/dm-mod.ko", "");
	cpio_add(&s, "lib/modules/6.1/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
	cpio_add(&s, "./cryptroot/crypttab", "root UUID=1 none luks\n");
	cpio_add(&s, "other/crypttab", "not this one");
	cpio_add(&s, "TRAILER!!!", "");
	assert_int_equal(initrd_read(s.s, s.len, &i, &e), 0);
	assert_int_equal(i.archives, 2);
	assert_true(initrd_has(&i, "init"));
	assert_true(initrd_has_module(&i, "6.1", "btrfs"));
	assert_true(initrd_has_module(&i, NULL, "dm_mod"));
	assert_true(initrd_has_module(&i, "6.1", "ext4"));
	assert_false(initrd_has_module(&i, "6.2", "btrfs"));
	assert_false(initrd_has_module(&i, "6.1", "xfs"));
	assert_int_equal(strncmp(str_cstr(&i.crypttab), "root UUID=1 none luks\n", 22), 0);
	assert_int_equal(i.crypttab.len, 24);   /* with the padding behind it */
	assert_true(initrd_has_version(&i, "6.1"));
	assert_false(initrd_has_version(&i, "6"));
	initrd_free(&i);
	for (size_t n = 0; n < s.len; n += 13) {        /* cut anywhere: told, unless only the first archive is there whole */
		int r = initrd_read(s.s, n, &i, &e);

		initrd_free(&i);
		assert_true(r < 0 || (n <= first && n > 200));
	}
	assert_int_equal(initrd_read("hello world", 11, &i, &e), -EBADMSG);
	assert_string_equal(e.msg, "this is no initramfs");
	initrd_free(&i);
	assert_int_equal(initrd_read("", 0, &i, &e), -EBADMSG);
	initrd_free(&i);
	assert_int_equal(initrd_read("\x28\xb5\x2f\xfd garbage", 12, &i, &e), -EBADMSG);
	initrd_free(&i);
}

/* ---- compressed pieces behind each other ---- */

static void add_gzip(struct str *to, const struct str *s)
{
	char out[8192];
	z_stream z = { .next_in = (Bytef *)s->s, .avail_in = (uInt)s->len, .next_out = (Bytef *)out, .avail_out = sizeof(out) };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	str_addn(to, out, z.total_out);
	deflateEnd(&z);
}

static void add_xz_with(struct str *to, const struct str *s, lzma_check check)
{
	uint8_t out[8192];
	size_t n = 0;

	assert_int_equal(lzma_easy_buffer_encode(6, check, NULL, (const uint8_t *)s->s, s->len, out, &n, sizeof(out)), LZMA_OK);
	str_addn(to, out, n);
}

static void add_xz(struct str *to, const struct str *s)
{
	add_xz_with(to, s, LZMA_CHECK_CRC32);
}

static void add_lzma(struct str *to, const struct str *s)
{
	uint8_t out[8192];
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_options_lzma opt;

	assert_false(lzma_lzma_preset(&opt, 6));
	opt.dict_size = 65536;
	assert_int_equal(lzma_alone_encoder(&z, &opt), LZMA_OK);
	z.next_in = (const uint8_t *)s->s;
	z.avail_in = s->len;
	z.next_out = out;
	z.avail_out = sizeof(out);
	assert_int_equal(lzma_code(&z, LZMA_FINISH), LZMA_STREAM_END);
	str_addn(to, out, sizeof(out) - z.avail_out);
	lzma_end(&z);
}

static void add_zstd(struct str *to, const struct str *s)
{
	char out[8192];
	size_t n = ZSTD_compress(out, sizeof(out), s->s, s->len, 3);

	assert_false(ZSTD_isError(n));
	str_addn(to, out, n);
}

static void add_lz4(struct str *to, const struct str *s)
{
	char out[8192];
	int n = LZ4_compress_default(s->s, out, (int)s->len, sizeof(out));

	str_addn(to, "\x02\x21\x4c\x18", 4);
	for (int i = 0; i < 4; i++)
		str_addc(to, (char)(n >> 8 * i));
	str_addn(to, out, (size_t)n);
}

static void pad(struct str *s)
{
	while (s->len % 4)
		str_addc(s, 0);
}

static int reads(const struct str *s, size_t n, bool both)
{
	struct initrd i;
	int r = initrd_read(s->s, n, &i, &e);

	if (r == 0)
		assert_true(initrd_has(&i, "init") && (!both || initrd_has(&i, "extra")));
	initrd_free(&i);
	return r;
}

static void (*const packers[])(struct str *, const struct str *) = { add_gzip, add_xz, add_lzma, add_zstd, add_lz4 };

static void small_archives(struct str *first, struct str *second)
{
	cpio_add(first, "init", "#!");
	for (int k = 0; k < 40; k++) {
		AUTO_FREE char *name = xasprintf("lib/file-%d", k * 7919), *data = xasprintf("%d:%d", k * k * 104729, k * 1299709);

		cpio_add(first, name, data);
	}
	cpio_add(first, "TRAILER!!!", "");
	cpio_add(second, "extra", "more");
	cpio_add(second, "TRAILER!!!", "");
}

/* The kernel goes on behind each piece: a plain cpio (at a multiple of 4), zeros, a piece in another format. */
static void test_pieces_behind_a_compressed_one(void **state)
{
	CLEANUP(str_free) struct str first = STR_INIT, second = STR_INIT;

	(void)state;
	small_archives(&first, &second);
	for (size_t a = 0; a < ARRAY_SIZE(packers); a++) {
		CLEANUP(str_free) struct str s = STR_INIT;
		size_t whole;

		packers[a](&s, &first);
		whole = s.len;
		for (size_t n = 8; n < whole; n += 5) {
			int r = reads(&s, n, false);

			assert_true(r == -ENODATA || r == -EBADMSG);
		}
		assert_int_equal(reads(&s, whole, false), 0);
		str_addn(&s, "\0\0\0\0", 4);
		pad(&s);
		assert_int_equal(reads(&s, s.len, false), 0);
		str_addn(&s, second.s, second.len);
		assert_int_equal(reads(&s, s.len, true), 0);
		s.s[whole / 2] ^= 0x55;
		s.s[whole / 2 + 1] ^= 0x55;
		assert_true(reads(&s, s.len, true) < 0);
	}
}

static void test_pieces_in_two_formats(void **state)
{
	CLEANUP(str_free) struct str first = STR_INIT, second = STR_INIT;

	(void)state;
	small_archives(&first, &second);
	for (size_t a = 0; a < ARRAY_SIZE(packers); a++) {
		for (size_t b = 0; b < ARRAY_SIZE(packers); b++) {
			CLEANUP(str_free) struct str s = STR_INIT;

			packers[a](&s, &first);
			str_addn(&s, "\0\0\0\0", 4);         /* the old LZ4 frame has no end of its own */
			packers[b](&s, &second);
			assert_int_equal(reads(&s, s.len, true), 0);
		}
	}
}

static void test_what_the_kernel_cannot_unpack(void **state)
{
	CLEANUP(str_free) struct str first = STR_INIT, second = STR_INIT, s = STR_INIT, odd = STR_INIT;

	(void)state;
	small_archives(&first, &second);
	add_xz_with(&s, &first, LZMA_CHECK_CRC64);
	assert_int_equal(reads(&s, s.len, false), -ENOTSUP);
	assert_string_equal(e.msg, "the kernel cannot unpack it: it was made without 'xz --check=crc32'");
	assert_int_equal(initrd_read("\x04\x22\x4d\x18 frame of today", 20, &(struct initrd){ 0 }, &e), -EBADMSG);
	assert_string_equal(e.msg, "this is no initramfs");
	add_zstd(&odd, &first);
	pad(&odd);
	str_addc(&odd, 0);
	str_addn(&odd, second.s, second.len);
	assert_int_equal(reads(&odd, odd.len, true), -EBADMSG);
	assert_non_null(strstr(e.msg, "does not begin at a multiple of 4"));
}

static void test_a_kernel_that_is_cut_off(void **state)
{
	size_t n = 0x3400;
	AUTO_FREE char *k = xcalloc(1, n);
	char *version;

	(void)state;
	memcpy(k + 0x202, "HdrS", 4);
	k[0x1f1] = 4;
	k[0x1f5] = 2;           /* 0x200 * 16 bytes */
	k[0x20e] = 0x10;
	k[0x20f] = 1;
	memcpy(k + 0x310, "6.1.0-test (x@y) #1", 19);
	assert_int_equal(bzimage_check(k, n, &version, &e), 0);
	assert_string_equal(version, "6.1.0-test");
	free(version);
	assert_int_equal(bzimage_check(k, 5 * 512 + 0x2000 - 1, &version, &e), -ENODATA);
	assert_string_equal(e.msg, "the kernel is cut off: 10751 of 10752 bytes are there");
	assert_int_equal(bzimage_check("not one", 7, &version, &e), -EBADMSG);
	assert_int_equal(bzimage_check("", 0, &version, &e), -EBADMSG);
	assert_string_equal(e.msg, "the kernel is empty");
}

/* Real programs of the distribution, when they are installed; cut off at many places. */
static void test_programs_of_the_distribution(void **state)
{
	static const struct { const char *path; enum pe_kind kind; } cases[] = {
		{ "/usr/lib/shim/shimx64.efi.signed", PE_SHIM }, { "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", PE_GRUB },
		{ "/usr/lib/systemd/boot/efi/systemd-bootx64.efi", PE_SYSTEMD_BOOT }, { "/usr/lib/shim/fbx64.efi.signed", PE_FALLBACK },
		{ "/usr/lib/shim/fbx64.efi", PE_FALLBACK },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *d = NULL;
		struct pe pe;
		size_t n;

		if (fs_read(cases[i].path, 64 * MIB, &d, &n, &e) < 0)
			continue;
		assert_int_equal(pe_parse(d, n, &pe, &e), 0);
		assert_int_equal(pe_kind(&pe, d, n), cases[i].kind);
		assert_string_equal(pe_arch(pe.machine), "x64");
		assert_int_equal(pe_parse(d, pe.need - 1, &(struct pe){ 0 }, &e), -ENODATA);
		pe_free(&pe);
		assert_int_equal(pe_parse(d, 100, &pe, &e), -EBADMSG);
		if (cases[i].kind == PE_GRUB) {
			struct grubimg g;

			assert_int_equal(grubimg_efi(d, n, &g, &e), 0);
			assert_string_equal(g.prefix, "/EFI/debian");
			assert_true(g.memdisk);
			grubimg_free(&g);
		}
	}
	assert_int_equal(pe_parse("MZ", 2, &(struct pe){ 0 }, &e), -EBADMSG);
}

static void test_boot_sectors(void **state)
{
	uint8_t s[512] = { 0 };
	uint64_t lba;
	unsigned int n;

	(void)state;
	assert_int_equal(grubimg_mbr(s, &lba, &e), -EBADMSG);
	assert_string_equal(e.msg, "no boot sector: the signature 55 AA is missing");
	s[510] = 0x55;
	s[511] = 0xaa;
	assert_int_equal(grubimg_mbr(s, &lba, &e), -EBADMSG);
	assert_string_equal(e.msg, "its boot sector holds no GRUB (it is empty)");
	memcpy(s + 0x180, "GRUB ", 5);
	s[0x5d] = 8;
	assert_int_equal(grubimg_mbr(s, &lba, &e), 0);
	assert_int_equal(lba, 2048);
	assert_int_equal(grubimg_blocks(s, &lba, &n, &e), -EBADMSG);
}

static void test_entries_and_their_order(void **state)
{
	static const char *const names[] = { "a-6.1.conf", "a-6.10.conf", "b+0-3.conf", "c.conf" };
	static const char *const texts[] = {
		"title A\nversion 6.1\nlinux /a1\ninitrd /m /i\noptions root=x\noptions quiet\n", "# c\n\ttitle\tA\nversion 6.10\nlinux /a2\n",
		"title B\nversion 9\nlinux /b", "title C\nsort-key aaa\nversion 1\nefi /c.efi\n",
	};
	struct bls v[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		bls_parse(names[i], texts[i], strlen(texts[i]), &v[i]);
	assert_string_equal(v[0].options, "root=x quiet");
	assert_int_equal(v[0].initrd.n, 2);
	assert_string_equal(v[1].title, "A");
	assert_string_equal(v[2].id, "b");
	assert_true(v[2].bad);
	assert_true(bls_compare(&v[1], &v[0]) < 0);     /* 6.10 before 6.1 */
	assert_true(bls_compare(&v[0], &v[2]) < 0);     /* given up: last */
	assert_true(bls_compare(&v[3], &v[1]) < 0);     /* sort-key first */
	for (size_t i = 0; i < 4; i++)
		bls_free(&v[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_initramfs_of_two_archives), cmocka_unit_test(test_a_kernel_that_is_cut_off),
		cmocka_unit_test(test_pieces_behind_a_compressed_one), cmocka_unit_test(test_pieces_in_two_formats),
		cmocka_unit_test(test_what_the_kernel_cannot_unpack),
		cmocka_unit_test(test_programs_of_the_distribution), cmocka_unit_test(test_boot_sectors),
		cmocka_unit_test(test_entries_and_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

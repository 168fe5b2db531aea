/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LZO1X streams made by liblzo2, and the broken ones that it never makes. */
#include "unit.h"

#include <lzo/lzo1x.h>

#include "lzo1x.h"

enum { N = 200000 };

/* Bytes that repeat after `period`, with one changed every `odd` (0: random bytes). */
static void fill(uint8_t *p, size_t n, size_t period, size_t odd)
{
	uint32_t x = 12345 + (uint32_t)period;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = period && i >= period && i % odd ? p[i - period] : (uint8_t)(x >> 24);
	}
}

static void there_and_back(size_t n, size_t period, size_t odd)
{
	AUTO_FREE uint8_t *plain = xmalloc(n + 1), *packed = xmalloc(n + n / 16 + 67), *out = xmalloc(n + 1);
	AUTO_FREE uint8_t *work = xmalloc(LZO1X_1_MEM_COMPRESS);
	lzo_uint len = 0;
	size_t got = n;

	fill(plain, n, period, odd);
	assert_int_equal(lzo1x_1_compress(plain, n, packed, &len, work), LZO_E_OK);
	out[n] = 0xa5;
	assert_int_equal(lzo1x_unpack(packed, len, out, &got), 0);
	assert_int_equal(got, n);
	assert_memory_equal(out, plain, n);
	assert_int_equal(out[n], 0xa5);
	for (size_t cut = 1; cut <= len; cut += 1 + len / 40) {
		AUTO_FREE uint8_t *less = xmalloc(len - cut + 1);       /* of its own size, so that ASan sees a byte too far */

		memcpy(less, packed, len - cut);
		got = n;
		assert_int_equal(lzo1x_unpack(less, len - cut, out, &got), -EBADMSG);
		got = n - 1;
		if (n)
			assert_true(lzo1x_unpack(packed, len, out, &got) == -ENOBUFS && got < n);
	}
	packed[len] = 0;
	got = n;
	assert_int_equal(lzo1x_unpack(packed, len + 1, out, &got), -EBADMSG);
}

static void test_what_liblzo2_packs_comes_back(void **state)
{
	static const size_t sizes[] = { 0, 1, 3, 4, 17, 18, 19, 237, 238, 239, 300, 5000, 70000, N };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		there_and_back(sizes[i], 0, 1);
		for (size_t period = 1; period < 20; period++)
			there_and_back(sizes[i], period, 7 * period + 1);
		there_and_back(sizes[i], 2040, 333);
		there_and_back(sizes[i], 16384, 700);
		there_and_back(sizes[i], 16385, 900);
		there_and_back(sizes[i], 49000, 50000);
	}
}

static void test_streams_that_nobody_packs(void **state)
{
	static const struct {
		const char *what, *data;
		size_t n, room;
		int r;
	} bad[] = {
		{ "nothing", "", 0, 100, -EBADMSG },
		{ "the end alone", "\x11\0\0", 3, 100, 0 },
		{ "no end", "\x15zzzz", 5, 100, -EBADMSG },
		{ "a match before the beginning", "\x12z\x20\x01\xfc\xff\x11\0\0", 9, 100, -EBADMSG },
		{ "an end of another length", "\x12z\x12\0\0", 5, 100, -EBADMSG },
		{ "literals that are not there", "\xffz", 2, 1000, -EBADMSG },
		{ "a length without its last byte", "\0\0\0\0", 4, 100, -EBADMSG },
		{ "more than there is room for", "\x16zzzzz\x11\0\0", 9, 4, -ENOBUFS },
		{ "just enough room", "\x16zzzzz\x11\0\0", 9, 5, 0 },
		{ "the farthest match of three bytes' instruction, into nothing", "\x12z\x21\xfc\xff\x11\0\0", 8, 100, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t out[1000];
		size_t got = bad[i].room;
		int r = lzo1x_unpack((const uint8_t *)bad[i].data, bad[i].n, out, &got);

		if (r != bad[i].r)
			print_message("%s: %d\n", bad[i].what, r);
		assert_int_equal(r, bad[i].r);
	}
}

/* A distance of 16384 is the last of the shorter instruction, and no end as in the longer one; liblzo2 packs it so rarely that it is made here. */
static void test_the_distance_of_16384(void **state)
{
	enum { FAR = 16384 };
	CLEANUP(str_free) struct str s = STR_INIT;
	AUTO_FREE uint8_t *plain = xmalloc(FAR), *out = xmalloc(FAR + 3), *theirs = xmalloc(FAR + 3);
	size_t got = FAR + 3;
	lzo_uint want = FAR + 3;

	(void)state;
	fill(plain, FAR, 0, 1);
	for (int i = 0; i < 65; i++)
		str_addn(&s, "", 1);                            /* 3 + 15 + 64 * 255 + 46 literals */
	str_addn(&s, "\x2e", 1);
	str_addn(&s, (char *)plain, FAR);
	str_addn(&s, "\x21\xfc\xff\x11\0\0", 6);
	assert_int_equal(lzo1x_decompress_safe((uint8_t *)s.s, s.len, theirs, &want, NULL), LZO_E_OK);
	assert_int_equal(lzo1x_unpack((uint8_t *)s.s, s.len, out, &got), 0);
	assert_int_equal(got, want);
	assert_memory_equal(out, theirs, got);
	assert_memory_equal(out + FAR, plain, 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_liblzo2_packs_comes_back),
		cmocka_unit_test(test_the_distance_of_16384),
		cmocka_unit_test(test_streams_that_nobody_packs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

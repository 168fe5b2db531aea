/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks, records, labels, attributes and streams on synthetic volumes (bac_gen.h says what that proves). */
#include "unit.h"

#include <lz4.h>
#include <lzo/lzo1x.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "bac_gen.h"

static int open_gen(struct bac_vol *v, const struct gen *g)
{
	struct err e = ERR_INIT;
	int fd = memfd_create("vol", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, g->vol.s, g->vol.len), (ssize_t)g->vol.len);
	return bac_vol_open_fd(v, fd, "vol", 4096, &e);
}

struct counts {
	int blocks, records, continued, damages;
	uint64_t bytes;
};

static struct counts count(const struct gen *g, struct bac_vol *v)
{
	struct counts n = { 0 };
	struct bac_block b;
	struct bac_rec rec;
	struct err e = ERR_INIT;
	int r;

	assert_int_equal(open_gen(v, g), 0);
	while ((r = bac_vol_next(v, &b, &e)) > 0) {
		if (r == BAC_DAMAGE) {
			n.damages++;
			continue;
		}
		n.blocks++;
		for (size_t pos = 0; bac_rec_next(&b, &pos, &rec) > 0; n.records++) {
			n.continued += rec.fi > 0 && rec.stream < 0;
			n.bytes += rec.have;
		}
	}
	assert_int_equal(r, 0);
	return n;
}

static void build(struct gen *g, int version)
{
	char data[1000];

	memset(data, 'x', sizeof(data));
	g->version = version;
	g->max = 512;
	gen_vol_label(g, "Vol-1", 5000000);
	gen_sess_label(g, BAC_FI_SOS, 7, 'F', 6000000, 0);
	gen_attr(g, 1, BAC_REG, "/a", "", 0100644, 1000, 0);
	gen_rec(g, 1, 2, data, sizeof(data));
	gen_digest(g, 1, 3, HASH_MD5, data, sizeof(data));
	gen_sess_label(g, BAC_FI_EOS, 7, 'F', 7000000, 1);
	gen_flush(g);
}

static void test_reads_all_three_kinds_of_blocks(void **state)
{
	(void)state;
	for (int version = 1; version <= 3; version++) {        /* T77, T78 */
		struct gen g = GEN_INIT;
		struct bac_vol v;
		struct counts n;

		build(&g, version);
		n = count(&g, &v);
		assert_true(n.blocks >= 4);
		assert_true(n.continued >= 2);
		assert_int_equal(n.damages, 0);
		bac_vol_close(&v);
		gen_free(&g);
	}
}

static void test_accepts_volumes_without_checksums(void **state)
{
	(void)state;
	for (int version = 1; version <= 3; version++) {        /* T79 */
		struct gen g = GEN_INIT;
		struct bac_vol v;

		g.no_sum = true;
		build(&g, version);
		assert_int_equal(count(&g, &v).damages, 0);
		bac_vol_close(&v);
		gen_free(&g);
	}
}

static void test_refuses_encrypted_blocks(void **state)
{
	struct gen g = GEN_INIT;
	struct bac_vol v;
	struct bac_block b;
	struct err e = ERR_INIT;

	(void)state;
	g.no_sum = true;
	build(&g, 3);
	g.vol.s[3] = 4;                                         /* T79 */
	assert_int_equal(open_gen(&v, &g), 0);
	assert_int_equal(bac_vol_next(&v, &b, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "encrypted by the Storage Daemon"));
	bac_vol_close(&v);
	gen_free(&g);
}

static void test_one_wrong_byte_anywhere_is_repaired(void **state)
{
	struct gen g = GEN_INIT;
	struct counts whole, n;
	struct bac_vol v;
	size_t first;

	(void)state;
	build(&g, 2);
	whole = count(&g, &v);
	bac_vol_close(&v);
	first = 512;                    /* somewhere in the second block to the end of the third */
	for (size_t i = first; i < first + 700; i++) {
		g.vol.s[i] ^= 0x41;
		n = count(&g, &v);
		assert_int_equal(n.damages, 0);
		assert_int_equal(n.records, whole.records);
		assert_int_equal(n.bytes, whole.bytes);
		assert_int_equal(v.n_repaired, 1);
		bac_vol_close(&v);
		g.vol.s[i] ^= 0x41;
	}
	gen_free(&g);
}

static void test_damage_costs_one_block(void **state)
{
	(void)state;
	for (int version = 2; version <= 3; version++) {        /* T83 */
		struct gen g = GEN_INIT;
		struct counts whole, n;
		struct bac_vol v;

		build(&g, version);
		whole = count(&g, &v);
		bac_vol_close(&v);
		for (size_t i = 700; i < 1000; i += 7) {
			char keep[6];

			memcpy(keep, g.vol.s + i, 6);
			memcpy(g.vol.s + i, "\1\2\3\4\5\6", 6);
			n = count(&g, &v);
			assert_true(n.damages == 1 || n.damages == 2);
			assert_int_equal(n.blocks, whole.blocks - n.damages);
			assert_true(v.bad_to > i);
			bac_vol_close(&v);
			memcpy(g.vol.s + i, keep, 6);
		}
		gen_free(&g);
	}
}

static void test_a_truncated_volume_gives_what_is_there(void **state)
{
	struct gen g = GEN_INIT;
	struct counts whole;
	struct bac_vol v;
	size_t len;

	(void)state;
	build(&g, 2);
	len = g.vol.len;
	whole = count(&g, &v);
	bac_vol_close(&v);
	for (size_t cut = 1; cut < 300; cut++) {
		struct counts n;

		g.vol.len = len - cut;
		n = count(&g, &v);
		assert_in_range(n.blocks, whole.blocks - 2, whole.blocks - 1);
		bac_vol_close(&v);
	}
	gen_free(&g);
}

static void test_labels(void **state)
{
	struct gen g = GEN_INIT;
	struct bac_vol v;
	struct bac_block b;
	struct bac_rec rec;
	struct bac_vol_label l;
	struct bac_sess_label s;
	struct err e = ERR_INIT;
	size_t pos = 0;

	(void)state;
	g.bareos = true;
	build(&g, 2);
	assert_int_equal(open_gen(&v, &g), 0);
	assert_int_equal(bac_vol_next(&v, &b, &e), 1);
	assert_int_equal(bac_rec_next(&b, &pos, &rec), 1);
	assert_int_equal(bac_label_vol(&rec, &l, &e), 0);
	assert_true(l.bareos);
	assert_string_equal(l.name, "Vol-1");
	assert_string_equal(l.media, "File");
	assert_int_equal(l.write_time, 5000000);
	bac_label_vol_free(&l);
	assert_int_equal(bac_vol_next(&v, &b, &e), 1);
	pos = 0;
	assert_int_equal(bac_rec_next(&b, &pos, &rec), 1);
	assert_int_equal(rec.fi, BAC_FI_SOS);
	assert_int_equal(bac_label_sess(&rec, &s), 0);
	assert_int_equal(s.job_id, 7);
	assert_string_equal(s.client, "web-01-fd");     /* T90: the whole name, not what is before the first '-' */
	assert_int_equal(s.level, 'F');
	bac_label_sess_free(&s);
	bac_vol_close(&v);
	gen_free(&g);
}

static void test_attributes(void **state)
{
	/* as Bacula 9.6 wrote it for a hard link */
	char text[] = "1557 1 /src/dir/a\0P4A p4vZ IG8 C A A A D BAA I BrCv1D BrCv06 -BrCv06 YN A H\0/src/dir/b\0\0" "0";
	char dir[] = "5 5 /x/\0A A EHt D 1Y A A BAA BAA I A A A A A B\0\0\0" "0";
	struct bac_attr a;

	(void)state;
	assert_int_equal(bac_attr_parse(text, sizeof(text) - 1, &a), 0);
	assert_int_equal(a.fi, 1557);
	assert_int_equal(a.type, BAC_LNKSAVED);
	assert_string_equal(a.name, "/src/dir/a");
	assert_string_equal(a.link, "/src/dir/b");
	assert_int_equal(a.link_fi, 1549);
	assert_int_equal(a.mode, 0100674);
	assert_true(a.ctime < 0);                               /* dates before 1970 */
	assert_int_equal(a.mtime, -a.ctime);
	assert_int_equal(bac_attr_parse(dir, sizeof(dir) - 1, &a), 0);
	assert_true(bac_attr_is_dir(&a));
	assert_int_equal(a.mode, 040755);
	for (size_t n = 0; n < 12; n++) {
		char cut[sizeof(dir)];

		memcpy(cut, dir, sizeof(dir));
		assert_int_equal(bac_attr_parse(cut, n, &a), -EBADMSG);
	}
}

static void test_streams(void **state)
{
	(void)state;
	assert_int_equal(bac_stream_of(40, false).digest, HASH_XXH3_64);        /* T80 */
	assert_int_equal(bac_stream_of(40, true).digest, HASH_XXH3_128);
	assert_int_equal(bac_stream_of(7, false).coding, BAC_GZIP);
	assert_true(bac_stream_of(7, false).sparse);
	assert_true(bac_stream_of(2 | 1 << 26, false).sparse);
	assert_int_equal(bac_stream_of(2 | 1 << 28, false).what, BAC_W_SKIP);
	assert_int_equal(bac_stream_of(1500, false).what, BAC_W_SKIP);
	assert_true(bac_stream_of(23, false).encrypted);
}

static void tagged(struct str *s, const char *magic, const void *data, size_t n)
{
	str_reset(s);
	str_addn(s, magic, 4);
	gen_u32(s, (uint32_t)n);                        /* T84: magic, size, level, version */
	gen_u32(s, 0x00060001);
	str_addn(s, data, n);
}

static void expect(enum bac_coding c, const struct str *s, const char *plain, size_t n)
{
	struct str out = STR_INIT;
	struct err e = ERR_INIT;

	assert_int_equal(bac_stream_decode(c, (uint8_t *)s->s, s->len, &out, &e), 0);
	assert_int_equal(out.len, n);
	assert_memory_equal(out.s, plain, n);
	str_free(&out);
	for (size_t cut = 1; cut < s->len; cut += 1 + s->len / 50) {    /* shorter: an error, never a crash */
		(void)bac_stream_decode(c, (uint8_t *)s->s, s->len - cut, &out, &e);
		str_free(&out);
	}
}

static void test_every_compression(void **state)
{
	enum { N = 200000 };            /* larger than the first guess */
	char *plain = xmalloc(N), *packed = xmalloc(2 * N), *work = xmalloc(LZO1X_1_MEM_COMPRESS);
	struct str s = STR_INIT;
	uLongf zn = 2 * N;
	lzo_uint ln = 2 * N;
	size_t n;

	(void)state;
	for (size_t i = 0; i < N; i++)
		plain[i] = (char)(i * i >> 9);
	assert_int_equal(compress2((Bytef *)packed, &zn, (Bytef *)plain, N, 6), Z_OK);
	str_addn(&s, packed, zn);
	expect(BAC_GZIP, &s, plain, N);
	tagged(&s, "GZIP", packed, zn);
	expect(BAC_TAGGED, &s, plain, N);
	lzo1x_1_compress((uint8_t *)plain, N, (uint8_t *)packed, &ln, work);
	tagged(&s, "LZOX", packed, ln);
	expect(BAC_TAGGED, &s, plain, N);
	n = ZSTD_compress(packed, 2 * N, plain, N, 3);
	tagged(&s, "LZOY", packed, n);                          /* Bacula's name for ZSTD */
	expect(BAC_TAGGED, &s, plain, N);
	tagged(&s, "NONE", plain, N);
	expect(BAC_TAGGED, &s, plain, N);
	n = (size_t)LZ4_compress_default(plain, packed + 16, N, 2 * N - 16);
	memcpy(packed, "FastLZ\0\xc8", 8);
	for (int i = 0; i < 4; i++) {
		packed[8 + i] = (char)(n >> 8 * i);
		packed[12 + i] = (char)(N >> 8 * i);
	}
	tagged(&s, "FZ4L", packed, n + 16);
	expect(BAC_TAGGED, &s, plain, N);
	str_free(&s);
	free(plain);
	free(packed);
	free(work);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_all_three_kinds_of_blocks),
		cmocka_unit_test(test_accepts_volumes_without_checksums),
		cmocka_unit_test(test_refuses_encrypted_blocks),
		cmocka_unit_test(test_one_wrong_byte_anywhere_is_repaired),
		cmocka_unit_test(test_damage_costs_one_block),
		cmocka_unit_test(test_a_truncated_volume_gives_what_is_there),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_every_compression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac.h"

#include <libdeflate.h>
#include <lz4.h>
#include <pthread.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "le.h"
#include "lzo1x.h"

#define MAX_PLAIN (64 * MIB)            /* of one record: a daemon's buffer is 64 KiB, at most a few MiB */
#define FIRST_GUESS (64 * KIB + 512)

struct row {
	int32_t stream;
	struct bac_stream is;
};

#define DATA(n, c, s, x, text) { n, { .what = BAC_W_DATA, .coding = c, .sparse = s, .encrypted = x, .name = text } }
#define DIGEST(n, d) { n, { .what = BAC_W_DIGEST, .digest = d, .name = "digest" } }
#define KIND(n, w, text) { n, { .what = w, .name = text } }

static const struct row rows[] = {
	KIND(1, BAC_W_ATTR, "attributes"),
	KIND(5, BAC_W_ATTR, "extended attributes"),
	DATA(2, BAC_PLAIN, false, false, "data"),
	DATA(4, BAC_GZIP, false, false, "gzip data"),
	DATA(6, BAC_PLAIN, true, false, "sparse data"),
	DATA(7, BAC_GZIP, true, false, "sparse gzip data"),
	DATA(29, BAC_TAGGED, false, false, "compressed data"),
	DATA(30, BAC_TAGGED, true, false, "sparse compressed data"),
	DATA(20, BAC_PLAIN, false, true, "encrypted data"),
	DATA(23, BAC_GZIP, false, true, "encrypted gzip data"),
	DATA(32, BAC_TAGGED, false, true, "encrypted compressed data"),
	DIGEST(3, HASH_MD5),
	DIGEST(10, HASH_SHA1),
	DIGEST(17, HASH_SHA256),
	DIGEST(18, HASH_SHA512),
	DIGEST(39, HASH_XXH64),
	DIGEST(40, HASH_XXH3_64),
	DIGEST(41, HASH_XXH3_128),
	KIND(15, BAC_W_ACL, "acl"),
	KIND(16, BAC_W_ACL_DEFAULT, "default acl"),
	KIND(1008, BAC_W_ACL, "acl"),
	KIND(1007, BAC_W_ACL_DEFAULT, "default acl"),
	KIND(1998, BAC_W_XATTR, "extended attributes (xattr)"),
	KIND(22, BAC_W_SESSION_KEY, "session key"),
	KIND(19, BAC_W_SIGNATURE, "signature"),
	KIND(8, BAC_W_SKIP, "program names"),
	KIND(9, BAC_W_SKIP, "program data"),
	KIND(11, BAC_W_SKIP, "Windows data"),
	KIND(12, BAC_W_SKIP, "Windows gzip data"),
	KIND(13, BAC_W_SKIP, "macOS resource fork"),
	KIND(14, BAC_W_SKIP, "HFS+ attributes"),
	KIND(21, BAC_W_SKIP, "encrypted Windows data"),
	KIND(24, BAC_W_SKIP, "encrypted Windows gzip data"),
	KIND(25, BAC_W_SKIP, "encrypted macOS resource fork"),
	KIND(26, BAC_W_SKIP, "plugin name"),
	KIND(27, BAC_W_SKIP, "plugin data"),
	KIND(28, BAC_W_SKIP, "restore object"),
	KIND(31, BAC_W_SKIP, "Windows compressed data"),
	KIND(33, BAC_W_SKIP, "encrypted Windows compressed data"),
	KIND(37, BAC_W_SKIP, "attribute update"),
	KIND(200, BAC_W_SKIP, "aligned data"),
	KIND(201, BAC_W_SKIP, "aligned data"),
};

#define BITS_OFFSET (1 << 26)
#define BITS_DELTA (1 << 27)
#define BITS_PLUGIN (1 << 28)
#define BITS_DEDUP (1 << 24)

uint32_t bac_stream_number(int32_t stream)
{
	return stream < 0 ? 0U - (uint32_t)stream : (uint32_t)stream;
}

struct bac_stream bac_stream_of(int32_t stream, bool bareos)
{
	static const struct bac_stream unknown = { .what = BAC_W_SKIP, .name = "unknown" };
	struct bac_stream s = unknown;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].stream == (stream & 0x7ff))
			s = rows[i].is;
	if (stream & (BITS_DELTA | BITS_DEDUP | BITS_PLUGIN))
		return (struct bac_stream){ .what = BAC_W_SKIP,
					    .name = stream & BITS_PLUGIN ? "plugin stream" : stream & BITS_DELTA ? "delta data" : "deduplicated data" };
	if ((stream & BITS_OFFSET) && s.what == BAC_W_DATA)
		s.sparse = true;
	if (bareos && (stream & 0x7ff) == 40)
		s.digest = HASH_XXH3_128;
	return s;
}

static uint8_t *room(struct str *out, size_t n)
{
	if (out->cap - out->len < n) {
		out->cap = 2 * out->cap > out->len + n ? 2 * out->cap : out->len + n;
		out->s = xrealloc(out->s, out->cap);
	}
	return (uint8_t *)out->s + out->len;
}

/* One decompressor a thread, freed at the thread's end. */
static pthread_key_t decompressor_key;

static void free_decompressor(void *d)
{
	libdeflate_free_decompressor(d);
}

__attribute__((constructor)) static void make_key(void)
{
	pthread_key_create(&decompressor_key, free_decompressor);
}

static struct libdeflate_decompressor *decompressor(void)
{
	struct libdeflate_decompressor *d = pthread_getspecific(decompressor_key);

	if (!d) {
		d = libdeflate_alloc_decompressor();
		pthread_setspecific(decompressor_key, d);
	}
	return d;
}

static int inflate_record(const uint8_t *data, size_t n, struct str *out, struct err *e)
{
	struct libdeflate_decompressor *d = decompressor();
	size_t cap, got;

	if (!d)
		return err_set(e, -ENOMEM, "no memory to decompress");
	for (cap = FIRST_GUESS; cap <= MAX_PLAIN; cap *= 4)
		switch (libdeflate_zlib_decompress(d, data, n, room(out, cap), cap, &got)) {
		case LIBDEFLATE_SUCCESS:
			out->len += got;
			return 0;
		case LIBDEFLATE_INSUFFICIENT_SPACE:
			break;
		default:
			return err_set(e, -EBADMSG, "gzip data does not decompress");
		}
	return err_set(e, -EFBIG, "gzip data is larger than any daemon writes");
}

static int lzo_record(const uint8_t *data, size_t n, struct str *out, struct err *e)
{
	for (size_t cap = FIRST_GUESS; cap <= MAX_PLAIN; cap *= 4) {
		size_t got = cap;
		int r = lzo1x_unpack(data, n, room(out, cap), &got);

		if (r == -ENOBUFS)
			continue;
		if (r)
			return err_set(e, -EBADMSG, "LZO data does not decompress");
		out->len += got;
		return 0;
	}
	return err_set(e, -EFBIG, "LZO data is larger than any daemon writes");
}

static int zstd_record(const uint8_t *data, size_t n, struct str *out, struct err *e)
{
	unsigned long long size = ZSTD_getFrameContentSize(data, n);
	size_t got, cap = size == ZSTD_CONTENTSIZE_UNKNOWN ? FIRST_GUESS : (size_t)size;

	if (size == ZSTD_CONTENTSIZE_ERROR || (size != ZSTD_CONTENTSIZE_UNKNOWN && size > MAX_PLAIN))
		return err_set(e, -EBADMSG, "ZSTD data has no valid frame");
	for (; cap <= MAX_PLAIN; cap = cap * 4 + 1) {
		got = ZSTD_decompress(room(out, cap), cap, data, n);
		if (!ZSTD_isError(got)) {
			out->len += got;
			return 0;
		}
		if (ZSTD_getErrorCode(got) != ZSTD_error_dstSize_tooSmall)
			break;
	}
	return err_set(e, -EBADMSG, "ZSTD data does not decompress: %s", ZSTD_getErrorName(got));
}

static int plain_record(const uint8_t *data, size_t n, struct str *out)
{
	memcpy(room(out, n + 1), data, n);
	out->len += n;
	return 0;
}

/* Bareos's LZ4: pieces with a header of 16 bytes: "FastLZ\0", kind, length on the medium, length in memory (little-endian); two zeros end it. */
static int lz4_record(const uint8_t *data, size_t n, struct str *out, struct err *e)
{
	while (n >= 16 && memcmp(data, "FastLZ", 7) == 0) {
		uint32_t packed = le32(data + 8), plain = le32(data + 12);
		int kind = data[7] & 0xf0, got = (int)plain;

		if (packed == 0 && plain == 0)
			return 0;
		if (packed > n - 16 || plain > MAX_PLAIN || (kind != 0x10 && kind != 0xc0) || (kind == 0x10 && packed < plain))
			break;
		if (kind == 0x10)
			memcpy(room(out, plain), data + 16, plain);
		else
			got = LZ4_decompress_safe((const char *)data + 16, (char *)room(out, plain), (int)packed, (int)plain);
		if (got < 0 || (uint32_t)got != plain)
			break;
		out->len += plain;
		data += 16 + packed;
		n -= 16 + packed;
		if (n == 0)
			return 0;
	}
	return err_set(e, -EBADMSG, "LZ4 data does not decompress");
}

#define MAGIC(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* On the medium: magic, size, level, version, big-endian (T84). Bareos's FastLZ frames (FZFZ) are the one kind we have no library for. */
static int tagged_record(const uint8_t *data, size_t n, struct str *out, struct err *e)
{
	struct bac_cur c = { data, n, false };
	uint32_t magic = bac_u32(&c), size = bac_u32(&c);

	(void)bac_u32(&c);
	if (c.bad || size > c.left)
		return err_set(e, -EBADMSG, "compressed data has no valid header");
	switch (magic) {
	case MAGIC('G', 'Z', 'I', 'P'):
		return inflate_record(c.p, size, out, e);
	case MAGIC('L', 'Z', 'O', 'X'):
		return lzo_record(c.p, size, out, e);
	case MAGIC('L', 'Z', 'O', 'Y'):
		return zstd_record(c.p, size, out, e);
	case MAGIC('F', 'Z', '4', 'L'):
	case MAGIC('F', 'Z', '4', 'H'):
		return lz4_record(c.p, size, out, e);
	case MAGIC('N', 'O', 'N', 'E'):
		return plain_record(c.p, size, out);
	case MAGIC('F', 'Z', 'F', 'Z'):
		return err_set(e, -EOPNOTSUPP, "FastLZ data is not supported");
	default:
		return err_set(e, -EOPNOTSUPP, "unknown compression 0x%08x", magic);
	}
}

int bac_stream_decode(enum bac_coding c, const uint8_t *data, size_t n, struct str *out, struct err *e)
{
	switch (c) {
	case BAC_GZIP:
		return inflate_record(data, n, out, e);
	case BAC_TAGGED:
		return tagged_record(data, n, out, e);
	default:
		return plain_record(data, n, out);
	}
}

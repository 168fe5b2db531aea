/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "member.h"

#include <archive.h>
#include <archive_entry.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "le.h"
#include "str.h"

#define PIECE (256 * KIB)
#define LZ4_CHUNK (8 * MIB)             /* what one chunk of the old LZ4 frame unpacks to at most */
#define LZ4_MAGIC 0x184c2102u

struct member {
	const uint8_t *p;
	size_t n, used;
	const struct member_sink *to;
	const char *name;
	uint8_t *out;           /* room for unpacked bytes */
};

static int damaged(const struct member *m, const char *why, struct err *e)
{
	return err_set(e, -EBADMSG, "damaged: %s, %zu bytes into the %s data", why, m->used, m->name);
}

static int cut_off(const struct member *m, struct err *e)
{
	return err_set(e, -ENODATA, "cut off: the %s data has no end", m->name);
}

static int give(struct member *m, size_t n, struct err *e)
{
	return n ? m->to->take(m->to->arg, m->out, n, e) : 0;
}

static int gunzip(struct member *m, struct err *e)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)m->p };
	size_t left = m->n;
	int r = 0, zr;

	if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)
		return err_set(e, -ENOMEM, "no memory for gzip");
	do {
		uInt some = left > INT32_MAX ? INT32_MAX : (uInt)left;

		z.avail_in = some;
		z.next_out = m->out;
		z.avail_out = PIECE;
		zr = inflate(&z, Z_NO_FLUSH);
		left -= some - z.avail_in;
		m->used = m->n - left;
		if (zr != Z_OK && zr != Z_STREAM_END)
			r = zr == Z_BUF_ERROR ? cut_off(m, e) : damaged(m, z.msg ? z.msg : "it cannot be unpacked", e);
		else
			r = give(m, PIECE - z.avail_out, e);
	} while (r == 0 && zr != Z_STREAM_END);
	inflateEnd(&z);
	return r;
}

/* xz and lzma, by a decoder that is ready. */
static int unlzma_all(struct member *m, lzma_stream *z, struct err *e)
{
	lzma_ret zr;
	int r;

	z->next_in = m->p;
	z->avail_in = m->n;
	do {
		z->next_out = m->out;
		z->avail_out = PIECE;
		zr = lzma_code(z, LZMA_RUN);
		m->used = m->n - z->avail_in;
		if (zr == LZMA_BUF_ERROR)
			r = cut_off(m, e);
		else if (zr != LZMA_OK && zr != LZMA_STREAM_END)
			r = damaged(m, zr == LZMA_MEMLIMIT_ERROR ? "it wants too much memory" : "it cannot be unpacked", e);
		else
			r = give(m, PIECE - z->avail_out, e);
	} while (r == 0 && zr != LZMA_STREAM_END);
	lzma_end(z);
	return r;
}

/* The kernel's decoder knows CRC32 and no other checksum. */
static int unxz(struct member *m, struct err *e)
{
	lzma_stream z = LZMA_STREAM_INIT;
	int r;

	if (lzma_stream_decoder(&z, GIB, 0) != LZMA_OK)
		return err_set(e, -ENOMEM, "no memory for xz");
	r = unlzma_all(m, &z, e);
	if (r == 0 && (m->p[7] & 15) > LZMA_CHECK_CRC32)
		return err_set(e, -ENOTSUP, "the kernel cannot unpack it: it was made without 'xz --check=crc32'");
	return r;
}

static int unlzma(struct member *m, struct err *e)
{
	lzma_stream z = LZMA_STREAM_INIT;

	if (lzma_alone_decoder(&z, GIB) != LZMA_OK)
		return err_set(e, -ENOMEM, "no memory for lzma");
	return unlzma_all(m, &z, e);
}

static int unzstd(struct member *m, struct err *e)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer in = { m->p, m->n, 0 };
	size_t zr = 1;
	int r = z ? 0 : err_set(e, -ENOMEM, "no memory for zstd");

	while (r == 0 && zr != 0) {
		ZSTD_outBuffer out = { m->out, PIECE, 0 };

		zr = ZSTD_decompressStream(z, &out, &in);
		m->used = in.pos;
		if (ZSTD_isError(zr))
			r = damaged(m, ZSTD_getErrorName(zr), e);
		else if (zr != 0 && in.pos == in.size && out.pos < out.size)
			r = cut_off(m, e);
		else
			r = give(m, out.pos, e);
	}
	ZSTD_freeDStream(z);
	return r;
}

/* Chunks with their packed size before each; a size of 0, or the end of the file, ends it. */
static int unlz4(struct member *m, struct err *e)
{
	int r = 0;

	free(m->out);           /* a bigger one, which the caller frees as well */
	m->out = xmalloc(LZ4_CHUNK);
	m->used = 4;
	while (r == 0 && m->used < m->n) {
		uint32_t size = m->n - m->used >= 4 ? le32(m->p + m->used) : 0;
		int got;

		if (!size)              /* zeros: the caller goes over them */
			break;
		m->used += 4;
		if (size == LZ4_MAGIC)
			continue;
		if (size > (uint32_t)LZ4_COMPRESSBOUND(LZ4_CHUNK))
			r = damaged(m, "a chunk of impossible size", e);
		else if (size > m->n - m->used)
			r = cut_off(m, e);
		if (r < 0)
			break;
		got = LZ4_decompress_safe((const char *)m->p + m->used, (char *)m->out, (int)size, (int)LZ4_CHUNK);
		r = got < 0 ? damaged(m, "it cannot be unpacked", e) : give(m, (size_t)got, e);
		m->used += size;
	}
	return r;
}

static int from_archive(struct member *m, struct archive *a, struct err *e)
{
	struct archive_entry *en;
	const void *block;
	size_t len;
	la_int64_t off;
	int r = archive_read_next_header(a, &en);

	while (r == ARCHIVE_OK && (r = archive_read_data_block(a, &block, &len, &off)) == ARCHIVE_OK) {
		int s = m->to->take(m->to->arg, block, len, e);

		if (s < 0)
			return s;
	}
	if (r == ARCHIVE_EOF)
		return 0;
	return err_set(e, -EBADMSG, "damaged or cut off: %s", archive_error_string(a) ? archive_error_string(a) : "it cannot be unpacked");
}

/* bzip2 and lzop, which nobody makes any more: all that follows belongs to it. */
static int by_libarchive(struct member *m, struct err *e)
{
	struct archive *a = archive_read_new();
	int r;

	if (!a)
		return err_set(e, -ENOMEM, "no memory for an archive");
	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	m->used = m->n;
	r = archive_read_open_memory(a, m->p, m->n) == ARCHIVE_OK ? from_archive(m, a, e) : err_set(e, -EBADMSG, "damaged: %s", archive_error_string(a));
	archive_read_free(a);
	return r;
}

static const struct codec {
	const char *magic;
	size_t len;
	const char *name;
	int (*run)(struct member *m, struct err *e);
} codecs[] = {
	{ "\x1f\x8b", 2, "gzip", gunzip },
	{ "\xfd" "7zXZ\0", 6, "xz", unxz },
	{ "\x28\xb5\x2f\xfd", 4, "zstd", unzstd },
	{ "\x02\x21\x4c\x18", 4, "lz4", unlz4 },
	{ "\x5d\0\0", 3, "lzma", unlzma },
	{ "BZh", 3, "bzip2", by_libarchive },
	{ "\x89LZO", 4, "lzop", by_libarchive },
};

static const struct codec *codec_of(const void *data, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++)
		if (n >= codecs[i].len && memcmp(data, codecs[i].magic, codecs[i].len) == 0)
			return &codecs[i];
	return NULL;
}

bool member_known(const void *data, size_t n)
{
	return codec_of(data, n) != NULL;
}

int member_unpack(const void *data, size_t n, const struct member_sink *to, size_t *ret_used, struct err *e)
{
	const struct codec *c = codec_of(data, n);
	struct member m = { .p = data, .n = n, .to = to, .name = c ? c->name : "" };
	int r;

	if (!c)
		return err_set(e, -EBADMSG, "compressed in no way that the kernel knows");
	m.out = xmalloc(PIECE);
	r = c->run(&m, e);
	free(m.out);
	if (r == 0)
		*ret_used = m.used;
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_gen.h - writes synthetic Bacula and Bareos volumes from the published layout, for what no daemon here can write: BB01, BB03, ZSTD, LZ4,
 * Bareos labels. They prove that we read the layout as documented, not that a real daemon writes it so; real volumes are in tests/bacula.
 */
#ifndef TESTS_BAC_GEN_H
#define TESTS_BAC_GEN_H

#include <libdeflate.h>
#include <xxhash.h>

#include "bac.h"

struct gen {
	struct str vol;                 /* the volume so far */
	struct str block;               /* records of the open block */
	int version;                    /* 1, 2, 3 */
	uint32_t max, number, id, time;
	bool no_sum, bareos;
	uint32_t label;                 /* version in the labels; 0: 11, or Bareos' 20 */
};

#define GEN_INIT { STR_INIT, STR_INIT, 2, 64512, 0, 1, 1000, false, false, 0 }

static inline void gen_u32(struct str *s, uint32_t v)
{
	uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	str_addn(s, b, 4);
}

static inline void gen_u64(struct str *s, uint64_t v)
{
	gen_u32(s, (uint32_t)(v >> 32));
	gen_u32(s, (uint32_t)v);
}

static inline void gen_strz(struct str *s, const char *t)
{
	str_addn(s, t, strlen(t) + 1);
}

static inline size_t gen_head(const struct gen *g)
{
	return g->version == 3 ? 32 : g->version == 2 ? 24 : 16;
}

static inline void gen_put32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> (24 - 8 * i));
}

/* Closes the open block. */
static inline void gen_flush(struct gen *g)
{
	struct str b = STR_INIT;
	uint32_t len = (uint32_t)(gen_head(g) + g->block.len);
	const char id[5] = { 'B', 'B', '0', (char)('0' + g->version), 0 };

	if (!g->block.len)
		return;
	gen_u32(&b, g->version == 3 && !g->no_sum ? 1 : 0);
	gen_u32(&b, len);
	gen_u32(&b, g->number++);
	str_addn(&b, id, 4);
	if (g->version >= 2) {
		gen_u32(&b, g->id);
		gen_u32(&b, g->time);
	}
	if (g->version == 3)
		gen_u64(&b, 0);
	str_addn(&b, g->block.s, g->block.len);
	if (g->version == 3 && !g->no_sum) {
		uint64_t x = XXH3_64bits(b.s, b.len);

		gen_put32(b.s + 24, (uint32_t)(x >> 32));
		gen_put32(b.s + 28, (uint32_t)x);
	} else if (g->version < 3 && !g->no_sum) {
		gen_put32(b.s, libdeflate_crc32(0, b.s + 4, b.len - 4));
	}
	str_addn(&g->vol, b.s, b.len);
	str_reset(&g->block);
	str_free(&b);
}

static inline void gen_rec_head(struct gen *g, int32_t fi, int32_t stream, uint32_t len)
{
	if (g->version == 1) {
		gen_u32(&g->block, g->id);
		gen_u32(&g->block, g->time);
	}
	gen_u32(&g->block, (uint32_t)fi);
	gen_u32(&g->block, (uint32_t)stream);
	gen_u32(&g->block, len);
}

/* One record, split over blocks as daemons do. */
static inline void gen_rec(struct gen *g, int32_t fi, int32_t stream, const void *data, size_t n)
{
	size_t head = g->version == 1 ? 20 : 12;
	const char *p = data;

	do {
		size_t room;

		if (gen_head(g) + g->block.len + head >= g->max)
			gen_flush(g);
		room = g->max - gen_head(g) - g->block.len - head;
		gen_rec_head(g, fi, stream, (uint32_t)n);
		if (room > n)
			room = n;
		str_addn(&g->block, p, room);
		p += room;
		n -= room;
		if (stream > 0)
			stream = -stream;
	} while (n);
}

static inline const char *gen_id(const struct gen *g)
{
	return g->bareos ? "Bareos 2.0 immortal\n" : "Bacula 1.0 immortal\n";
}

static inline void gen_vol_label(struct gen *g, const char *name, uint64_t time)
{
	struct str s = STR_INIT;

	gen_strz(&s, gen_id(g));
	gen_u32(&s, g->label ? g->label : g->bareos ? 20 : 11);
	gen_u64(&s, time);
	gen_u64(&s, time);
	gen_u64(&s, 0);
	gen_u64(&s, 0);
	for (size_t i = 0; i < 9; i++)
		gen_strz(&s, i == 0 ? name : i == 2 ? "P" : i == 4 ? "File" : "");
	gen_rec(g, BAC_FI_VOL, 0, s.s, s.len);
	gen_flush(g);
	g->number = 0;
	str_free(&s);
}

static inline void gen_sess_label(struct gen *g, int32_t fi, uint32_t job, char level, uint64_t time, uint32_t files)
{
	struct str s = STR_INIT;

	gen_strz(&s, gen_id(g));
	gen_u32(&s, g->label ? g->label : g->bareos ? 20 : 11);
	gen_u32(&s, job);
	gen_u64(&s, time);
	gen_u64(&s, 0);
	gen_strz(&s, "P");
	gen_strz(&s, "Backup");
	gen_strz(&s, "backup-web");
	gen_strz(&s, "web-01-fd");
	gen_strz(&s, "backup-web.unique");
	gen_strz(&s, "FS");
	gen_u32(&s, 'B');
	gen_u32(&s, (uint32_t)level);
	gen_strz(&s, "md5");
	if (fi == BAC_FI_EOS) {
		gen_u32(&s, files);
		gen_u64(&s, 0);
		for (int i = 0; i < 5; i++)
			gen_u32(&s, 0);
		gen_u32(&s, 'T');
	}
	gen_rec(g, fi, (int32_t)job, s.s, s.len);
	str_free(&s);
}

static inline void gen_number(struct str *s, uint64_t v)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char buf[12];
	int n = 0;

	do
		buf[n++] = digits[v & 63];
	while (v >>= 6);
	while (n--)
		str_addc(s, buf[n]);
}

static inline void gen_attr(struct gen *g, int32_t fi, int type, const char *name, const char *link, uint32_t mode, uint64_t size, uint32_t link_fi)
{
	struct str s = STR_INIT;
	const uint64_t v[16] = { 1, (uint64_t)fi, mode, 1, 0, 0, 0, size, 4096, 8, 1000000, 1000000 + (uint64_t)fi, 1000000, link_fi, 0, 2 };

	str_addf(&s, "%d %d %s", fi, type, name);
	str_addc(&s, '\0');
	for (int i = 0; i < 16; i++) {
		if (i)
			str_addc(&s, ' ');
		gen_number(&s, v[i]);
	}
	str_addc(&s, '\0');
	gen_strz(&s, link);
	gen_strz(&s, "");
	gen_strz(&s, "0");
	gen_rec(g, fi, 1, s.s, s.len);
	str_free(&s);
}

static inline void gen_digest(struct gen *g, int32_t fi, int32_t stream, enum hash_type t, const void *data, size_t n)
{
	struct hash *h = hash_new(t);
	uint8_t d[HASH_MAX];
	size_t len;

	hash_add(h, data, n);
	len = hash_end(h, d);
	hash_free(h);
	gen_rec(g, fi, stream, d, len);
}

static inline void gen_free(struct gen *g)
{
	str_free(&g->vol);
	str_free(&g->block);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file of pstore that includes <zlib.h>. */
#include <ctype.h>
#include <zlib.h>

#include "pstore_record.h"

#define UNPACKED_MAX (4 * MIB)          /* a record is some kilobytes; anything bigger is a bomb */

/* What one attempt gave. */
struct attempt {
	enum pstore_coding coding;
	struct str out;
	size_t used;            /* packed bytes eaten */
	bool end;               /* the stream's own end was reached */
};

static void attempt_free(struct attempt *a)
{
	str_free(&a->out);
}

static void inflate_all(struct attempt *a, z_stream *z)
{
	char buf[8192];
	int r;

	do {
		z->next_out = (Bytef *)buf;
		z->avail_out = sizeof(buf);
		r = inflate(z, Z_NO_FLUSH);
		str_addn(&a->out, buf, sizeof(buf) - z->avail_out);
	} while (r == Z_OK && (z->avail_out == 0 || z->avail_in > 0) && a->out.len < UNPACKED_MAX);
	a->end = r == Z_STREAM_END;
	a->used = z->total_in;
}

static void try_unpack(struct attempt *a, const void *data, size_t len, enum pstore_coding coding)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len };

	a->coding = coding;
	if (inflateInit2(&z, coding == PSTORE_ZLIB ? MAX_WBITS : -MAX_WBITS) != Z_OK)
		return;
	inflate_all(a, &z);
	inflateEnd(&z);
}

static bool has_header(const struct attempt *a)
{
	struct pstore_header h;

	return a->out.len > 0 && pstore_header_parse(a->out.s, a->out.len, &h);
}

/* Random bytes can look like a short deflate stream: without a header only something that reads like text counts. */
static bool is_text(const struct attempt *a)
{
	size_t good = 0;

	for (size_t i = 0; i < a->out.len; i++)
		good += isprint((unsigned char)a->out.s[i]) || isspace((unsigned char)a->out.s[i]);
	return a->out.len >= 16 && good * 100 >= a->out.len * 95;
}

static int quality(const struct attempt *a)
{
	if (a->end && has_header(a))
		return 3;
	if (a->end && is_text(a))
		return 2;
	return has_header(a) ? 1 : 0;
}

/* Older kernels leave out "ECC: ". */
size_t pstore_ecc_notice(const char *text, size_t len)
{
	unsigned int corrected, bad;
	const char *nl = len > 1 && text[len - 1] == '\n' ? memrchr(text, '\n', len - 1) : NULL, *s = nl;
	char line[100];
	int n = 0;

	if (!s || len - (size_t)(s - text) >= sizeof(line))
		return 0;
	s += str_starts(s, "\nECC: ") ? 6 : 1;
	memcpy(line, s, len - (size_t)(s - text));
	line[len - (size_t)(s - text)] = '\0';
	if (str_eq(line, "No errors detected\n"))
		return len - (size_t)(nl - text);
	if (sscanf(line, "%u Corrected bytes, %u unrecoverable blocks%n", &corrected, &bad, &n) != 2 || !str_eq(line + n, "\n"))
		return 0;
	return len - (size_t)(nl - text);
}

enum pstore_coding pstore_unpack(const void *data, size_t len, char **ret, size_t *ret_len, bool *ret_cut)
{
	CLEANUP(attempt_free) struct attempt raw = { .out = STR_INIT };
	CLEANUP(attempt_free) struct attempt zlib = { .out = STR_INIT };
	struct attempt *best = &raw;
	const char *rest;

	try_unpack(&raw, data, len, PSTORE_DEFLATE);
	try_unpack(&zlib, data, len, PSTORE_ZLIB);
	if (quality(&zlib) > quality(&raw))
		best = &zlib;
	if (quality(best) == 0)
		return PSTORE_UNREADABLE;
	rest = (const char *)data + best->used;
	if (best->end && best->used < len && pstore_ecc_notice(rest, len - best->used) == len - best->used)
		str_addn(&best->out, rest, len - best->used);
	*ret_cut = !best->end;
	*ret_len = best->out.len;
	*ret = str_take(&best->out);
	return best->coding;
}

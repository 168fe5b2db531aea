/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "efi_loadopt.h"

/* One code point of UTF-8 at *p, which moves on; -1 when malformed (overlong, surrogate, cut off). */
static int32_t next_code_point(const uint8_t **p)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const uint8_t *s = *p;
	int more = *s < 0x80 ? 0 : *s >= 0xf0 && *s < 0xf8 ? 3 : *s >= 0xe0 && *s < 0xf0 ? 2 : *s >= 0xc0 && *s < 0xe0 ? 1 : -1;
	uint32_t c;

	if (more < 0)
		return -1;
	c = more == 0 ? *s : *s & (0x3fu >> more);
	for (int i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	*p = s + more + 1;
	return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? -1 : (int32_t)c;
}

static void add_unit(struct str *out, uint32_t u)
{
	str_addc(out, (char)(u & 0xff));
	str_addc(out, (char)(u >> 8));
}

int efi_utf16_add(struct str *out, const char *utf8)
{
	for (const uint8_t *p = (const uint8_t *)utf8; *p;) {
		int32_t c = next_code_point(&p);

		if (c < 0)
			return -EILSEQ;
		if (c < 0x10000) {
			add_unit(out, (uint32_t)c);
			continue;
		}
		add_unit(out, 0xd800 + (((uint32_t)c - 0x10000) >> 10));
		add_unit(out, 0xdc00 + (((uint32_t)c - 0x10000) & 0x3ff));
	}
	return 0;
}

static void add_code_point(struct str *out, uint32_t c)
{
	if (c < 0x80) {
		str_addc(out, (char)c);
	} else if (c < 0x800) {
		str_addc(out, (char)(0xc0 | c >> 6));
		str_addc(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		str_addc(out, (char)(0xe0 | c >> 12));
		str_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		str_addc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		str_addc(out, (char)(0xf0 | c >> 18));
		str_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		str_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		str_addc(out, (char)(0x80 | (c & 0x3f)));
	}
}

void efi_utf8_add(struct str *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t u = p[2 * i] | (uint32_t)p[2 * i + 1] << 8;

		if (u >= 0xd800 && u < 0xdc00 && i + 1 < n) {
			uint32_t v = p[2 * i + 2] | (uint32_t)p[2 * i + 3] << 8;

			if (v >= 0xdc00 && v < 0xe000) {
				add_code_point(out, 0x10000 + ((u - 0xd800) << 10) + (v - 0xdc00));
				i++;
				continue;
			}
		}
		add_code_point(out, u >= 0xd800 && u < 0xe000 ? 0xfffd : u);
	}
}

/* Order of the bytes of a GUID's text: the first three fields are little-endian on disk. */
static const uint8_t guid_order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int efi_guid_parse(const char *t, uint8_t ret[16])
{
	uint8_t g[16];

	for (int i = 0; i < 16; i++) {
		int hi, lo;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *t++ != '-')
			return -EINVAL;
		hi = hex_digit(t[0]);
		lo = hi < 0 ? -1 : hex_digit(t[1]);
		if (lo < 0)
			return -EINVAL;
		g[guid_order[i]] = (uint8_t)(hi << 4 | lo);
		t += 2;
	}
	if (*t)
		return -EINVAL;
	memcpy(ret, g, 16);
	return 0;
}

void efi_guid_text(const uint8_t g[16], char ret[37])
{
	char *p = ret;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02x", g[guid_order[i]]);
	}
}

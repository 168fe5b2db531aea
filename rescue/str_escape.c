/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "str.h"

#include <ctype.h>
#include <errno.h>

/* Length of the valid UTF-8 sequence at s (1..4), or 0. Overlong forms, surrogates and values above U+10FFFF are not valid (RFC 3629). */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : (s[0] & 0xf8) == 0xf0 ? 4 : 0;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c;

	if (n <= 1)
		return n;
	c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

bool str_is_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n;

	while (*p && (n = utf8_len(p)))
		p += n;
	return !*p;
}

void str_add_json(struct str *s, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t n = utf8_len(p);

		if (*p == '"' || *p == '\\')
			str_addf(s, "\\%c", *p);
		else if (*p == '\n')
			str_add(s, "\\n");
		else if (n == 0 || *p < 0x20 || *p == 0x7f)
			str_addf(s, "\\u%04x", *p);
		else
			str_addn(s, p, n);
		p += n ? n : 1;
	}
}

void str_add_printable(struct str *s, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t n = utf8_len(p);

		if (n == 0 || *p < 0x20 || *p == 0x7f || *p == '\\')
			str_addf(s, "\\x%02x", *p);
		else
			str_addn(s, p, n);
		p += n ? n : 1;
	}
}

void str_add_escaped(struct str *s, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p <= 0x20 || *p >= 0x7f || *p == '%')
			str_addf(s, "%%%02X", *p);
		else
			str_addc(s, (char)*p);
	}
}

static int hex_digit(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : toupper((unsigned char)c) - 'A' + 10;
}

int str_unescape(char *text)
{
	char *out = text;

	for (const char *p = text; *p; p++) {
		int hi, lo;

		if (*p != '%') {
			*out++ = *p;
			continue;
		}
		hi = hex_digit(p[1]);
		lo = hi < 0 ? -1 : hex_digit(p[2]);
		if (lo < 0 || (hi == 0 && lo == 0))
			return -EINVAL;
		*out++ = (char)(hi << 4 | lo);
		p += 2;
	}
	*out = '\0';
	return 0;
}

/* Optimal string alignment distance: insert, delete, replace, swap of two neighbours cost 1 each. Words above 63 bytes are far from everything. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), d[3][65] = { { 0 } };

	if (n > 63 || m > 63)
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

			best = up[j] + 1 < best ? up[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			row[j] = best;
		}
	}
	return d[n % 3][m];
}

const char *str_nearest(const char *word, const char *const *words)
{
	size_t len = strlen(word), best = len < 3 ? 1 : len < 6 ? 2 : 3;
	const char *found = NULL;

	for (; *words; words++) {
		size_t d = distance(word, *words);

		if (d <= best && d < strlen(*words)) {
			if (!found || d < best)
				found = *words;
			best = d;
		}
	}
	return found;
}

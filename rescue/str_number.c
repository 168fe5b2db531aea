/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "str.h"

#include <ctype.h>
#include <errno.h>

/* Digits at the start of `s`; *ret_end is what follows them. */
static int digits(const char *s, uint64_t *ret, const char **ret_end)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	char *end;

	if (hex ? !isxdigit((unsigned char)s[2]) : !isdigit((unsigned char)s[0]))
		return -EINVAL;
	errno = 0;
	*ret = strtoull(s, &end, hex ? 16 : 10);
	if (errno)
		return -ERANGE;
	*ret_end = end;
	return 0;
}

int str_to_u64(const char *s, uint64_t *ret)
{
	const char *end;
	uint64_t v;
	int r = digits(s, &v, &end);

	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	*ret = v;
	return 0;
}

/* One row a unit word; several spellings of one unit are several rows. */
static const struct unit { const char *word; uint64_t factor; } sizes[] = {
	{ "", 1 }, { "B", 1 },
	{ "K", KIB }, { "KiB", KIB }, { "M", MIB }, { "MiB", MIB }, { "G", GIB }, { "GiB", GIB },
	{ "T", 1024 * GIB }, { "TiB", 1024 * GIB }, { "P", 1024 * 1024 * GIB }, { "PiB", 1024 * 1024 * GIB },
	{ "kB", 1000 }, { "KB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 }, { "TB", 1000000000000 },
}, seconds[] = {
	{ "", 1 }, { "s", 1 }, { "m", 60 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 },
};

static int scaled(const char *s, const struct unit *units, size_t n, uint64_t *ret)
{
	const char *end;
	uint64_t v;
	int r = digits(s, &v, &end);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(end, units[i].word))
			continue;
		return __builtin_mul_overflow(v, units[i].factor, ret) ? -ERANGE : 0;
	}
	return -EINVAL;
}

int str_to_size(const char *s, uint64_t *ret)
{
	return scaled(s, sizes, ARRAY_SIZE(sizes), ret);
}

int str_to_seconds(const char *s, uint64_t *ret)
{
	return scaled(s, seconds, ARRAY_SIZE(seconds), ret);
}

char *str_human_size(char *buf, size_t n, uint64_t bytes)
{
	static const char *const words[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1024 && i + 1 < ARRAY_SIZE(words)) {
		v /= 1024;
		i++;
	}
	snprintf(buf, n, i && v < 100 ? "%.1f %s" : "%.0f %s", v, words[i]);
	return buf;
}

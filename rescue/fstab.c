/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fstab.h"

static bool is_octal(const char *p, const char *end)
{
	return end - p >= 4 && p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' && p[3] <= '7';
}

static char *decode(const char *p, size_t n)
{
	struct str s = STR_INIT;
	const char *end = p + n;

	while (p < end) {
		if (is_octal(p, end)) {
			str_addc(&s, (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0')));
			p += 4;
		} else {
			str_addc(&s, *p++);
		}
	}
	return str_take(&s);
}

static void free_line(struct fstab_line *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->f); i++)
		free(l->f[i].text);
}

static unsigned int parse_line(const char *text, size_t at, size_t end, struct fstab_line *l)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(l->f); i++) {
		size_t from;

		while (at < end && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r'))
			at++;
		from = at;
		while (at < end && text[at] != ' ' && text[at] != '\t' && text[at] != '\r')
			at++;
		if (at > from && (n > 0 || text[from] != '#'))
			n++;
		else
			at = end;
		l->f[i] = (struct fstab_field){ decode(text + from, at > from ? at - from : 0), from, at > from ? at - from : 0 };
		if (at >= end && n < i + 1) {
			free(l->f[i].text);
			l->f[i] = (struct fstab_field){ xstrdup(""), end, 0 };
		}
	}
	return n;
}

void fstab_parse(const char *text, size_t n, unsigned int least, struct fstab_line **ret, size_t *ret_n)
{
	struct fstab_line *v = NULL;
	size_t count = 0, at = 0;
	unsigned int number = 0;

	while (at < n) {
		const char *nl = memchr(text + at, '\n', n - at);
		size_t end = nl ? (size_t)(nl - text) : n;
		struct fstab_line l = { .line = ++number };

		if (parse_line(text, at, end, &l) >= least) {
			v = xrealloc(v, (count + 1) * sizeof(*v));
			v[count++] = l;
		} else {
			free_line(&l);
		}
		at = end + 1;
	}
	*ret = v;
	*ret_n = count;
}

void fstab_free(struct fstab_line *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free_line(&v[i]);
	free(v);
}

static bool is_option(const char *o, size_t n, const char *name)
{
	size_t len = strlen(name);

	return n >= len && memcmp(o, name, len) == 0 && (n == len || o[len] == '=');
}

char *fstab_option(const char *options, const char *name)
{
	for (const char *o = options; *o;) {
		size_t n = strcspn(o, ","), len = strlen(name);

		if (is_option(o, n, name))
			return n == len ? xstrdup("") : xstrndup(o + len + 1, n - len - 1);
		o += n + (o[n] == ',');
	}
	return NULL;
}

char *fstab_set_option(const char *options, const char *name, const char *value)
{
	struct str s = STR_INIT;

	for (const char *o = options; *o;) {
		size_t n = strcspn(o, ",");
		bool mine = is_option(o, n, name);

		if (!mine || value) {
			if (s.len)
				str_addc(&s, ',');
			mine ? str_addf(&s, "%s=%s", name, value) : str_addn(&s, o, n);
		}
		o += n + (o[n] == ',');
	}
	if (!s.len)
		str_add(&s, "defaults");
	return str_take(&s);
}

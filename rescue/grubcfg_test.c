/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [ ... ] and test. 0 is true. */
#include "grubcfg_int.h"

static bool file_test(struct grubcfg *g, char op, const char *path)
{
	AUTO_FREE char *dev = NULL, *file = NULL;
	int kind;

	grubcfg_split(g, path, &dev, &file);
	kind = g->ops->kind(g->arg, dev, file);
	switch (op) {
	case 'd': return kind == 2;
	case 's': return kind == 1;
	case 'f': return kind == 1 || kind == 3;
	default: return kind != 0;
	}
}

static bool compare(const char *a, const char *op, const char *b, bool *ret_known)
{
	long long x = strtoll(a, NULL, 10), y = strtoll(b, NULL, 10);

	*ret_known = true;
	if (str_eq(op, "=") || str_eq(op, "=="))
		return str_eq(a, b);
	if (str_eq(op, "!="))
		return !str_eq(a, b);
	if (str_eq(op, "<"))
		return strcmp(a, b) < 0;
	if (str_eq(op, ">"))
		return strcmp(a, b) > 0;
	if (str_eq(op, "-eq"))
		return x == y;
	if (str_eq(op, "-ne"))
		return x != y;
	if (str_eq(op, "-lt"))
		return x < y;
	if (str_eq(op, "-le"))
		return x <= y;
	if (str_eq(op, "-gt"))
		return x > y;
	if (str_eq(op, "-ge"))
		return x >= y;
	*ret_known = false;
	return false;
}

/* One condition at w[*at]; *at moves behind it. */
static bool condition(struct grubcfg *g, char *const *w, size_t n, size_t *at)
{
	bool known, v;
	char op;

	if (*at < n && str_eq(w[*at], "!") && *at + 1 < n) {
		bool no = false;

		while (*at < n && str_eq(w[*at], "!")) {
			no = !no;
			(*at)++;
		}
		v = *at < n && condition(g, w, n, at);
		return no ? !v : v;
	}
	if (*at + 2 < n) {
		v = compare(w[*at], w[*at + 1], w[*at + 2], &known);
		if (known) {
			*at += 3;
			return v;
		}
	}
	op = *at + 1 < n && w[*at][0] == '-' && w[*at][1] && !w[*at][2] ? w[*at][1] : 0;
	if (op && strchr("defsnz", op)) {
		const char *what = w[*at + 1];

		*at += 2;
		return op == 'n' ? *what != 0 : op == 'z' ? *what == 0 : file_test(g, op, what);
	}
	return *at < n && *w[(*at)++] != 0;
}

int grubcfg_test(struct grubcfg *g, char *const *w, size_t n)
{
	bool total = false, all = true;
	size_t at = 0;

	while (at < n) {
		size_t before = at;

		all &= condition(g, w, n, &at);
		if (at < n && str_eq(w[at], "-o")) {
			total |= all;
			all = true;
			at++;
		} else if (at < n && str_eq(w[at], "-a")) {
			at++;
		} else if (at == before) {
			break;
		} else if (at < n) {
			return 1;       /* words that make no sense */
		}
	}
	return n && (total || all) ? 0 : 1;
}

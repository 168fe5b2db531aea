/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "str.h"

#include <stdarg.h>

static void reserve(struct str *s, size_t more)
{
	size_t need = s->len + more + 1;

	if (need <= s->cap)
		return;
	s->cap = need < 64 ? 64 : need + need / 2;
	s->s = xrealloc(s->s, s->cap);
}

void str_free(struct str *s)
{
	free(s->s);
	*s = (struct str)STR_INIT;
}

void str_addn(struct str *s, const void *data, size_t n)
{
	reserve(s, n);
	if (n)
		memcpy(s->s + s->len, data, n);
	s->len += n;
	s->s[s->len] = '\0';
}

void str_add(struct str *s, const char *text)
{
	str_addn(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
	str_addn(s, &c, 1);
}

void str_addf(struct str *s, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		xrealloc(NULL, SIZE_MAX / 2);   /* out of memory: says so and ends */
		return;
	}
	str_addn(s, text, (size_t)n);
}

const char *str_cstr(struct str *s)
{
	reserve(s, 0);
	s->s[s->len] = '\0';
	return s->s;
}

char *str_take(struct str *s)
{
	char *text;

	str_cstr(s);
	text = s->s;
	*s = (struct str)STR_INIT;
	return text;
}

void str_reset(struct str *s)
{
	s->len = 0;
	if (s->s)
		s->s[0] = '\0';
}

void strv_free(struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strv)STRV_INIT;
}

static void strv_take(struct strv *l, char *s)
{
	if ((l->n & (l->n + 1)) == 0)           /* n + 1 slots are full at 0, 1, 3, 7, ... */
		l->v = xrealloc(l->v, (2 * (l->n + 1)) * sizeof(*l->v));
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

void strv_add(struct strv *l, const char *s)
{
	strv_take(l, xstrdup(s));
}

void strv_addf(struct strv *l, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	strv_take(l, n < 0 ? xstrdup("") : s);
}

bool strv_has(const struct strv *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], s))
			return true;
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_text);
}

bool strv_has_sorted(const struct strv *l, const char *s)
{
	return l->n && bsearch(&s, l->v, l->n, sizeof(*l->v), by_text);
}

void strv_split(struct strv *l, const char *text, const char *separators)
{
	while (*text) {
		size_t n = strcspn(text, separators);

		if (n)
			strv_take(l, xstrndup(text, n));
		text += n;
		text += strspn(text, separators);
	}
}

char *str_path(const char *path)
{
	struct str s = STR_INIT;

	while (*(path += strspn(path, "/"))) {
		size_t n = strcspn(path, "/");

		if (*path == '.' && (n == 1 || (n == 2 && path[1] == '.'))) {
			str_free(&s);
			return NULL;
		}
		if (s.len)
			str_addc(&s, '/');
		str_addn(&s, path, n);
		path += n;
	}
	return str_take(&s);
}

char *str_trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\n");
	n = strlen(s);
	while (n && strchr(" \t\r\n", s[n - 1]))
		s[--n] = '\0';
	return s;
}

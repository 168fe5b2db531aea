/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The language's variables, and characters to words. */
#include "grubcfg_int.h"

#include <ctype.h>

/* ---- variables ---- */

struct grubcfg *grubcfg_new(const struct grubcfg_ops *ops, void *arg)
{
	struct grubcfg *g = xcalloc(1, sizeof(*g));

	g->ops = ops;
	g->arg = arg;
	return g;
}

void grubcfg_drop_entries(struct grubcfg *g, size_t from)
{
	for (size_t i = from; i < g->n_entries; i++) {
		free(g->entries[i].title);
		free(g->entries[i].id);
		free(g->entries[i].body);
	}
	if (from < g->n_entries)
		g->n_entries = from;
}

void grubcfg_free(struct grubcfg *g)
{
	for (size_t i = 0; i < g->n_vars; i++) {
		free(g->vars[i].name);
		free(g->vars[i].value);
	}
	for (size_t i = 0; i < g->n_funcs; i++) {
		free(g->funcs[i].name);
		free(g->funcs[i].body);
	}
	grubcfg_drop_entries(g, 0);
	free(g->vars);
	free(g->funcs);
	free(g->entries);
	free(g);
}

void grubcfg_set(struct grubcfg *g, const char *name, const char *value)
{
	g->steps += (unsigned int)(g->n_vars / 32);
	if (strlen(value) > VALUE_MAX || strlen(name) > 256)
		return;
	for (size_t i = 0; i < g->n_vars; i++)
		if (str_eq(g->vars[i].name, name)) {
			char *v = xstrdup(value);

			free(g->vars[i].value);
			g->vars[i].value = v;
			return;
		}
	if (g->n_vars >= WORDS_MAX)
		return;
	g->vars = xrealloc(g->vars, (g->n_vars + 1) * sizeof(*g->vars));
	g->vars[g->n_vars++] = (struct gvar){ xstrdup(name), xstrdup(value) };
}

const char *grubcfg_get(struct grubcfg *g, const char *name)
{
	for (size_t i = 0; i < g->n_vars; i++)
		if (str_eq(g->vars[i].name, name))
			return g->vars[i].value;
	return "";
}

/* ---- words ---- */

struct word {
	struct str text;
	bool any;               /* something was there, "" included */
	bool quoted;            /* a quote or a backslash was used: not a reserved word */
};

static void flush(struct strv *out, struct word *w)
{
	if (w->any && out->n < WORDS_MAX)
		strv_add(out, str_cstr(&w->text));
	str_reset(&w->text);
	w->any = false;
}

static void value_of(struct parse *ps, const char *name, size_t n, struct str *out)
{
	AUTO_FREE char *key = xstrndup(name, n);
	struct strv *params = ps->g->params;

	if (n == 1 && *key == '?') {
		str_addf(out, "%d", ps->g->status);
	} else if (n && isdigit((unsigned char)*key)) {
		size_t i = strtoul(key, NULL, 10);

		if (params && i >= 1 && i <= params->n)
			str_add(out, params->v[i - 1]);
	} else if (n == 1 && (*key == '@' || *key == '*')) {
		for (size_t i = 0; params && i < params->n; i++)
			str_addf(out, "%s%s", i ? " " : "", params->v[i]);
	} else {
		str_add(out, grubcfg_get(ps->g, key));
	}
}

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* At '$'. Appends the value; unquoted values are split at blanks. */
static void expand(struct parse *ps, struct word *w, struct strv *out, bool quoted)
{
	CLEANUP(str_free) struct str v = STR_INIT;
	const char *name = ++ps->p, *e;

	if (name < ps->end && *name == '{') {
		e = memchr(name, '}', (size_t)(ps->end - name));
		name++;
		ps->p = e ? e + 1 : ps->end;
		e = e ? e : ps->end;
	} else {
		e = name;
		if (e < ps->end && (*e == '?' || *e == '@' || *e == '*' || *e == '#'))
			e++;
		else
			while (e < ps->end && name_char(*e))
				e++;
		ps->p = e;
		if (e == name) {
			str_addc(&w->text, '$');
			w->any = true;
			return;
		}
	}
	if (!ps->skip)
		value_of(ps, name, (size_t)(e - name), &v);
	ps->g->steps += (unsigned int)(v.len / 256);    /* a value that doubles in a loop has an end too */
	if (w->text.len + v.len > VALUE_MAX)
		return;
	for (size_t i = 0; i < v.len; i++) {
		if (!quoted && isspace((unsigned char)v.s[i])) {
			flush(out, w);
		} else {
			str_addc(&w->text, v.s[i]);
			w->any = true;
		}
	}
	w->any |= quoted;
}

static void double_quoted(struct parse *ps, struct word *w, struct strv *out)
{
	w->any = w->quoted = true;
	for (ps->p++; ps->p < ps->end && *ps->p != '"';) {
		if (*ps->p == '$') {
			expand(ps, w, out, true);
		} else if (*ps->p == '\\' && ps->p + 1 < ps->end && strchr("$\"\\\n", ps->p[1]) && ps->p[1]) {
			if (ps->p[1] != '\n')
				str_addc(&w->text, ps->p[1]);
			ps->p += 2;
		} else {
			str_addc(&w->text, *ps->p++);
		}
	}
	if (ps->p < ps->end)
		ps->p++;
}

static void single_quoted(struct parse *ps, struct word *w)
{
	w->any = w->quoted = true;
	for (ps->p++; ps->p < ps->end && *ps->p != '\''; ps->p++)
		str_addc(&w->text, *ps->p);
	if (ps->p < ps->end)
		ps->p++;
}

static bool ends_word(char c)
{
	return isspace((unsigned char)c) || c == ';' || c == '&' || c == '|';
}

bool grubcfg_word(struct parse *ps, struct strv *out, bool *ret_quoted)
{
	struct word w = { .text = STR_INIT };
	bool got = false;

	while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\r' || (*ps->p == '\\' && ps->p + 1 < ps->end && ps->p[1] == '\n')))
		ps->p += *ps->p == '\\' ? 2 : 1;
	if (ps->p < ps->end && *ps->p == '#')
		while (ps->p < ps->end && *ps->p != '\n')
			ps->p++;
	while (ps->p < ps->end && !ends_word(*ps->p)) {
		got = true;
		if (*ps->p == '"') {
			double_quoted(ps, &w, out);
		} else if (*ps->p == '\'') {
			single_quoted(ps, &w);
		} else if (*ps->p == '$') {
			expand(ps, &w, out, false);
		} else if (*ps->p == '\\' && ps->p + 1 < ps->end) {
			if (ps->p[1] != '\n')
				str_addc(&w.text, ps->p[1]);
			w.any = w.quoted = true;
			ps->p += 2;
		} else {
			str_addc(&w.text, *ps->p++);
			w.any = true;
		}
	}
	flush(out, &w);
	str_free(&w.text);
	*ret_quoted = w.quoted;
	return got;
}

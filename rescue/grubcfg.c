/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The language: characters to words, words to commands, control flow. What commands do is in grubcfg_cmd.c. */
#include "grubcfg_int.h"

#include <ctype.h>

struct parse {
	struct grubcfg *g;
	const char *p, *end;
	bool skip;              /* read, but do nothing */
};

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

/* One word (several after splitting) is appended to out. Returns false when there is none before the end of the command. */
static bool read_word(struct parse *ps, struct strv *out, bool *ret_quoted)
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

/* ---- blocks ---- */

/* Behind '{': the raw text up to the matching '}'. Quotes and comments are respected. */
static void read_block(struct parse *ps, const char **ret, size_t *ret_n)
{
	int depth = 1;
	const char *from = ps->p;
	bool start = true;      /* a comment may begin here */

	for (; ps->p < ps->end; ps->p++) {
		char c = *ps->p;

		if (c == '\\' && ps->p + 1 < ps->end) {
			ps->p++;
		} else if (c == '\'' || c == '"') {
			for (ps->p++; ps->p < ps->end && *ps->p != c; ps->p++)
				if (c == '"' && *ps->p == '\\' && ps->p + 1 < ps->end)
					ps->p++;
		} else if (c == '#' && start) {
			while (ps->p + 1 < ps->end && ps->p[1] != '\n')
				ps->p++;
		} else if (c == '{') {
			depth++;
		} else if (c == '}' && --depth == 0) {
			break;
		}
		start = isspace((unsigned char)c) || c == ';';
		if (ps->p >= ps->end)
			break;
	}
	*ret = from;
	*ret_n = (size_t)(ps->p - from);
	if (ps->p < ps->end)
		ps->p++;
}

static bool peek_brace(struct parse *ps)
{
	const char *p = ps->p;

	while (p < ps->end && isspace((unsigned char)*p))
		p++;
	if (p < ps->end && *p == '{' && (p + 1 == ps->end || isspace((unsigned char)p[1]))) {
		ps->p = p + 1;
		return true;
	}
	return false;
}

/* ---- control flow ---- */

enum stop_word { W_END, W_THEN, W_ELIF, W_ELSE, W_FI, W_DO, W_DONE };

static const char *const stop_words[] = { NULL, "then", "elif", "else", "fi", "do", "done" };

static enum stop_word run_list(struct parse *ps);

static void skip_separators(struct parse *ps)
{
	while (ps->p < ps->end && (isspace((unsigned char)*ps->p) || *ps->p == ';' || *ps->p == '&' || *ps->p == '|'))
		ps->p++;
}

static void run_if(struct parse *ps)
{
	bool outer = ps->skip, done = outer;
	enum stop_word w;

	do {
		bool yes;

		ps->skip = done;
		w = run_list(ps);                       /* the condition, up to then */
		yes = !done && ps->g->status == 0;
		ps->skip = !yes;
		if (w == W_THEN)
			w = run_list(ps);
		done |= yes;
	} while (w == W_ELIF);
	if (w == W_ELSE) {
		ps->skip = done;
		(void)run_list(ps);
	}
	ps->skip = outer;
}

static void run_while(struct parse *ps, bool until)
{
	bool outer = ps->skip;
	const char *from = ps->p;

	for (;;) {
		ps->p = from;
		ps->g->steps++;                         /* an empty loop has an end too */
		(void)run_list(ps);                     /* up to do */
		bool go = !ps->skip && (ps->g->status == 0) != until && ps->g->steps < STEPS_MAX && !ps->g->stop;

		ps->skip |= !go;
		(void)run_list(ps);                     /* up to done */
		if (!go)
			break;
	}
	ps->skip = outer;
}

static void run_for(struct parse *ps)
{
	CLEANUP(strv_free) struct strv w = STRV_INIT;
	bool outer = ps->skip, quoted;
	const char *from;

	while (read_word(ps, &w, &quoted))
		;
	skip_separators(ps);
	(void)run_list(ps);                             /* up to do: nothing */
	from = ps->p;
	for (size_t i = 2; !outer && i < w.n && ps->g->steps < STEPS_MAX; i++) {
		grubcfg_set(ps->g, w.v[0], w.v[i]);
		ps->p = from;
		ps->g->steps++;
		(void)run_list(ps);
	}
	ps->p = from;
	ps->skip = true;
	(void)run_list(ps);
	ps->skip = outer;
}

static void define_function(struct parse *ps)
{
	CLEANUP(strv_free) struct strv w = STRV_INIT;
	struct grubcfg *g = ps->g;
	const char *body;
	size_t n;
	bool quoted;

	(void)read_word(ps, &w, &quoted);
	if (!peek_brace(ps))
		return;
	read_block(ps, &body, &n);
	if (ps->skip || !w.n || g->n_funcs >= WORDS_MAX)
		return;
	g->funcs = xrealloc(g->funcs, (g->n_funcs + 1) * sizeof(*g->funcs));
	g->funcs[g->n_funcs++] = (struct gfunc){ xstrdup(w.v[0]), xstrndup(body, n) };
}

/* The other words of a simple command; a block may follow (menuentry). */
static void run_simple(struct parse *ps, struct strv *w)
{
	const char *block = NULL;
	size_t n = 0;
	bool quoted;

	for (;;) {
		while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\t'))
			ps->p++;
		if (ps->p < ps->end && *ps->p == '{' && (ps->p + 1 == ps->end || isspace((unsigned char)ps->p[1]))) {
			ps->p++;
			read_block(ps, &block, &n);
			break;
		}
		if (!read_word(ps, w, &quoted))
			break;
	}
	if (!ps->skip && w->n)
		ps->g->status = grubcfg_command(ps->g, w, block, n);
}

static enum stop_word reserved(struct parse *ps, const char *word)
{
	if (str_eq(word, "if"))
		run_if(ps);
	else if (str_eq(word, "while") || str_eq(word, "until"))
		run_while(ps, word[0] == 'u');
	else if (str_eq(word, "for"))
		run_for(ps);
	else if (str_eq(word, "function"))
		define_function(ps);
	else
		for (int i = 1; i <= W_DONE; i++)
			if (str_eq(word, stop_words[i]))
				return (enum stop_word)i;
	return W_END;
}

static bool is_reserved(const char *word)
{
	static const char *const more[] = { "if", "while", "until", "for", "function" };

	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (str_eq(word, more[i]))
			return true;
	for (int i = 1; i <= W_DONE; i++)
		if (str_eq(word, stop_words[i]))
			return true;
	return false;
}

/* Commands up to a word that ends the list (then, fi, ...), or the end of the text. */
static enum stop_word run_list(struct parse *ps)
{
	enum stop_word stop = W_END;

	if (ps->g->depth >= DEPTH_MAX) {
		ps->p = ps->end;
		return W_END;
	}
	ps->g->depth++;
	while (stop == W_END && ps->p < ps->end && ps->g->steps < STEPS_MAX && !ps->g->stop) {
		CLEANUP(strv_free) struct strv w = STRV_INIT;
		bool quoted = false;
		const char *from = ps->p;

		skip_separators(ps);
		if (ps->p >= ps->end)
			break;
		ps->g->steps++;
		if (!read_word(ps, &w, &quoted)) {
			if (ps->p < ps->end && *ps->p != '\n')
				ps->p++;
			continue;
		}
		if (w.n == 1 && !quoted && is_reserved(w.v[0]))
			stop = reserved(ps, w.v[0]);
		else
			run_simple(ps, &w);
		if (ps->p > from)
			ps->g->steps += (unsigned int)((ps->p - from) / 128);
	}
	ps->g->depth--;
	return stop;
}

void grubcfg_exec(struct grubcfg *g, const char *text, size_t n)
{
	struct parse ps = { .g = g, .p = text, .end = text + n };

	while (ps.p < ps.end && g->steps < STEPS_MAX && !g->stop && g->depth < DEPTH_MAX)
		(void)run_list(&ps);            /* a stray fi does not end the script */
}

void grubcfg_run_text(struct grubcfg *g, const char *text, size_t n)
{
	grubcfg_exec(g, text, n);
	g->stop = false;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The language: words to commands, control flow. Words are in grubcfg_words.c, what commands do in grubcfg_cmd.c. */
#include "grubcfg_int.h"

#include <ctype.h>

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

	while (grubcfg_word(ps, &w, &quoted))
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

	(void)grubcfg_word(ps, &w, &quoted);
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
		if (!grubcfg_word(ps, w, &quoted))
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
		if (!grubcfg_word(ps, &w, &quoted)) {
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text list that says what goes into an image (initramfs/image.list shows every word; docs/rescue-image.8 explains them).
 * One directive a line; '?' before the word: what is not installed is reported, not an error.
 */
#include <ctype.h>
#include <glob.h>

#include "fs.h"
#include "image.h"

/* The reviewable list is part of the program, so that it is there wherever the program is. */
__asm__(".pushsection .rodata\n"
	".global image_list_text\nimage_list_text:\n.incbin \"initramfs/image.list\"\nimage_list_end:\n.byte 0\n"
	".balign 8\n.global image_list_len\nimage_list_len:\n.quad image_list_end - image_list_text\n"
	".popsection\n");

struct line {
	struct image *im;
	struct image_selection *sel;
	struct strv words;      /* [0] is the directive */
	const char *rest;       /* text behind the second word, for `write` */
	bool optional;
};

void image_selection_free(struct image_selection *s)
{
	strv_free(&s->modules);
	strv_free(&s->patterns);
	strv_free(&s->not);
	strv_free(&s->maybe);
}

/* Missing things of an optional line become a note. */
static int excuse(struct line *l, int r, struct err *e)
{
	if (r != -ENOENT || !l->optional)
		return r;
	image_note(l->im, "%s: not aboard", e->msg);
	err_clear(e);
	return 0;
}

static int each(struct line *l, int (*fn)(struct image *im, const char *word, struct err *e), struct err *e)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < l->words.n; i++)
		r = excuse(l, fn(l->im, l->words.v[i], e), e);
	return r;
}

static int do_prog(struct line *l, struct err *e)
{
	return each(l, image_add_prog, e);
}

static int do_lib(struct line *l, struct err *e)
{
	return each(l, image_add_lib, e);
}

static int add_any(struct image *im, const char *path, struct err *e)
{
	return fs_is_dir(path) ? image_add_tree(im, path, path, e) : image_add_file(im, path, path, e);
}

static int add_glob(struct image *im, const char *pattern, struct err *e)
{
	glob_t g;
	int r = glob(pattern, 0, NULL, &g);

	if (r != 0)
		r = err_set(e, -ENOENT, "no file matches '%s'", pattern);
	for (size_t i = 0; r == 0 && i < g.gl_pathc; i++)
		r = add_any(im, g.gl_pathv[i], e);
	globfree(&g);
	return r;
}

static int do_file(struct line *l, struct err *e)
{
	return each(l, add_glob, e);
}

static int do_dir(struct line *l, struct err *e)
{
	char *end;
	unsigned long mode = l->words.n > 2 ? strtoul(l->words.v[2], &end, 8) : 0755;

	if (l->words.n > 3 || l->words.v[1][0] != '/' || (l->words.n > 2 && *end))
		return err_set(e, -EINVAL, "expected: dir /PATH [MODE]");
	image_add_dir(l->im, l->words.v[1], (mode_t)mode & 07777);
	return 0;
}

static int do_link(struct line *l, struct err *e)
{
	if (l->words.n != 3 || l->words.v[1][0] != '/')
		return err_set(e, -EINVAL, "expected: link /PATH TARGET");
	image_add_link(l->im, l->words.v[1], l->words.v[2]);
	return 0;
}

/* "\n" and "\\" in the text of `write`. */
static int do_write(struct line *l, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	if (l->words.n < 2 || l->words.v[1][0] != '/')
		return err_set(e, -EINVAL, "expected: write /PATH TEXT");
	for (const char *p = l->rest; *p; p++) {
		if (p[0] == '\\' && (p[1] == 'n' || p[1] == '\\'))
			str_addc(&s, *++p == 'n' ? '\n' : '\\');
		else
			str_addc(&s, *p);
	}
	str_addc(&s, '\n');
	image_add_text(l->im, l->words.v[1], 0644, str_cstr(&s), s.len);
	return 0;
}

/* Names that busybox answers to, unless the real program is aboard already. */
static int do_applet(struct line *l, struct err *e)
{
	int r = excuse(l, image_add_prog(l->im, "busybox", e), e);

	if (r < 0 || !image_has_prog(l->im, "busybox"))
		return r;
	for (size_t i = 1; i < l->words.n; i++) {
		AUTO_FREE char *path = fs_join("/usr/bin", l->words.v[i]);

		if (!image_has_prog(l->im, l->words.v[i]))
			image_add_link(l->im, path, "busybox");
	}
	return 0;
}

static int do_part(struct line *l, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	(void)e;
	for (size_t i = 1; i < l->words.n; i++)
		str_addf(&s, "%s%s", i > 1 ? " " : "", l->words.v[i]);
	image_part(l->im, str_cstr(&s));
	return 0;
}

static void collect(struct strv *to, const struct line *l)
{
	for (size_t i = 1; i < l->words.n; i++)
		strv_add(to, l->words.v[i]);
}

static int do_module(struct line *l, struct err *e)
{
	(void)e;
	collect(l->optional ? &l->sel->maybe : &l->sel->modules, l);
	return 0;
}

static int do_modules(struct line *l, struct err *e)
{
	(void)e;
	collect(&l->sel->patterns, l);
	return 0;
}

static int do_modules_not(struct line *l, struct err *e)
{
	(void)e;
	collect(&l->sel->not, l);
	return 0;
}

static const struct {
	const char *word;
	int (*fn)(struct line *l, struct err *e);
} directives[] = {
	{ "part", do_part }, { "dir", do_dir }, { "link", do_link }, { "write", do_write }, { "file", do_file }, { "prog", do_prog },
	{ "lib", do_lib }, { "applet", do_applet }, { "module", do_module }, { "modules", do_modules }, { "modules-not", do_modules_not },
};

static int unknown(const char *word, struct err *e)
{
	const char *names[ARRAY_SIZE(directives) + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(directives); i++)
		names[i] = directives[i].word;
	near = str_nearest(word, names);
	return near ? err_set(e, -EINVAL, "unknown word '%s', did you mean '%s'?", word, near) : err_set(e, -EINVAL, "unknown word '%s'", word);
}

static const char *behind_second_word(const char *s)
{
	for (int i = 0; i < 2; i++) {
		while (*s && !isspace((unsigned char)*s))
			s++;
		while (isspace((unsigned char)*s))
			s++;
	}
	return s;
}

static int one_line(struct image *im, struct image_selection *sel, char *text, struct err *e)
{
	CLEANUP(strv_free) struct strv words = STRV_INIT;
	struct line l = { .im = im, .sel = sel };

	text = str_trim(text);
	if (!*text || *text == '#')
		return 0;
	l.optional = *text == '?';
	text += l.optional;
	strv_split(&words, text, " \t");
	l.words = words;
	l.rest = behind_second_word(text);
	if (words.n < 2)
		return err_set(e, -EINVAL, "'%s' names nothing", text);
	for (size_t i = 0; i < ARRAY_SIZE(directives); i++)
		if (str_eq(directives[i].word, words.v[0]))
			return directives[i].fn(&l, e);
	return unknown(words.v[0], e);
}

int image_list_apply(struct image *im, const char *where, const char *text, size_t n, struct image_selection *sel, struct err *e)
{
	AUTO_FREE char *copy = xstrndup(text, n);
	char *line = copy, *next;
	struct err own = ERR_INIT;

	if (!e)
		e = &own;
	for (int no = 1; line; no++, line = next) {
		int r;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		r = one_line(im, sel, line, e);
		if (r < 0)
			return err_wrap(e, r, "%s:%d", where, no);
	}
	return 0;
}

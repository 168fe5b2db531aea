/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What GRUB's commands do to variables, the menu, and the kernel that is loaded. */
#include "grubcfg_int.h"

#include <ctype.h>
#include <stdarg.h>

static void trouble(struct grubcfg *g, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void trouble(struct grubcfg *g, const char *fmt, ...)
{
	va_list ap;

	if (!g->boot || g->boot->trouble)
		return;
	va_start(ap, fmt);
	if (vasprintf(&g->boot->trouble, fmt, ap) < 0)
		g->boot->trouble = NULL;
	va_end(ap);
}

void grubcfg_split(struct grubcfg *g, const char *path, char **ret_dev, char **ret_path)
{
	const char *end = path[0] == '(' ? strchr(path, ')') : NULL;

	*ret_dev = end ? xstrndup(path + 1, (size_t)(end - path) - 1) : xstrdup(grubcfg_get(g, "root"));
	*ret_path = xstrdup(end ? end + 1 : path);
}

static bool there(struct grubcfg *g, const char *path)
{
	AUTO_FREE char *dev = NULL, *file = NULL;
	int kind;

	grubcfg_split(g, path, &dev, &file);
	kind = g->ops->kind(g->arg, dev, file);
	return kind == 1 || kind == 3;
}

static char *join(const struct strv *w, size_t from)
{
	struct str s = STR_INIT;

	for (size_t i = from; i < w->n; i++)
		str_addf(&s, "%s%s", i > from ? " " : "", w->v[i]);
	return str_take(&s);
}

/* ---- variables and files ---- */

static int cmd_set(struct grubcfg *g, const struct strv *w)
{
	char *eq = w->n > 1 ? strchr(w->v[1], '=') : NULL;
	AUTO_FREE char *name = eq ? xstrndup(w->v[1], (size_t)(eq - w->v[1])) : NULL;

	if (name)
		grubcfg_set(g, name, eq + 1);
	return 0;
}

static int cmd_unset(struct grubcfg *g, const struct strv *w)
{
	for (size_t i = 1; i < w->n; i++)
		grubcfg_set(g, w->v[i], "");
	return 0;
}

static int run_file(struct grubcfg *g, const char *path)
{
	AUTO_FREE char *dev = NULL, *file = NULL, *text = NULL;
	size_t n = 0;

	grubcfg_split(g, path, &dev, &file);
	if (g->depth < DEPTH_MAX)
		text = g->ops->read(g->arg, dev, file, &n);
	if (!text)
		return -ENOENT;
	grubcfg_exec(g, text, n);
	return 0;
}

int grubcfg_run_file(struct grubcfg *g, const char *path, struct err *e)
{
	int r = run_file(g, path);

	g->stop = false;
	return r < 0 ? err_set(e, r, "'%s' is not there", path) : 0;
}

static int cmd_source(struct grubcfg *g, const struct strv *w, bool replace)
{
	int r;

	if (w->n < 2)
		return 1;
	if (replace && !there(g, w->v[1])) {
		trouble(g, "file '%s' not found", w->v[1]);
		return 1;
	}
	if (replace)
		grubcfg_drop_entries(g, 0);
	r = run_file(g, w->v[1]);
	g->stop |= replace && r == 0;
	return r < 0;
}

/* The environment block: NAME=VALUE lines, \ before special characters. */
static int cmd_load_env(struct grubcfg *g, const struct strv *w)
{
	AUTO_FREE char *given = NULL, *dev = NULL, *file = NULL, *text = NULL;
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	size_t n = 0;

	for (size_t i = 1; i < w->n; i++)
		if ((str_eq(w->v[i], "-f") || str_eq(w->v[i], "--file")) && i + 1 < w->n && !given)
			given = xstrdup(w->v[i + 1]);
	if (!given)
		given = xasprintf("%s/grubenv", grubcfg_get(g, "prefix"));
	grubcfg_split(g, given, &dev, &file);
	text = g->ops->read(g->arg, dev, file, &n);
	if (!text)
		return 1;
	strv_split(&lines, text, "\n");
	g->steps += (unsigned int)lines.n;
	for (size_t i = 0; i < lines.n && g->steps < STEPS_MAX; i++) {
		char *eq = strchr(lines.v[i], '=');

		if (lines.v[i][0] == '#' || !eq)
			continue;
		*eq = 0;
		grubcfg_set(g, lines.v[i], eq + 1);
	}
	return 0;
}

/* search [--fs-uuid|--label|--file] [--set[=VAR]] [--hint...=X] WHAT; search.fs_uuid WHAT [VAR] [HINTS] */
static int cmd_search(struct grubcfg *g, const struct strv *w)
{
	const char *by = NULL, *var = NULL, *what = NULL, *dot = strchr(w->v[0], '.');
	AUTO_FREE char *dev = NULL;

	if (dot) {
		by = str_eq(dot, ".fs_uuid") ? "uuid" : str_eq(dot, ".fs_label") ? "label" : "file";
		what = w->n > 1 ? w->v[1] : NULL;
		var = w->n > 2 ? w->v[2] : "root";
	}
	for (size_t i = 1; !dot && i < w->n; i++) {
		const char *a = w->v[i];

		if (str_eq(a, "--fs-uuid") || str_eq(a, "-u"))
			by = "uuid";
		else if (str_eq(a, "--label") || str_eq(a, "--fs-label") || str_eq(a, "-l"))
			by = "label";
		else if (str_eq(a, "--file") || str_eq(a, "-f"))
			by = "file";
		else if (str_starts(a, "--set="))
			var = a + 6;
		else if (str_eq(a, "--set") || str_eq(a, "-s"))
			var = "root";
		else if (str_eq(a, "--hint") && i + 1 < w->n)
			i++;
		else if (a[0] != '-')
			what = a;
	}
	dev = what ? g->ops->search(g->arg, by ? by : "file", what) : NULL;
	if (!dev) {
		trouble(g, "no such device: %s", what ? what : "");
		return 1;
	}
	if (var)
		grubcfg_set(g, var, dev);
	return 0;
}

/* ---- the menu ---- */

static int cmd_menuentry(struct grubcfg *g, const struct strv *w, bool submenu, const char *block, size_t n)
{
	const char *id = NULL;

	if (w->n < 2 || !block || g->n_entries >= ENTRIES_MAX)
		return 1;
	for (size_t i = 2; i + 1 < w->n; i++)
		if (str_eq(w->v[i], "$menuentry_id_option") || str_eq(w->v[i], "--id"))
			id = w->v[i + 1];
	for (size_t i = 2; i < w->n; i++)
		if (str_starts(w->v[i], "--id="))
			id = w->v[i] + 5;
	g->entries = xrealloc(g->entries, (g->n_entries + 1) * sizeof(*g->entries));
	g->entries[g->n_entries++] = (struct gentry){ xstrdup(w->v[1]), xstrdup(id ? id : w->v[1]), xstrndup(block, n), submenu };
	return 0;
}

static int cmd_blscfg(struct grubcfg *g)
{
	AUTO_FREE char *text = g->ops->bls ? g->ops->bls(g->arg, grubcfg_get(g, "root"), grubcfg_get(g, "blsdir")) : NULL;

	if (text && g->depth < DEPTH_MAX)
		grubcfg_exec(g, text, strlen(text));
	return text == NULL;
}

size_t grubcfg_entries(struct grubcfg *g)
{
	return g->n_entries;
}

/* ---- the kernel ---- */

static int cmd_linux(struct grubcfg *g, const struct strv *w)
{
	struct grubcfg_boot *b = g->boot;

	if (!b || w->n < 2)
		return 1;
	if (!there(g, w->v[1])) {
		trouble(g, "file '%s' not found", w->v[1]);
		return 1;
	}
	free(b->kernel);
	free(b->kernel_dev);
	free(b->args);
	grubcfg_split(g, w->v[1], &b->kernel_dev, &b->kernel);
	b->args = join(w, 2);
	return 0;
}

static int cmd_initrd(struct grubcfg *g, const struct strv *w)
{
	struct grubcfg_boot *b = g->boot;

	if (!b)
		return 1;
	if (!b->kernel) {
		trouble(g, "you need to load the kernel first");
		return 1;
	}
	for (size_t i = 1; i < w->n; i++) {
		AUTO_FREE char *dev = NULL, *path = NULL;

		if (!there(g, w->v[i])) {
			trouble(g, "file '%s' not found", w->v[i]);
			return 1;
		}
		grubcfg_split(g, w->v[i], &dev, &path);
		strv_add(&b->initrd_dev, dev);
		strv_add(&b->initrd, path);
	}
	return 0;
}

static int cmd_chainloader(struct grubcfg *g, const struct strv *w)
{
	if (!g->boot || w->n < 2)
		return 1;
	free(g->boot->chain);
	g->boot->chain = xstrdup(w->v[w->n - 1]);
	return 0;
}

static int call_function(struct grubcfg *g, const struct strv *w, bool *ret_found)
{
	CLEANUP(strv_free) struct strv params = STRV_INIT;
	struct strv *outer = g->params;

	*ret_found = false;
	for (size_t i = g->n_funcs; i-- > 0 && !*ret_found;) {
		AUTO_FREE char *body = NULL;

		if (!str_eq(g->funcs[i].name, w->v[0]) || g->depth >= DEPTH_MAX)
			continue;
		*ret_found = true;
		for (size_t k = 1; k < w->n; k++)
			strv_add(&params, w->v[k]);
		body = xstrdup(g->funcs[i].body);
		g->params = &params;
		g->status = 0;
		grubcfg_exec(g, body, strlen(body));
		g->params = outer;
	}
	return g->status;
}

/* VAR=VALUE without set is a command of its own in GRUB. */
static bool assignment(struct grubcfg *g, const struct strv *w)
{
	const char *eq = strchr(w->v[0], '=');
	AUTO_FREE char *name = NULL;

	if (!eq || eq == w->v[0] || w->n != 1)
		return false;
	for (const char *p = w->v[0]; p < eq; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return false;
	name = xstrndup(w->v[0], (size_t)(eq - w->v[0]));
	grubcfg_set(g, name, eq + 1);
	return true;
}

int grubcfg_command(struct grubcfg *g, const struct strv *w, const char *block, size_t n)
{
	const char *c = w->v[0];
	bool found;
	int r = call_function(g, w, &found);

	if (found)
		return r;
	if (str_eq(c, "set"))
		return cmd_set(g, w);
	if (str_eq(c, "unset"))
		return cmd_unset(g, w);
	if (str_eq(c, "[") || str_eq(c, "test"))
		return grubcfg_test(g, w->v + 1, w->n - 1 - (str_eq(c, "[") && w->n > 1 && str_eq(w->v[w->n - 1], "]")));
	if (str_eq(c, "source") || str_eq(c, "."))
		return cmd_source(g, w, false);
	if (str_eq(c, "configfile") || str_eq(c, "extract_entries_configfile"))
		return cmd_source(g, w, true);
	if (str_eq(c, "normal"))        /* reads $prefix/grub.cfg unless it was told a file */
		return w->n > 1 ? cmd_source(g, w, true) : 0;
	if (str_eq(c, "load_env"))
		return cmd_load_env(g, w);
	if (str_starts(c, "search"))
		return cmd_search(g, w);
	if (str_eq(c, "menuentry") || str_eq(c, "submenu"))
		return cmd_menuentry(g, w, c[0] == 's', block, n);
	if (str_eq(c, "blscfg"))
		return cmd_blscfg(g);
	if (str_starts(c, "linux"))
		return cmd_linux(g, w);
	if (str_starts(c, "initrd"))
		return cmd_initrd(g, w);
	if (str_eq(c, "chainloader"))
		return cmd_chainloader(g, w);
	if (str_eq(c, "false") || str_eq(c, "regexp") || str_eq(c, "keystatus"))
		return 1;
	(void)assignment(g, w);
	return 0;
}

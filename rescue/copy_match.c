/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_int.h"

#include <fnmatch.h>

#include "manifest_set.h"

/*
 * A pattern with a slash in it is matched against the whole path from the source's root, one without against the name alone.
 * What lies below something that matches, matches.
 */
static bool matches(const char *pattern, const char *path, const char *name)
{
	if (!strchr(pattern, '/'))
		return fnmatch(pattern, name, 0) == 0;
	return fnmatch(pattern, path, FNM_PATHNAME | FNM_LEADING_DIR) == 0;
}

/* Whether something below the folder `path` could match: component by component. */
static bool leads_to(const char *pattern, const char *path)
{
	if (!strchr(pattern, '/'))
		return true;
	while (*path) {
		size_t n = strcspn(pattern + 1, "/") + 1, m = strcspn(path + 1, "/") + 1;
		AUTO_FREE char *p = xstrndup(pattern, n), *s = xstrndup(path, m);

		if (fnmatch(p, s, FNM_PATHNAME) != 0)
			return false;
		pattern += n;
		path += m;
		if (!*pattern)
			return true;
	}
	return true;
}

static bool has(const struct strv *l)
{
	return l && l->n;
}

enum copy_want copy_match(const struct copy *c, const struct copy_dir *d, const char *name, bool folder)
{
	const struct copy_opts *o = c->o;
	CLEANUP(str_free) struct str path = STR_INIT;
	enum copy_want want = WANT_NO;

	if (!has(o->include) && !has(o->exclude) && !has(o->first))
		return WANT_ALL;
	copy_dir_path(d, name, &path);
	if (strv_has(&c->first, str_cstr(&path)))
		return WANT_NO;         /* done by itself, also where it lies below another one of them */
	for (size_t i = 0; o->exclude && i < o->exclude->n; i++)
		if (matches(o->exclude->v[i], str_cstr(&path), name))
			return WANT_NO;
	if (!has(o->include) || d->all || !c->main_walk)
		return WANT_ALL;
	for (size_t i = 0; i < o->include->n; i++) {
		if (matches(o->include->v[i], str_cstr(&path), name))
			return WANT_ALL;
		if (folder && leads_to(o->include->v[i], str_cstr(&path)))
			want = WANT_MAYBE;
	}
	return want;
}

static bool is_in(const struct manifest_set *set, const struct copy_dir *d, const char *name, const struct statx *st)
{
	CLEANUP(str_free) struct str path = STR_INIT;

	copy_dir_path(d, name, &path);
	return manifest_set_has(set, &(struct manifest_line){ .st = st, .path = str_cstr(&path) });
}

bool copy_since(struct copy_worker *w, const struct copy_dir *d, const char *name, const struct statx *st)
{
	const struct copy *c = w->c;

	if (c->o->since != INT64_MIN && st->stx_mtime.tv_sec < c->o->since && st->stx_ctime.tv_sec < c->o->since)
		return false;
	if (c->have && is_in(c->have, d, name, st)) {
		__atomic_fetch_add(&w->res.present, 1, __ATOMIC_RELAXED);
		return false;
	}
	return !c->o->known || !is_in(c->o->known, d, name, st);
}

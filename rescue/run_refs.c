/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run.h"

/* "${name}" or "${name}:/path": the name, or NULL. The caller frees. */
static char *device_of(const char *text, bool *ret_path)
{
	const char *end;

	if (!text || !str_starts(text, "${") || !(end = strchr(text, '}')) || memchr(text, '.', (size_t)(end - text)))
		return NULL;
	*ret_path = end[1] == ':';
	return end[1] == ':' || end[1] == '\0' ? xstrndup(text + 2, (size_t)(end - text - 2)) : NULL;
}

static int one(const struct opt *row, const struct opt_val *v, int (*fn)(const struct opt *row, const char *device, bool path, void *arg),
	       void *arg)
{
	bool path = false;
	AUTO_FREE char *name = device_of(v->text, &path);

	return name ? fn(row, name, path, arg) : 0;
}

static int value(const struct opt *row, const struct opt_val *v, int (*fn)(const struct opt *row, const char *device, bool path, void *arg),
		 void *arg)
{
	int r = 0;

	if (row->type == OPT_DEVICE || row->type == OPT_PATH || (row->type == OPT_DEVICES && v->kind == OPT_SCALAR))
		return one(row, v, fn, arg);
	if (row->type != OPT_DEVICES && row->type != OPT_ROWS)
		return 0;
	for (size_t i = 0; r == 0 && i < v->n_kids; i++)
		r = row->type == OPT_ROWS ? run_refs_each(row->sub, &v->kids[i], fn, arg) : one(row, &v->kids[i], fn, arg);
	return r;
}

int run_refs_each(const struct opt *table, const struct opt_val *map, int (*fn)(const struct opt *row, const char *device, bool path, void *arg),
		  void *arg)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < map->n_kids; i++)
		for (const struct opt *row = table; r == 0 && row && row->key; row++)
			if (map->kids[i].key && str_eq(row->key, map->kids[i].key))
				r = value(row, &map->kids[i], fn, arg);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A map of values against a table of rows. */
#include <stdarg.h>

#include "opt_impl.h"

/* What an error says of its place. */
struct at {
	const char *where;      /* file name */
	const char *what;       /* step type, row name */
};

static void *field_of(const struct opt *row, void *self)
{
	return (char *)self + row->offset;
}

static int at_key(const struct at *at, const struct opt_val *v, const char *key, struct err *e)
{
	return err_wrap(e, -EINVAL, "%s:%d:%d: %s: %s", at->where, v->line, v->col, at->what, key);
}

const struct opt *opt_row(const struct opt *table, const char *key)
{
	for (; table->key; table++)
		if (str_eq(table->key, key))
			return table;
	return NULL;
}

static int unknown_key(const struct opt *table, const struct at *at, const struct opt_val *v, struct err *e)
{
	CLEANUP(strv_free) struct strv keys = STRV_INIT;
	const char *near;

	for (; table->key; table++)
		strv_add(&keys, table->key);
	if (keys.n == 0)
		return err_set(e, -EINVAL, "%s:%d:%d: %s: %s: unknown option, this one takes none", at->where, v->key_line, v->key_col, at->what,
			       v->key);
	near = str_nearest(v->key, (const char *const *)keys.v);
	return err_set(e, -EINVAL, "%s:%d:%d: %s: %s: unknown option%s%s%s", at->where, v->key_line, v->key_col, at->what, v->key,
		       near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

const struct opt_val *opt_val_kid(const struct opt_val *map, const char *key)
{
	for (size_t i = 0; i < map->n_kids; i++)
		if (map->kids[i].key && str_eq(map->kids[i].key, key))
			return &map->kids[i];
	return NULL;
}

static int check_excl(const struct opt *table, const struct at *at, const struct opt_val *map, struct err *e)
{
	for (size_t i = 0; i < map->n_kids; i++) {
		const struct opt *row = opt_row(table, map->kids[i].key);
		CLEANUP(strv_free) struct strv others = STRV_INIT;

		strv_split(&others, row->excl ? row->excl : "", " ");
		for (size_t k = 0; k < others.n; k++)
			if (opt_val_kid(map, others.v[k]))
				return err_set(e, -EINVAL, "%s:%d:%d: %s: %s: cannot be given together with '%s'", at->where,
					       map->kids[i].key_line, map->kids[i].key_col, at->what, row->key, others.v[k]);
	}
	return 0;
}

static int apply(const struct opt *table, void *self, const struct at *at, const struct opt_val *map, struct err *e);

static int apply_rows(const struct opt *row, void *field, const struct at *at, const struct opt_val *v, struct err *e)
{
	struct opt_rows *rows = field;
	struct at inner = { at->where, row->key };

	if (v->kind != OPT_SEQ) {
		err_set(e, -EINVAL, "a list of maps is needed here, one '- {...}' a row");
		return at_key(at, v, row->key, e);
	}
	if (v->n_kids == 0 && row->flags & OPT_NOT_EMPTY) {
		err_set(e, -EINVAL, "the list is empty, at least one row is needed");
		return at_key(at, v, row->key, e);
	}
	rows->v = xcalloc(v->n_kids, row->sub_size);
	for (rows->n = 0; rows->n < v->n_kids;) {
		void *sub = (char *)rows->v + rows->n * row->sub_size;
		int r;

		rows->n++;
		r = apply(row->sub, sub, &inner, &v->kids[rows->n - 1], e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int apply_one(const struct opt *row, void *self, const struct at *at, const struct opt_val *v, struct err *e)
{
	int r;

	if (row->type == OPT_ROWS)
		return apply_rows(row, field_of(row, self), at, v, e);
	r = opt_value_set(row, field_of(row, self), v, e);
	return r < 0 ? at_key(at, v, row->key, e) : 0;
}

static int apply_default(const struct opt *row, void *self, const struct at *at, const struct opt_val *map, struct err *e)
{
	struct opt_val v = { .kind = OPT_SCALAR, .text = (char *)(uintptr_t)row->def, .line = map->line, .col = map->col };

	if (row->flags & OPT_REQUIRED)
		return err_set(e, -EINVAL, "%s:%d:%d: %s: %s is missing: %s", at->where, map->line, map->col, at->what, row->key, row->help);
	return row->def ? apply_one(row, self, at, &v, e) : 0;
}

static int apply(const struct opt *table, void *self, const struct at *at, const struct opt_val *map, struct err *e)
{
	int r;

	if (map->kind != OPT_MAP)
		return err_set(e, -EINVAL, "%s:%d:%d: %s: options are needed here, written {key: value}", at->where, map->line, map->col, at->what);
	for (size_t i = 0; i < map->n_kids; i++)
		if (!opt_row(table, map->kids[i].key))
			return unknown_key(table, at, &map->kids[i], e);
	r = check_excl(table, at, map, e);
	for (const struct opt *row = table; r == 0 && row->key; row++) {
		const struct opt_val *v = opt_val_kid(map, row->key);

		r = v ? apply_one(row, self, at, v, e) : apply_default(row, self, at, map, e);
	}
	return r;
}

int opt_apply(const struct opt *table, void *self, const struct opt_val *map, const char *where, const char *what, struct err *e)
{
	return apply(table, self, &(struct at){ where, what }, map, e);
}

void opt_release(const struct opt *table, void *self)
{
	for (; table->key; table++) {
		struct opt_rows *rows = field_of(table, self);

		if (table->type != OPT_ROWS) {
			opt_value_free(table, rows);
			continue;
		}
		for (size_t i = 0; i < rows->n; i++)
			opt_release(table->sub, (char *)rows->v + i * table->sub_size);
		free(rows->v);
		*rows = (struct opt_rows){ 0 };
	}
}

typedef int ref_fn(const struct opt *row, struct opt_device *dev, struct opt_path *path, void *arg);

static int refs_of_row(const struct opt *row, void *field, ref_fn *fn, void *arg)
{
	struct opt_devices *many = field;
	struct opt_rows *rows = field;
	int r = 0;

	if (row->type == OPT_DEVICE && ((struct opt_device *)field)->name)
		return fn(row, field, NULL, arg);
	if (row->type == OPT_PATH && (((struct opt_path *)field)->path || ((struct opt_path *)field)->device))
		return fn(row, NULL, field, arg);
	for (size_t i = 0; row->type == OPT_DEVICES && r == 0 && i < many->n; i++)
		r = fn(row, &many->v[i], NULL, arg);
	for (size_t i = 0; row->type == OPT_ROWS && r == 0 && i < rows->n; i++)
		r = opt_each_ref(row->sub, (char *)rows->v + i * row->sub_size, fn, arg);
	return r;
}

int opt_each_ref(const struct opt *table, void *self, ref_fn *fn, void *arg)
{
	int r = 0;

	for (; r == 0 && table->key; table++)
		r = refs_of_row(table, field_of(table, self), fn, arg);
	return r;
}

void opt_val_free(struct opt_val *v)
{
	for (size_t i = 0; i < v->n_kids; i++)
		opt_val_free(&v->kids[i]);
	free(v->kids);
	free(v->key);
	free(v->text);
	*v = (struct opt_val){ 0 };
}

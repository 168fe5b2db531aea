/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit_step.h - a step type's hooks without plan and runner.
 *
 *   struct fixture f = step_begin("mkfs", dir, "device", loop.path, "type", "ext4", NULL);
 *   step_ok(&f);                               decide, preflight, run and verify must succeed
 *   step_refused(&f, "preflight", -EBUSY, "is mounted at");
 *   step_end(&f);
 */
#ifndef UNIT_STEP_H
#define UNIT_STEP_H

#include "unit.h"

#include "step_io.h"

struct fixture {
	const struct step_type *type;
	void *self;
	struct step_io *io;
	struct err e;
};

static inline void fixture_set_word(const struct opt *o, void *at, const char *value)
{
	CLEANUP(strv_free) struct strv words = STRV_INIT;

	strv_split(&words, o->choices, " ");
	for (size_t i = 0; i < words.n; i++)
		if (str_eq(words.v[i], value)) {
			*(int *)at = (int)i;
			return;
		}
	fail_msg("%s: no word '%s'", o->key, value);
}

static inline void fixture_add_device(struct opt_devices *l, const char *value)
{
	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = (struct opt_device) { .name = xstrdup("more"), .path = xstrdup(value) };
}

/* A device is given by its node, a path by itself; an empty device is one that is not there yet. Lists grow by one value a call. */
static inline void fixture_set_at(const struct opt *o, void *at, const char *value)
{
	switch (o->type) {
	case OPT_STR:
	case OPT_UUID:
		free(*(char **)at);     /* a default */
		*(char **)at = xstrdup(value);
		break;
	case OPT_BOOL:
		*(bool *)at = str_eq(value, "yes");
		break;
	case OPT_U64:
	case OPT_SIZE:
	case OPT_SECONDS:
		assert_int_equal(str_to_size(value, at), 0);
		break;
	case OPT_ENUM:
		fixture_set_word(o, at, value);
		break;
	case OPT_LIST:
		strv_add(at, value);
		break;
	case OPT_DEVICE:
		*(struct opt_device *)at = (struct opt_device) { .name = xstrdup(o->key), .path = *value ? xstrdup(value) : NULL };
		break;
	case OPT_DEVICES:
		fixture_add_device(at, value);
		break;
	case OPT_PATH:
		*(struct opt_path *)at = (struct opt_path) { .path = xstrdup(value), .real = xstrdup(value) };
		break;
	default:
		fail_msg("%s: not for step_begin", o->key);
	}
}

static inline const struct opt *fixture_row(const struct opt *o, const char *key)
{
	for (; o->key; o++)
		if (str_eq(o->key, key))
			return o;
	fail_msg("no option '%s'", key);
	return NULL;
}

static inline void fixture_set(const struct opt *table, void *self, const char *key, const char *value)
{
	const struct opt *o = fixture_row(table, key);

	fixture_set_at(o, (char *)self + o->offset, value);
}

static inline void fixture_defaults(const struct opt *table, void *self)
{
	for (const struct opt *o = table; o->key; o++)
		if (o->def)
			fixture_set_at(o, (char *)self + o->offset, o->def);
}

/* One more map of an OPT_ROWS option: pairs of key and value, NULL at the end. */
static inline void step_row(struct fixture *f, const char *key, ...) __attribute__((sentinel));
static inline void step_row(struct fixture *f, const char *key, ...)
{
	const struct opt *o = fixture_row(f->type->opts, key);
	struct opt_rows *rows = (void *)((char *)f->self + o->offset);
	va_list ap;
	void *row;

	rows->v = xrealloc(rows->v, (rows->n + 1) * o->sub_size);
	row = (char *)rows->v + rows->n++ * o->sub_size;
	memset(row, 0, o->sub_size);
	fixture_defaults(o->sub, row);
	va_start(ap, key);
	for (const char *k = va_arg(ap, const char *); k; k = va_arg(ap, const char *))
		fixture_set(o->sub, row, k, va_arg(ap, const char *));
	va_end(ap);
}

static inline struct fixture step_begin(const char *type, const char *dir, ...) __attribute__((sentinel));
static inline struct fixture step_begin(const char *type, const char *dir, ...)
{
	struct fixture f = { .type = step_type_find(type), .io = step_io_new_test(dir) };
	va_list ap;

	assert_non_null(f.type);
	f.self = xcalloc(1, f.type->size);
	fixture_defaults(f.type->opts, f.self);
	va_start(ap, dir);
	for (const char *k = va_arg(ap, const char *); k; k = va_arg(ap, const char *))
		fixture_set(f.type->opts, f.self, k, va_arg(ap, const char *));
	va_end(ap);
	return f;
}

static inline int step_do(struct fixture *f, const char *hook)
{
	const struct step_type *t = f->type;
	int (*fn)(void *self, struct step_io *io, struct err *e) = str_eq(hook, "decide")      ? t->decide
								   : str_eq(hook, "preflight") ? t->preflight
								   : str_eq(hook, "run")       ? t->run
											       : t->verify;

	err_clear(&f->e);
	return fn ? fn(f->self, f->io, &f->e) : 0;
}

static inline void step_ok(struct fixture *f)
{
	static const char *const hooks[] = { "decide", "preflight", "run", "verify" };

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		int r = step_do(f, hooks[i]);

		if (r != (i == 3))
			fail_msg("%s: %s: %d: %s", f->type->name, hooks[i], r, f->e.msg);
	}
}

static inline void step_refused(struct fixture *f, const char *hook, int code, const char *text)
{
	int r = step_do(f, hook);

	if (r != code || !strstr(f->e.msg, text))
		fail_msg("%s: %s: %d: '%s', not %d: '%s'", f->type->name, hook, r, f->e.msg, code, text);
}

static inline void fixture_release(const struct opt *table, void *self)
{
	for (const struct opt *o = table; o->key; o++) {
		void *at = (char *)self + o->offset;

		if (o->type == OPT_STR || o->type == OPT_UUID) {
			free(*(char **)at);
		} else if (o->type == OPT_LIST) {
			strv_free(at);
		} else if (o->type == OPT_DEVICE) {
			free(((struct opt_device *)at)->name);
			free(((struct opt_device *)at)->path);
		} else if (o->type == OPT_PATH) {
			free(((struct opt_path *)at)->path);
			free(((struct opt_path *)at)->real);
		} else if (o->type == OPT_DEVICES) {
			struct opt_devices *l = at;

			for (size_t i = 0; i < l->n; i++) {
				free(l->v[i].name);
				free(l->v[i].path);
			}
			free(l->v);
		} else if (o->type == OPT_ROWS) {
			struct opt_rows *l = at;

			for (size_t i = 0; i < l->n; i++)
				fixture_release(o->sub, (char *)l->v + i * o->sub_size);
			free(l->v);
		}
	}
}

static inline void step_end(struct fixture *f)
{
	fixture_release(f->type->opts, f->self);
	free(f->self);
	step_io_free(f->io);
}

#endif

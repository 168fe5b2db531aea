/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step without a runner, for tests: steprun TYPE DIR [-v] KEY=VALUE...
 * DIR becomes the step's folder. A value "a|b" is a list, "[k:v k:v|...]" rows. -v: only verify. Prints notes; exit code 0 when verify holds.
 */
#include <stdio.h>

#include "fs.h"
#include "step.h"

static struct opt_val *kid(struct opt_val *map, enum opt_kind kind, const char *key, const char *text)
{
	map->kids = xrealloc(map->kids, (map->n_kids + 1) * sizeof(*map->kids));
	map->kids[map->n_kids] = (struct opt_val){ .kind = kind, .key = key ? xstrdup(key) : NULL, .text = text ? xstrdup(text) : NULL };
	return &map->kids[map->n_kids++];
}

static void rows(struct opt_val *v, char *text)
{
	CLEANUP(strv_free) struct strv each = STRV_INIT;

	text[strlen(text) - 1] = 0;
	strv_split(&each, text + 1, "|");
	for (size_t i = 0; i < each.n; i++) {
		CLEANUP(strv_free) struct strv pairs = STRV_INIT;
		struct opt_val *row = kid(v, OPT_MAP, NULL, NULL);

		strv_split(&pairs, each.v[i], " ");
		for (size_t k = 0; k < pairs.n; k++) {
			char *colon = strchr(pairs.v[k], ':');

			*colon = 0;
			kid(row, OPT_SCALAR, pairs.v[k], colon + 1);
		}
	}
}

static void add(struct opt_val *map, char *arg)
{
	char *eq = strchr(arg, '=');

	*eq = 0;
	if (eq[1] == '[') {
		rows(kid(map, OPT_SEQ, arg, NULL), eq + 1);
	} else if (strchr(eq + 1, '|')) {
		CLEANUP(strv_free) struct strv each = STRV_INIT;
		struct opt_val *list = kid(map, OPT_SEQ, arg, NULL);

		strv_split(&each, eq + 1, "|");
		for (size_t i = 0; i < each.n; i++)
			kid(list, OPT_SCALAR, NULL, each.v[i]);
	} else {
		kid(map, OPT_SCALAR, arg, eq + 1);
	}
}

static int say(const struct err *e, const char *where)
{
	printf("%s: %s\n", where, e->msg);
	return 1;
}

/* What the runner does to paths and devices: here a path is itself, "${NODE}" is the node. */
static int resolve(const struct opt *row, struct opt_device *dev, struct opt_path *path, void *arg)
{
	(void)row;
	(void)arg;
	if (dev && dev->name)
		dev->path = xasprintf("/dev/%s", dev->name);
	if (path && path->path && !path->device && !path->real)
		path->real = xstrdup(path->path);
	return 0;
}

int main(int argc, char **argv)
{
	const struct step_type *t = argc > 2 ? step_type_find(argv[1]) : NULL;
	bool verify_only = argc > 3 && str_eq(argv[3], "-v");
	struct opt_val map = { .kind = OPT_MAP };
	struct err e = ERR_INIT;
	struct step_io *io;
	void *self;
	int r;

	if (!t)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = verify_only ? 4 : 3; i < argc; i++)
		add(&map, argv[i]);
	self = xcalloc(1, t->size);
	if (opt_apply(t->opts, self, &map, "steprun", t->name, &e) < 0)
		return say(&e, "options");
	opt_each_ref(t->opts, self, resolve, NULL);
	io = step_io_new_test(argv[2]);
	if (!verify_only) {
		if (t->decide && t->decide(self, io, &e) < 0)
			return say(&e, "decide");
		r = t->preflight ? t->preflight(self, io, &e) : 0;
		if (r)
			return r < 0 ? say(&e, "preflight") : (puts("preflight: later"), 3);
		if (t->run(self, io, &e) < 0)
			return say(&e, "run");
	}
	r = t->verify ? t->verify(self, io, &e) : 1;
	if (r <= 0)
		return say(&e, "verify");
	puts("holds");
	return 0;
}

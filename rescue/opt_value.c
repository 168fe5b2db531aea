/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One value: text -> field, by the row's type. One small function a type, found through a table. */
#include "opt_impl.h"

#include <ctype.h>
#include <strings.h>

typedef int set_fn(const struct opt *row, void *field, const char *text, struct err *e);

static int in_range(const struct opt *row, uint64_t v, const char *text, const char *what, struct err *e)
{
	if (row->min == 0 && row->max == 0)
		return 0;
	if (v < row->min)
		return err_set(e, -EINVAL, "%s%s is less than the least allowed, %llu", text, what, (unsigned long long)row->min);
	if (row->max && v > row->max)
		return err_set(e, -EINVAL, "%s%s is more than the most allowed, %llu", text, what, (unsigned long long)row->max);
	return 0;
}

static int set_str(const struct opt *row, void *field, const char *text, struct err *e)
{
	size_t n = strlen(text);

	if (n < row->min)
		return err_set(e, -EINVAL, "'%s' is too short, at least %llu bytes", text, (unsigned long long)row->min);
	if (row->max && n > row->max)
		return err_set(e, -EINVAL, "'%s' is %zu bytes long, at most %llu fit", text, n, (unsigned long long)row->max);
	*(char **)field = xstrdup(text);
	return 0;
}

static int set_bool(const struct opt *row UNUSED, void *field, const char *text, struct err *e)
{
	static const char *const words[2][3] = { { "no", "false", "off" }, { "yes", "true", "on" } };

	for (int v = 0; v < 2; v++)
		for (size_t i = 0; i < 3; i++)
			if (strcasecmp(text, words[v][i]) == 0) {
				*(bool *)field = v;
				return 0;
			}
	return err_set(e, -EINVAL, "'%s' is neither yes nor no", text);
}

static int set_number(const struct opt *row, void *field, const char *text, int (*parse)(const char *, uint64_t *), const char *sample,
		      struct err *e)
{
	uint64_t v;
	int r = parse(text, &v);

	if (r == -ERANGE)
		return err_set(e, -EINVAL, "%s is too large for a 64-bit number", text);
	if (r < 0)
		return err_set(e, -EINVAL, "'%s' is not %s", text, sample);
	r = in_range(row, v, text, "", e);
	if (r == 0)
		*(uint64_t *)field = v;
	return r;
}

static int set_u64(const struct opt *row, void *field, const char *text, struct err *e)
{
	return set_number(row, field, text, str_to_u64, "a whole number", e);
}

static int set_size(const struct opt *row, void *field, const char *text, struct err *e)
{
	return set_number(row, field, text, str_to_size, "a size in bytes, write for example 512M or 10G", e);
}

static int set_seconds(const struct opt *row, void *field, const char *text, struct err *e)
{
	return set_number(row, field, text, str_to_seconds, "a time, write for example 90, 5m or 2h", e);
}

static int set_enum(const struct opt *row, void *field, const char *text, struct err *e)
{
	CLEANUP(strv_free) struct strv words = STRV_INIT;
	const char *near;

	strv_split(&words, row->choices, " ");
	for (size_t i = 0; i < words.n; i++)
		if (str_eq(words.v[i], text)) {
			*(int *)field = (int)i;
			return 0;
		}
	near = str_nearest(text, (const char *const *)words.v);
	if (near)
		return err_set(e, -EINVAL, "'%s' is not one of: %s; did you mean '%s'?", text, row->choices, near);
	return err_set(e, -EINVAL, "'%s' is not one of: %s", text, row->choices);
}

/* "${name}" at the start of text: its length, 0 when there is none. */
static size_t device_ref(const char *text)
{
	size_t n;

	if (!str_starts(text, "${"))
		return 0;
	n = strspn(text + 2, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	return n && text[2 + n] == '}' ? n + 3 : 0;
}

static int set_device(const struct opt *row UNUSED, void *field, const char *text, struct err *e)
{
	struct opt_device *d = field;
	size_t n = device_ref(text);

	if (n == 0 || text[n])
		return err_set(e, -EINVAL, "'%s' is not a device of this plan, write \"${name}\" with a name from 'devices'", text);
	d->name = xstrndup(text + 2, n - 3);
	return 0;
}

static bool has_dot_dot(const char *path)
{
	CLEANUP(strv_free) struct strv parts = STRV_INIT;

	strv_split(&parts, path, "/");
	return strv_has(&parts, "..");
}

static int set_path(const struct opt *row, void *field, const char *text, struct err *e)
{
	struct opt_path *p = field;
	size_t n = device_ref(text);
	const char *path = text + n;

	if (str_eq(text, "-") && row->flags & OPT_STDIN) {
		p->path = xstrdup("-");
		return 0;
	}
	if (n && !*path && !(row->flags & OPT_BARE_DEVICE))
		return err_set(e, -EINVAL, "'%s' is a whole device where a path is needed, write \"%s:/path\"", text, text);
	if (n && *path && !str_starts(path, ":/"))
		return err_set(e, -EINVAL, "'%s': a path inside a device is written \"${name}:/path\"", text);
	path += n && *path;
	if (!n && *path != '/')
		return err_set(e, -EINVAL, "'%s' is not an absolute path", text);
	if (has_dot_dot(path))
		return err_set(e, -EINVAL, "'%s' contains '..', write the path without it", text);
	p->device = n ? xstrndup(text + 2, n - 3) : NULL;
	p->path = *path ? xstrdup(path) : NULL;
	return 0;
}

static bool matches(const char *text, const char *shape)
{
	for (; *shape; shape++, text++)
		if (*shape == 'x' ? !isxdigit((unsigned char)*text) : *text != *shape)
			return false;
	return *text == '\0';
}

static int set_uuid(const struct opt *row UNUSED, void *field, const char *text, struct err *e)
{
	bool vfat = matches(text, "xxxx-xxxx");
	char *s;

	if (!vfat && !matches(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"))
		return err_set(e, -EINVAL, "'%s' is not a UUID", text);
	*(char **)field = s = xstrdup(text);
	for (; *s; s++)
		*s = (char)(vfat ? toupper((unsigned char)*s) : tolower((unsigned char)*s));
	return 0;
}

static set_fn *const setters[OPT_TYPE_MAX] = {
	[OPT_STR] = set_str, [OPT_BOOL] = set_bool, [OPT_U64] = set_u64, [OPT_SIZE] = set_size, [OPT_SECONDS] = set_seconds,
	[OPT_ENUM] = set_enum, [OPT_DEVICE] = set_device, [OPT_PATH] = set_path, [OPT_UUID] = set_uuid,
};

size_t opt_type_size(enum opt_type t)
{
	static const size_t sizes[OPT_TYPE_MAX] = {
		[OPT_STR] = sizeof(char *), [OPT_BOOL] = sizeof(bool), [OPT_U64] = sizeof(uint64_t), [OPT_SIZE] = sizeof(uint64_t),
		[OPT_SECONDS] = sizeof(uint64_t), [OPT_ENUM] = sizeof(int), [OPT_LIST] = sizeof(struct strv),
		[OPT_DEVICE] = sizeof(struct opt_device), [OPT_DEVICES] = sizeof(struct opt_devices), [OPT_PATH] = sizeof(struct opt_path),
		[OPT_UUID] = sizeof(char *), [OPT_ROWS] = sizeof(struct opt_rows),
	};

	return sizes[t];
}

static int set_element(const struct opt *row, void *field, const char *text, struct err *e)
{
	struct opt_devices *d = field;

	if (row->type == OPT_LIST) {
		strv_add(field, text);
		return 0;
	}
	d->v = xrealloc(d->v, (d->n + 1) * sizeof(*d->v));
	d->v[d->n] = (struct opt_device){ 0 };
	return set_device(row, &d->v[d->n++], text, e);
}

/* A list of scalars, or one scalar for a list of one. */
static int set_list(const struct opt *row, void *field, const struct opt_val *v, struct err *e)
{
	if (v->kind == OPT_MAP)
		return err_set(e, -EINVAL, "a map stands where a list is needed");
	if (v->kind == OPT_SCALAR)
		return set_element(row, field, v->text, e);
	if (v->n_kids == 0 && row->flags & OPT_NOT_EMPTY)
		return err_set(e, -EINVAL, "the list is empty, at least one is needed");
	for (size_t i = 0; i < v->n_kids; i++) {
		int r;

		if (v->kids[i].kind != OPT_SCALAR)
			return err_set(e, -EINVAL, "element %zu is not a single value", i + 1);
		r = v->kids[i].pending ? 0 : set_element(row, field, v->kids[i].text, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int opt_value_set(const struct opt *row, void *field, const struct opt_val *v, struct err *e)
{
	if (v->pending)
		return 0;
	if (row->type == OPT_LIST || row->type == OPT_DEVICES)
		return set_list(row, field, v, e);
	if (v->kind != OPT_SCALAR)
		return err_set(e, -EINVAL, "a %s stands where one value is needed", v->kind == OPT_MAP ? "map" : "list");
	return setters[row->type](row, field, v->text, e);
}

static void free_device(struct opt_device *d)
{
	free(d->name);
	free(d->path);
}

static void free_path(struct opt_path *p)
{
	free(p->device);
	free(p->path);
	free(p->real);
}

void opt_value_free(const struct opt *row, void *field)
{
	struct opt_devices *many = field;

	switch (row->type) {
	case OPT_STR:
	case OPT_UUID:
		free(*(char **)field);
		break;
	case OPT_LIST:
		strv_free(field);
		break;
	case OPT_DEVICE:
		free_device(field);
		break;
	case OPT_DEVICES:
		for (size_t i = 0; i < many->n; i++)
			free_device(&many->v[i]);
		free(many->v);
		break;
	case OPT_PATH:
		free_path(field);
		break;
	default:
		break;
	}
	memset(field, 0, opt_type_size(row->type));
}

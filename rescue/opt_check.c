/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table checks itself, and the words that help and manual use. */
#include <ctype.h>

#include "opt_impl.h"

static const char *const access_names[ACCESS_MAX] = {
	[ACCESS_NONE] = "none", [ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_ERASE] = "erase",
};

const char *access_name(enum access a)
{
	return access_names[a];
}

int access_parse(const char *word, enum access *ret)
{
	for (int a = ACCESS_READ; a < ACCESS_MAX; a++)
		if (str_eq(word, access_names[a])) {
			*ret = (enum access)a;
			return 0;
		}
	return -EINVAL;
}

const char *opt_choice(const char *choices, int i, char *buf, size_t n)
{
	for (; *choices; choices += strspn(choices, " ")) {
		size_t len = strcspn(choices, " ");

		if (i-- == 0) {
			snprintf(buf, n, "%.*s", (int)len, choices);
			return buf;
		}
		choices += len;
	}
	return NULL;
}

const char *opt_type_name(enum opt_type t)
{
	static const char *const names[OPT_TYPE_MAX] = {
		[OPT_STR] = "text", [OPT_BOOL] = "yes or no", [OPT_U64] = "number", [OPT_SIZE] = "size", [OPT_SECONDS] = "time",
		[OPT_ENUM] = "word", [OPT_LIST] = "list", [OPT_DEVICE] = "device", [OPT_DEVICES] = "list of devices", [OPT_PATH] = "path",
		[OPT_UUID] = "UUID", [OPT_ROWS] = "list of maps",
	};

	return names[t];
}

static int check_key(const struct opt *table, const struct opt *row, struct err *e)
{
	for (const char *p = row->key; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
			return err_set(e, -EINVAL, "%s: a key has lower case letters, digits and '-'", row->key);
	for (const struct opt *other = table; other != row; other++)
		if (str_eq(other->key, row->key))
			return err_set(e, -EINVAL, "%s: the key is there twice", row->key);
	return 0;
}

static int check_help(const struct opt *row, struct err *e)
{
	size_t n = row->help ? strlen(row->help) : 0;

	if (n < 4 || islower((unsigned char)row->help[0]) || row->help[n - 1] != '.')
		return err_set(e, -EINVAL, "%s: help is not a sentence", row->key);
	return 0;
}

static int check_field(const struct opt *row, size_t size, struct err *e)
{
	if (row->type < 0 || row->type >= OPT_TYPE_MAX || row->field_size != opt_type_size(row->type))
		return err_set(e, -EINVAL, "%s: the field has %zu bytes, its type another size", row->key, row->field_size);
	if (row->offset + row->field_size > size)
		return err_set(e, -EINVAL, "%s: the field lies outside of the struct", row->key);
	return 0;
}

static int check_default(const struct opt *row, struct err *e)
{
	struct opt_val v = { .kind = OPT_SCALAR, .text = (char *)(uintptr_t)row->def };
	union { char *s; uint64_t n; struct strv l; struct opt_path p; struct opt_devices d; } field = { 0 };
	int r;

	if (!row->def)
		return 0;
	if (row->flags & OPT_REQUIRED || row->type == OPT_ROWS)
		return err_set(e, -EINVAL, "%s: has no use for a default", row->key);
	r = opt_value_set(row, &field, &v, e);
	opt_value_free(row, &field);
	return r < 0 ? err_wrap(e, r, "%s: default", row->key) : 0;
}

static int check_words(const struct opt *table, const struct opt *row, struct err *e)
{
	CLEANUP(strv_free) struct strv others = STRV_INIT;

	if ((row->type == OPT_ENUM) != (row->choices != NULL))
		return err_set(e, -EINVAL, "%s: choices belong to words, and words need choices", row->key);
	strv_split(&others, row->excl ? row->excl : "", " ");
	for (size_t i = 0; i < others.n; i++) {
		const struct opt *r = table;

		while (r->key && !str_eq(r->key, others.v[i]))
			r++;
		if (!r->key)
			return err_set(e, -EINVAL, "%s: excludes '%s', which is not in the table", row->key, others.v[i]);
	}
	return 0;
}

static int check_sub(const struct opt *row, struct err *e)
{
	int r;

	if ((row->type == OPT_ROWS) != (row->sub != NULL))
		return err_set(e, -EINVAL, "%s: a list of maps and a table of rows belong together", row->key);
	r = row->sub ? opt_table_check(row->sub, row->sub_size, e) : 0;
	return r < 0 ? err_wrap(e, r, "%s", row->key) : 0;
}

int opt_table_check(const struct opt *table, size_t size, struct err *e)
{
	int r = 0;

	for (const struct opt *row = table; r == 0 && row->key; row++) {
		r = check_key(table, row, e);
		r = r < 0 ? r : check_help(row, e);
		r = r < 0 ? r : check_field(row, size, e);
		r = r < 0 ? r : check_words(table, row, e);
		r = r < 0 ? r : check_default(row, e);
		r = r < 0 ? r : check_sub(row, e);
		if (r == 0 && row->max && row->min > row->max)
			r = err_set(e, -EINVAL, "%s: min is above max", row->key);
	}
	return r;
}

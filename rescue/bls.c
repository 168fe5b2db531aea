/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bls.h"

#include <dirent.h>

#include "fs.h"

void bls_free(struct bls *b)
{
	free(b->id);
	free(b->title);
	free(b->version);
	free(b->sort_key);
	free(b->machine_id);
	free(b->linux_);
	free(b->efi);
	free(b->options);
	strv_free(&b->initrd);
	*b = (struct bls){ 0 };
}

void bls_list_free(struct bls *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bls_free(&v[i]);
	free(v);
}

static void set(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

static void key(struct bls *b, const char *k, char *v)
{
	if (str_eq(k, "title"))
		set(&b->title, v);
	else if (str_eq(k, "version"))
		set(&b->version, v);
	else if (str_eq(k, "sort-key"))
		set(&b->sort_key, v);
	else if (str_eq(k, "machine-id"))
		set(&b->machine_id, v);
	else if (str_eq(k, "linux"))
		set(&b->linux_, v);
	else if (str_eq(k, "efi") || str_eq(k, "uki"))
		set(&b->efi, v);
	else if (str_eq(k, "initrd"))
		strv_split(&b->initrd, v, " \t");
	else if (str_eq(k, "options")) {
		char *joined = b->options ? xasprintf("%s %s", b->options, v) : xstrdup(v);

		free(b->options);
		b->options = joined;
	}
}

/* "name+3-1.conf": three tries left; "+0" means that it was given up. */
static void take_name(struct bls *b, const char *name)
{
	char *id = xstrdup(name), *plus;

	if (str_ends(id, ".conf"))
		id[strlen(id) - 5] = 0;
	plus = strrchr(id, '+');
	if (plus && strspn(plus + 1, "0123456789-") == strlen(plus + 1) && plus[1]) {
		b->bad = strtoul(plus + 1, NULL, 10) == 0;
		*plus = 0;
	}
	b->id = id;
}

void bls_parse(const char *name, const char *text, size_t n, struct bls *ret)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	AUTO_FREE char *copy = xstrndup(text, n);

	*ret = (struct bls){ .initrd = STRV_INIT };
	take_name(ret, name);
	strv_split(&lines, copy, "\r\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *k = str_trim(lines.v[i]), *v = k + strcspn(k, " \t");

		if (*k == '#' || !*v)
			continue;
		*v++ = 0;
		key(ret, k, str_trim(v));
	}
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* Newer first. */
static int newer(const char *a, const char *b)
{
	return -strverscmp(or_empty(a), or_empty(b));
}

int bls_compare(const struct bls *a, const struct bls *b)
{
	int r;

	if (a->bad != b->bad)
		return a->bad - b->bad;
	if ((a->sort_key != NULL) != (b->sort_key != NULL))
		return a->sort_key ? -1 : 1;
	if (a->sort_key) {
		r = strcmp(a->sort_key, b->sort_key);
		if (!r)
			r = strcmp(or_empty(a->machine_id), or_empty(b->machine_id));
		if (!r)
			r = newer(a->version, b->version);
		if (r)
			return r;
	}
	return newer(a->id, b->id);
}

static int cmp(const void *a, const void *b)
{
	return bls_compare(a, b);
}

static int cmp_grub(const void *a, const void *b)
{
	return newer(((const struct bls *)a)->id, ((const struct bls *)b)->id);
}

int bls_read(const char *dir, bool grub, struct bls **ret, size_t *ret_n, struct err *e)
{
	DIR *d = opendir(dir);
	struct bls *v = NULL;
	size_t n = 0;

	if (!d)
		return err_errno(e, "'%s'", dir);
	for (struct dirent *de; (de = readdir(d));) {
		AUTO_FREE char *path = fs_join(dir, de->d_name), *text = NULL;
		size_t len;

		if (!str_ends(de->d_name, ".conf") || fs_read(path, MIB, &text, &len, NULL) < 0)
			continue;
		v = xrealloc(v, (n + 1) * sizeof(*v));
		bls_parse(de->d_name, text, len, &v[n++]);
	}
	closedir(d);
	if (n)
		qsort(v, n, sizeof(*v), grub ? cmp_grub : cmp);
	*ret = v;
	*ret_n = n;
	return 0;
}

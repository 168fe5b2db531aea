/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manifest_set.h"

#include <errno.h>

#include "hash.h"

#define FIELDS 12               /* TYPE MODE UID GID SIZE MTIME HASH XATTRS FLAGS HOLES LINK PATH */
#define COMPARED 6              /* of these the first, and the path */

struct manifest_set {
	uint64_t *v;
	size_t n, cap;
};

static uint64_t digest(const char *const f[FIELDS], const size_t len[FIELDS])
{
	struct hash *h = hash_new(HASH_XXH3_64);
	uint8_t out[HASH_MAX];
	uint64_t r;

	for (int i = 0; i < COMPARED; i++)
		hash_add(h, f[i], len[i] + 1);          /* with the space after it */
	hash_add(h, f[FIELDS - 1], len[FIELDS - 1]);
	hash_end(h, out);
	hash_free(h);
	memcpy(&r, out, sizeof(r));
	return r;
}

/* 1 and the key, 2 for a "partial" one, -EINVAL. A space stands after each field but the last. */
static int key_of(const char *line, size_t n, uint64_t *ret)
{
	const char *f[FIELDS], *end = line + n;
	size_t len[FIELDS], word = 0;
	int kind = 1;

	for (size_t i = 0; i < FIELDS; i++) {
		const char *space = memchr(line, ' ', (size_t)(end - line));

		f[i] = line;
		len[i] = (size_t)((space ? space : end) - line);
		if (!len[i] || (!space && i < FIELDS - 1))
			return -EINVAL;
		line = space ? space + 1 : end;
		if (i == 0 && len[0] > 1) {             /* extract's word */
			if (word++)
				return -EINVAL;
			if (len[0] == 7 && memcmp(f[0], "partial", 7) == 0)
				kind = 2;
			i--;
		}
	}
	if (f[FIELDS - 1][0] != '/')
		return -EINVAL;
	*ret = digest(f, len);
	return kind;
}

static void add(struct manifest_set *s, uint64_t key)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap + s->cap / 2 : 1024;
		s->v = xrealloc(s->v, s->cap * sizeof(*s->v));
	}
	s->v[s->n++] = key;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int manifest_set_parse(struct manifest_set **ret, FILE *in, const char *name, bool partial, struct err *e)
{
	struct manifest_set *s = xcalloc(1, sizeof(*s));
	AUTO_FREE char *line = NULL;
	size_t cap = 0, no = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, in)) > 0) {
		uint64_t key;
		int r = key_of(line, (size_t)n - (line[n - 1] == '\n'), &key);

		no++;
		if (r < 0) {
			manifest_set_free(s);
			return err_set(e, -EBADMSG, "'%s': line %zu is not a manifest's", name, no);
		}
		if (r == 1 || partial)
			add(s, key);
	}
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_value);
	*ret = s;
	return 0;
}

int manifest_set_read(struct manifest_set **ret, const char *path, bool partial, struct err *e)
{
	AUTO_FCLOSE FILE *in = fopen(path, "re");

	return in ? manifest_set_parse(ret, in, path, partial, e) : err_errno(e, "open '%s'", path);
}

bool manifest_set_has(const struct manifest_set *s, const struct manifest_line *l)
{
	CLEANUP(str_free) struct str line = STR_INIT;
	uint64_t key = 0;

	manifest_add(&line, l);
	return s->n && key_of(line.s, line.len - 1, &key) == 1 && bsearch(&key, s->v, s->n, sizeof(*s->v), by_value);
}

size_t manifest_set_count(const struct manifest_set *s)
{
	return s->n;
}

void manifest_set_free(struct manifest_set *s)
{
	if (s)
		free(s->v);
	free(s);
}

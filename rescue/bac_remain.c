/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_remain.h"

#include <ctype.h>
#include <sys/stat.h>

#define NAMES_A_COMMAND 20              /* the Director takes no more than about 30 words and is silent about the rest */
#define DEAREST 50000000                /* names x entries of the folder: the Director compares each with each */
#define NONE SIZE_MAX

struct entry {
	char *path;                     /* without the slash of a folder */
	bool dir, marked, whole;
	size_t parent, child, next;     /* indexes, or NONE; child and next make a list */
	size_t n_children;
};

struct tree {
	struct entry *v;
	size_t n;
	const char *where;
	int64_t mark;
};

/* ---- the listing ---- */

/* A folder and what is in it stand together when '/' sorts before everything else. */
static int by_path(const void *a, const void *b)
{
	const unsigned char *x = (const unsigned char *)((const struct entry *)a)->path;
	const unsigned char *y = (const unsigned char *)((const struct entry *)b)->path;

	for (; *x && *x == *y; x++, y++)
		;
	return (*x == '/' ? 1 : *x) - (*y == '/' ? 1 : *y);
}

/* "*|/a/b/|": marked; a folder. Lines that begin otherwise are the rest of a name with a line break. */
static bool parse_line(char *line, struct entry *ret)
{
	size_t n;

	*ret = (struct entry){ .marked = *line == '*', .parent = NONE, .child = NONE, .next = NONE };
	ret->path = line + ret->marked;
	n = strlen(ret->path);
	if (*ret->path != '/')
		return false;
	ret->dir = ret->path[n - 1] == '/';
	if (ret->dir)
		ret->path[n - 1] = '\0';
	return true;
}

static void add(struct tree *t, const struct entry *x)
{
	if ((t->n & (t->n - 1)) == 0)
		t->v = xrealloc(t->v, (t->n ? 2 * t->n : 1) * sizeof(*t->v));
	t->v[t->n++] = *x;
}

/* How many are marked. The root is always there, for what is in it. */
static uint64_t parse_tree(char *text, struct tree *t)
{
	static char nothing[1];
	uint64_t marked = 0;

	add(t, &(struct entry){ .path = nothing, .dir = true, .parent = NONE, .child = NONE, .next = NONE });
	for (char *line = text, *end; *line; line = end) {
		struct entry x;

		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		if (!parse_line(line, &x))
			continue;
		marked += x.marked;
		if (*x.path)
			add(t, &x);
	}
	return marked;
}

static bool below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* The same line twice is the beginning of a name with a line break. */
static void sort_tree(struct tree *t)
{
	size_t n = 0;

	qsort(t->v, t->n, sizeof(*t->v), by_path);
	for (size_t i = 0; i < t->n; i++)
		if (!n || !str_eq(t->v[n - 1].path, t->v[i].path))
			t->v[n++] = t->v[i];
	t->n = n;
}

static void join_tree(struct tree *t)
{
	size_t open = NONE;

	for (size_t i = 0; i < t->n; i++) {
		struct entry *x = &t->v[i];

		while (open != NONE && !below(x->path, t->v[open].path))
			open = t->v[open].parent;
		x->parent = open;
		if (open != NONE) {
			x->next = t->v[open].child;
			t->v[open].child = i;
			t->v[open].n_children++;
		}
		if (x->dir)
			open = i;
	}
}

/* ---- what is whole ---- */

static int64_t ms(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

/* A file that is being written has the time of its last write; its own is set at the end. */
static bool is_whole(const struct tree *t, const struct entry *x)
{
	AUTO_FREE char *path = xasprintf("%s%s", t->where, x->path);
	struct stat st;
	int64_t since;

	if (lstat(path, &st) < 0 || S_ISDIR(st.st_mode) != x->dir || ms(&st.st_ctim) >= t->mark - 100)
		return false;
	since = ms(&st.st_ctim) - ms(&st.st_mtim);
	return x->dir || since > 2000 || since < -2000;
}

/* The folder of a name with control characters: nobody knows what is in it. The folder's own name has none. */
static bool spoil(struct tree *t, char *odd)
{
	for (char *line = strtok(odd, "\n"); line; line = strtok(NULL, "\n")) {
		struct entry key, *hit;
		char *slash;

		if (!parse_line(line, &key))
			continue;
		slash = strrchr(key.path, '/');
		*slash = '\0';         /* the path of "/a" is in "" */
		hit = bsearch(&key, t->v, t->n, sizeof(*t->v), by_path);
		if (!hit)
			return false;
		hit->whole = false;
	}
	return true;
}

static void find_whole(struct tree *t)
{
	for (size_t i = t->n; i-- > 0;) {
		struct entry *x = &t->v[i];

		if (!x->whole && x->parent != NONE)
			t->v[x->parent].whole = false;
	}
}

/* ---- commands ---- */

/* Goes through the Director's words and patterns unchanged. */
static bool plain(const char *name)
{
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127 || strchr("\"\\*?[]=", *p))
			return false;
	return *name && *name != ' ' && name[strlen(name) - 1] != ' ';
}

static uint64_t marked_in(const struct tree *t, size_t i)
{
	uint64_t n = t->v[i].marked;

	for (size_t k = i + 1; k < t->n && t->v[i].dir && below(t->v[k].path, t->v[i].path); k++)
		n += t->v[k].marked;
	return n;
}

static void unmark_in(const struct tree *t, size_t i, struct bac_remain *r)
{
	size_t begun = 0, todo = 0;

	for (size_t k = t->v[i].child; k != NONE; k = t->v[k].next)
		todo += t->v[k].whole;
	if (!todo || todo * t->v[i].n_children > DEAREST || (i && !plain(t->v[i].path)))
		return;
	str_addf(&r->commands, "cd \"%s\"\n", i ? t->v[i].path : "/");
	for (size_t k = t->v[i].child; k != NONE; k = t->v[k].next) {
		const char *name = strrchr(t->v[k].path, '/') + 1;

		if (!t->v[k].whole || !plain(name))
			continue;
		str_addf(&r->commands, "%s \"%s\"", begun % NAMES_A_COMMAND ? "" : begun ? "\nunmark" : "unmark", name);
		begun++;
		r->out += marked_in(t, k);
	}
	str_add(&r->commands, "\n");
}

/* A job of nothing is refused: one entry is sent once more. */
static void keep_one(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].marked && !t->v[i].whole)
			return;
	for (size_t i = t->n; i-- > 0;)
		if (t->v[i].marked) {
			t->v[i].whole = false;
			return;
		}
}

/* ---- the console's text ---- */

/* What stands between the echo of one command and that of the next. */
static char *section(const char *text, const char *command, const char *next)
{
	AUTO_FREE char *from = xasprintf("$ %s\n", command), *to = xasprintf("\n$ %s", next);
	const char *a = strstr(text, from), *b;

	if (!a)
		return NULL;
	a += strlen(from);
	b = strstr(a - 1, to);
	return b ? xasprintf("%.*s", b < a ? 0 : (int)(b - a), a) : NULL;
}

/* "42 total files/dirs. 1,042 marked to be restored." */
static uint64_t count_marked(const char *text)
{
	const char *p = strstr(text, " total files/dirs. ");
	uint64_t n = 0;

	for (p = p ? p + strlen(" total files/dirs. ") : ""; isdigit((unsigned char)*p) || *p == ','; p++)
		n = *p == ',' ? n : 10 * n + (uint64_t)(*p - '0');
	return n;
}

void bac_remain(const char *text, const char *where, int64_t mark, struct bac_remain *ret)
{
	AUTO_FREE char *odd = section(text, BAC_REMAIN_ODD, BAC_REMAIN_ALL), *all = section(text, BAC_REMAIN_ALL, "quit");
	struct tree t = { .where = where, .mark = mark };
	uint64_t marked = count_marked(text);

	*ret = (struct bac_remain){ 0 };
	if (odd && all && marked && parse_tree(all, &t) == marked) {
		sort_tree(&t);
		join_tree(&t);
		for (size_t i = 0; i < t.n; i++)
			t.v[i].whole = is_whole(&t, &t.v[i]);
		keep_one(&t);
		if (spoil(&t, odd)) {
			find_whole(&t);
			for (size_t i = 0; i < t.n; i++)
				if (t.v[i].dir && !t.v[i].whole)
					unmark_in(&t, i, ret);
		}
	}
	ret->left = marked - ret->out;
	free(t.v);
}

void bac_remain_free(struct bac_remain *r)
{
	str_free(&r->commands);
}

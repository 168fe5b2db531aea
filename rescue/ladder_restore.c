/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * btrfs restore, driven without a person. It says "copying data for PATH failed" and leaves a short file, so its messages are read: such a
 * file is fetched again from the other superblocks and from older roots, beside the short one, and takes its place only when it is whole.
 */
#include "ladder.h"

#include <sys/stat.h>

#include "child.h"
#include "fs.h"

#define HOUR 3600ULL
#define MAX_ROOTS 16
#define REDO ".rescue-redo"

/* A way into the trees. */
struct way {
	const char *option, *value;     /* -t BYTENR, -u NUMBER, or NULL */
	char name[48];
};

struct restore {
	const char *device, *to;
	struct way ways[3 + MAX_ROOTS];
	size_t n;
	struct strv roots;
};

/* "Well block 30474240(gen: 7 level: 0) seems good, ..." and "Found tree root at 30474240 gen 7 level 0": numbers, newest first. */
static void find_roots(struct restore *x)
{
	const char *argv[] = { "btrfs-find-root", x->device, NULL };
	struct str out = STR_INIT;
	struct child c = { .argv = argv, .out = &out, .timeout_s = 2 * HOUR };
	char *save = NULL;

	(void)child_run(&c, NULL);
	for (char *line = out.s ? strtok_r(out.s, "\n", &save) : NULL; line && x->roots.n < MAX_ROOTS; line = strtok_r(NULL, "\n", &save)) {
		char *at = strstr(line, "Well block ");
		unsigned long long n;

		if ((at && sscanf(at, "Well block %llu", &n) == 1) || sscanf(line, "Found tree root at %llu", &n) == 1)
			strv_addf(&x->roots, "%llu", n);
	}
	str_free(&out);
	for (size_t i = 0; i < x->roots.n; i++) {
		struct way *w = &x->ways[x->n++];

		w->option = "-t";
		w->value = x->roots.v[i];
		snprintf(w->name, sizeof(w->name), "tree root %s", w->value);
	}
}

/* What it says to both of its outputs; it asks nothing, because nobody can answer (T70). Its exit code says little. */
static void call(const struct restore *x, const struct way *w, const char *regex, const char *to, struct str *said)
{
	const char *argv[20] = { "sh", "-c", "exec \"$@\" 2>&1", "sh", "btrfs", "restore", "-s", "-x", "-m", "-S", "-i", "-o", NULL };
	struct child c = { .argv = argv, .out = said, .out_max = 64 * MIB, .timeout_s = 24 * HOUR };
	size_t n = 12;

	if (w->option) {
		argv[n++] = w->option;
		argv[n++] = w->value;
	}
	if (regex) {
		argv[n++] = "--path-regex";
		argv[n++] = regex;
	}
	argv[n++] = x->device;
	argv[n] = to;
	(void)child_run(&c, NULL);
	if (c.exit_code < 0)
		str_addf(said, "ERROR: copying data for %s/ failed\n", to);     /* it did not end by itself: who knows what is short */
}

/* Paths below `to` of the files that it began and did not finish. A name may hold a newline. */
static void partial_of(const char *said, const char *to, struct strv *ret)
{
	static const char before[] = "copying data for ", after[] = " failed\n";
	size_t n = strlen(to);

	for (const char *p = strstr(said, before), *end; p; p = strstr(end, before)) {
		p += strlen(before);
		end = strstr(p, after);
		if (!end)
			return;
		if (strncmp(p, to, n) == 0 && p[n] == '/') {
			AUTO_FREE char *path = xstrndup(p + n, (size_t)(end - p) - n);

			if (!strv_has(ret, path))
				strv_add(ret, path);
		}
	}
}

/* "/a/b" -> "^/(|a(|/b))$": every folder on the way must match too. */
static char *regex_of(const char *path)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	size_t depth = 1;

	str_add(&s, "^/(|");
	for (const char *p = path + 1; *p; p++) {
		if (*p == '/') {
			str_add(&s, "(|");
			depth++;
		}
		if (strchr(".[]{}()\\*+?|^$", *p))
			str_addc(&s, '\\');
		str_addc(&s, *p);
	}
	while (depth--)
		str_addc(&s, ')');
	str_addc(&s, '$');
	return str_take(&s);
}

static bool fetch_again(const struct restore *x, const struct way *w, const char *path)
{
	AUTO_FREE char *redo = fs_join(x->to, REDO), *regex = regex_of(path), *got = xasprintf("%s%s", redo, path),
		       *want = xasprintf("%s%s", x->to, path);
	CLEANUP(str_free) struct str said = STR_INIT;
	CLEANUP(strv_free) struct strv partial = STRV_INIT;
	bool whole = false;

	if (fs_mkdir_p(redo, 0700, NULL) < 0)
		return false;
	call(x, w, regex, redo, &said);
	partial_of(str_cstr(&said), redo, &partial);
	if (partial.n == 0 && fs_exists(got))
		whole = rename(got, want) == 0;
	(void)fs_remove_tree(redo, NULL);
	return whole;
}

/* From the way that was used, in case the disk only stuttered, to the oldest root. */
static void redo(struct restore *x, size_t used, const struct strv *partial, struct strv *ret_partial, struct strv *ret_older)
{
	if (partial->n && !x->roots.n)
		find_roots(x);
	for (size_t i = 0; i < partial->n; i++) {
		const char *path = partial->v[i];
		size_t k = used;

		while (k < x->n && !(path[1] && fetch_again(x, &x->ways[k], path)))
			k++;
		if (k == x->n)
			strv_add(ret_partial, path);
		else if (k > used && x->ways[k].option && x->ways[k].option[1] == 't')
			strv_add(ret_older, path);
	}
}

#define AT_ONCE 100             /* paths in one expression */

/* "^/(|a(|/b(|/.*))|...)$": a path may be a folder, with everything below. */
static char *regex_of_some(const struct strv *paths, size_t from)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_add(&s, "^/(");
	for (size_t i = from; i < paths->n && i < from + AT_ONCE; i++) {
		AUTO_FREE char *one = regex_of(paths->v[i]);
		size_t n = strlen(one), close = 0;

		for (const char *p = paths->v[i]; *p; p++)
			close += *p == '/';     /* so many are at the end, before the $ */
		str_addn(&s, one + 3, n - 4 - close);
		str_add(&s, "(|/.*)");
		str_addn(&s, one + n - 1 - close, close - 1);
	}
	str_add(&s, ")$");
	return str_take(&s);
}

void ladder_restore_some(const char *device, const struct strv *paths, const char *into, struct strv *ret_partial)
{
	struct restore x = { .device = device, .to = into, .roots = STRV_INIT };
	const struct way newest = { .option = NULL };

	for (size_t i = 0; i < paths->n; i += AT_ONCE) {
		CLEANUP(str_free) struct str said = STR_INIT;
		AUTO_FREE char *regex = strv_has(paths, "/") ? NULL : regex_of_some(paths, i);

		call(&x, &newest, regex, into, &said);
		partial_of(str_cstr(&said), into, ret_partial);
	}
}

bool ladder_has_files(const char *dir)
{
	const char *argv[] = { "find", dir, "-mindepth", "1", "-type", "f", "-print", "-quit", NULL };
	AUTO_FREE char *out = NULL;

	return child_output(argv, &out, NULL) == 0 && *out;
}

static bool try_way(struct restore *x, size_t i, struct strv *ret_partial, struct strv *ret_older, char **ret_rung)
{
	CLEANUP(str_free) struct str said = STR_INIT;
	CLEANUP(strv_free) struct strv partial = STRV_INIT;

	call(x, &x->ways[i], NULL, x->to, &said);
	if (!ladder_has_files(x->to))
		return false;
	partial_of(str_cstr(&said), x->to, &partial);
	redo(x, i, &partial, ret_partial, ret_older);
	*ret_rung = xasprintf("btrfs restore, %s", x->ways[i].name);
	return true;
}

int ladder_restore(const char *device, const char *to, struct strv *ret_partial, struct strv *ret_older, char **ret_rung)
{
	struct restore x = { .device = device, .to = to, .roots = STRV_INIT };
	static const char *const supers[] = { "0", "1", "2" };
	bool held = false;

	for (; x.n < ARRAY_SIZE(supers); x.n++) {
		x.ways[x.n] = (struct way){ .option = x.n ? "-u" : NULL, .value = supers[x.n] };
		snprintf(x.ways[x.n].name, sizeof(x.ways[x.n].name), "superblock %zu", x.n);
	}
	for (size_t i = 0; i < 3 + MAX_ROOTS && !held; i++) {
		if (i == 3 && !x.roots.n)
			find_roots(&x);
		if (i >= x.n)
			break;
		held = try_way(&x, i, ret_partial, ret_older, ret_rung);
	}
	strv_free(&x.roots);
	return held ? 0 : -ENODATA;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rootmap.h"

#include <fcntl.h>

#include "fs.h"

void rootmap_free(struct rootmap *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].at);
		free(m->v[i].real);
		free(m->v[i].fsroot);
		free(m->v[i].source);
		free(m->v[i].fstype);
	}
	free(m->v);
	*m = (struct rootmap){ 0 };
}

/* \040 and friends, in place. */
static char *unescape(char *s)
{
	char *to = s;

	for (char *p = s; *p;) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' && p[3] <= '7') {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*to++ = *p++;
		}
	}
	*to = 0;
	return s;
}

struct line {
	char *fsroot, *point, *type, *source;
};

/* "36 35 98:0 /root /point options optional... - type source super" */
static bool split(char *l, struct line *ret)
{
	char *save = NULL, *w;
	int field = 0, after = -1;

	for (w = strtok_r(l, " ", &save); w; w = strtok_r(NULL, " ", &save), field++) {
		if (field == 3)
			ret->fsroot = unescape(w);
		else if (field == 4)
			ret->point = unescape(w);
		else if (field > 5 && after < 0 && str_eq(w, "-"))
			after = field;
		else if (after > 0 && field == after + 1)
			ret->type = w;
		else if (after > 0 && field == after + 2)
			ret->source = unescape(w);
	}
	return ret->source != NULL;
}

static void add(struct rootmap *m, const struct line *l, const char *at, const char *real, const char *sub)
{
	m->v = xrealloc(m->v, (m->n + 1) * sizeof(*m->v));
	m->v[m->n++] = (struct rootmnt){ .at = xstrdup(*at ? at : "/"), .real = xstrdup(real), .source = xstrdup(l->source),
					 .fstype = xstrdup(l->type), .fsroot = *sub ? fs_join(l->fsroot, sub) : xstrdup(l->fsroot) };
}

/* Rest of `path` below `base`, "" when equal, NULL when it is not below. */
static const char *below(const char *path, const char *base)
{
	size_t n = strlen(base);

	if (str_eq(base, "/"))
		return str_eq(path, "/") ? "" : path;
	if (strncmp(path, base, n) || (path[n] && path[n] != '/'))
		return NULL;
	return path + n;
}

static void drop(struct rootmap *m, size_t i)
{
	struct rootmap one = { xmalloc(sizeof(*m->v)), 1 };

	one.v[0] = m->v[i];
	memmove(m->v + i, m->v + i + 1, (m->n - i - 1) * sizeof(*m->v));
	m->n--;
	rootmap_free(&one);
}

/* A later mount on or above a place hides what was there. */
static void hide(struct rootmap *m, const char *at)
{
	for (size_t i = m->n; i-- > 0;)
		if (below(m->v[i].at, *at ? at : "/"))
			drop(m, i);
}

static void take(struct rootmap *m, const struct line *l, const char *root, struct line *holds, size_t *ret_len)
{
	const char *at = below(l->point, root), *sub = below(root, l->point);

	if (at) {
		hide(m, at);
		add(m, l, at, l->point, "");
	} else if (sub && strlen(l->point) >= *ret_len) {
		*holds = *l;
		*ret_len = strlen(l->point);
	}
}

int rootmap_read(const char *root, const char *text, struct rootmap *ret, struct err *e)
{
	AUTO_FREE char *real = realpath(root, NULL), *buf = text ? xstrdup(text) : NULL;
	struct rootmap m = { 0 };
	struct line holds = { 0 };
	size_t len = 0;
	char *save = NULL;
	int r = 0;

	if (!real && text)
		real = xstrdup(root);
	if (!real)
		return err_errno(e, "root '%s'", root);
	if (!buf)
		r = fs_read("/proc/self/mountinfo", 16 * MIB, &buf, &len, e);
	if (r < 0)
		return r;
	len = 0;
	for (char *l = strtok_r(buf, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		struct line one = { 0 };

		if (split(l, &one))
			take(&m, &one, real, &holds, &len);
	}
	if (!rootmap_at(&m, "/") && holds.source) {
		const char *sub = below(real, holds.point);

		add(&m, &holds, "/", real, *sub ? sub + 1 : "");
	}
	*ret = m;
	return 0;
}

const struct rootmnt *rootmap_at(const struct rootmap *m, const char *at)
{
	for (size_t i = m->n; i-- > 0;)
		if (str_eq(m->v[i].at, at))
			return &m->v[i];
	return NULL;
}

const struct rootmnt *rootmap_holding(const struct rootmap *m, const char *path)
{
	const struct rootmnt *best = NULL;

	for (size_t i = 0; i < m->n; i++)
		if (below(path, m->v[i].at) && (!best || strlen(m->v[i].at) >= strlen(best->at)))
			best = &m->v[i];
	return best;
}

int rootmap_sync(const char *root, struct err *e)
{
	AUTO_FREE char *real = realpath(root, NULL);
	struct rootmap m = { 0 };
	int r = real ? rootmap_read(real, NULL, &m, e) : err_errno(e, "sync '%s'", root);

	for (size_t i = 0; i <= m.n && r == 0; i++) {
		const char *path = i < m.n ? m.v[i].real : real;
		AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

		if (fd < 0 && i < m.n)          /* under another mount, or a file of a kind that holds nothing */
			continue;
		if (fd < 0 || syncfs(fd) < 0)
			r = err_errno(e, "sync '%s'", path);
	}
	rootmap_free(&m);
	return r;
}

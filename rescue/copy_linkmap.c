/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives name the first path of a hard-linked inode: a table of those whose names have not all been seen. */
#include "copy_int.h"

#include <sys/sysmacros.h>

#include "fs.h"

struct link {
	uint64_t dev, ino;
	uint32_t left;
	char *path;
	struct link *next;
};

#define BUCKETS 65536

struct copy_linkmap {
	struct link *bucket[BUCKETS];
};

static struct link **find(struct copy_linkmap *m, uint64_t dev, uint64_t ino)
{
	struct link **l = &m->bucket[(ino * 0x9e3779b97f4a7c15ULL >> 40) % BUCKETS];

	while (*l && ((*l)->dev != dev || (*l)->ino != ino))
		l = &(*l)->next;
	return l;
}

char *copy_link_path(struct copy *c, const struct statx *st, const char *path)
{
	uint64_t dev = makedev(st->stx_dev_major, st->stx_dev_minor);
	struct link **l, *gone;
	char *first;

	if (!c->links)
		c->links = xcalloc(1, sizeof(*c->links));
	l = find(c->links, dev, st->stx_ino);
	if (!*l) {
		*l = xcalloc(1, sizeof(**l));
		**l = (struct link){ dev, st->stx_ino, st->stx_nlink - 1, xstrdup(path), NULL };
		return NULL;
	}
	if (--(*l)->left > 0)
		return xstrdup((*l)->path);
	gone = *l;
	*l = gone->next;
	first = gone->path;
	free(gone);
	return first;
}

void copy_link_forget(struct copy *c, const struct statx *st)
{
	struct link **l = c->links ? find(c->links, makedev(st->stx_dev_major, st->stx_dev_minor), st->stx_ino) : NULL, *gone;

	if (!l || !*l)
		return;
	gone = *l;
	*l = gone->next;
	free(gone->path);
	free(gone);
}

/* The words of a line up to " inode:": then a space, and the path, from the root. NULL: it has one name only. */
static const char *linked_path(char *line)
{
	char *link = strstr(line, " inode:"), *path = link ? strchr(link + 1, ' ') : NULL;

	if (!path)
		return NULL;
	path[1 + strcspn(path + 1, " \n")] = '\0';
	return str_unescape(++path) < 0 ? NULL : path + 1;
}

static void push_paths(struct copy *c, struct copy_dir *root, struct strv *paths)
{
	struct copy_task t = { .type = TASK_LINKS, .dir = root, .to = (uint32_t)paths->n };

	if (!paths->n)
		return;
	(void)copy_dir_ref(root);
	t.batch = copy_batch_new((const char *const *)paths->v, paths->n);
	copy_push(c, &t, 1);
	strv_free(paths);
}

/* Which inodes the names belong to that are in the archive from an earlier run: device numbers are others now, so each has to be looked at. */
int copy_link_again(struct copy *c, struct copy_dir *root, struct err *e)
{
	AUTO_FREE char *name = fs_join(c->o->logs, "manifest"), *line = NULL;
	CLEANUP(strv_free) struct strv paths = STRV_INIT;
	AUTO_FCLOSE FILE *in = fopen(name, "re");
	size_t cap = 0;

	if (!in)
		return err_errno(e, "open '%s'", name);
	while (getline(&line, &cap, in) > 0) {
		const char *path = linked_path(line);

		if (path)
			strv_add(&paths, path);
		if (paths.n == COPY_CHUNK)
			push_paths(c, root, &paths);
	}
	push_paths(c, root, &paths);
	return 0;
}

void copy_link_look(struct copy_worker *w, const char *path)
{
	AUTO_FREE char *first = xasprintf("./%s", path), *known = NULL;
	struct statx st;
	int r;

	w->asked_for = path;
	copy_ask(w);
	r = statx(w->c->o->src, path, AT_SYMLINK_NOFOLLOW, COPY_STATX, &st);
	copy_answered(w);
	if (r < 0 || st.stx_nlink < 2)
		return;
	st.stx_nlink = UINT32_MAX;      /* who knows how many of its names are in the archive */
	pthread_mutex_lock(&w->c->archive_lock);
	known = copy_link_path(w->c, &st, first);
	pthread_mutex_unlock(&w->c->archive_lock);
}

void copy_linkmap_free(struct copy *c)
{
	for (size_t i = 0; c->links && i < BUCKETS; i++)
		while (c->links->bucket[i]) {
			struct link *l = c->links->bucket[i];

			c->links->bucket[i] = l->next;
			free(l->path);
			free(l);
		}
	free(c->links);
	c->links = NULL;
}

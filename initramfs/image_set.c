/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set itself: paths, parents, duplicates. Where content comes from is image_add.c. */
#include "image.h"

#include <search.h>
#include <stdarg.h>

#include "image_set.h"

static const char *const merged[] = { "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32", NULL };

struct image *image_new(void)
{
	struct image *im = xcalloc(1, sizeof(*im));

	image_part(im, "base");
	image_add_dir(im, "/", 0755);
	for (size_t i = 0; merged[i]; i++) {
		AUTO_FREE char *usr = xasprintf("/usr%s", merged[i]);

		image_add_dir(im, usr, 0755);
		image_add_link(im, merged[i], usr + 1);
	}
	return im;
}

static void entry_free(void *p)
{
	struct image_entry *x = p;

	free(x->path);
	free(x->source);
	free(x->data);
	free(x->target);
	free(x);
}

void image_free(struct image *im)
{
	if (!im)
		return;
	tdestroy(im->by_path, entry_free);
	tdestroy(im->by_inode, free);
	for (size_t i = 0; i < im->n_parts; i++)
		free(im->parts[i].name);
	free(im->parts);
	strv_free(&im->notes);
	strv_free(&im->lib_dirs);
	strv_free(&im->scripts);
	free(im->lib_home);
	free(im);
}

void image_part(struct image *im, const char *name)
{
	for (size_t i = 0; i < im->n_parts; i++)
		if (str_eq(im->parts[i].name, name)) {
			im->part = (unsigned int)i;
			return;
		}
	im->parts = xrealloc(im->parts, (im->n_parts + 1) * sizeof(*im->parts));
	im->parts[im->n_parts] = (struct image_part){ .name = xstrdup(name) };
	im->part = (unsigned int)im->n_parts++;
}

void image_note(struct image *im, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	if (!strv_has(&im->notes, text))
		strv_add(&im->notes, text);
	free(text);
}

char *image_path(const char *path)
{
	for (size_t i = 0; merged[i]; i++) {
		size_t n = strlen(merged[i]);

		if (strncmp(path, merged[i], n) == 0 && path[n] == '/')
			return xasprintf("/usr%s", path);
	}
	return xstrdup(path);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct image_entry *)a)->path, ((const struct image_entry *)b)->path);
}

const struct image_entry *image_find(const struct image *im, const char *path)
{
	AUTO_FREE char *real = image_path(path);
	struct image_entry key = { .path = real }, *const *p = tfind(&key, &im->by_path, by_path);

	return p ? *p : NULL;
}

static void add_parents(struct image *im, const char *path)
{
	AUTO_FREE char *up = xstrdup(path);
	char *slash = strrchr(up, '/');

	if (slash == up || !slash)
		return;
	*slash = 0;
	if (!image_find(im, up))
		image_add_dir(im, up, 0755);
}

void image_put(struct image *im, struct image_entry *x)
{
	struct image_entry **p;
	char *real = image_path(x->path);

	free(x->path);
	x->path = real;
	x->part = im->part;
	p = tsearch(x, &im->by_path, by_path);
	if (!p)
		abort();
	if (*p != x) {
		entry_free(x);
		return;
	}
	add_parents(im, x->path);
	if (!S_ISREG(x->mode))
		return;
	im->files++;
	im->bytes += x->size;
	im->parts[x->part].files++;
	im->parts[x->part].bytes += x->size;
}

static struct image_entry *entry_new(const char *path, mode_t mode)
{
	struct image_entry *x = xcalloc(1, sizeof(*x));

	x->path = xstrdup(path);
	x->mode = mode;
	return x;
}

void image_add_dir(struct image *im, const char *path, mode_t mode)
{
	image_put(im, entry_new(path, S_IFDIR | mode));
}

void image_add_link(struct image *im, const char *path, const char *target)
{
	struct image_entry *x = entry_new(path, S_IFLNK | 0777);

	x->target = xstrdup(target);
	image_put(im, x);
}

void image_add_node(struct image *im, const char *path, mode_t mode, unsigned int major, unsigned int minor)
{
	struct image_entry *x = entry_new(path, mode);

	x->major = major;
	x->minor = minor;
	image_put(im, x);
}

void image_add_text(struct image *im, const char *path, mode_t mode, const void *data, size_t n)
{
	struct image_entry *x = entry_new(path, S_IFREG | mode);

	x->data = xmalloc(n + 1);
	memcpy(x->data, data, n);
	x->size = n;
	image_put(im, x);
}

void image_add_source(struct image *im, const char *path, mode_t mode, const char *source, uint64_t size)
{
	struct image_entry *x = entry_new(path, S_IFREG | mode);

	x->source = xstrdup(source);
	x->size = size;
	image_put(im, x);
}

struct inode {
	dev_t dev;
	ino_t ino;
	char path[];
};

static int by_inode(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

const char *image_same_file(struct image *im, const struct stat *st, const char *path)
{
	struct inode *k = xcalloc(1, sizeof(*k) + strlen(path) + 1), **p;

	k->dev = st->st_dev;
	k->ino = st->st_ino;
	strcpy(k->path, path);
	p = tsearch(k, &im->by_inode, by_inode);
	if (!p)
		abort();
	if (*p == k)
		return NULL;
	free(k);
	return (*p)->path;
}

struct walk {
	int (*fn)(const struct image_entry *x, void *arg);
	void *arg;
	int r;
};

static void visit(const void *node, VISIT when, void *closure)
{
	struct walk *w = closure;

	if ((when == postorder || when == leaf) && w->r == 0)
		w->r = w->fn(*(struct image_entry *const *)node, w->arg);
}

int image_each(struct image *im, int (*fn)(const struct image_entry *x, void *arg), void *arg)
{
	struct walk w = { fn, arg, 0 };

	twalk_r(im->by_path, visit, &w);
	return w.r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "xattr.h"

#include <errno.h>
#include <sys/xattr.h>

#include "hash.h"

#define LIST_MAX 65536
#define VALUE_MAX 65536

void xattrs_free(struct xattrs *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free(x->v[i].name);
		free(x->v[i].value);
	}
	free(x->v);
	*x = (struct xattrs)XATTRS_INIT;
}

void xattrs_add(struct xattrs *x, const char *name, const void *value, size_t len)
{
	struct xattr *a;

	x->v = xrealloc(x->v, (x->n + 1) * sizeof(*x->v));
	a = &x->v[x->n++];
	a->name = xstrdup(name);
	a->value = xmalloc(len + 1);
	if (len)
		memcpy(a->value, value, len);
	a->len = len;
}

const struct xattr *xattrs_find(const struct xattrs *x, const char *name)
{
	for (size_t i = 0; i < x->n; i++)
		if (str_eq(x->v[i].name, name))
			return &x->v[i];
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void xattrs_sort(struct xattrs *x)
{
	if (x->n > 1)
		qsort(x->v, x->n, sizeof(*x->v), by_name);
}

static bool none_here(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS;
}

/* Where an attribute is: an open descriptor, or a path whose last link is not followed. */
struct place {
	int fd;
	const char *path;
};

static ssize_t list(const struct place *p, char *buf, size_t n)
{
	return p->path ? llistxattr(p->path, buf, n) : flistxattr(p->fd, buf, n);
}

static ssize_t get(const struct place *p, const char *name, void *buf, size_t n)
{
	return p->path ? lgetxattr(p->path, name, buf, n) : fgetxattr(p->fd, name, buf, n);
}

static int set(const struct place *p, const struct xattr *a)
{
	return p->path ? lsetxattr(p->path, a->name, a->value, a->len, 0) : fsetxattr(p->fd, a->name, a->value, a->len, 0);
}

/* xfs shows its own form of the ACLs a second time. */
static bool is_shadow(const char *name)
{
	return str_starts(name, "trusted.SGI_ACL_");
}

static int read_values(const struct place *p, const char *names, size_t n, struct xattrs *x)
{
	AUTO_FREE char *value = xmalloc(VALUE_MAX);

	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		ssize_t len = is_shadow(name) ? 0 : get(p, name, value, VALUE_MAX);

		if (is_shadow(name) || (len < 0 && errno == ENODATA))
			continue;
		if (len < 0)
			return -errno;
		xattrs_add(x, name, value, (size_t)len);
	}
	return 0;
}

static int read_place(const struct place *p, struct xattrs *x)
{
	char small[1024];
	AUTO_FREE char *big = NULL;
	ssize_t n = list(p, small, sizeof(small));

	if (n == 0 || (n < 0 && none_here(errno)))
		return 0;
	if (n > 0)
		return read_values(p, small, (size_t)n, x);
	if (errno != ERANGE)
		return -errno;
	big = xmalloc(LIST_MAX);
	n = list(p, big, LIST_MAX);
	return n < 0 ? -errno : read_values(p, big, (size_t)n, x);
}

static int write_place(const struct place *p, const struct xattrs *x, const char **ret_name)
{
	int r = 0;

	for (size_t i = 0; i < x->n; i++) {
		if (set(p, &x->v[i]) == 0 || r < 0)
			continue;
		r = -errno;
		if (ret_name)
			*ret_name = x->v[i].name;
	}
	return r;
}

int xattrs_read(int fd, struct xattrs *x)
{
	return read_place(&(struct place){ .fd = fd }, x);
}

int xattrs_write(int fd, const struct xattrs *x, const char **ret_name)
{
	return x->n ? write_place(&(struct place){ .fd = fd }, x, ret_name) : 0;
}

/* There is no *at() call for attributes: the folder's descriptor through /proc, then one name, whatever the length of the whole path. */
int xattrs_read_at(int dirfd, const char *name, struct xattrs *x)
{
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d/%s", dirfd, name);

	return read_place(&(struct place){ .fd = -1, .path = path }, x);
}

int xattrs_write_at(int dirfd, const char *name, const struct xattrs *x, const char **ret_name)
{
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d/%s", dirfd, name);

	return x->n ? write_place(&(struct place){ .fd = -1, .path = path }, x, ret_name) : 0;
}

void xattrs_digest(struct xattrs *x, char out[17])
{
	struct hash *h;
	uint8_t d[HASH_MAX];

	strcpy(out, "-");
	if (!x->n)
		return;
	h = hash_new(HASH_XXH3_64);
	if (!h)
		return;
	xattrs_sort(x);
	for (size_t i = 0; i < x->n; i++) {
		uint64_t len = x->v[i].len;

		hash_add(h, x->v[i].name, strlen(x->v[i].name) + 1);
		hash_add(h, &len, sizeof(len));
		hash_add(h, x->v[i].value, x->v[i].len);
	}
	hash_hex(d, hash_end(h, d), out);
	hash_free(h);
}

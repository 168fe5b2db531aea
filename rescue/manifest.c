/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manifest.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

#include "hash.h"

#define READ_BUF (256 * KIB)

static char type_char(mode_t m)
{
	switch (m & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFBLK:
		return 'b';
	case S_IFCHR:
		return 'c';
	case S_IFIFO:
		return 'p';
	default:
		return 's';
	}
}

static void add_size(struct str *out, const struct statx *st)
{
	if (S_ISBLK(st->stx_mode) || S_ISCHR(st->stx_mode))
		str_addf(out, "%u:%u", st->stx_rdev_major, st->stx_rdev_minor);
	else if (S_ISDIR(st->stx_mode))
		str_addc(out, '-');
	else
		str_addf(out, "%llu", (unsigned long long)st->stx_size);
}

static void add_flags(struct str *out, uint64_t a)
{
	size_t was = out->len;

	if (a & STATX_ATTR_IMMUTABLE)
		str_addc(out, 'i');
	if (a & STATX_ATTR_APPEND)
		str_addc(out, 'a');
	if (a & STATX_ATTR_NODUMP)
		str_addc(out, 'd');
	if (out->len == was)
		str_addc(out, '-');
}

void manifest_add(struct str *out, const struct manifest_line *l)
{
	const struct statx *st = l->st;
	char digest[17] = "-";

	if (l->xattrs)
		xattrs_digest(l->xattrs, digest);
	str_addf(out, "%c %04o %u %u ", type_char(st->stx_mode), st->stx_mode & 07777, st->stx_uid, st->stx_gid);
	add_size(out, st);
	str_addf(out, " %lld.%09u %s %s ", (long long)st->stx_mtime.tv_sec, st->stx_mtime.tv_nsec, l->hash && *l->hash ? l->hash : "-", digest);
	add_flags(out, st->stx_attributes);
	str_addf(out, " %llu ", (unsigned long long)l->holes);
	if (l->link)
		str_add_escaped(out, l->link);
	else
		str_addc(out, '-');
	str_addc(out, ' ');
	str_add_escaped(out, l->path);
	if (l->target) {
		str_add(out, " -> ");
		str_add_escaped(out, l->target);
	}
	str_addc(out, '\n');
}

/* ---- content ---- */

static uint64_t holes_of(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END), at = 0, data, hole;
	uint64_t sum = 0;

	while (at < size) {
		data = lseek(fd, at, SEEK_DATA);
		if (data < 0)
			return errno == ENXIO ? sum + (uint64_t)(size - at) : sum;
		sum += (uint64_t)(data - at);
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole <= data)
			break;
		at = hole;
	}
	return sum;
}

int manifest_hash_fd(int fd, char hex[65], uint64_t *ret_holes)
{
	AUTO_FREE char *buf = xmalloc(READ_BUF);
	struct hash *h = hash_new(HASH_XXH3_128);
	uint8_t digest[HASH_MAX];
	off_t at = 0;
	ssize_t n;

	if (ret_holes)
		*ret_holes = holes_of(fd);
	while ((n = pread(fd, buf, READ_BUF, at)) > 0) {
		hash_add(h, buf, (size_t)n);
		at += n;
	}
	if (n == 0)
		hash_hex(digest, hash_end(h, digest), hex);
	hash_free(h);
	return n < 0 ? -errno : 0;
}

/* ---- a whole tree ---- */

struct link {
	uint64_t dev, ino;
	char *first;
};

struct tree {
	FILE *out;
	bool holes;
	const struct strv *skip;
	uint64_t mnt_id;
	struct link *links;
	size_t n_links;
	struct err *e;
};

static const char *group_of(struct tree *t, const struct statx *st, const char *path)
{
	uint64_t dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
	size_t lo = 0, hi = t->n_links;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		struct link *l = &t->links[mid];

		if (l->dev == dev && l->ino == st->stx_ino)
			return l->first;
		if (l->dev < dev || (l->dev == dev && l->ino < st->stx_ino))
			lo = mid + 1;
		else
			hi = mid;
	}
	t->links = xrealloc(t->links, (t->n_links + 1) * sizeof(*t->links));
	memmove(t->links + lo + 1, t->links + lo, (t->n_links - lo) * sizeof(*t->links));
	t->n_links++;
	t->links[lo] = (struct link){ dev, st->stx_ino, xstrdup(path) };
	return t->links[lo].first;
}

static int regular(int dirfd, const char *name, char hex[65], uint64_t *holes)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : manifest_hash_fd(fd, hex, holes);
}

static int add_entry(struct tree *t, int dirfd, const char *name, const struct statx *st, const char *path)
{
	CLEANUP(xattrs_free) struct xattrs x = XATTRS_INIT;
	CLEANUP(str_free) struct str line = STR_INIT;
	char hex[65] = "", target[PATH_MAX + 1] = "";
	struct manifest_line l = { .st = st, .hash = hex, .xattrs = &x, .path = path };
	int r = xattrs_read_at(dirfd, name, &x);

	if (r < 0)
		return err_code(t->e, r, "extended attributes of '%s'", path);
	if (S_ISREG(st->stx_mode)) {
		r = regular(dirfd, name, hex, &l.holes);
		if (r < 0)
			return err_code(t->e, r, "read '%s'", path);
	} else if (S_ISLNK(st->stx_mode)) {
		ssize_t n = readlinkat(dirfd, name, target, PATH_MAX);

		if (n < 0)
			return err_errno(t->e, "read link '%s'", path);
		target[n] = '\0';
		l.target = target;
	}
	if (!t->holes)
		l.holes = 0;
	if (st->stx_nlink > 1 && !S_ISDIR(st->stx_mode))
		l.link = group_of(t, st, path);
	manifest_add(&line, &l);
	fwrite(line.s, line.len, 1, t->out);
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int folder(struct tree *t, int fd, const char *path);

static int entry(struct tree *t, int dirfd, const char *name, const char *up)
{
	AUTO_FREE char *path = xasprintf("%s/%s", up, name);
	AUTO_CLOSE int fd = -1;
	struct statx st;
	int r;

	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0)
		return err_errno(t->e, "look at '%s'", path);
	r = add_entry(t, dirfd, name, &st, path);
	if (r < 0 || !S_ISDIR(st.stx_mode) || st.stx_mnt_id != t->mnt_id)
		return r;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_errno(t->e, "open '%s'", path) : folder(t, fd, path);
}

static int folder(struct tree *t, int fd, const char *path)
{
	struct dirent **list = NULL;
	int n = scandirat(fd, ".", &list, NULL, by_name), r = 0;

	if (n < 0)
		return err_errno(t->e, "read folder '%s'", path);
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (r == 0 && !str_eq(name, ".") && !str_eq(name, "..") && !(!*path && t->skip && strv_has(t->skip, name)))
			r = entry(t, fd, name, path);
		free(list[i]);
	}
	free(list);
	return r;
}

int manifest_tree(const char *dir, FILE *out, bool holes, const struct strv *skip, struct err *e)
{
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tree t = { .out = out, .holes = holes, .skip = skip, .e = e };
	struct statx st;
	int r;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0)
		return err_errno(e, "open '%s'", dir);
	t.mnt_id = st.stx_mnt_id;
	r = add_entry(&t, fd, ".", &st, "/");
	if (r == 0)
		r = folder(&t, fd, "");
	for (size_t i = 0; i < t.n_links; i++)
		free(t.links[i].first);
	free(t.links);
	if (r == 0 && (ferror(out) || fflush(out) != 0))
		r = err_errno(e, "write the manifest");
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_int.h"

#include <sys/sysmacros.h>

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

#define GETDENTS_BUF 65536

/* Entries of a folder, as many as fit into one chunk. */
struct chunk {
	struct { uint64_t ino; uint32_t name; unsigned char type; } *v;
	size_t n, cap;
	struct str names;
	bool end;
};

static void chunk_free(struct chunk *k)
{
	free(k->v);
	str_free(&k->names);
}

static void chunk_add(struct chunk *k, const struct linux_dirent64 *de)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 64;
		k->v = xrealloc(k->v, k->cap * sizeof(*k->v));
	}
	k->v[k->n].ino = de->d_ino;
	k->v[k->n].type = de->d_type;
	k->v[k->n++].name = (uint32_t)k->names.len;
	str_addn(&k->names, de->d_name, strlen(de->d_name) + 1);
}

static bool is_dot(const char *s)
{
	return s[0] == '.' && (!s[1] || (s[1] == '.' && !s[2]));
}

static int chunk_read(struct chunk *k, int fd)
{
	AUTO_FREE char *buf = xmalloc(GETDENTS_BUF);

	while (k->n < COPY_CHUNK) {
		ssize_t n = syscall(SYS_getdents64, fd, buf, GETDENTS_BUF);

		if (n <= 0) {
			k->end = true;
			return n < 0 ? -errno : 0;
		}
		for (ssize_t at = 0; at < n;) {
			const struct linux_dirent64 *de = (const void *)(buf + at);

			if (!is_dot(de->d_name))
				chunk_add(k, de);
			at += de->d_reclen;
		}
	}
	return 0;
}

static int by_ino(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct copy_batch *copy_batch_new(const char *const *names, size_t n)
{
	size_t bytes = sizeof(struct copy_batch) + n * sizeof(struct copy_ent);
	struct copy_batch *b;
	char *to;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(names[i]) + 1;
	b = xmalloc(bytes);
	atomic_init(&b->refs, 1);
	b->n = n;
	to = (char *)&b->ent[n];
	for (size_t i = 0; i < n; i++) {
		b->ent[i] = (struct copy_ent){ 0, to, DT_UNKNOWN };
		to = stpcpy(to, names[i]) + 1;
	}
	return b;
}

static struct copy_batch *make_batch(const struct chunk *k, const size_t *which, size_t n)
{
	AUTO_FREE const char **names = xcalloc(n, sizeof(*names));
	struct copy_batch *b;

	for (size_t i = 0; i < n; i++)
		names[i] = k->names.s + k->v[which[i]].name;
	b = copy_batch_new(names, n);
	for (size_t i = 0; i < n; i++) {
		b->ent[i].ino = k->v[which[i]].ino;
		b->ent[i].type = k->v[which[i]].type;
	}
	return b;
}

static unsigned char type_of(struct copy_worker *w, struct copy_dir *d, const char *name, unsigned char type)
{
	struct stat st;
	int r;

	if (type != DT_UNKNOWN)
		return type;
	copy_ask(w);
	r = fstatat(d->src, name, &st, AT_SYMLINK_NOFOLLOW);
	copy_answered(w);
	return r < 0 ? DT_UNKNOWN : IFTODT(st.st_mode);
}

/* Sorts what is wanted into folders and others; both keep the order of the inodes. */
static void choose(struct copy_worker *w, struct copy_dir *d, struct chunk *k, size_t *dirs, size_t *n_dirs, size_t *files, size_t *n_files)
{
	for (size_t i = 0; i < k->n; i++) {
		const char *name = k->names.s + k->v[i].name;

		k->v[i].type = type_of(w, d, name, k->v[i].type);
		if (copy_match(w->c, d, name, k->v[i].type == DT_DIR) == WANT_NO)
			continue;
		if (k->v[i].type == DT_DIR)
			dirs[(*n_dirs)++] = i;
		else
			files[(*n_files)++] = i;
	}
}

/* The stack is last in, first out: the rest of the folder goes on first, then folders from the last to the first, then the files. */
static void push_all(struct copy_worker *w, struct copy_dir *d, struct chunk *k)
{
	AUTO_FREE size_t *dirs = xcalloc(k->n + 1, sizeof(*dirs)), *files = xcalloc(k->n + 1, sizeof(*files));
	size_t n_dirs = 0, n_files = 0, n = 0;
	AUTO_FREE struct copy_task *t = NULL;

	choose(w, d, k, dirs, &n_dirs, files, &n_files);
	t = xcalloc(2 + n_dirs, sizeof(*t));
	if (!k->end)
		t[n++] = (struct copy_task){ .type = TASK_SCAN, .dir = copy_dir_ref(d) };
	while (n_dirs-- > 0)
		t[n++] = (struct copy_task){ .type = TASK_DIR, .dir = copy_dir_ref(d), .name = xstrdup(k->names.s + k->v[dirs[n_dirs]].name) };
	if (n_files)
		t[n++] = (struct copy_task){ .type = TASK_FILES, .dir = copy_dir_ref(d), .batch = make_batch(k, files, n_files),
					     .to = (uint32_t)n_files };
	if (n)
		copy_push(w->c, t, n);
}

void copy_walk_scan(struct copy_worker *w, struct copy_dir *d)
{
	CLEANUP(chunk_free) struct chunk k = { 0 };
	int r;

	if (copy_stopped(w->c))
		return;
	copy_ask(w);
	r = chunk_read(&k, d->src);
	copy_answered(w);
	if (r < 0)
		copy_lost(w, d, NULL, "lost", -r, "read the folder: entries from here on are missing");
	if (k.n > 1)
		qsort(k.v, k.n, sizeof(*k.v), by_ino);
	push_all(w, d, &k);
}

static int open_folder(int up, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(up, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(up, name, flags);
	return fd;
}

/* A mount below the source belongs to somebody else, and the destination may lie inside the source. */
static bool is_ours(struct copy *c, const struct statx *st)
{
	if (st->stx_mnt_id != c->mnt_id)
		return false;
	return !(makedev(st->stx_dev_major, st->stx_dev_minor) == c->dst_dev && st->stx_ino == c->dst_ino && c->o->dst >= 0);
}

/* NULL: errno. */
static struct copy_dir *enter(struct copy_worker *w, struct copy_dir *up, const char *name)
{
	AUTO_CLOSE int fd = -1;
	struct copy_dir *d;
	struct statx st;

	copy_ask(w);
	fd = open_folder(up->src, name);
	if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH, COPY_STATX, &st) < 0)
		base_close(&fd);
	copy_answered(w);
	if (fd < 0)
		return NULL;
	d = copy_dir_new(up, name);
	d->src = take_fd(&fd);
	d->st = st;
	return d;
}

void copy_walk_dir(struct copy_worker *w, struct copy_task *t)
{
	AUTO_FREE char *name = t->name;
	struct copy_dir *d, *up;

	if (copy_stopped(w->c))
		return;
	w->asked_for = name;
	d = enter(w, t->dir, name);
	w->asked_for = NULL;
	if (!d) {
		copy_lost(w, t->dir, name, "lost", errno, "open the folder: everything in it is missing");
		return;
	}
	d->all = t->dir->all || copy_match(w->c, t->dir, name, true) == WANT_ALL;
	up = t->dir;
	t->dir = d;                     /* given back with the task, from here on */
	if (is_ours(w->c, &d->st)) {
		if (w->c->o->archive && d->all)
			(void)copy_archive_entry(w, up, name, d->src, &d->st, NULL, NULL);
		if (w->c->o->archive || !d->all || copy_dir_dst(w, d) >= 0)
			copy_walk_scan(w, d);
	}
	copy_dir_put(w, up);
}

/* ---- the paths of `first` ---- */

/* The folder of a path, with a reference; NULL: errno. The folders on the way are made, their attributes are left to the main walk. */
static struct copy_dir *enter_all(struct copy_worker *w, struct copy_dir *root, const struct strv *parts)
{
	struct copy_dir *d = copy_dir_ref(root), *next;

	for (size_t i = 0; d && i + 1 < parts->n; i++) {
		int keep;

		next = enter(w, d, parts->v[i]);
		keep = errno;
		if (next)
			next->foreign = true;
		copy_dir_put(w, d);
		errno = keep;
		d = next;
	}
	return d;
}

/* Takes over the reference. */
static void push_one(struct copy *c, struct copy_dir *d, const char *name, const struct stat *st)
{
	struct copy_task t = { .type = TASK_DIR, .dir = d };

	if (S_ISDIR(st->st_mode)) {
		t.name = xstrdup(name);
	} else {
		t = (struct copy_task){ .type = TASK_FILES, .dir = d, .batch = copy_batch_new(&name, 1), .to = 1 };
		t.batch->ent[0].ino = st->st_ino;
		t.batch->ent[0].type = IFTODT(st->st_mode);
	}
	copy_push(c, &t, 1);
}

/* What cannot be looked at is listed here, because the main walk leaves it out. */
void copy_walk_first(struct copy_worker *w, struct copy_task *t)
{
	AUTO_FREE char *path = t->name;
	CLEANUP(strv_free) struct strv parts = STRV_INIT;
	struct copy_dir *d;
	struct stat st;
	int r;

	strv_split(&parts, path, "/");
	if (!parts.n || copy_stopped(w->c))
		return;
	w->asked_for = path + 1;
	d = enter_all(w, t->dir, &parts);
	copy_ask(w);
	r = d ? fstatat(d->src, parts.v[parts.n - 1], &st, AT_SYMLINK_NOFOLLOW) : -1;
	copy_answered(w);
	if (r == 0) {
		push_one(w->c, d, parts.v[parts.n - 1], &st);
		return;
	}
	if (errno != ENOENT && errno != ENOTDIR)
		copy_lost(w, t->dir, w->asked_for, "lost", errno, "look at it");
	copy_dir_put(w, d);
}

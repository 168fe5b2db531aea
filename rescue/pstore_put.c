/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Into the store: written beside, synced, renamed, read back from the medium and compared. */
#include <fcntl.h>

#include "fault.h"
#include "fs.h"
#include "pstore_store.h"

static bool has_key(const struct pstore_set *set, const char *key)
{
	for (size_t i = 0; i < set->n; i++)
		if (str_eq(set->v[i].key, key))
			return true;
	return false;
}

static const struct pstore_stored *holder_of(const struct pstore_store *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (has_key(&s->v[i].set, key))
			return &s->v[i];
	return NULL;
}

/* Where the dump's other records are already, or where it is the missing part of; SIZE_MAX: it is a new one. */
static size_t target_of(const struct pstore_store *s, const struct pstore_dump *d, const struct pstore_dump *fresh)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct pstore_stored *h = holder_of(s, d->v[i]->key);

		if (h)
			return (size_t)(h - s->v);
	}
	for (size_t i = s->n; i > 0; i--)
		if (pstore_dump_continues(&s->v[i - 1].dump, fresh))
			return i - 1;
	return SIZE_MAX;
}

static bool same_bytes(const char *path, const struct pstore_view *v)
{
	AUTO_FREE char *old = NULL;
	size_t len;

	return fs_read(path, v->len + 1, &old, &len, NULL) == 0 && len == v->len && memcmp(old, v->data, len) == 0;
}

/* A file by this name, but nowhere with these bytes: the copy rotted, or the medium did not write what it was given. */
static bool is_spoilt(const char *dir, const struct pstore_view *v)
{
	bool named = false;

	for (unsigned int i = 0; i < PSTORE_STORE_FOLDERS; i++) {
		char buf[16];
		AUTO_FREE char *raw = fs_join(dir, pstore_store_raw(i, buf, sizeof(buf))), *path = fs_join(raw, v->file);

		if (same_bytes(path, v))
			return false;
		named |= fs_exists(path);
	}
	return named;
}

/* Its text is in the store, and each file in which it is seen now is there as it is, or not at all: one whole view of a record is enough. */
static bool is_stored(const struct pstore_store *s, const struct pstore_record *r)
{
	const struct pstore_stored *h = holder_of(s, r->key);
	AUTO_FREE char *dir = h ? fs_join(s->dir, h->name) : NULL;

	for (size_t i = 0; h && i < r->n_views; i++)
		if (is_spoilt(dir, &r->views[i]))
			return false;
	return h != NULL;
}

/* Same bytes in raw, raw.2, ...: 1; a free name: 0 and its path; -errno. */
static int place_for(const char *dir, const struct pstore_view *v, char **ret_path, struct err *e)
{
	for (unsigned int i = 0; i < PSTORE_STORE_FOLDERS; i++) {
		char buf[16];
		AUTO_FREE char *raw = fs_join(dir, pstore_store_raw(i, buf, sizeof(buf))), *path = fs_join(raw, v->file);

		if (!fs_exists(path)) {
			int r = fs_exists(raw) ? 0 : fs_mkdir_p(raw, 0700, e);

			if (r < 0)
				return r;
			*ret_path = TAKE_PTR(path);
			return 0;
		}
		if (same_bytes(path, v))
			return 1;
	}
	return err_set(e, -EEXIST, "'%s': no free name for '%s'", dir, v->file);
}

/* pstore gives a record the date of its crash: for backends whose names have no time it is the only one. Synced by settle(). */
static void keep_date(const char *path, const struct pstore_view *v)
{
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)v->mtime } };

	if (v->mtime)
		(void)utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW);
}

static int write_views(const char *dir, const struct pstore_record *r, struct err *e)
{
	for (size_t i = 0; i < r->n_views; i++) {
		AUTO_FREE char *path = NULL;
		int k = place_for(dir, &r->views[i], &path, e);

		if (k == 0)
			k = fs_write_atomic(path, r->views[i].data, r->views[i].len, 0600, e);
		if (k < 0)
			return k;
		if (path)
			keep_date(path, &r->views[i]);
		fault_point("pstore.raw.written");
	}
	return 0;
}

/* The log and the report, when they are not what the raw records say. */
static int describe(const char *dir, const struct pstore_dump *d, struct err *e)
{
	AUTO_FREE char *report = pstore_report_json(d), *name = pstore_report_log_name(d), *log = NULL;
	const char *files[2] = { name, "report.json" };
	const char *texts[2] = { NULL, report };
	size_t lens[2] = { 0, strlen(report) };

	texts[0] = log = pstore_dump_log(d, &lens[0]);
	for (int i = 0; i < 2; i++) {
		AUTO_FREE char *path = files[i] ? fs_join(dir, files[i]) : NULL, *old = NULL;
		size_t len;
		int r = 0;

		if (!path || (fs_read(path, lens[i] + 1, &old, &len, NULL) == 0 && len == lens[i] && memcmp(old, texts[i], len) == 0))
			continue;
		r = fs_write_atomic(path, texts[i], lens[i], 0600, e);
		if (r < 0)
			return r;
		fault_point("pstore.described");
	}
	return 0;
}

static char *free_name(const struct pstore_store *s, const struct pstore_dump *d)
{
	AUTO_FREE char *name = pstore_dump_name(d), *full = NULL;
	char id[17];

	pstore_dump_id(d, id);
	full = xasprintf("%s-%s", name, id);
	for (unsigned int i = 2;; i++) {
		AUTO_FREE char *path = fs_join(s->dir, full);

		if (!fs_exists(path))
			return TAKE_PTR(full);
		free(full);
		full = xasprintf("%s-%s-%u", name, id, i);
	}
}

/* A dump that is not there at all: built beside, synced, then renamed into its name. */
static int put_new(struct pstore_store *s, const struct pstore_dump *d, size_t *ret_at, struct err *e)
{
	char id[17];
	AUTO_FREE char *tmp = NULL, *dir = NULL, *name = free_name(s, d), *final = fs_join(s->dir, name), *new = NULL;
	int r;

	pstore_dump_id(d, id);
	new = xasprintf(PSTORE_STORE_NEW "%s", id);
	tmp = fs_join(s->dir, new);
	dir = fs_join(tmp, "raw");
	r = fs_mkdir_p(dir, 0700, e);
	for (size_t i = 0; r >= 0 && i < d->n; i++)
		r = write_views(tmp, d->v[i], e);
	if (r >= 0)
		r = describe(tmp, d, e);
	if (r >= 0)
		r = fs_sync_dir(tmp, e);
	fault_point("pstore.store.ready");
	if (r >= 0 && rename(tmp, final) < 0)
		r = err_errno(e, "rename '%s' to '%s'", tmp, final);
	fault_point("pstore.store.renamed");
	if (r >= 0)
		r = fs_sync_dir(s->dir, e);
	if (r < 0) {
		fs_remove_tree(tmp, NULL);
		return r;
	}
	fault_point("pstore.store.synced");
	s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
	s->v[s->n] = (struct pstore_stored){ .name = TAKE_PTR(name) };
	*ret_at = s->n++;
	return 0;
}

static int put_more(struct pstore_store *s, const struct pstore_dump *fresh, size_t at, struct err *e)
{
	AUTO_FREE char *dir = fs_join(s->dir, s->v[at].name);

	for (size_t i = 0; i < fresh->n; i++) {
		int r = write_views(dir, fresh->v[i], e);

		if (r < 0)
			return err_wrap(e, r, "add to '%s'", s->v[at].name);
	}
	return 0;
}

/* Everything of a stored dump to the medium, and out of the page cache, so that reading it again reads the medium. */
static int settle(const struct pstore_store *s, size_t at, struct err *e)
{
	AUTO_FREE char *dir = fs_join(s->dir, s->v[at].name);

	for (size_t i = 0; i < s->v[at].set.n; i++) {
		const struct pstore_record *r = &s->v[at].set.v[i];

		for (size_t k = 0; k < r->n_views; k++) {
			AUTO_FREE char *path = fs_join(r->views[k].dir, r->views[k].file);
			AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

			if (fd < 0 || fsync(fd) < 0)
				return err_errno(e, "sync '%s'", path);
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
			if (fs_sync_dir(r->views[k].dir, e) < 0)
				return e ? e->code : -EIO;
		}
	}
	return fs_sync_dir(dir, e) < 0 ? (e ? e->code : -EIO) : fs_sync_dir(s->dir, e);
}

/* Read back from the medium: every record must be there, with exactly these bytes where this run wrote them. */
static int read_back(struct pstore_store *s, size_t at, struct err *e)
{
	int r = pstore_stored_load(s->dir, &s->v[at], e);

	if (r >= 0)
		r = settle(s, at, e);
	if (r >= 0)
		r = pstore_stored_load(s->dir, &s->v[at], e);
	fault_point("pstore.store.read_back");
	return r < 0 ? err_wrap(e, r, "read back") : 0;
}

static int check_views(const struct pstore_store *s, const struct pstore_dump *fresh, size_t at, struct err *e)
{
	AUTO_FREE char *dir = fs_join(s->dir, s->v[at].name);

	for (size_t i = 0; i < fresh->n; i++) {
		for (size_t k = 0; k < fresh->v[i]->n_views; k++) {
			AUTO_FREE char *path = NULL;

			if (place_for(dir, &fresh->v[i]->views[k], &path, e) != 1)
				return err_set(e, -EIO, "'%s': record '%s' does not read back as it was written", dir, fresh->v[i]->views[k].file);
		}
	}
	return 0;
}

/* Known records of one dump may be in several folders (stored by different runs): each is settled and read back. */
static int check_known(struct pstore_store *s, const struct pstore_dump *d, size_t done, struct err *e)
{
	AUTO_FREE bool *settled = xcalloc(s->n, sizeof(*settled));

	if (done != SIZE_MAX)
		settled[done] = true;
	for (size_t i = 0; i < d->n; i++) {
		const struct pstore_stored *h = holder_of(s, d->v[i]->key);
		size_t at = h ? (size_t)(h - s->v) : 0;
		int r;

		if (!h)
			return err_set(e, -EIO, "record '%s' is not in the store after it was stored", d->v[i]->views[0].file);
		if (settled[at])
			continue;
		r = read_back(s, at, e);
		if (r < 0 || !has_key(&s->v[at].set, d->v[i]->key))
			return r < 0 ? r : err_set(e, -EIO, "'%s': record '%s' does not read back", h->name, d->v[i]->views[0].file);
		settled[at] = true;
	}
	return 0;
}

int pstore_store_put(struct pstore_store *s, const struct pstore_dump *d, const char **ret_name, size_t *ret_added, struct err *e)
{
	CLEANUP(pstore_dump_free) struct pstore_dump fresh = { .n = 0 };
	AUTO_FREE struct pstore_record **v = xcalloc(d->n, sizeof(struct pstore_record *));
	AUTO_FREE char *dir = NULL;
	size_t n = 0, at;
	int r;

	for (size_t i = 0; i < d->n; i++)
		if (!is_stored(s, d->v[i]))
			v[n++] = d->v[i];
	pstore_dump_join(&fresh, v, n);
	at = target_of(s, d, &fresh);
	fault_point("pstore.store.begin");
	r = at == SIZE_MAX ? put_new(s, d, &at, e) : put_more(s, &fresh, at, e);
	if (r >= 0)
		r = read_back(s, at, e);
	if (r >= 0)
		r = check_views(s, &fresh, at, e);
	if (r >= 0)
		r = check_known(s, d, at, e);
	if (r < 0)
		return r;
	dir = fs_join(s->dir, s->v[at].name);
	r = describe(dir, &s->v[at].dump, e);
	if (r < 0)
		return r;
	fault_point("pstore.store.done");
	*ret_name = s->v[at].name;
	*ret_added = n;
	return 0;
}

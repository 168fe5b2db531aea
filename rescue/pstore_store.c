/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_store.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include "fs.h"

const char *pstore_store_raw(unsigned int i, char *buf, size_t n)
{
	if (i == 0)
		return "raw";
	snprintf(buf, n, "raw.%u", i + 1);
	return buf;
}

static void stored_free(struct pstore_stored *d)
{
	free(d->name);
	pstore_dump_free(&d->dump);
	pstore_set_free(&d->set);
}

int pstore_stored_load(const char *store, struct pstore_stored *d, struct err *e)
{
	AUTO_FREE char *dir = fs_join(store, d->name);
	AUTO_FREE struct pstore_record **v = NULL;

	pstore_dump_free(&d->dump);
	pstore_set_free(&d->set);
	for (unsigned int i = 0; i < PSTORE_STORE_FOLDERS; i++) {
		char buf[16];
		AUTO_FREE char *raw = fs_join(dir, pstore_store_raw(i, buf, sizeof(buf)));
		int r = fs_exists(raw) ? pstore_scan(&d->set, raw, PSTORE_SCAN_STORED, e) : i ? 0 : err_set(e, -ENOENT, "'%s' has no folder 'raw'", dir);

		if (r < 0)
			return r;
	}
	pstore_set_link(&d->set);
	if (!d->set.n)
		return err_set(e, -ENODATA, "'%s' has no records", dir);
	v = xcalloc(d->set.n, sizeof(struct pstore_record *));
	for (size_t i = 0; i < d->set.n; i++)
		v[i] = &d->set.v[i];
	pstore_dump_join(&d->dump, v, d->set.n);
	return 0;
}

static bool is_leftover(const char *name)
{
	return str_starts(name, PSTORE_STORE_NEW) && strlen(name) == strlen(PSTORE_STORE_NEW) + 16 &&
	       strspn(name + strlen(PSTORE_STORE_NEW), "0123456789abcdef") == 16;
}

/* "...-0123456789abcdef", perhaps with "-2" behind: a name that this file gives. */
static bool is_dump_name(const char *name)
{
	return isalnum((unsigned char)name[0]) && strchr(name, '-') && strlen(name) > 18;
}

static void load_one(struct pstore_store *s, const char *name)
{
	struct pstore_stored d = { .name = xstrdup(name) };
	AUTO_FREE char *dir = fs_join(s->dir, name), *raw = fs_join(dir, "raw");
	struct err e = ERR_INIT;

	if (!is_dump_name(name) || !fs_is_dir(raw)) {
		stored_free(&d);
		return;
	}
	if (pstore_stored_load(s->dir, &d, &e) < 0)
		strv_addf(&s->notes, "%s: a dump that cannot be read, going on", e.msg);
	for (size_t i = 0; i < d.set.notes.n; i++)
		strv_add(&s->notes, d.set.notes.v[i]);
	if (!d.set.n) {
		stored_free(&d);
		return;
	}
	s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
	s->v[s->n++] = d;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pstore_stored *)a)->name, ((const struct pstore_stored *)b)->name);
}

static int load_all(struct pstore_store *s, struct err *e)
{
	DIR *d = opendir(s->dir);
	struct dirent *ent;

	if (!d)
		return err_errno(e, "open folder '%s'", s->dir);
	while ((ent = readdir(d))) {
		AUTO_FREE char *path = fs_join(s->dir, ent->d_name);

		if (s->lock >= 0 && is_leftover(ent->d_name))
			fs_remove_tree(path, NULL);
		else
			load_one(s, ent->d_name);
	}
	closedir(d);
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_name);
	return 0;
}

static int lock(struct pstore_store *s, struct err *e)
{
	int r = fs_mkdir_p(s->dir, 0700, e);

	if (r < 0)
		return r;
	s->lock = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0)
		return err_errno(e, "open folder '%s'", s->dir);
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? err_set(e, -EBUSY, "'%s': another collection is at work there", s->dir) : err_errno(e, "lock '%s'", s->dir);
	return 0;
}

int pstore_store_open(struct pstore_store *s, const char *dir, bool write, struct err *e)
{
	int r;

	*s = (struct pstore_store)PSTORE_STORE_INIT;
	s->dir = xstrdup(dir);
	r = write ? lock(s, e) : 0;
	if (r < 0)
		return r;
	return load_all(s, e);
}

void pstore_store_close(struct pstore_store *s)
{
	for (size_t i = 0; i < s->n; i++)
		stored_free(&s->v[i]);
	free(s->v);
	free(s->dir);
	strv_free(&s->notes);
	base_close(&s->lock);
	*s = (struct pstore_store)PSTORE_STORE_INIT;
}

const struct pstore_stored *pstore_store_find(const struct pstore_store *s, const char *name)
{
	const struct pstore_stored *found = NULL;

	for (size_t i = 0; i < s->n; i++) {
		if (str_eq(s->v[i].name, name))
			return &s->v[i];
		if (!strstr(s->v[i].name, name))
			continue;
		if (found)
			return NULL;
		found = &s->v[i];
	}
	return found;
}

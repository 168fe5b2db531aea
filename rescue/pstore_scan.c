/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <strings.h>
#include <sys/vfs.h>

#include "fs.h"
#include "pstore_record.h"

#define RECORD_MAX (64 * MIB)
#define PSTOREFS_MAGIC 0x6165676C
#define CRASH_GUID "-cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0"

static bool is_crash_variable(const char *file)
{
	size_t n = strlen(file), g = strlen(CRASH_GUID);

	if (!str_starts(file, "dump-type"))
		return false;
	return (n > g && strcasecmp(file + n - g, CRASH_GUID) == 0) || n < g;
}

static int list_files(const char *dir, struct strv *ret, struct err *e)
{
	struct dirent *ent;
	DIR *d = opendir(dir);

	if (!d)
		return err_errno(e, "open folder '%s'", dir);
	errno = 0;
	while ((ent = readdir(d)))
		if (!str_eq(ent->d_name, ".") && !str_eq(ent->d_name, ".."))
			strv_add(ret, ent->d_name);
	if (errno) {
		err_errno(e, "read folder '%s'", dir);
		closedir(d);
		return e ? e->code : -EIO;
	}
	closedir(d);
	strv_sort(ret);
	return 0;
}

/* "newthing-efi-12": a kind that is not known yet, of a backend that is. "holiday-photo-12" is somebody's own. */
static bool is_new_kind(const struct pstore_name *n)
{
	static const char *const backends[] = { "efi", "erst", "ramoops", "pstore_blk", "pstore_zone", "mtdpstore", "nvram" };

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if (n->has_id && str_eq(n->backend, backends[i]))
			return true;
	return false;
}

/* A file is a record when its name has the shape of one; in a real pstore everything is one, however it is called. */
static bool is_record(const char *file, enum pstore_scan_mode mode, bool pstorefs)
{
	struct pstore_name n;

	if (mode == PSTORE_SCAN_EFIVARS)
		return is_crash_variable(file);
	if (mode == PSTORE_SCAN_STORED)
		return !str_ends(file, ".new");         /* left by an interrupted fs_write_atomic() */
	return pstorefs || pstore_name_parse(file, &n) == 0 || is_new_kind(&n);
}

static void add(struct pstore_set *set, const char *dir, const char *file, bool efivars)
{
	AUTO_FREE char *path = fs_join(dir, file);
	char *data = NULL;
	struct err e = ERR_INIT;
	struct stat st;
	size_t len;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (fs_read(path, RECORD_MAX, &data, &len, &e) < 0) {
		strv_addf(&set->notes, "%s, left where it is", e.msg);
		return;
	}
	if (efivars && len == 0) {      /* the kernel's leftover of a variable that is gone */
		free(data);
		return;
	}
	set->v = xrealloc(set->v, (set->n + 1) * sizeof(*set->v));
	pstore_record_make(&set->v[set->n++], dir, file, data, len, st.st_mtime > 0 ? (uint64_t)st.st_mtime : 0);
}

int pstore_scan(struct pstore_set *set, const char *dir, enum pstore_scan_mode mode, struct err *e)
{
	CLEANUP(strv_free) struct strv files = STRV_INIT;
	struct statfs sf;
	bool pstorefs = statfs(dir, &sf) == 0 && (unsigned long)sf.f_type == PSTOREFS_MAGIC;
	int r = list_files(dir, &files, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < files.n; i++) {
		if (is_record(files.v[i], mode, pstorefs))
			add(set, dir, files.v[i], mode == PSTORE_SCAN_EFIVARS);
	}
	return 0;
}

static void take_views(struct pstore_record *to, struct pstore_record *from)
{
	to->views = xrealloc(to->views, (to->n_views + from->n_views) * sizeof(*to->views));
	memcpy(to->views + to->n_views, from->views, from->n_views * sizeof(*to->views));
	to->n_views += from->n_views;
	from->n_views = 0;
	if (from->name.variable && !to->name.variable)
		to->name = from->name;
	if (from->exact_time && !to->exact_time) {
		to->time = from->time;
		to->exact_time = true;
	}
}

static bool is_empty(const struct pstore_record *r)
{
	return r->len == 0;
}

/* The same record seen twice: the same key; or the same EFI number, and one of the two shows nothing. */
static bool is_same(const struct pstore_record *a, const struct pstore_record *b)
{
	if (str_eq(a->key, b->key))
		return true;
	return a->name.has_id && b->name.has_id && a->name.type == b->name.type && a->name.id == b->name.id &&
	       str_eq(a->name.backend, "efi") && str_eq(b->name.backend, "efi") && is_empty(a) != is_empty(b);
}

void pstore_set_link(struct pstore_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct pstore_record *r = &set->v[i];
		size_t j;

		for (j = 0; j < kept && !is_same(&set->v[j], r); j++)
			;
		if (j == kept) {
			set->v[kept++] = *r;
			continue;
		}
		if (is_empty(&set->v[j]) && !is_empty(r)) {
			struct pstore_record whole = *r;

			*r = set->v[j];
			set->v[j] = whole;
		}
		take_views(&set->v[j], r);
		pstore_record_free(r);
	}
	set->n = kept;
}

void pstore_set_free(struct pstore_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		pstore_record_free(&set->v[i]);
	free(set->v);
	strv_free(&set->notes);
	*set = (struct pstore_set){ .n = 0 };
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pstore_unit.h - records for tests: typed here, or the samples of tests/fixtures/pstore. Tests run in the project's folder. */
#ifndef PSTORE_UNIT_H
#define PSTORE_UNIT_H

#include "unit.h"

#include <fcntl.h>

#include "fs.h"
#include "pstore_collect.h"
#include "pstore_dump.h"
#include "pstore_explain.h"
#include "pstore_store.h"

#define FIXTURES "tests/fixtures/pstore/"
#define GUID "cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0"

static inline void put_bytes(const char *dir, const char *file, const void *data, size_t n)
{
	AUTO_FREE char *path = fs_join(dir, file);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, data, n, NULL), 0);
}

static inline void put_text(const char *dir, const char *file, const char *text)
{
	put_bytes(dir, file, text, strlen(text));
}

static inline char *sub_dir(const char *dir, const char *name)
{
	char *path = fs_join(dir, name);

	assert_int_equal(fs_mkdir_p(path, 0700, NULL), 0);
	return path;
}

static inline char *read_text(const char *dir, const char *file)
{
	AUTO_FREE char *path = fs_join(dir, file);
	char *text = NULL;

	if (fs_read(path, 64 * MIB, &text, NULL, NULL) < 0)
		return NULL;
	return text;
}

/* A record in memory. */
static inline void set_add(struct pstore_set *set, const char *file, const char *text)
{
	set->v = xrealloc(set->v, (set->n + 1) * sizeof(*set->v));
	pstore_record_make(&set->v[set->n++], "dir", file, xstrdup(text), strlen(text), 0);
}

/* All logs of the set's dumps, each after a line "== NAME". The caller frees. */
static inline char *all_logs(struct pstore_set *set)
{
	struct pstore_dumps dumps;
	struct str s = STR_INIT;

	pstore_set_link(set);
	pstore_dumps_make(&dumps, set);
	for (size_t i = 0; i < dumps.n; i++) {
		AUTO_FREE char *name = pstore_dump_name(&dumps.v[i]), *log = NULL;
		size_t len;

		log = pstore_dump_log(&dumps.v[i], &len);
		str_addf(&s, "== %s\n", name);
		str_addn(&s, log, len);
	}
	pstore_dumps_free(&dumps);
	return str_take(&s);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_collect.h"

#include <inttypes.h>

#include "fault.h"
#include "fs.h"
#include "pstore_erase.h"
#include "pstore_explain.h"
#include "pstore_store.h"

/* What one run works with. */
struct run {
	const struct pstore_collect_opts *o;
	struct pstore_result *res;
	struct pstore_set set;
	struct pstore_dumps dumps;
	struct pstore_store store;
	bool erase;
};

static void run_end(struct run *run)
{
	pstore_dumps_free(&run->dumps);
	pstore_set_free(&run->set);
	pstore_store_close(&run->store);
}

/* A path that may not exist yet: its longest existing parent, resolved, and the rest behind it. */
static char *resolve(const char *path)
{
	AUTO_FREE char *head = xstrdup(path), *real = NULL;

	for (;;) {
		char *slash;

		real = realpath(*head ? head : "/", NULL);
		if (real)
			return fs_join(real, path + strlen(head));
		slash = strrchr(head, '/');
		if (!slash) {
			real = realpath(".", NULL);
			return fs_join(real ? real : "/", path);
		}
		*slash = '\0';
	}
}

static bool is_below(const char *path, const char *dir)
{
	AUTO_FREE char *p = resolve(path), *d = resolve(dir);
	size_t n;

	while ((n = strlen(p)) > 1 && p[n - 1] == '/')
		p[n - 1] = '\0';
	while ((n = strlen(d)) > 1 && d[n - 1] == '/')
		d[n - 1] = '\0';
	n = strlen(d);
	return strncmp(p, d, n) == 0 && (p[n] == '\0' || p[n] == '/');
}

static int check_places(const struct pstore_collect_opts *o, struct err *e)
{
	const char *const from[] = { o->pstore, o->efivars };

	for (size_t i = 0; i < ARRAY_SIZE(from); i++) {
		if (from[i] && is_below(from[i], o->to))
			return err_set(e, -EINVAL, "'%s' lies in the store '%s': a store is not a source", from[i], o->to);
		if (from[i] && is_below(o->to, from[i]))
			return err_set(e, -EINVAL, "the store '%s' lies in the source '%s'", o->to, from[i]);
	}
	return 0;
}

static int scan(struct run *run, struct err *e)
{
	const struct pstore_collect_opts *o = run->o;
	int p = o->pstore ? pstore_scan(&run->set, o->pstore, PSTORE_SCAN_RECORDS, e) : -ENOENT;
	int v;

	if (p < 0 && p != -ENOENT)
		return p;
	v = o->efivars ? pstore_scan(&run->set, o->efivars, PSTORE_SCAN_EFIVARS, p < 0 ? NULL : e) : -ENOENT;
	if (v < 0 && v != -ENOENT)
		return v;
	if (p < 0 && v < 0)
		return err_set(e, -ENOENT, "'%s' does not exist: no pstore to look at", o->pstore ? o->pstore : o->efivars);
	for (size_t i = 0; i < run->set.notes.n; i++) {
		strv_add(&run->res->notes, run->set.notes.v[i]);
		run->res->left++;
		run->res->records++;
	}
	pstore_set_link(&run->set);
	return 0;
}

/* T9, T10: records that the kernel does not show in pstore although efivarfs has them. */
static void note_hidden(struct run *run)
{
	size_t hidden = 0;

	for (size_t i = 0; i < run->set.n; i++) {
		bool shown = false;

		for (size_t k = 0; k < run->set.v[i].n_views; k++)
			shown |= !run->set.v[i].views[k].efivar;
		hidden += !shown;
	}
	if (hidden && run->o->pstore)
		strv_addf(&run->res->notes, "%zu records are in efivarfs only: the kernel does not show them in pstore, taken from there", hidden);
}

static bool may_erase(struct run *run)
{
	struct err e = ERR_INIT;
	int v;

	if (run->o->keep)
		return false;
	if (run->o->allow_volatile)
		return true;
	v = fs_is_volatile(run->o->to, &e);
	if (v == 0)
		return true;
	run->res->volatile_store = true;
	strv_addf(&run->res->notes, "'%s' would be forgotten by a reboot%s%s: the records are copied there but not erased", run->o->to,
		  v < 0 ? " as far as is known: " : "", v < 0 ? e.msg : "");
	return false;
}

static size_t count_signature(const struct pstore_store *s, const char *but, const char *signature)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n && *signature; i++) {
		struct pstore_explain x;
		AUTO_FREE char *log = NULL;
		size_t len;

		if (str_eq(s->v[i].name, but) || !pstore_dump_is_log(&s->v[i].dump))
			continue;
		log = pstore_dump_log(&s->v[i].dump, &len);
		pstore_explain(log, len, s->v[i].dump.reason, &x);
		n += str_eq(x.signature, signature);
		pstore_explain_free(&x);
	}
	return n;
}

static void add_found(struct run *run, const struct pstore_dump *d, const char *name, size_t added)
{
	const struct pstore_stored *st = pstore_store_find(&run->store, name);
	const struct pstore_dump *whole = st ? &st->dump : d;
	CLEANUP(strv_free) struct strv missing = STRV_INIT;
	struct pstore_found *f;
	struct pstore_explain x;
	size_t len;
	AUTO_FREE char *log = pstore_dump_log(whole, &len);

	run->res->found = xrealloc(run->res->found, (run->res->n_found + 1) * sizeof(*f));
	f = &run->res->found[run->res->n_found++];
	*f = (struct pstore_found){ .name = xstrdup(name), .records = d->n, .added = added, .time = whole->time };
	f->missing = pstore_dump_missing(whole, &missing);
	pstore_explain(log, len, whole->reason, &x);
	f->is_crash = pstore_dump_is_crash(whole, x.kind);
	f->line = pstore_dump_line(whole, len, &x);
	if (pstore_dump_is_log(whole))
		f->seen_before = count_signature(&run->store, name, x.signature);
	pstore_explain_free(&x);
}

static void erase_dump(struct run *run, const struct pstore_dump *d)
{
	struct pstore_result *res = run->res;

	for (size_t i = 0; i < d->n; i++) {
		enum pstore_proof proof;
		struct err e = ERR_INIT;

		if (pstore_erase(d->v[i], run->o->efivars, &proof, &e) < 0) {
			strv_addf(&res->notes, "%s: it is safe in the store, but still in its old place", e.msg);
			res->left++;
			continue;
		}
		res->erased++;
		res->believed += proof == PSTORE_BELIEVED;
		for (size_t k = 0; k < d->v[i]->n_views; k++)
			if (d->v[i]->views[k].efivar)
				res->nvram_bytes += d->v[i]->views[k].len;
	}
}

static void collect_dump(struct run *run, const struct pstore_dump *d)
{
	struct pstore_result *res = run->res;
	struct err e = ERR_INIT;
	const char *name;
	size_t added;

	if (pstore_store_put(&run->store, d, &name, &added, &e) < 0) {
		strv_addf(&res->notes, "%s: its %zu records stay where they are", e.msg, d->n);
		res->left += d->n;
		return;
	}
	res->stored += added;
	add_found(run, d, name, added);
	if (run->erase)
		erase_dump(run, d);
	else if (!run->o->keep)
		res->left += d->n;
}

static int by_time(const void *pa, const void *pb)
{
	const struct pstore_found *a = pa, *b = pb;

	return a->time < b->time ? -1 : a->time > b->time ? 1 : strcmp(a->name, b->name);
}

/* Newest first: when the store fills up, the last words count most. */
static void collect_all(struct run *run)
{
	size_t done = 0;

	for (size_t i = run->dumps.n; i > 0; i--) {
		collect_dump(run, &run->dumps.v[i - 1]);
		done += run->dumps.v[i - 1].n;
		if (run->o->progress)
			run->o->progress(run->o->arg, done, run->set.n);
	}
	if (run->res->n_found)
		qsort(run->res->found, run->res->n_found, sizeof(*run->res->found), by_time);
}

static void nvram_after(struct run *run)
{
	struct pstore_result *res = run->res;
	uint64_t total;

	if (!res->nvram_known)
		return;
	res->nvram_known = pstore_nvram(run->o->efivars, &res->nvram_after, &total);
	res->reboot_needed = res->nvram_known && res->nvram_bytes > 0 && res->nvram_after < res->nvram_before + res->nvram_bytes / 2;
}

int pstore_collect(const struct pstore_collect_opts *o, struct pstore_result *ret, struct err *e)
{
	CLEANUP(run_end) struct run run = { .o = o, .res = ret, .store = PSTORE_STORE_INIT };
	int r;

	*ret = (struct pstore_result){ .n_found = 0 };
	r = check_places(o, e);
	if (r >= 0)
		r = scan(&run, e);
	if (r < 0)
		return r;
	ret->records += run.set.n;
	ret->nvram_known = pstore_nvram(o->efivars, &ret->nvram_before, &ret->nvram_total);
	ret->nvram_after = ret->nvram_before;
	if (!run.set.n)
		return 0;
	note_hidden(&run);
	pstore_dumps_make(&run.dumps, &run.set);
	r = pstore_store_open(&run.store, o->to, true, e);
	if (r < 0)
		return err_wrap(e, r, "%zu crash records stay where they are", run.set.n);
	for (size_t i = 0; i < run.store.notes.n; i++)
		strv_add(&ret->notes, run.store.notes.v[i]);
	run.erase = may_erase(&run);
	collect_all(&run);
	nvram_after(&run);
	fault_point("pstore.collect.end");
	return 0;
}

void pstore_result_free(struct pstore_result *r)
{
	for (size_t i = 0; i < r->n_found; i++) {
		free(r->found[i].name);
		free(r->found[i].line);
	}
	free(r->found);
	strv_free(&r->notes);
	*r = (struct pstore_result){ .n_found = 0 };
}

const char *pstore_result_newest(const struct pstore_result *r)
{
	for (size_t i = r->n_found; i > 0; i--)
		if (r->found[i - 1].is_crash)
			return r->found[i - 1].line;
	return NULL;
}

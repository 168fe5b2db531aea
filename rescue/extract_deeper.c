/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was lost is looked for again on the rungs behind the one that held: only that, so that nothing better is replaced. Where a rung shows
 * an older state, or a repaired one, what the destination has stays as it is whatever the source says, and what comes is listed as older.
 */
#include "extract.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "fs.h"
#include "loss.h"

#define MAX_PATTERNS 500        /* each file is compared with each of them */

struct lost {
	struct strv paths, why;
};

#define LOST_INIT { STRV_INIT, STRV_INIT }

static void lost_free(struct lost *l)
{
	strv_free(&l->paths);
	strv_free(&l->why);
}

/* ---- a time before which everything in the folder is from the first rung ---- */

static char *begin_path(const struct extract_run *c)
{
	return fs_join(c->dir, "deeper");
}

void extract_forget_deeper(struct extract_run *c)
{
	AUTO_FREE char *path = begin_path(c);

	(void)unlink(path);
}

/* Everything that was written up to now was changed before this, in ns since 1970, and nothing that comes later. */
static int64_t settled_ns(void)
{
	struct timespec now;

	usleep(60000);
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - 10000000;
}

static int begin(struct extract_run *c, int64_t *ret, struct err *e)
{
	AUTO_FREE char *path = begin_path(c), *text = NULL;

	if (fs_read(path, 64, &text, NULL, NULL) == 0) {
		*ret = strtoll(text, NULL, 10);
		return 0;
	}
	*ret = settled_ns();
	text = xasprintf("%lld\n", (long long)*ret);
	return fs_write_atomic(path, text, strlen(text), 0600, e);
}

/* A mark as copy.h makes them: what is in the folder and in the manifest stays, what was lost is looked at again. */
static int trust_all(struct extract_run *c, uint64_t *ret_manifest, struct err *e)
{
	AUTO_FREE char *manifest = fs_join(c->dir, "manifest");
	struct stat st;
	uint64_t len[3];
	int r = loss_drop(c->dir, "lost", len + 1, e);

	if (r < 0)
		return r;
	if (stat(manifest, &st) < 0)
		return err_errno(e, "look at '%s'", manifest);
	*ret_manifest = len[0] = (uint64_t)st.st_size;
	free(c->trust);
	c->trust = copy_mark_text(false, settled_ns(), len);
	return 0;
}

/* ---- what is looked for ---- */

static void add_pattern(struct strv *ret, const char *path)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	for (const char *p = path; *p; p++) {
		if (strchr("*?[\\", *p))
			str_addc(&s, '\\');
		str_addc(&s, *p);
	}
	strv_add(ret, str_cstr(&s));
}

/* Nothing: everything. What a repair finds without a name is in lost+found. */
static void patterns(const struct extract_run *c, const struct lost *lost, struct strv *ret)
{
	for (size_t i = 0; i < lost->paths.n && i < MAX_PATTERNS; i++) {
		if (str_eq(lost->paths.v[i], "/")) {
			strv_free(ret);
			return;
		}
		add_pattern(ret, lost->paths.v[i]);
	}
	if (c->ladder.repaired && !c->x->include.n)
		strv_add(ret, "/lost+found");
	else if (lost->paths.n > MAX_PATTERNS && !c->keep_ns)
		strv_free(ret);
}

/* ---- what is still lost ---- */

/* It, or a folder that it is in. */
static bool is_listed(const struct strv *sorted, const char *path)
{
	AUTO_FREE char *p = xstrdup(path);
	char *slash;

	while (!strv_has_sorted(sorted, p) && (slash = strrchr(p, '/')) && p[1])
		slash[slash == p] = '\0';       /* what is in "/" has it left */
	return strv_has_sorted(sorted, p);
}

/* A folder of another state says nothing about what is missing in it. */
static bool is_there(const struct extract_run *c, const char *path, bool folders)
{
	AUTO_FREE char *to = xasprintf("%s%s", c->x->to.real, path);
	struct stat st;

	return lstat(to, &st) == 0 && (folders || !S_ISDIR(st.st_mode));
}

static int open_losses(const struct extract_run *c, struct loss *l, struct err *e)
{
	AUTO_FREE char *json = fs_join(c->dir, "losses.jsonl"), *text = fs_join(c->dir, "losses.txt");
	struct stat a, b;

	if (stat(json, &a) < 0 || stat(text, &b) < 0)
		return err_errno(e, "look at the list of losses");
	return loss_open(l, c->dir, (uint64_t[]){ (uint64_t)a.st_size, (uint64_t)b.st_size }, e);
}

/* A rung that does not know a path does not say that it is lost. */
static int list_again(struct extract_run *c, const struct lost *before, bool folders, uint64_t *ret_lost, struct err *e)
{
	CLEANUP(lost_free) struct lost now = LOST_INIT;
	struct loss l = LOSS_INIT;
	int r = loss_list(c->dir, "lost", &now.paths, &now.why, e);

	if (r == 0)
		r = open_losses(c, &l, e);
	*ret_lost = now.paths.n;
	strv_sort(&now.paths);
	for (size_t i = 0; r == 0 && i < before->paths.n; i++) {
		const char *path = before->paths.v[i];

		if (is_there(c, path, folders) || is_listed(&now.paths, path))
			continue;
		loss_add(&l, path, "lost", NULL, 0, before->why.v[i]);
		++*ret_lost;
	}
	loss_close(&l);
	return r;
}

/* ---- what came ---- */

/* The path of a manifest's line: its 13th field. */
static char *path_of(char *line)
{
	char *save = NULL, *field = strtok_r(line, " \n", &save);

	for (int i = 0; field && i < 12; i++)
		field = strtok_r(NULL, " \n", &save);
	return field && str_unescape(field) == 0 ? field : NULL;
}

static int list_older(struct extract_run *c, uint64_t from, struct err *e)
{
	AUTO_FREE char *manifest = fs_join(c->dir, "manifest"), *line = NULL;
	AUTO_FCLOSE FILE *in = fopen(manifest, "re");
	const char *why = c->ladder.repaired ? "came from a copy that was repaired" : "its newest version could not be read; this one is from an older state";
	struct loss l = LOSS_INIT;
	size_t size = 0;
	int r;

	if (!in || fseeko(in, (off_t)from, SEEK_SET) < 0)
		return err_errno(e, "read '%s'", manifest);
	r = open_losses(c, &l, e);
	while (r == 0 && getline(&line, &size, in) > 0) {
		const char *type = strchr(line, ' '), *path;
		bool folder = type && type[1] == 'd';

		path = path_of(line);
		if (path && !folder)
			loss_add(&l, path, "older", NULL, 0, why);
	}
	loss_close(&l);
	return r;
}

/* ---- one rung more ---- */

static int pass(struct extract_run *c, struct copy_result *more, uint64_t *ret_lost, struct err *e)
{
	CLEANUP(lost_free) struct lost before = LOST_INIT;
	CLEANUP(strv_free) struct strv only = STRV_INIT;
	bool older = c->ladder.older || c->ladder.log_left || c->ladder.repaired;
	uint64_t manifest = 0;
	int64_t t0 = 0;
	int r = loss_list(c->dir, "lost", &before.paths, &before.why, e);

	if (r == 0)
		r = begin(c, &t0, e);
	if (r == 0)
		r = trust_all(c, &manifest, e);
	if (r < 0)
		return r;
	c->keep_ns = older ? t0 : 0;
	patterns(c, &before, &only);
	c->only = only.n ? &only : NULL;
	r = extract_copy(c, c->ladder.at, more, e);
	c->only = NULL;
	c->keep_ns = 0;
	if (r == 0 && older)
		r = list_older(c, manifest, e);
	return r < 0 ? r : list_again(c, &before, !older, ret_lost, e);
}

static void say(struct extract_run *c, uint64_t files)
{
	unsigned long long n = files;

	if (c->ladder.repaired)
		step_degraded(c->io, "%llu files that were lost came from a copy that was repaired (rung '%s'): see %s/losses.txt and lost+found", n,
			      c->ladder.rung, c->dir);
	else if (c->ladder.older || c->ladder.log_left)
		step_degraded(c->io, "%llu files whose newest version is lost came in an older one through rung '%s': see %s/losses.txt", n,
			      c->ladder.rung, c->dir);
	else
		step_note(c->io, "%llu files that were lost came through rung '%s', unproven", n, c->ladder.rung);
}

static int one_deeper(struct extract_run *c, char **rung, struct copy_result *res, struct err *e)
{
	struct copy_result more = { 0 };
	int r = extract_climb(c, *rung, NULL);

	if (r < 0)
		return -ENODATA;
	r = pass(c, &more, &res->lost, e);
	if (more.files)
		say(c, more.files);
	free(*rung);
	*rung = xstrdup(c->ladder.rung);
	ladder_end(&c->ladder);
	res->files += more.files;
	res->bytes += more.bytes;
	res->unproven += more.unproven;
	res->older += more.older;
	res->partial += more.partial;
	return r;
}

/* ---- without a mount ---- */

/* What is only in `from` moves to `to`; what is in both stays as it is there. */
static void merge(const char *from, const char *to)
{
	DIR *d = opendir(from);
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d))) {
		AUTO_FREE char *a = fs_join(from, de->d_name), *b = fs_join(to, de->d_name);

		if (str_eq(de->d_name, ".") || str_eq(de->d_name, ".."))
			continue;
		if (lstat(b, &st) < 0)
			(void)rename(a, b);
		else if (S_ISDIR(st.st_mode) && fs_is_dir(a))
			merge(a, b);
		else
			(void)unlink(a);        /* no manifest line may be about it */
	}
	if (d)
		closedir(d);
}

/* Files that the folder has already are taken out, so that the manifest is about the others. */
static void leave_new(const char *from, const char *to)
{
	DIR *d = opendir(from);
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d))) {
		AUTO_FREE char *a = fs_join(from, de->d_name), *b = fs_join(to, de->d_name);

		if (str_eq(de->d_name, ".") || str_eq(de->d_name, "..") || lstat(b, &st) < 0)
			continue;
		if (fs_is_dir(a))
			leave_new(a, b);
		else
			(void)unlink(a);
	}
	if (d)
		closedir(d);
}

static int list_partial(struct extract_run *c, const struct strv *partial, struct err *e)
{
	struct loss l = LOSS_INIT;
	int r = open_losses(c, &l, e);

	for (size_t i = 0; r == 0 && i < partial->n; i++)
		if (is_there(c, partial->v[i], false))
			loss_add(&l, partial->v[i], "partial", NULL, 0, "cut short by btrfs restore");
	loss_close(&l);
	return r;
}

/* btrfs restore reads some trees that the kernel refuses. */
static int restore_rest(struct extract_run *c, struct copy_result *res, struct err *e)
{
	AUTO_FREE char *into = fs_join(c->x->to.real, ".rescue-restore");
	CLEANUP(lost_free) struct lost before = LOST_INIT;
	CLEANUP(strv_free) struct strv partial = STRV_INIT;
	struct ladder_dumped d = { 0 };
	uint64_t manifest;
	int r = loss_list(c->dir, "lost", &before.paths, &before.why, e);

	(void)fs_remove_tree(into, NULL);
	if (r == 0)
		r = fs_mkdir_p(into, 0700, e);
	if (r < 0)
		return r;
	ladder_restore_some(c->from, &before.paths, into, &partial);
	leave_new(into, c->x->to.real);
	r = ladder_dump_manifest(into, c->dir, true, &partial, &d, e);
	if (r == 0)
		r = trust_all(c, &manifest, e);
	merge(into, c->x->to.real);
	(void)fs_remove_tree(into, NULL);
	if (r == 0)
		r = list_partial(c, &partial, e);
	if (r == 0)
		r = list_again(c, &before, false, &res->lost, e);
	if (d.files)
		step_note(c->io, "%llu files that were lost came through btrfs restore, unproven", (unsigned long long)d.files);
	res->files += d.files;
	res->partial += partial.n;
	res->unproven += d.files - partial.n;
	sync();
	return r;
}

/* A disk that does not answer is asked nothing more: no tool that reads it would ever end. */
static bool hangs(const struct extract_run *c)
{
	CLEANUP(lost_free) struct lost l = LOST_INIT;

	(void)loss_list(c->dir, "lost", &l.paths, &l.why, NULL);
	for (size_t i = 0; i < l.why.n; i++)
		if (strstr(l.why.v[i], "no answer"))
			return true;
	return false;
}

int extract_deeper(struct extract_run *c, struct copy_result *res, struct err *e)
{
	struct ladder first;
	AUTO_FREE char *rung = c->ladder.rung ? xstrdup(c->ladder.rung) : NULL;
	int r = 0;

	if (!res->lost || !c->ladder.type || extract_is_stream(c->x) || step_cancelled(c->io) || hangs(c))
		return 0;
	ladder_leave(&c->ladder);
	first = c->ladder;
	while (r == 0 && res->lost)
		r = one_deeper(c, &rung, res, e);
	c->ladder = first;
	r = r == -ENODATA ? 0 : r;
	if (r == 0 && res->lost && str_eq(first.type, "btrfs") && !step_cancelled(c->io))
		r = restore_rest(c, res, e);
	return r;
}

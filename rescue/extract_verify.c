/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verify: yes with an archive. A mark says that it is written, so that a run which dies while it reads it back does only that again. */
#include "copy_recheck.h"
#include "extract.h"
#include "fault.h"
#include "fs.h"
#include "loss.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MARK "written losses %llu text %llu"

static bool parse_mark(const struct extract_run *c, uint64_t ret[2])
{
	const char *mark = step_last_mark(c->io);
	unsigned long long json, text;

	if (!mark || sscanf(mark, MARK, &json, &text) != 2)
		return false;
	ret[0] = json;
	ret[1] = text;
	return true;
}

/* On stable storage before a mark says that they are whole. *ret: the lengths of the last two. */
static int sync_logs(const struct extract_run *c, uint64_t ret[2], struct err *e)
{
	static const char *const names[] = { "losses.jsonl", "losses.txt", "manifest" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		AUTO_FREE char *path = fs_join(c->dir, names[i]);
		AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
		struct stat st;

		if (fd < 0 || fsync(fd) < 0 || fstat(fd, &st) < 0)
			return err_errno(e, "sync '%s'", path);
		if (i < 2)
			ret[i] = (uint64_t)st.st_size;
	}
	return 0;
}

static bool on_read(void *arg, uint64_t files, uint64_t bytes)
{
	struct extract_run *c = arg;

	step_progress(c->io, &(struct step_progress){ .items = files, .items_total = c->files, .bytes = bytes });
	return !step_cancelled(c->io);
}

static void say(struct extract_run *c, const struct copy_recheck *k)
{
	const char *archive = c->x->to.real;

	fprintf(c->report, "verify: '%s' read back: %llu files equal, %llu not, %llu without some attribute%s%s\n", archive,
		(unsigned long long)k->equal, (unsigned long long)k->lost, (unsigned long long)k->meta, k->damage.code ? "; " : "", k->damage.msg);
	if (k->damage.code)
		step_degraded(c->io, "verify: '%s' cannot be read to its end: %s; write it again, to another disk", archive, k->damage.msg);
	if (k->lost || k->meta)
		step_degraded(c->io, "verify: %llu files of '%s' are not what was read from the source, %llu have another attribute: see %s/losses.txt",
			      (unsigned long long)k->lost, archive, (unsigned long long)k->meta, c->dir);
	else
		step_note(c->io, "verify: %llu files of '%s' were read back, all are equal", (unsigned long long)k->equal, archive);
}

static int recheck(struct extract_run *c, const uint64_t keep[2], struct copy_result *res, uint64_t *ret_files, struct err *e)
{
	struct copy_recheck k = { .archive = c->x->to.real, .logs = c->dir, .keep = { keep[0], keep[1] }, .go_on = on_read, .arg = c,
				  .damage = ERR_INIT };
	int r;

	fault_point("extract.archive.written");
	r = copy_recheck(&k, e);
	if (r < 0)
		return r;
	say(c, &k);
	res->lost += k.lost;
	res->meta += k.meta;
	*ret_files = k.equal + k.lost + k.meta;
	return 0;
}

int extract_written(struct extract_run *c, struct copy_result *res, struct err *e)
{
	AUTO_FREE char *mark = NULL;
	uint64_t keep[2] = { 0 }, files;
	int r = sync_logs(c, keep, e);

	if (r < 0)
		return r;
	mark = xasprintf(MARK, (unsigned long long)keep[0], (unsigned long long)keep[1]);
	r = step_mark(c->io, mark, e);
	return r < 0 ? r : recheck(c, keep, res, &files, e);
}

bool extract_is_written(const struct extract_run *c)
{
	uint64_t keep[2];

	return c->x->verify && parse_mark(c, keep) && fs_exists(c->x->to.real);
}

static int count(const struct extract_run *c, const char *what, uint64_t *ret, struct err *e)
{
	CLEANUP(strv_free) struct strv paths = STRV_INIT, why = STRV_INIT;
	int r = loss_list(c->dir, what, &paths, &why, e);

	*ret = paths.n;
	return r;
}

int extract_written_before(struct extract_run *c, struct copy_result *res, struct err *e)
{
	uint64_t keep[2] = { 0, 0 };
	struct loss l = LOSS_INIT;
	int r;

	(void)parse_mark(c, keep);
	r = loss_open(&l, c->dir, keep, e);             /* what that run found is found again */
	loss_close(&l);
	if (r == 0)
		r = count(c, "lost", &res->lost, e);
	if (r == 0)
		r = count(c, "partial", &res->partial, e);
	if (r == 0)
		r = count(c, "attributes", &res->meta, e);
	return r < 0 ? r : recheck(c, keep, res, &res->present, e);
}

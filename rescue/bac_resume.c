/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_resume.h"

#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>
#include <time.h>

#include "fault.h"
#include "rootmap.h"
#include "str.h"

#define EVERY_MS 3000

static int64_t ms_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t clock_offset(void)
{
	return ms_of(CLOCK_REALTIME) - ms_of(CLOCK_BOOTTIME);
}

static FTS *walk(const char *path, struct err *e)
{
	char *const paths[] = { (char *)path, NULL };
	FTS *f = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

	if (!f)
		err_errno(e, "look into '%s'", path);
	return f;
}

static bool is_dir(const FTSENT *x)
{
	return x->fts_info == FTS_D || x->fts_info == FTS_DP || x->fts_info == FTS_DNR || x->fts_info == FTS_DC;
}

/* 1: something that is no folder is in there. */
static int holds_files(const char *path, struct err *e)
{
	FTS *f = walk(path, e);
	bool found = false;
	FTSENT *x;

	if (!f)
		return e->code;
	while (!found && (x = fts_read(f)))
		found = !is_dir(x);
	fts_close(f);
	return found;
}

/* A folder's attributes may be half set, too: a new time makes it one that is replaced. */
static int take_out(const FTSENT *x, uint64_t *count, struct err *e)
{
	if (x->fts_info == FTS_DP)
		return utimensat(AT_FDCWD, x->fts_path, NULL, AT_SYMLINK_NOFOLLOW) < 0 ? err_errno(e, "'%s'", x->fts_path) : 0;
	if (is_dir(x))
		return 0;
	++*count;
	return unlink(x->fts_path) < 0 ? err_errno(e, "take '%s' out, to restore it again", x->fts_path) : 0;
}

static int64_t ms(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

/* The File Daemon sets a file's time when it has all of it: until then that is the time of the last write. */
static bool unfinished(const struct stat *st)
{
	int64_t diff = ms(&st->st_ctim) - ms(&st->st_mtim);

	return S_ISREG(st->st_mode) && diff >= -2000 && diff <= 2000;
}

/* What was changed at or after `mark`, in ms since 1970, or is not finished. The clock of inodes is a little behind. */
static int take_out_younger(const char *path, int64_t mark, uint64_t *count, struct err *e)
{
	FTS *f = walk(path, e);
	FTSENT *x;
	int r = f ? 0 : e->code;

	while (r == 0 && (x = fts_read(f))) {
		const struct stat *st = x->fts_statp;

		if (x->fts_info == FTS_ERR || x->fts_info == FTS_NS || x->fts_info == FTS_DNR)
			r = err_code(e, -x->fts_errno, "look at '%s'", x->fts_path);
		else if (ms(&st->st_ctim) >= mark - 100 || unfinished(st))
			r = take_out(x, count, e);
	}
	if (f)
		fts_close(f);
	return r;
}

static int go_on(struct bac_resume *b, const char *text, struct err *e)
{
	int64_t mark = strtoll(text + strlen("console "), NULL, 10), now = ms_of(CLOCK_REALTIME);
	uint64_t count = 0;
	int r;

	if (mark <= 0 || mark >= now) {
		b->useless = true;
		step_note(b->io, "all is restored again: the %s", mark > 0 ? "clock was set back since the last attempt" : "attempt before left no mark that is good");
		return step_mark(b->io, "console 0", e);        /* what comes now must not count as older than an earlier mark */
	}
	r = take_out_younger(b->target, mark, &count, e);
	if (r == 0)
		step_note(b->io, "%llu files of the last seconds before the interruption are restored again; older ones stay", (unsigned long long)count);
	b->goes_on = r == 0;
	b->mark = mark;
	return r;
}

int bac_resume_begin(struct bac_resume *b, struct step_io *io, const char *target, struct err *e)
{
	const char *text = step_last_mark(io);
	int r;

	*b = (struct bac_resume){ .io = io, .target = target, .clock = clock_offset(), .last_ms = (uint64_t)ms_of(CLOCK_BOOTTIME) };
	if (text && str_starts(text, "console "))
		return go_on(b, text, e);
	if (step_is_resume(io)) {       /* before its first mark: what is there may be anything */
		b->useless = true;
		return 0;
	}
	r = holds_files(target, e);
	if (r <= 0)
		return r < 0 ? r : step_mark(io, "console 1", e);       /* everything is younger */
	b->useless = true;
	return 0;
}

int bac_resume_mark(struct bac_resume *b, struct err *e)
{
	int64_t before = ms_of(CLOCK_REALTIME), diff = clock_offset() - b->clock;
	AUTO_FREE char *text = NULL;
	int r;

	if (b->useless || (uint64_t)ms_of(CLOCK_BOOTTIME) - b->last_ms < EVERY_MS)
		return 0;
	r = rootmap_sync(b->target, e);
	if (diff > 1000 || diff < -1000) {
		b->useless = true;
		before = 0;
	}
	text = xasprintf("console %lld", (long long)before);
	if (r == 0)
		r = step_mark(b->io, text, e);
	fault_point("bacula.console.marked");
	b->last_ms = (uint64_t)ms_of(CLOCK_BOOTTIME);
	return r;
}

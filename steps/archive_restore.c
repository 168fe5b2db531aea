/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * archive-restore - puts an archive back below a folder. The work is in unpack.h and arc.h; here are options, checks and words.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fs.h"
#include "step.h"
#include "unpack.h"

#define MEASURE_MAX (64 * MIB)          /* a compressed archive of at most this size is read once beforehand */

struct archive_restore {
	struct opt_path from, to;
	bool verify;
	uint64_t mark;
};

static const struct opt opts[] = {
	{ "from", OPT_PATH, OPT_FIELD(struct archive_restore, from), .flags = OPT_REQUIRED | OPT_BARE_DEVICE | OPT_STDIN, .access = ACCESS_READ,
	  .help = "The archive: a file, a device that it was written to, or '-' for standard input." },
	{ "to", OPT_PATH, OPT_FIELD(struct archive_restore, to), .flags = OPT_REQUIRED, .access = ACCESS_WRITE,
	  .help = "The folder that gets its content. It is made when it is missing." },
	{ "verify", OPT_BOOL, OPT_FIELD(struct archive_restore, verify), .def = "no",
	  .help = "Read the archive a second time and compare every byte with the disk." },
	{ "mark", OPT_SECONDS, OPT_FIELD(struct archive_restore, mark), .def = "5s", .min = 1, .max = 3600,
	  .help = "Sync and mark at most this often: what is repeated after a power cut." },
	OPT_END
};

static const char *source(const struct archive_restore *a)
{
	return a->from.path && str_eq(a->from.path, "-") ? "-" : a->from.real;
}

static uint64_t archive_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* ---- preflight ---- */

static int check_space(const char *to, uint64_t bytes, uint64_t entries, bool exact, struct err *e)
{
	struct statvfs v;
	char need[32], have[32];

	if (statvfs(to, &v) < 0)
		return err_errno(e, "look at '%s'", to);
	str_human_size(have, sizeof(have), v.f_bavail * v.f_frsize);
	str_human_size(need, sizeof(need), bytes);
	if (v.f_bavail * v.f_frsize < bytes && !exact)
		return err_set(e, -ENOSPC, "'%s': too small: %s free, the archive needs more than %s (that is half of its own size: "
			       "only archives of at most 64 MiB are read beforehand)", to, have, need);
	if (v.f_bavail * v.f_frsize < bytes)
		return err_set(e, -ENOSPC, "'%s': too small: %s free, the archive holds %s", to, have, need);
	if (v.f_files && v.f_favail < entries)
		return err_set(e, -ENOSPC, "'%s': too few inodes: %llu free, the archive holds %llu entries", to,
			       (unsigned long long)v.f_favail, (unsigned long long)entries);
	return 0;
}

/* Small archives are read once: then the numbers are exact. For a large one half of its own size must fit at least. */
static int measure(const char *from, uint64_t *bytes, uint64_t *entries, bool *exact, struct err *e)
{
	struct arc_in *in;
	uint64_t size = archive_size(from);
	int r;

	*exact = size <= MEASURE_MAX;
	*bytes = size / 2;
	*entries = 0;
	r = arc_in_open(&in, from, e);
	if (r < 0)
		return r;
	if (size && size <= MEASURE_MAX && unpack_measure(in, entries, bytes, NULL) < 0)
		*bytes = 0;             /* damaged: run says where */
	arc_in_close(in);
	return 0;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct archive_restore *a = self;
	const char *from = source(a);
	uint64_t bytes, entries;
	bool exact;
	int r;

	if (from && !str_eq(from, "-") && !fs_exists(from) && !a->from.device)
		return err_set(e, -ENOENT, "archive '%s': does not exist", from);
	if (!from || !a->to.real || (!str_eq(from, "-") && !fs_exists(from)))
		return STEP_LATER;
	if (fs_exists(a->to.real) && !fs_is_dir(a->to.real))
		return err_set(e, -ENOTDIR, "'%s': is not a folder", a->to.real);
	if (str_eq(from, "-") || !fs_exists(a->to.real) || step_is_resume(io))
		return 0;
	r = measure(from, &bytes, &entries, &exact, e);
	return r < 0 ? r : check_space(a->to.real, bytes, entries, exact, e);
}

/* ---- run ---- */

struct context {
	struct step_io *io;
	uint64_t total;
};

static int on_mark(void *arg, const char *text, struct err *e)
{
	return step_mark(((struct context *)arg)->io, text, e);
}

static void on_progress(void *arg, const struct unpack_result *now, uint64_t offset, const char *current)
{
	const struct context *c = arg;

	step_progress(c->io, &(struct step_progress){ .bytes = offset, .bytes_total = c->total, .items = now->entries,
						      .errors = now->refused + now->lost + now->meta, .current = current });
}

static bool on_cancelled(void *arg)
{
	return step_cancelled(((struct context *)arg)->io);
}

static void say(struct step_io *io, const struct unpack_result *r, const char *dir)
{
	char bytes[32];

	step_note(io, "%llu files, %llu folders, %llu others, %s", (unsigned long long)r->files, (unsigned long long)r->folders,
		  (unsigned long long)r->others, str_human_size(bytes, sizeof(bytes), r->bytes));
	if (r->skipped)
		step_note(io, "%llu entries were there from before", (unsigned long long)r->skipped);
	if (r->refused || r->lost || r->meta)
		step_degraded(io, "%llu entries refused, %llu lost, %llu without some attribute: see %s/losses.txt",
			      (unsigned long long)r->refused, (unsigned long long)r->lost, (unsigned long long)r->meta, dir);
}

static int restore(struct archive_restore *a, struct step_io *io, struct arc_in *in, const char *dir, struct err *e)
{
	AUTO_CLOSE int root = open(a->to.real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct context c = { io, archive_size(source(a)) };
	struct unpack_opts o = { .in = in, .root = root, .root_name = a->to.real, .logs = dir, .mark_s = a->mark, .resume = step_last_mark(io),
				 .mark = on_mark, .progress = on_progress, .cancelled = on_cancelled, .arg = &c };
	struct unpack_result res;
	int r;

	if (root < 0)
		return err_errno(e, "open folder '%s'", a->to.real);
	r = unpack(&o, &res, e);
	say(io, &res, dir);
	return r < 0 ? err_wrap(e, r, "archive '%s'", source(a)) : 0;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	struct archive_restore *a = self;
	const char *dir = step_dir(io, e);
	struct arc_in *in;
	int r;

	if (!dir)
		return e->code;
	r = fs_mkdir_p(a->to.real, 0755, e);
	if (r == 0)
		r = arc_in_open(&in, source(a), e);
	if (r < 0)
		return r;
	r = restore(a, io, in, dir, e);
	arc_in_close(in);
	return r;
}

/* The last mark was written after everything was synced; with `verify: yes` the disk is asked as well. */
static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct archive_restore *a = self;
	AUTO_CLOSE int root = open(a->to.real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct arc_in *in;
	int r;

	if (root < 0)
		return err_errno(e, "open folder '%s'", a->to.real);
	if (!step_last_mark(io)) {
		err_set(e, 0, "'%s': nothing was restored", a->to.real);
		return 0;
	}
	if (!a->verify || str_eq(source(a), "-"))
		return 1;
	r = arc_in_open(&in, source(a), e);
	if (r < 0)
		return r;
	r = unpack_compare(in, root, e);
	arc_in_close(in);
	return r;
}

const struct step_type step_archive_restore = {
	.name = "archive-restore",
	.summary = "Put the content of an archive back below a folder.",
	.manual = "Any tar, cpio, zip, 7-zip, ISO 9660, cab, lha or rar archive, compressed by gzip, bzip2, xz, lzma, lzip, zstd, lz4 or compress. "
		  "Owners, modes, times, hard links, holes, links, devices, ACLs, extended attributes, capabilities and chattr flags are kept "
		  "as far as the format has them; names of owners are not looked up, their numbers count.\n\n"
		  "Nothing lands outside the folder: names with '..' are refused, so is everything below a symbolic link; a leading '/' is taken "
		  "off. What was refused or lost is listed in losses.txt and losses.jsonl in the step's folder of the state directory, and the "
		  "run ends with the exit code for 'degraded'.\n\n"
		  "Interrupted, it skips the entries before the last mark and writes the others again. A damaged or cut-off archive is an error "
		  "that names the last good entry.",
	.opts = opts, .size = sizeof(struct archive_restore),
	.effect = STEP_DURABLE, .resume = STEP_FROM_MARK,
	.preflight = preflight, .run = run, .verify = verify,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bacula-salvage - the newest data of a damaged filesystem into Bacula, before the filesystem is made anew. The work is in bac_console.h.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "bac_console.h"
#include "fs.h"
#include "ladder.h"
#include "step.h"

struct bacula_salvage {
	struct opt_path from, console_config, fd_config;
	char *at, *client, *job, *fileset, *storage, *regular_job;
	uint64_t silence, min_files;
};

#define F(m) OPT_FIELD(struct bacula_salvage, m)

static const struct opt opts[] = {
	{ "from", OPT_PATH, F(from), .flags = OPT_REQUIRED | OPT_BARE_DEVICE, .access = ACCESS_READ,
	  .help = "The damaged device, or the folder where it is mounted, read-only. The job's FileSet must name the folder." },
	{ "at", OPT_STR, F(at), .min = 2, .max = 1023, .def = "/damaged",
	  .help = "Where a damaged device is mounted for the time of the job, by the gentlest way that works (the ladder of extract); the whole filesystem, "
		  "of a btrfs with all its subvolumes. The job's FileSet must name this folder, with onefs=no for subvolumes." },
	{ "console-config", OPT_PATH, F(console_config), .flags = OPT_REQUIRED, .access = ACCESS_READ,
	  .help = "The file bconsole.conf, also one of a restricted console." },
	{ "fd-config", OPT_PATH, F(fd_config), .access = ACCESS_READ,
	  .help = "The file bacula-fd.conf. The File Daemon is started here for the time of the job, its working folder on tmpfs, unable to restore." },
	{ "client", OPT_STR, F(client), .flags = OPT_REQUIRED, .min = 1, .max = 127, .help = "The client in the Director that this daemon is." },
	{ "job", OPT_STR, F(job), .flags = OPT_REQUIRED, .min = 1, .max = 127,
	  .help = "A Backup job of its own in the Director, with its own FileSet and best its own Pool: nothing of the real backups is replaced." },
	{ "fileset", OPT_STR, F(fileset), .flags = OPT_REQUIRED, .min = 1, .max = 127, .help = "The FileSet of that job." },
	{ "regular-job", OPT_STR, F(regular_job), .max = 127,
	  .help = "Name of the machine's real backup job: the step refuses when job is the same." },
	{ "storage", OPT_STR, F(storage), .max = 127, .help = "Another Storage than the job's own." },
	{ "min-files", OPT_U64, F(min_files), .def = "1", .min = 1, .max = 4294967295,
	  .help = "The step fails when the catalog has fewer files of the job than this." },
	{ "silence", OPT_SECONDS, F(silence), .def = "10m", .min = 5, .max = 86400,
	  .help = "How long the job may make no progress before it is cancelled, with the reason the daemons give." },
	OPT_END
};

static bool is_device(const struct bacula_salvage *s)
{
	struct stat st;

	return !s->from.path && stat(s->from.real, &st) == 0 && S_ISBLK(st.st_mode);
}

static int check_from(const struct bacula_salvage *s, struct err *e)
{
	struct statvfs v;

	if (is_device(s))
		return *s->at == '/' ? 0 : err_set(e, -EINVAL, "at '%s': must begin with '/'", s->at);
	if (!fs_is_dir(s->from.real))
		return STEP_LATER;
	if (statvfs(s->from.real, &v) < 0)
		return err_errno(e, "'%s'", s->from.real);
	if (!(v.f_flag & ST_RDONLY))
		return err_set(e, -EROFS, "'%s': is mounted for writing: mount what is to be salvaged read-only", s->from.real);
	return 0;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct bacula_salvage *s = self;
	int r;

	(void)io;
	if (s->regular_job && str_eq(s->regular_job, s->job))
		return err_set(e, -EINVAL, "job '%s' is the machine's real backup: a salvage in its chain would replace good backups", s->job);
	if (!s->from.real || !s->console_config.real || (s->fd_config.path && !s->fd_config.real))
		return STEP_LATER;
	r = check_from(s, e);
	return r ? r : bac_console_check(s->console_config.real, e);
}

/* ---- a way in ---- */

static void on_tried(void *arg, const char *rung, const char *result)
{
	step_note(arg, "rung '%s': %s", rung, result);
}

static int climb(const struct bacula_salvage *s, struct step_io *io, struct ladder *l, struct err *e)
{
	struct ladder_opts o = { .device = s->from.real, .at = s->at, .scratch = step_dir(io, e), .tried = on_tried, .arg = io };
	CLEANUP(strv_free) struct strv doubts = STRV_INIT;
	int r = o.scratch ? ladder_climb(&o, l, e) : e->code;

	if (r == -ENODATA)
		return err_wrap(e, r, "no way of mounting it works: the step extract goes further");
	if (r == 0 && l->proof == COPY_PROOF_IGNORED)
		step_degraded(io, "read through '%s', checksums ignored: nothing proves that the files are good", l->rung);
	if (r == 0)
		ladder_doubts(l, &doubts);
	for (size_t i = 0; i < doubts.n; i++)
		step_degraded(io, "%s", doubts.v[i]);
	return r;
}

static int backup(const struct bacula_salvage *s, struct step_io *io, struct err *e)
{
	const struct bac_console c = { .config = s->console_config.real, .fd_config = s->fd_config.real, .client = s->client,
				       .fileset = s->fileset, .job = s->job, .storage = s->storage, .silence_s = s->silence, .io = io };
	struct bac_job j;
	int r = bac_console_backup(&c, "Full", &j, e);

	if (r == 0 && j.files < s->min_files)
		return err_set(e, -ENODATA, "the catalog has %llu files of job %llu, %llu were wanted", (unsigned long long)j.files,
			       (unsigned long long)j.id, (unsigned long long)s->min_files);
	return r;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct bacula_salvage *s = self;
	struct ladder l = { 0 };
	int r = is_device(s) ? climb(s, io, &l, e) : 0;

	if (r == 0)
		r = backup(s, io, e);
	ladder_end(&l);
	return r;
}

/* The Director is asked again: the job must be in its catalog, ended well. */
static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct bacula_salvage *s = self;
	const struct bac_console c = { .config = s->console_config.real, .io = io };
	int r = bac_console_holds(io, e);

	return r == 1 ? bac_console_in_catalog(&c, s->min_files, e) : r;
}

const struct step_type step_bacula_salvage = {
	.name = "bacula-salvage", .summary = "Back a damaged filesystem up into Bacula before it is made anew.",
	.manual = "Runs a Full backup of a filesystem that is read-only, as a job of its own, through the Director; the job is followed to its "
		  "end, its log is kept as joblog.txt in the step's folder, and the catalog is asked afterwards.\n\n"
		  "Give the job its own FileSet and Pool in the Director. Without them it would count as the machine's newest Full backup, and the "
		  "damaged state would push good ones out.",
	.opts = opts, .size = sizeof(struct bacula_salvage), .effect = STEP_DURABLE, .resume = STEP_VERIFY_FIRST,
	.preflight = preflight, .run = run, .verify = verify,
};

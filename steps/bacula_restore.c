/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bacula-restore - files out of a Bacula backup: from volumes without any daemon (bac_restore.h), or with Bacula's own programs
 * (bac_console.h). Here are options, checks and words.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "bac_console.h"
#include "bac_restore.h"
#include "bac_sd.h"
#include "fs.h"
#include "step.h"

enum engine { VOLUMES, BEXTRACT, BCONSOLE };

struct bacula_restore {
	struct opt_path to, volumes, bsr, key, console_config, fd_config;
	struct strv paths;
	char *client, *job, *fileset, *before, *strip, *restore_job, *restore_client;
	uint64_t job_id, silence;
	int engine, replace, losses;
	bool incomplete, raw_as_file, skeleton;
};

#define F(m) OPT_FIELD(struct bacula_restore, m)

static const struct opt opts[] = {
	{ "to", OPT_PATH, F(to), .flags = OPT_REQUIRED, .access = ACCESS_WRITE,
	  .help = "The folder that becomes the root of what is restored, usually the mounted target." },
	{ "engine", OPT_ENUM, F(engine), .choices = "volumes bextract bconsole", .def = "volumes",
	  .help = "Who reads the backup: this program, from the volumes (volumes); Bacula's bextract; or the Director and its daemons, "
		  "over the network (bconsole)." },
	{ "volumes", OPT_PATH, F(volumes), .access = ACCESS_READ,
	  .help = "A folder full of volumes, in any order, or one volume. For the engines volumes and bextract." },
	{ "bsr", OPT_PATH, F(bsr), .access = ACCESS_READ,
	  .help = "A bootstrap file that says what to restore. Without one the newest state on the volumes is taken." },
	{ "client", OPT_STR, F(client), .min = 1, .max = 127, .help = "The client whose backup is wanted, by its full name in Bacula." },
	{ "job", OPT_STR, F(job), .min = 1, .max = 127, .help = "Only backups made by the job of this name." },
	{ "job-id", OPT_U64, F(job_id), .max = 4294967295, .excl = "before bsr",
	  .help = "The state as of this job: with the Full, Differential and Incrementals that it builds on." },
	{ "fileset", OPT_STR, F(fileset), .min = 1, .max = 127, .help = "Only backups of this FileSet. The engine bconsole needs it." },
	{ "before", OPT_STR, F(before), .max = 40, .excl = "bsr",
	  .help = "The state before this time, for example '2026-11-24 18:30': jobs that ended later are not used." },
	{ "incomplete", OPT_BOOL, F(incomplete), .def = "no", .help = "Use jobs that ended with errors or have no end, too." },
	{ "paths", OPT_LIST, F(paths), .help = "Only these paths of the backup and what is below them." },
	{ "strip", OPT_STR, F(strip), .max = 4095, .help = "Leading part of the names in the backup that is left out." },
	{ "replace", OPT_ENUM, F(replace), .choices = "always ifnewer ifolder never", .def = "always",
	  .help = "What happens to files that are there already." },
	{ "key", OPT_PATH, F(key), .access = ACCESS_READ, .help = "Private key (PEM, without passphrase) for encrypted backups." },
	{ "raw-as-file", OPT_BOOL, F(raw_as_file), .def = "no",
	  .help = "Put the content of raw devices into ordinary files. Nothing is ever written to a device." },
	{ "skeleton", OPT_BOOL, F(skeleton), .def = "yes",
	  .help = "When a whole system was restored, make the folders that backups leave out: /proc, /sys, /dev, /run, /tmp, mount points." },
	{ "losses", OPT_ENUM, F(losses), .choices = "degraded fail", .def = "degraded",
	  .help = "What files that could not be restored mean: the step is done, the run's exit code says degraded; or the step fails." },
	{ "console-config", OPT_PATH, F(console_config), .access = ACCESS_READ,
	  .help = "Engine bconsole: bconsole.conf, also one of a restricted console." },
	{ "fd-config", OPT_PATH, F(fd_config), .access = ACCESS_READ,
	  .help = "Engine bconsole: bacula-fd.conf. The File Daemon is started here for the time of the restore, unable to take backups." },
	{ "restore-job", OPT_STR, F(restore_job), .max = 127, .help = "Engine bconsole: name of the Restore job in the Director." },
	{ "restore-client", OPT_STR, F(restore_client), .max = 127,
	  .help = "Engine bconsole: the client that gets the files, when it is not the one of the backup." },
	{ "silence", OPT_SECONDS, F(silence), .def = "10m", .min = 5, .max = 86400,
	  .help = "Engine bconsole: how long a job may make no progress before it is cancelled, with the reason the daemons give." },
	OPT_END
};

/* ---- which sessions ---- */

static int make_plan(const struct bacula_restore *s, struct bac_index *ix, struct bac_plan *plan, struct err *e)
{
	struct bac_want w = { .client = s->client, .job = s->job, .fileset = s->fileset, .job_id = (uint32_t)s->job_id, .chain = true,
			      .incomplete = s->incomplete };
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = bac_index_add(ix, s->volumes.real, e);

	if (r < 0)
		return r;
	if (s->bsr.real) {
		r = fs_read(s->bsr.real, 64 * MIB, &text, &len, e);
		return r < 0 ? r : bac_bsr_plan(ix, text, len, s->bsr.real, plan, e);
	}
	if (s->before && bac_parse_time(s->before, &w.before) < 0)
		return err_set(e, -EINVAL, "before '%s': not a time such as '2026-11-24 18:30'", s->before);
	r = bac_index_scan(ix, NULL, NULL, e);
	return r < 0 ? r : bac_select_state(ix, &w, plan, e);
}

/* A mark is good for these sessions only. */
static void fingerprint(const struct bac_plan *plan, char out[65])
{
	CLEANUP(str_free) struct str s = STR_INIT;

	for (size_t i = 0; i < plan->n; i++)
		str_addf(&s, "%u-%u-%zu-%zu ", plan->sess[i].id, plan->sess[i].time, plan->sess[i].n_ranges, plan->sess[i].n_segs);
	hash_sha256_hex(str_cstr(&s), s.len, out);
}

/* ---- preflight ---- */

static int check_words(const struct bacula_restore *s, struct err *e)
{
	uint64_t t;

	if (s->before && bac_parse_time(s->before, &t) < 0)
		return err_set(e, -EINVAL, "before '%s': not a time such as '2026-11-24 18:30'", s->before);
	if (s->engine != BCONSOLE && !s->volumes.path)
		return err_set(e, -EINVAL, "engine %s: needs 'volumes'", s->engine == VOLUMES ? "volumes" : "bextract");
	if (s->engine == BEXTRACT && !s->bsr.path)
		return err_set(e, -EINVAL, "engine bextract: needs 'bsr'");
	if (s->engine == BCONSOLE && (!s->client || !s->console_config.path || !s->fileset || !s->restore_job))
		return err_set(e, -EINVAL, "engine bconsole: needs 'console-config', 'client', 'fileset' and 'restore-job': a question would hang");
	return 0;
}

static bool missing(const struct opt_path *p)
{
	return p->path && !p->real;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct bacula_restore *s = self;
	struct bac_index ix = { 0 };
	int r = check_words(s, e);

	(void)io;
	if (r == 0 && s->engine != BCONSOLE && missing(&s->volumes))
		r = bac_sd_no_changer(s->volumes.path, e);
	if (r == 0 && s->engine == BEXTRACT && s->volumes.real)
		r = bac_sd_stopped(s->volumes.real, e);
	if (r < 0)
		return r;
	if (missing(&s->to) || missing(&s->volumes) || missing(&s->bsr) || missing(&s->key) || missing(&s->console_config) || missing(&s->fd_config))
		return STEP_LATER;
	if (!fs_is_dir(s->to.real))
		return fs_exists(s->to.real) ? err_set(e, -ENOTDIR, "'%s': is no folder", s->to.real) : STEP_LATER;
	if (s->engine == BCONSOLE)
		return bac_console_check(s->console_config.real, e);
	r = bac_index_add(&ix, s->volumes.real, e);
	bac_index_free(&ix);
	return r;
}

/* ---- engine volumes ---- */

struct job {
	struct step_io *io;
	char id[65];
};

static int mark(void *arg, const char *text, struct err *e)
{
	struct job *j = arg;
	AUTO_FREE char *both = xasprintf("%.16s %s", j->id, text);

	return step_mark(j->io, both, e);
}

static void progress(void *arg, const struct bac_progress *p)
{
	struct job *j = arg;
	CLEANUP(str_free) struct str s = STR_INIT;
	struct step_progress out = { .bytes = p->volume_bytes, .bytes_total = p->volume_bytes_total, .items = p->files,
				     .items_total = p->files_total, .errors = p->lost };

	str_addf(&s, "%s at %llu: ", p->volume, (unsigned long long)p->pos);
	str_add_printable(&s, p->current ? p->current : "");
	out.current = str_cstr(&s);
	step_progress(j->io, &out);
}

static void note(void *arg, const char *text)
{
	step_note(((struct job *)arg)->io, "%s", text);
}

static bool cancelled(void *arg)
{
	return step_cancelled(((struct job *)arg)->io);
}

static int resume_text(struct step_io *io, const char *id, const char **ret, struct err *e)
{
	const char *m = step_last_mark(io);

	*ret = NULL;
	if (!m)
		return 0;
	if (strlen(m) < 18 || strncmp(m, id, 16) != 0)
		return err_set(e, -ESTALE, "the volumes hold other jobs than when this step began: it cannot go on from its mark");
	*ret = m + 17;
	return 0;
}

struct words {
	struct step_io *io;
	int left;
};

static void warn_line(void *arg, const char *line)
{
	struct words *w = arg;

	if (w->left-- > 0)
		step_warn(w->io, "%.*s", (int)strcspn(line, "\n"), line + 2);
}

static int tell(struct bacula_restore *s, struct step_io *io, const struct bac_result *res, struct err *e)
{
	AUTO_FREE char *text = bac_result_text(res, BAC_RESTORE);
	struct words w = { io, 10 };

	step_note(io, "%s", text);
	if (!res->n.entries)
		return err_set(e, -ENODATA, "nothing on the volumes matches: no file was restored");      /* T88 */
	if (bac_result_whole(res))
		return 0;
	(void)bac_report_each(res->report, warn_line, &w, NULL);
	if (s->losses == 1 && res->n.lost)
		return err_set(e, -EIO, "%llu files could not be restored: %s says which", (unsigned long long)res->n.lost, res->report);
	step_degraded(io, "not everything could be restored: %s; the list is in %s", text, res->report);
	return 0;
}

static struct bac_opts options(const struct bacula_restore *s, struct job *j)
{
	return (struct bac_opts){ .to = s->to.real, .strip = s->strip, .paths = s->paths, .replace = (enum bac_replace)s->replace,
				  .raw_as_file = s->raw_as_file, .skeleton = s->skeleton, .key = s->key.real, .mark = mark, .progress = progress,
				  .note = note, .cancelled = cancelled, .arg = j };
}

static int run_volumes(struct bacula_restore *s, struct step_io *io, struct err *e)
{
	struct bac_index ix = { 0 };
	struct bac_plan plan = { 0 };
	struct job j = { .io = io };
	struct bac_opts o = options(s, &j);
	struct bac_result res = { 0 };
	int r;

	o.state = step_dir(io, e);
	r = o.state ? make_plan(s, &ix, &plan, e) : e->code;
	fingerprint(&plan, j.id);
	if (r == 0)
		r = resume_text(io, j.id, &o.resume, e);
	for (size_t i = 0; i < ix.notes.n; i++)
		step_warn(io, "%s, going on", ix.notes.v[i]);
	for (size_t i = 0; i < plan.notes.n; i++)
		step_warn(io, "%s, going on", plan.notes.v[i]);
	for (size_t i = 0; i < plan.n && r == 0; i++)
		step_note(io, "job %u (%s, level %c)", plan.sess[i].label.job_id, plan.sess[i].label.job ? plan.sess[i].label.job : "by its session",
			  plan.sess[i].label.level ? plan.sess[i].label.level : '-');
	if (r == 0)
		r = bac_restore(&ix, &plan, &o, &res, e);
	if (r == 0)
		r = tell(s, io, &res, e);
	bac_result_free(&res);
	bac_plan_free(&plan);
	bac_index_free(&ix);
	return r;
}

/* ---- the other engines ---- */

static int run_console(struct bacula_restore *s, struct step_io *io, struct err *e)
{
	struct bac_console c = { .config = s->console_config.real, .fd_config = s->fd_config.real, .client = s->client,
				 .restore_client = s->restore_client ? s->restore_client : s->client, .fileset = s->fileset,
				 .job = s->restore_job, .before = s->before, .where = s->to.real, .silence_s = s->silence, .io = io };

	return bac_console_restore(&c, e);
}

static int run(void *self, struct step_io *io, struct err *e)
{
	struct bacula_restore *s = self;
	struct job j = { .io = io };
	const struct bac_opts o = options(s, &j);
	int r;

	if (s->engine == VOLUMES)
		return run_volumes(s, io, e);
	r = s->engine == BCONSOLE ? run_console(s, io, e) : bac_bextract(s->volumes.real, s->bsr.real, s->to.real, io, e);
	return r == 0 && s->skeleton ? bac_make_skeleton(&o, e) : r;
}

/* ---- verify: the entries of the last job must be there with their type, size, owner and time ---- */

struct look {
	const struct bacula_restore *s;
	const struct bac_plan *plan;
	int root;
	uint64_t seen, wrong;
	struct err *e;
};

/* The plan's last job, and the base jobs that stand behind it when it is a Full. */
static bool of_last(const struct bac_plan *plan, const struct bac_session *x)
{
	const struct bac_session *last = &plan->sess[plan->n - 1];

	return (x->id == last->id && x->time == last->time) || (last->label.level == 'F' && x->label.level == 'B');
}

static void look_at(void *arg, const struct bac_session *x, const struct bac_attr *a)
{
	struct look *l = arg;
	AUTO_FREE char *path = bac_target_path(l->s->strip, a->name);
	struct stat st;
	bool file = a->type == BAC_REG || a->type == BAC_REGE;

	if (!of_last(l->plan, x) || !path || !*path || (!file && a->type != BAC_LNK && a->type != BAC_DIREND))
		return;
	l->seen++;
	if (fstatat(l->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == (a->mode & S_IFMT) && st.st_uid == a->uid &&
	    (a->type == BAC_DIREND || st.st_mtime == a->mtime))
		return;
	if (!l->wrong++)
		err_set(l->e, -EIO, "'%s' is not as the backup has it", a->name);
}

/* How many entries the report allows to be missing. */
static void count_lost(void *arg, const char *line)
{
	uint64_t *n = arg;

	*n += strstr(line, "\"kind\": \"lost\"") != NULL || strstr(line, "\"kind\": \"skipped\"") != NULL;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	struct bacula_restore *s = self;
	struct bac_index ix = { 0 };
	struct bac_plan plan = { 0 };
	struct look l = { .s = s, .plan = &plan, .e = e };
	struct bac_opts o = { .mode = BAC_LIST, .paths = s->paths, .list = look_at, .arg = &l };
	struct bac_result res = { 0 };
	const char *dir = step_dir(io, e);
	AUTO_FREE char *report = dir ? fs_join(dir, "report.json") : NULL;
	uint64_t lost = 0;
	int r;

	if (s->engine != VOLUMES)
		return bac_console_holds(io, e);
	if (!report || bac_report_each(report, count_lost, &lost, e) < 0)
		return 0;
	l.root = open(s->to.real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = l.root < 0 ? err_errno(e, "'%s'", s->to.real) : make_plan(s, &ix, &plan, e);
	if (r == 0 && s->replace == 0)
		r = bac_restore(&ix, &plan, &o, &res, e);
	if (l.root >= 0)
		close(l.root);
	bac_result_free(&res);
	bac_plan_free(&plan);
	bac_index_free(&ix);
	return r < 0 ? r : l.wrong <= lost;
}

const struct step_type step_bacula_restore = {
	.name = "bacula-restore", .summary = "Restore files from a Bacula backup.",
	.manual = "From volumes no daemon, no catalog and no network is needed. Every digest in the backup is compared; ACLs, extended attributes, "
		  "capabilities, hard links and holes come back; deletions of later jobs are honoured. A damaged or missing place on a volume costs the "
		  "files that it touches and nothing else: report.json in the step's folder lists them.\n\n"
		  "A restore that was interrupted goes on from its last mark, at most a few seconds back. With the engine bconsole the Director runs a "
		  "job again, and it sends only what is missing: what was restored and on the disk up to a few seconds before the interruption stays, "
		  "when the target held no files before the first attempt.",
	.opts = opts, .size = sizeof(struct bacula_restore), .effect = STEP_DURABLE, .resume = STEP_FROM_MARK,
	.preflight = preflight, .run = run, .verify = verify,
};

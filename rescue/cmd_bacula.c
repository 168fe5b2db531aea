/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rescue bacula list | ls | verify | restore: backups on volumes, without any Bacula daemon. */
#include "cmd.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "bac_restore.h"
#include "cmd_bacula_show.h"
#include "fs.h"

static bool json, incomplete, chain, raw_as_file, no_skeleton, quiet;
static const char *bsr, *to, *state, *client, *job, *job_name, *fileset, *before, *strip, *key, *replace, *threads;
static struct strv paths;

static const struct cmd_opt opts[] = {
	{ "to", CMD_TEXT, &to, "DIR", "Restore: the folder that becomes the root of what is restored." },
	{ "state", CMD_TEXT, &state, "DIR", "Restore: folder for marks and the report; the same command goes on after an interruption." },
	{ "bsr", CMD_TEXT, &bsr, "FILE", "Take what this bootstrap file says." },
	{ "client", CMD_TEXT, &client, "NAME", "Backups of this client." },
	{ "job", CMD_TEXT, &job, "JOBID", "This job alone; with --chain also the jobs that it builds on." },
	{ "chain", CMD_FLAG, &chain, NULL, "With --job: Full, Differential and Incrementals up to that job." },
	{ "job-name", CMD_TEXT, &job_name, "NAME", "Backups made by the job of this name." },
	{ "fileset", CMD_TEXT, &fileset, "NAME", "Backups of this FileSet." },
	{ "before", CMD_TEXT, &before, "TIME", "The state before this time: '2026-11-24 18:30', or '@' and seconds since 1970." },
	{ "incomplete", CMD_FLAG, &incomplete, NULL, "Use jobs that ended with errors or have no end, too." },
	{ "path", CMD_LIST, &paths, "PATH", "Only this path of the backup and what is below it." },
	{ "strip", CMD_TEXT, &strip, "PATH", "Leave this leading part of the names out." },
	{ "key", CMD_TEXT, &key, "FILE", "Private key (PEM) for encrypted backups." },
	{ "replace", CMD_TEXT, &replace, "HOW", "Files that are there: always (default), ifnewer, ifolder, never." },
	{ "raw-as-file", CMD_FLAG, &raw_as_file, NULL, "Put the content of raw devices into ordinary files; else it is left out." },
	{ "no-skeleton", CMD_FLAG, &no_skeleton, NULL, "Do not make /proc, /tmp and the like when a whole system was restored." },
	{ "threads", CMD_TEXT, &threads, "N", "Threads that decompress and write." },
	{ "json", CMD_FLAG, &json, NULL, "Print one JSON object a line." },
	{ "quiet", CMD_FLAG, &quiet, NULL, "No progress on standard error." },
	CMD_END
};

static int failed(const struct err *e)
{
	cmd_error("bacula: %s", e->msg);
	return EXIT_FAILED;
}

/* ---- which sessions ---- */

static int open_index(struct bac_index *ix, int argc, char **argv, struct err *e)
{
	int r = 0;

	for (int i = 0; i < argc && r == 0; i++)
		r = bac_index_add(ix, argv[i], e);
	return r;
}

static int read_want(struct bac_want *w, struct err *e)
{
	uint64_t id = 0;

	*w = (struct bac_want){ .client = client, .job = job_name, .fileset = fileset, .chain = chain, .incomplete = incomplete };
	if (job && (str_to_u64(job, &id) < 0 || id == 0 || id > UINT32_MAX))
		return err_set(e, -EINVAL, "--job %s: not a JobId", job);
	w->job_id = (uint32_t)id;
	if (before && bac_parse_time(before, &w->before) < 0)
		return err_set(e, -EINVAL, "--before %s: not a time such as '2026-11-24 18:30'", before);
	return 0;
}

static int make_plan(struct bac_index *ix, struct bac_plan *plan, struct err *e)
{
	AUTO_FREE char *text = NULL;
	struct bac_want w;
	size_t len;
	int r;

	if (bsr) {
		r = fs_read(bsr, 64 * MIB, &text, &len, e);
		return r < 0 ? r : bac_bsr_plan(ix, text, len, bsr, plan, e);
	}
	r = read_want(&w, e);
	if (r == 0)
		r = bac_index_scan(ix, bac_show_scan, NULL, e);
	bac_show_end();
	return r < 0 ? r : bac_select_state(ix, &w, plan, e);
}

static void show_plan(const struct bac_index *ix, const struct bac_plan *plan)
{
	for (size_t i = 0; i < ix->notes.n; i++)
		cmd_error("%s", ix->notes.v[i]);
	for (size_t i = 0; i < plan->notes.n; i++)
		cmd_error("%s", plan->notes.v[i]);
	for (size_t i = 0; i < plan->n && !json && !quiet; i++) {
		const struct bac_session *s = &plan->sess[i];
		char t[32];

		bac_show_time(s->start_time, t, sizeof(t));
		fprintf(stderr, "job %u %s level %c of %s\n", s->label.job_id, s->label.job ? s->label.job : "(name not known)",
			s->label.level ? s->label.level : '-', t);
	}
}

/* ---- list ---- */

static int do_list(struct bac_index *ix, struct err *e)
{
	struct bac_want w;
	int r = read_want(&w, e);

	if (r == 0)
		r = bac_index_scan(ix, bac_show_scan, NULL, e);
	bac_show_end();
	if (r < 0)
		return failed(e);
	for (size_t i = 0; i < ix->notes.n; i++)
		cmd_error("%s", ix->notes.v[i]);
	if (!json)
		printf("   JobId  L  S  Start                    Files      Bytes  Client  Job  FileSet  Volumes\n");
	for (size_t i = 0; i < ix->n_sess; i++)
		if (!client || (ix->sess[i].label.client && str_eq(client, ix->sess[i].label.client)))
			bac_show_session(&ix->sess[i], json);
	return EXIT_DONE;
}

static void ls_line(void *arg, const struct bac_session *s, const struct bac_attr *a)
{
	(void)arg;
	bac_show_entry(s, a, json);
}

/* ---- verify and restore ---- */

/* The mark file: what is being restored (a digest), then the newest mark or "done". */
static char mark_id[65];

static char *mark_path(void)
{
	return fs_join(state, "mark");
}

static int save_mark(void *arg, const char *text, struct err *e)
{
	AUTO_FREE char *path = mark_path();
	AUTO_FREE char *both = xasprintf("%s\n%s\n", mark_id, text);

	(void)arg;
	return fs_write_atomic(path, both, strlen(both), 0600, e);
}

static void identify(const struct bac_plan *plan)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_addf(&s, "%s %s", to, strip ? strip : "");
	for (size_t i = 0; i < plan->n; i++)
		str_addf(&s, " %u-%u-%zu", plan->sess[i].id, plan->sess[i].time, plan->sess[i].n_ranges);
	for (size_t i = 0; i < paths.n; i++)
		str_addf(&s, " %s", paths.v[i]);
	hash_sha256_hex(s.s, s.len, mark_id);
}

/* *ret NULL: from the start. -EALREADY: it was finished. */
static int load_mark(char **ret, struct err *e)
{
	AUTO_FREE char *path = mark_path();
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = fs_read(path, 64 * KIB, &text, &len, e);

	*ret = NULL;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (len < 66 || strncmp(text, mark_id, 64) != 0)
		return err_set(e, -EEXIST, "state folder '%s' belongs to another restore: give an empty folder, or the command that began it", state);
	*ret = xstrdup(str_trim(text + 64));
	return str_eq(*ret, "done") ? -EALREADY : 0;
}

static void note(void *arg, const char *text)
{
	(void)arg;
	if (!quiet && !json)
		fprintf(stderr, "%s\n", text);
}

static int set_options(struct bac_opts *o, struct err *e)
{
	static const char *const how[] = { "always", "ifnewer", "ifolder", "never" };
	uint64_t n = 0;

	*o = (struct bac_opts){ .to = to, .state = state, .strip = strip, .paths = paths, .raw_as_file = raw_as_file, .skeleton = !no_skeleton,
				.key = key, .progress = bac_show_progress, .note = note, .mark = state ? save_mark : NULL };
	if (threads && (str_to_u64(threads, &n) < 0 || n < 1 || n > 16))
		return err_set(e, -EINVAL, "--threads %s: a number from 1 to 16", threads);
	o->threads = (unsigned int)n;
	for (size_t i = 0; replace && i < ARRAY_SIZE(how); i++)
		if (str_eq(replace, how[i])) {
			o->replace = (enum bac_replace)i;
			return 0;
		}
	return replace ? err_set(e, -EINVAL, "--replace %s: one of always, ifnewer, ifolder, never", replace) : 0;
}

static void print_entry(void *arg, const char *line)
{
	int *left = arg;

	if ((*left)-- > 0)
		fprintf(stderr, "%s", line);
}

static int tell_result(const struct bac_result *res, enum bac_mode mode)
{
	AUTO_FREE char *text = bac_result_text(res, mode);
	int left = 20;

	bac_show_end();
	if (!json)
		printf("%s\n", text);
	else
		printf("{\"entries\":%" PRIu64 ",\"expected\":%" PRIu64 ",\"restored\":%" PRIu64 ",\"verified\":%" PRIu64 ",\"lost\":%" PRIu64
		       ",\"doubtful\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"metadata\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", res->n.entries,
		       res->n.expected, res->n.restored, res->n.verified, res->n.lost, res->n.doubtful, res->n.skipped, res->n.metadata,
		       res->n.bytes);
	if (res->report && !bac_result_whole(res)) {
		(void)bac_report_each(res->report, print_entry, &left, NULL);
		cmd_error("bacula: the whole list is in %s", res->report);
	}
	if (!res->n.entries) {
		cmd_error("bacula: nothing matched: no file was restored");     /* T88 */
		return EXIT_FAILED;
	}
	return bac_result_whole(res) ? EXIT_DONE : EXIT_DEGRADED;
}

static int check_target(struct err *e)
{
	struct stat st;

	if (!to)
		return err_set(e, -EINVAL, "restore needs --to DIR");
	if (stat(to, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, -ENOTDIR, "--to %s: not a folder", to);
	return state ? fs_mkdir_p(state, 0700, e) : 0;
}

static int run_engine(struct bac_index *ix, const struct bac_plan *plan, struct bac_opts *o, struct err *e)
{
	AUTO_FREE char *resume = NULL;
	struct bac_result res = { 0 };
	int r = 0, code;

	if (o->mode == BAC_RESTORE && state) {
		identify(plan);
		r = load_mark(&resume, e);
		if (r == -EALREADY) {
			printf("this restore was finished before; its report is in %s\n", state);
			return EXIT_DONE;
		}
		o->resume = resume;
	}
	if (r == 0)
		r = bac_restore(ix, plan, o, &res, e);
	if (r < 0)
		return failed(e);
	code = o->mode == BAC_LIST ? EXIT_DONE : tell_result(&res, o->mode);
	if (o->mark && o->mode == BAC_RESTORE && save_mark(NULL, "done", e) < 0)
		code = failed(e);
	bac_result_free(&res);
	return code;
}

static int do_engine(struct bac_index *ix, enum bac_mode mode, struct err *e)
{
	struct bac_plan plan = { 0 };
	struct bac_opts o;
	int r = set_options(&o, e), code;

	o.mode = mode;
	if (r == 0 && mode == BAC_RESTORE)
		r = check_target(e);
	if (r < 0) {
		cmd_error("bacula: %s", e->msg);
		return EXIT_USAGE;
	}
	if (mode == BAC_LIST)
		o.list = ls_line;
	r = make_plan(ix, &plan, e);
	if (r < 0) {
		code = failed(e);
	} else {
		show_plan(ix, &plan);
		code = run_engine(ix, &plan, &o, e);
	}
	bac_plan_free(&plan);
	return code;
}

static int run(int argc, char **argv)
{
	struct bac_index ix = { 0 };
	struct err e = ERR_INIT;
	int code;

	if (argc < 2) {
		cmd_error("bacula: give list, ls, verify or restore, and volumes (files, or a folder of them)");
		return EXIT_USAGE;
	}
	bac_show_silent = quiet || json;
	if (open_index(&ix, argc - 1, argv + 1, &e) < 0)
		code = failed(&e);
	else if (str_eq(argv[0], "list"))
		code = do_list(&ix, &e);
	else if (str_eq(argv[0], "ls"))
		code = do_engine(&ix, BAC_LIST, &e);
	else if (str_eq(argv[0], "verify"))
		code = do_engine(&ix, BAC_VERIFY, &e);
	else if (str_eq(argv[0], "restore"))
		code = do_engine(&ix, BAC_RESTORE, &e);
	else {
		cmd_error("bacula: %s: not one of list, ls, verify, restore", argv[0]);
		code = EXIT_USAGE;
	}
	bac_index_free(&ix);
	strv_free(&paths);
	return code;
}

const struct cmd cmd_bacula = {
	.name = "bacula", .summary = "Read, check and restore backups on Bacula volumes, without any daemon.", .usage = "COMMAND VOLUME...",
	.manual = "Commands: 'list' shows the jobs on the volumes, 'ls' their files, 'verify' reads everything and compares every digest, "
		  "'restore' restores. Volumes are files, or folders full of them, in any order.\n\n"
		  "Without --bsr the newest state is taken: the last Full backup, the Differential after it, the Incrementals after that, deletions "
		  "honoured. --before takes the state before a time.\n\n"
		  "Damaged places cost the files that they touch and nothing else. Those are listed, and the exit code is 7.",
	.opts = opts, .run = run,
};

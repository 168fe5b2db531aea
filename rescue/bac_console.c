/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_console.h"

#include <ctype.h>
#include <time.h>

#include "bac_earlier.h"
#include "bac_fd.h"
#include "bac_resume.h"
#include "child.h"
#include "fault.h"
#include "fs.h"

#define START_S 600             /* a restore: it reads the catalog first */

/* Sends commands, gives everything that was printed. The connection itself must have worked. */
int bac_console_ask(const char *config, const char *commands, uint64_t timeout_s, struct str *out, struct err *e)
{
	AUTO_FREE char *input = xasprintf("%s\nquit\n", commands);
	const char *const argv[] = { "bconsole", "-n", "-c", config, NULL };
	struct child c = { .argv = argv, .input = input, .input_len = strlen(input), .out = out,
			   .out_max = GIB, .timeout_s = timeout_s, .quiet_stderr = true };
	int r = child_run(&c, e);
	const char *text = str_cstr(out);

	if (strstr(text, "authorization problem") || strstr(text, "Unable to authenticate"))
		return err_set(e, -EACCES, "the Director refuses us: wrong name or password in '%s' (or TLS does not match)", config);
	if (strstr(text, "1000 OK"))
		return 0;
	if (r == -ENOENT)
		return r;
	return err_set(e, -EHOSTUNREACH, "the Director does not answer (address and port are in '%s')%s%s", config, r < 0 ? ": " : "",
		       r < 0 && e ? e->msg : "");
}

int bac_console_check(const char *config, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;

	return bac_console_ask(config, "version", BAC_ASK_S, &out, e);
}

/* Number behind the last "JobId=". 0: none. */
static uint64_t job_id_in(const char *text)
{
	const char *p = text, *last = NULL;

	while ((p = strstr(p, "JobId=")))
		last = p += strlen("JobId=");
	return last ? strtoull(last, NULL, 10) : 0;
}

/* Last line that says something, for the error sentence. */
static void last_words(const char *text, char *buf, size_t n)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;

	strv_split(&lines, text, "\n");
	snprintf(buf, n, "it said nothing");
	for (size_t i = 0; i < lines.n; i++) {
		const char *l = str_trim(lines.v[i]);

		if (*l && !str_eq(l, "quit") && !str_starts(l, "Using Catalog"))
			snprintf(buf, n, "%s", l);
	}
}

void bac_console_cancel(const struct bac_console *c, uint64_t id)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	AUTO_FREE char *cmd = xasprintf("cancel jobid=%llu yes", (unsigned long long)id);

	(void)bac_console_ask(c->config, cmd, BAC_ASK_S, &out, NULL);
}

int bac_console_start(const struct bac_console *c, const char *command, struct str *out, uint64_t *ret, struct err *e)
{
	char words[256];
	int r = bac_console_ask(c->config, command, c->silence_s > START_S ? c->silence_s : START_S, out, e);

	if (r < 0)
		return r;
	fault_point("bacula.console.started");
	*ret = job_id_in(str_cstr(out));
	last_words(str_cstr(out), words, sizeof(words));
	if (!*ret)
		return err_set(e, -EIO, "the Director started no job: %s", words);
	(void)bac_earlier_stop(c, *ret, NULL);  /* one that came into being while we looked; the new job runs, whatever the answer is */
	return 0;
}

char *bac_llist_value(char *line, const char *key)
{
	size_t k = strlen(key);
	char *l = str_trim(line);

	return strncasecmp(l, key, k) == 0 && l[k] == ':' ? str_trim(l + k + 1) : NULL;
}

uint64_t bac_llist_number(const char *text)
{
	uint64_t n = 0;

	for (; *text; text++)
		if (isdigit((unsigned char)*text))
			n = 10 * n + (uint64_t)(*text - '0');
	return n;
}

static bool field(const char *text, const char *key, char *buf, size_t n)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	const char *v = NULL;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n && !v; i++)
		v = bac_llist_value(lines.v[i], key);
	if (v)
		snprintf(buf, n, "%s", v);
	return v != NULL;
}

static uint64_t count(const char *text, const char *key)
{
	char buf[64];

	return field(text, key, buf, sizeof(buf)) ? bac_llist_number(buf) : 0;
}

static int job_state(const struct bac_console *c, uint64_t id, struct bac_job *ret, char *client, size_t n, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	AUTO_FREE char *cmd = xasprintf("llist jobid=%llu", (unsigned long long)id);
	char status[16] = "";
	int r = bac_console_ask(c->config, cmd, BAC_ASK_S, &out, e);

	if (r < 0)
		return r;
	if (!field(str_cstr(&out), "JobStatus", status, sizeof(status)))
		return err_set(e, -EIO, "the Director shows no job %llu: may this console list it?", (unsigned long long)id);
	*ret = (struct bac_job){ id, count(out.s, "JobFiles"), count(out.s, "JobBytes"), status[0], count(out.s, "JobErrors") };
	if (!field(out.s, "ClientName", client, n))
		*client = '\0';
	return 0;
}

/* What the Director says a running job waits for. */
static void why_silent(const struct bac_console *c, uint64_t id, char *buf, size_t n)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	AUTO_FREE char *number = xasprintf("%llu ", (unsigned long long)id);

	snprintf(buf, n, "the Director does not say why");
	if (bac_console_ask(c->config, "status dir", BAC_ASK_S, &out, NULL) < 0)
		return;
	strv_split(&lines, str_cstr(&out), "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (str_starts(str_trim(lines.v[i]), number) && strstr(lines.v[i], "is "))
			snprintf(buf, n, "%s", strstr(lines.v[i], "is "));
}

void bac_console_keep_log(const struct bac_console *c, uint64_t id, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	AUTO_FREE char *cmd = xasprintf("list joblog jobid=%llu", (unsigned long long)id);
	const char *dir = step_dir(c->io, e);
	AUTO_FREE char *path = dir ? fs_join(dir, "joblog.txt") : NULL;

	if (path && bac_console_ask(c->config, cmd, BAC_ASK_S, &out, NULL) == 0)
		(void)fs_write_atomic(path, str_cstr(&out), out.len, 0600, e);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

bool bac_job_runs(char status)
{
	return strchr("CRFSmMsjcdtpiBaDlL", status) != NULL && status;
}

/* Polls to the job's end. A Director that does not answer for a while (it is restarted, the network flaps) is asked again until silence is over. */
int bac_console_wait(const struct bac_console *c, const char *client, struct bac_resume *resume, struct bac_job *j, struct err *e)
{
	struct bac_job last = *j;
	uint64_t since = now();
	char name[128], why[256];

	for (;;) {
		struct err w = ERR_INIT;
		int r = job_state(c, j->id, j, name, sizeof(name), &w);

		if (step_cancelled(c->io)) {
			bac_console_cancel(c, j->id);
			return err_set(e, -ECANCELED, "cancelled, and job %llu with it", (unsigned long long)j->id);
		}
		if (r == 0 && client && *name && !str_eq(name, client)) {
			bac_console_cancel(c, j->id);
			return err_set(e, -EXDEV, "the Director took client '%s' instead of '%s': does it know that name?", name, client);
		}
		if (r == 0 && !bac_job_runs(j->status))
			return 0;
		if (r == 0 && (j->files != last.files || j->bytes != last.bytes || j->status != last.status)) {
			since = now();
			last = *j;
			step_progress(c->io, &(struct step_progress){ .bytes = j->bytes, .items = j->files, .current = "job of the Director" });
		}
		if (now() - since >= c->silence_s) {
			if (r < 0)
				return err_set(e, r, "%s", w.msg);
			why_silent(c, j->id, why, sizeof(why));
			bac_console_cancel(c, j->id);
			return err_set(e, -ETIMEDOUT, "job %llu made no progress for %llu seconds and was cancelled: %s", (unsigned long long)j->id,
				       (unsigned long long)c->silence_s, why);
		}
		if (resume && bac_resume_mark(resume, e) < 0)
			return e->code;
		usleep(1000000);
	}
}

/* `resumed`: files of an earlier attempt are there, so that none may be missing. */
int bac_console_judge(const struct bac_console *c, const struct bac_job *j, bool resumed, struct err *e)
{
	AUTO_FREE char *text = xasprintf("job %llu ended with status %c: %llu files, %llu errors", (unsigned long long)j->id, j->status,
					 (unsigned long long)j->files, (unsigned long long)j->errors);
	const char *dir = step_dir(c->io, e);
	AUTO_FREE char *path = dir ? fs_join(dir, "job.txt") : NULL;

	bac_console_keep_log(c, j->id, e);
	step_note(c->io, "%s", text);
	if (j->status != 'T' && j->status != 'W')
		return err_set(e, -EIO, "%s: its log is joblog.txt in the step's folder", text);
	if (!j->files && !resumed)
		return err_set(e, -ENODATA, "%s: nothing was selected (client, fileset, time?)", text);        /* T88 */
	if (j->errors || j->status == 'W')
		step_degraded(c->io, "%s: its log is joblog.txt in the step's folder", text);
	return path ? fs_write_atomic(path, text, strlen(text), 0600, e) : 0;
}

int bac_console_holds(struct step_io *io, struct err *e)
{
	const char *dir = step_dir(io, e);
	AUTO_FREE char *path = dir ? fs_join(dir, "job.txt") : NULL;

	if (!path)
		return e->code;
	if (fs_exists(path))
		return 1;
	err_set(e, -ENOENT, "no job ended well");
	return 0;
}

static int quoted(const char *what, const char *text, struct err *e)
{
	if (text && strpbrk(text, "\"\n\r"))
		return err_set(e, -EINVAL, "%s '%s': a quote or line break in it would change the command", what, text);
	return 0;
}

int bac_console_words(const struct bac_console *c, struct err *e)
{
	int r = quoted("client", c->client, e);

	r = r ? r : quoted("restore client", c->restore_client, e);
	r = r ? r : quoted("fileset", c->fileset, e);
	r = r ? r : quoted("job", c->job, e);
	return r ? r : quoted("folder", c->where, e);
}

static char *backup_words(const struct bac_console *c, const char *level, struct err *e)
{
	AUTO_FREE char *storage = c->storage ? xasprintf(" storage=\"%s\"", c->storage) : NULL, *comment = bac_earlier_comment(c->io, e);

	return comment ? xasprintf("run job=\"%s\" client=\"%s\" fileset=\"%s\" level=%s%s comment=\"%s\" yes", c->job, c->client, c->fileset, level,
				   storage ? storage : "", comment) : NULL;
}

static int backup_job(const struct bac_console *c, const char *level, struct bac_job *j, struct err *e)
{
	AUTO_FREE char *cmd = backup_words(c, level, e);
	CLEANUP(str_free) struct str out = STR_INIT;
	int r = cmd ? bac_console_start(c, cmd, &out, &j->id, e) : e->code;

	if (r == 0)
		r = bac_console_wait(c, c->client, NULL, j, e);
	if (r < 0 && j->id)
		bac_console_keep_log(c, j->id, NULL);
	return r < 0 ? r : bac_console_judge(c, j, false, e);
}

int bac_console_backup(const struct bac_console *c, const char *level, struct bac_job *ret, struct err *e)
{
	struct bac_fd fd = BAC_FD_INIT;
	int r = bac_console_words(c, e);

	*ret = (struct bac_job){ 0 };
	if (r == 0)
		r = bac_earlier_stop(c, 0, e);
	if (r == 0 && c->fd_config)
		r = bac_fd_start(&fd, c->fd_config, step_runtime_dir(c->io), 'b', e);
	if (r == 0)
		r = backup_job(c, level, ret, e);
	bac_fd_stop(&fd);
	return r;
}

int bac_console_in_catalog(const struct bac_console *c, uint64_t min_files, struct err *e)
{
	const char *dir = step_dir(c->io, e);
	AUTO_FREE char *path = dir ? fs_join(dir, "job.txt") : NULL;
	AUTO_FREE char *text = NULL;
	struct bac_job j = { 0 };
	char name[128];
	size_t len;
	int r = path ? fs_read(path, 4 * KIB, &text, &len, e) : e->code;

	if (r < 0)
		return r;
	r = job_state(c, str_starts(text, "job ") ? strtoull(text + 4, NULL, 10) : 0, &j, name, sizeof(name), e);
	if (r < 0)
		return r;
	if ((j.status == 'T' || j.status == 'W') && j.files >= min_files)
		return 1;
	err_set(e, -EIO, "the catalog says of job %llu: status %c, %llu files", (unsigned long long)j.id, j.status, (unsigned long long)j.files);
	return 0;
}

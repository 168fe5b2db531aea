/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A restore through the Director, and going on with one that was interrupted. */
#include "bac_console.h"

#include <ctype.h>
#include <time.h>

#include "bac_earlier.h"
#include "bac_fd.h"
#include "bac_index.h"
#include "bac_remain.h"
#include "bac_resume.h"
#include "fs.h"
#include "rootmap.h"

#define LIST_S 600

static char *before_words(const char *before)
{
	uint64_t us;
	time_t t;
	struct tm tm;
	char buf[32];

	if (!before || bac_parse_time(before, &us) < 0)
		return xstrdup("select current");
	t = (time_t)(us / 1000000);
	localtime_r(&t, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%S", &tm);
	return xasprintf("before=\"%s\" select", buf);
}

/* Which jobs the first attempt restored from: the next ones take the same, whatever was backed up meanwhile. */
static char *selected_path(const struct bac_console *c)
{
	const char *dir = step_dir(c->io, NULL);

	return dir ? fs_join(dir, "job.selected") : NULL;
}

static char *which_jobs(const struct bac_console *c, const struct bac_resume *resume)
{
	AUTO_FREE char *path = selected_path(c), *ids = NULL;
	size_t len;

	if (resume->goes_on && path && fs_read(path, 64 * KIB, &ids, &len, NULL) == 0 && len)
		return xasprintf("jobid=%s", str_trim(ids));
	return before_words(c->before);
}

/* "You have selected the following JobIds: 1,2" */
static int keep_selected(const struct bac_console *c, const char *text, struct err *e)
{
	AUTO_FREE char *path = selected_path(c);
	const char *p = strstr(text, "You have selected the following JobId");
	size_t n;

	p = p ? strstr(p, ": ") : NULL;
	if (!p || !path)
		return 0;
	n = strspn(p += 2, "0123456789,");
	return n ? fs_write_atomic(path, p, n, 0600, e) : 0;
}

static char *restore_words(const struct bac_console *c, const struct bac_resume *resume, struct err *e)
{
	AUTO_FREE char *which = which_jobs(c, resume), *comment = bac_earlier_comment(c->io, e);

	return comment ? xasprintf("restore client=\"%s\" restoreclient=\"%s\" fileset=\"%s\" where=\"%s\" comment=\"%s\" restorejob=\"%s\" replace=%s %s all yes",
				   c->client, c->restore_client, c->fileset, c->where, comment, c->job, resume->goes_on ? "ifolder" : "always", which) : NULL;
}

/* ---- what need not be sent again ---- */

static void look_what_remains(const struct bac_console *c, const struct bac_resume *resume, const char *words, struct bac_remain *ret)
{
	AUTO_FREE char *cmd = xasprintf("%s\n" BAC_REMAIN_LIST, words);
	CLEANUP(str_free) struct str out = STR_INIT;
	struct err e = ERR_INIT;

	*ret = (struct bac_remain){ 0 };
	if (!resume->goes_on)
		return;
	if (bac_console_ask(c->config, cmd, LIST_S, &out, &e) < 0) {
		step_warn(c->io, "what is missing cannot be asked for: %s, all is sent again", e.msg);
		return;
	}
	bac_remain(str_cstr(&out), c->where, resume->mark, ret);
	step_note(c->io, "%llu entries are whole and are not sent again, %llu are", (unsigned long long)ret->out, (unsigned long long)ret->left);
}

/* "1,044 files selected to be restored." */
static uint64_t count_selected(const char *text)
{
	const char *p = strstr(text, " files selected to be restored."), *from = p;
	uint64_t n = 0;

	if (!p)
		return strstr(text, "1 file selected to be restored.") != NULL;
	while (from > text && (isdigit((unsigned char)from[-1]) || from[-1] == ','))
		from--;
	for (; from < p; from++)
		n = *from == ',' ? n : 10 * n + (uint64_t)(*from - '0');
	return n;
}

/* The Director understood another set of files than we: that job is not wanted. */
static int start_again(const struct bac_console *c, const char *all, uint64_t selected, uint64_t left, struct str *out, uint64_t *ret, struct err *e)
{
	int r;

	step_warn(c->io, "the Director selected %llu files where %llu are missing, all are sent again", (unsigned long long)selected, (unsigned long long)left);
	str_reset(out);
	r = bac_earlier_stop(c, 0, e);
	return r < 0 ? r : bac_console_start(c, all, out, ret, e);
}

/* The whole job, or what is missing of it. */
static int start(const struct bac_console *c, const struct bac_resume *resume, uint64_t *ret, struct err *e)
{
	AUTO_FREE char *words = restore_words(c, resume, e), *all = words ? xasprintf("%s done", words) : NULL, *part = NULL;
	CLEANUP(bac_remain_free) struct bac_remain rest = { 0 };
	CLEANUP(str_free) struct str out = STR_INIT;
	uint64_t selected;
	int r;

	if (!words)
		return e->code;
	look_what_remains(c, resume, words, &rest);
	part = rest.out ? xasprintf("%s\n%sdone", words, str_cstr(&rest.commands)) : NULL;
	r = bac_console_start(c, part ? part : all, &out, ret, e);
	selected = r == 0 ? count_selected(str_cstr(&out)) : 0;
	if (r == 0 && part && selected != rest.left)
		r = start_again(c, all, selected, rest.left, &out, ret, e);
	return r < 0 ? r : keep_selected(c, str_cstr(&out), e);
}

static int restore_job(const struct bac_console *c, struct bac_resume *resume, struct err *e)
{
	struct bac_job j = { 0 };
	int r = start(c, resume, &j.id, e);

	if (r == 0)
		step_note(c->io, "job %llu restores client '%s'", (unsigned long long)j.id, c->client);
	if (r == 0)
		r = bac_console_wait(c, c->restore_client, resume, &j, e);
	if (r < 0 && j.id)
		bac_console_keep_log(c, j.id, NULL);
	if (r == 0)
		r = rootmap_sync(c->where, e);
	return r < 0 ? r : bac_console_judge(c, &j, resume->goes_on, e);
}

int bac_console_restore(const struct bac_console *c, struct err *e)
{
	struct bac_fd fd = BAC_FD_INIT;
	struct bac_resume resume;
	int r = bac_console_words(c, e);

	if (r == 0)
		r = bac_earlier_stop(c, 0, e);
	if (r == 0)
		r = bac_resume_begin(&resume, c->io, c->where, e);
	if (r == 0 && c->fd_config)
		r = bac_fd_start(&fd, c->fd_config, step_runtime_dir(c->io), 'r', e);
	if (r == 0)
		r = restore_job(c, &resume, e);
	bac_fd_stop(&fd);
	return r;
}

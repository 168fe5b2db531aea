/* SPDX-License-Identifier: GPL-2.0-or-later */
/* since: from when on a file is new. A text, or the labels of a backup job on Bacula's volumes: then only what the backup does not have is new. */
#include "bac_index.h"
#include "extract.h"

#include <time.h>

/*
 * The label's time is the Storage Daemon's clock, a file's the client's: so much may lie between them. Too early costs copies of files that the
 * backup has, too late would cost files.
 */
#define CLOCKS_S 600

int extract_since_text(const char *text, int64_t *ret, struct err *e)
{
	struct tm tm = { 0 };
	const char *end;
	char *stop;

	*ret = INT64_MIN;
	if (!text)
		return 0;
	if (*text == '@') {
		*ret = strtoll(text + 1, &stop, 10);
		if (text[1] && !*stop)
			return 0;
	}
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end)
		end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	if (!end)
		end = strptime(text, "%Y-%m-%d", &tm);
	if (!end || (*end && !str_eq(end, "Z")))
		return err_set(e, -EINVAL, "since '%s': not a time such as 2026-11-28T18:00:00 or @1795888800", text);
	*ret = timegm(&tm);
	return 0;
}

/* A backup that ended well, of the wanted job; of one that was not closed nobody knows what it has. */
static bool counts(const struct bac_session *s, const char *job)
{
	return s->label.type == 'B' && s->has_start && bac_session_ended_well(s) &&
	       (!job || (s->label.job && str_eq(s->label.job, job)));
}

/* The newest of them; -EINVAL when they are of several jobs and none was named. */
static int newest(const struct bac_index *ix, const struct extract *x, const struct bac_session **ret, struct err *e)
{
	const struct bac_session *best = NULL;

	for (size_t i = 0; i < ix->n_sess; i++) {
		const struct bac_session *s = &ix->sess[i];

		if (!counts(s, x->job))
			continue;
		if (best && !x->job && !str_eq(best->label.job, s->label.job))
			return err_set(e, -EINVAL, "since-volumes '%s': there are backups of several jobs, '%s' and '%s' among them: say which one with since-job",
				       x->volumes.real, best->label.job, s->label.job);
		if (!best || s->start_time > best->start_time)
			best = s;
	}
	*ret = best;
	if (best)
		return 0;
	return err_set(e, -ENODATA, "since-volumes '%s': no backup%s%s that ended well is on them: 'rescue bacula list %s' shows what is; take the option out "
		       "to copy everything", x->volumes.real, x->job ? " of job " : "", x->job ? x->job : "", x->volumes.real);
}

static int since_backup(struct extract_run *c, struct err *e)
{
	struct bac_index ix = { 0 };
	const struct bac_session *s = NULL;
	char when[32] = "";
	time_t t;
	int r = bac_index_add(&ix, c->x->volumes.real, e);

	if (r == 0)
		r = bac_index_scan(&ix, NULL, NULL, e);
	if (r == 0)
		r = newest(&ix, c->x, &s, e);
	if (r == 0) {
		t = (time_t)(s->start_time / 1000000);
		c->since = t - CLOCKS_S;
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", gmtime(&t));
		step_note(c->io, "the newest good backup is job %u (%s) of %s UTC: only files changed since then are copied, ten minutes before it for the clocks",
			  s->label.job_id, s->label.job, when);
		fprintf(c->report, "since: job %u (%s) of %s UTC, less %d s\n", s->label.job_id, s->label.job, when, CLOCKS_S);
	}
	bac_index_free(&ix);
	return r;
}

int extract_since(struct extract_run *c, struct err *e)
{
	return c->x->volumes.path ? since_backup(c, e) : extract_since_text(c->x->since, &c->since, e);
}

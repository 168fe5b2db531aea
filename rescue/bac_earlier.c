/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_earlier.h"

#include <unistd.h>

#include "fs.h"
#include "guid.h"
#include "str.h"

#define WAIT_MS 15000
#define LOOK_MS 500
#define MANY 16

static char *comment_path(struct step_io *io, struct err *e)
{
	const char *dir = step_dir(io, e);

	return dir ? fs_join(dir, "job.comment") : NULL;
}

static char *kept_comment(struct step_io *io)
{
	AUTO_FREE char *path = comment_path(io, NULL), *text = NULL;
	size_t len;

	return path && fs_read(path, 256, &text, &len, NULL) == 0 && *str_trim(text) ? xstrdup(str_trim(text)) : NULL;
}

char *bac_earlier_comment(struct step_io *io, struct err *e)
{
	AUTO_FREE char *path = comment_path(io, e), *text = path ? kept_comment(io) : NULL;
	char id[37];

	if (!path || text)
		return TAKE_PTR(text);
	if (guid_random(id, e) < 0)
		return NULL;
	text = xasprintf("rescue %s", id);
	return fs_write_atomic(path, text, strlen(text), 0600, e) < 0 ? NULL : TAKE_PTR(text);
}

size_t bac_earlier_find(const char *text, const char *comment, uint64_t *ids, size_t n)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	uint64_t id = 0;
	bool runs = false;
	size_t found = 0;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *v;

		if ((v = bac_llist_value(lines.v[i], "JobId"))) {
			id = bac_llist_number(v);
			runs = false;
		} else if ((v = bac_llist_value(lines.v[i], "JobStatus")))
			runs = bac_job_runs(*v);
		else if ((v = bac_llist_value(lines.v[i], "Comment")) && str_eq(v, comment) && id && runs && found < n)
			ids[found++] = id;
	}
	return found;
}

static int find(const struct bac_console *c, const char *comment, uint64_t *ids, size_t *found, struct err *e)
{
	AUTO_FREE char *cmd = xasprintf("llist jobs jobname=\"%s\" order=desc limit=100", c->job);
	CLEANUP(str_free) struct str out = STR_INIT;
	int r = bac_console_ask(c->config, cmd, BAC_ASK_S, &out, e);

	*found = r < 0 ? 0 : bac_earlier_find(str_cstr(&out), comment, ids, MANY);
	return r;
}

/* Each job once, for the Director takes its time: jobs come with rising numbers, `told` is the last one. Gives how many run still. */
static size_t cancel(const struct bac_console *c, const uint64_t *ids, size_t n, uint64_t except, uint64_t *told)
{
	uint64_t newest = *told;
	size_t others = 0;

	for (size_t i = 0; i < n; i++) {
		if (ids[i] == except)
			continue;
		others++;
		if (ids[i] <= *told)
			continue;
		newest = ids[i] > newest ? ids[i] : newest;
		step_note(c->io, "job %llu of the attempt before is cancelled", (unsigned long long)ids[i]);
		bac_console_cancel(c, ids[i]);
	}
	*told = newest;
	return others;
}

int bac_earlier_stop(const struct bac_console *c, uint64_t except, struct err *e)
{
	AUTO_FREE char *comment = kept_comment(c->io);
	uint64_t ids[MANY], told = 0;
	size_t n;

	for (int waited = 0; comment && waited < WAIT_MS && !step_cancelled(c->io); waited += LOOK_MS) {
		int r = find(c, comment, ids, &n, e);

		if (r < 0)
			return r;
		if (!cancel(c, ids, n, except, &told))
			return 0;
		usleep(LOOK_MS * 1000);
	}
	return 0;
}

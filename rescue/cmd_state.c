/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd_state.h"

#include <dirent.h>

#include "cmd.h"
#include "fs.h"
#include "runner.h"

static time_t journal_time(const char *dir)
{
	AUTO_FREE char *path = fs_join(dir, "journal");
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtime : 0;
}

static char *newest(void)
{
	DIR *d = opendir(RUNNER_STATE_ROOT);
	char *best = NULL;
	time_t best_time = 0;

	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d)) {
		AUTO_FREE char *dir = fs_join(RUNNER_STATE_ROOT, de->d_name);
		time_t t = de->d_name[0] == '.' ? 0 : journal_time(dir);

		if (t > best_time) {
			free(best);
			best = TAKE_PTR(dir);
			best_time = t;
		}
	}
	if (d)
		closedir(d);
	return best;
}

static int load(struct cmd_state *s, struct err *e)
{
	int r = journal_read(&s->j, s->dir, e);

	if (r < 0)
		return r == -EBADMSG ? EXIT_JOURNAL : EXIT_STATE;
	if (plan_load(s->plan_path, &s->plan, e) < 0)
		return EXIT_STATE;
	s->rs = xcalloc(s->plan->n_steps, sizeof(*s->rs));
	for (size_t i = 0; i < s->plan->n_steps; i++) {
		const struct step_type *t = s->plan->steps[i].type;

		s->rs[i] = (struct run_step){ s->plan->steps[i].id, t->effect, t->resume, t->verify != NULL };
	}
	runstate_read(&s->st, &s->j, s->rs, s->plan->n_steps);
	return EXIT_DONE;
}

int cmd_state_open(struct cmd_state *s, const char *given, struct err *e)
{
	*s = (struct cmd_state){ .j = JOURNAL_INIT, .dir = given ? xstrdup(given) : newest() };
	if (!s->dir) {
		err_set(e, -ENOENT, "no run was found in " RUNNER_STATE_ROOT ": give --state DIR");
		return EXIT_STATE;
	}
	s->plan_path = fs_join(s->dir, "plan.yaml");
	return load(s, e);
}

void cmd_state_close(struct cmd_state *s)
{
	runstate_free(&s->st);
	journal_close(&s->j);
	plan_free(s->plan);
	free(s->rs);
	free(s->plan_path);
	free(s->dir);
}

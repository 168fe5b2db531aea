/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A second witness for what must not be done twice: `steps/ID/done` beside the journal, written durably after the `done` record of a step
 * that erases. A journal that lost its end at a line boundary looks whole; the witness knows better.
 */
#include <unistd.h>

#include "fault.h"
#include "fs.h"
#include "run.h"

static int is_erase(const struct opt *row, const char *device, bool path, void *arg)
{
	(void)device;
	(void)arg;
	return row->access == ACCESS_ERASE && !path;
}

static char *witness(const struct run *r, size_t step)
{
	const struct plan_step *s = &r->plan->steps[step];

	if (s->type->effect != STEP_DESTRUCTIVE && !run_refs_each(s->type->opts, &s->vals, is_erase, NULL))
		return NULL;
	return xasprintf("%s/steps/%s/done", r->state, s->id);
}

int run_witness_add(struct run *r, size_t step, struct err *e)
{
	AUTO_FREE char *path = witness(r, step);
	AUTO_FREE char *dir = path ? xasprintf("%s/steps/%s", r->state, r->plan->steps[step].id) : NULL;
	AUTO_FREE char *above = path ? xasprintf("%s/steps", r->state) : NULL;

	if (!path)
		return 0;
	if (fs_mkdir_p(dir, 0700, e) < 0 || fs_sync_dir(r->state, e) < 0 || fs_sync_dir(above, e) < 0)
		return e->code;
	return fs_write_atomic(path, "", 0, 0600, e);
}

int run_witness_remove(struct run *r, size_t step, struct err *e)
{
	AUTO_FREE char *path = witness(r, step);

	if (!path || !fs_exists(path))
		return 0;
	if (unlink(path) < 0)
		return err_errno(e, "remove '%s'", path);
	return fs_sync_parent(path, e);
}

int run_witness_check(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->plan->n_steps; i++) {
		AUTO_FREE char *path = witness(r, i);

		if (path && r->st.steps[i].status != RUN_DONE && fs_exists(path))
			return err_set(e, -EBADMSG, "journal '%s': lines are missing at its end: it does not know that step '%s' was done, '%s' does: "
				       "give --from %s to do it again, or start in a new state directory", r->j.path, r->plan->steps[i].id, path,
				       r->plan->steps[i].id);
	}
	return 0;
}

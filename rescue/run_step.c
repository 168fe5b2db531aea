/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fault.h"
#include "fs.h"
#include "run.h"

const char *run_place(const struct run *r, size_t step, char buf[32])
{
	snprintf(buf, 32, "[%zu/%zu] ", step + 1, r->plan->n_steps);
	return buf;
}

int run_record(struct run *r, const char *step, enum journal_verb verb, const char *payload, struct err *e)
{
	int rc = journal_append(&r->j, step, verb, payload, e);

	if (rc < 0)
		r->broken = true;
	return rc;
}

/* ---- what the step's process asks of us ---- */

struct call {
	struct run *r;
	size_t step;
	void *self;
	int (*fn)(void *self, struct step_io *io, struct err *e);
};

static int on_message(void *ctx, const struct step_msg *m, struct err *e)
{
	struct call *c = ctx;
	static const enum journal_verb verbs[] = {
		[STEP_MSG_FACT] = J_FACT, [STEP_MSG_MARK] = J_MARK, [STEP_MSG_DEGRADED] = J_DEGRADED,
	};

	int rc = run_record(c->r, c->r->plan->steps[c->step].id, verbs[m->type], m->text, e);

	if (rc == 0 && m->type == STEP_MSG_MARK)        /* verify, in a process of its own, asks for it */
		c->r->st.steps[c->step].last_mark = c->r->j.recs[c->r->j.n - 1].payload;
	return rc;
}

static int in_child(void *arg, struct step_io *io, struct err *e)
{
	struct call *c = arg;

	return c->fn(c->self, io, e);
}

/* Facts of the step since it was taken back last, oldest first. */
static void own_facts(const struct run *r, const char *id, struct strv *ret)
{
	size_t first = 0;

	for (size_t i = 0; i < r->j.n; i++)
		if (r->j.recs[i].verb == J_RESUME && str_eq(r->j.recs[i].step, id))
			first = i;
	for (size_t i = first; i < r->j.n; i++)
		if (r->j.recs[i].verb == J_FACT && str_eq(r->j.recs[i].step, id))
			strv_add(ret, r->j.recs[i].payload);
}

static struct step_io_device *io_devices(const struct run *r)
{
	struct step_io_device *d = xcalloc(r->n_dev, sizeof(*d));

	for (size_t i = 0; i < r->n_dev; i++)
		d[i] = (struct step_io_device){ .name = r->dev[i].pd->name, .identity = r->dev[i].identity, .rdev = r->dev[i].rdev,
						.may_erase = r->dev[i].pd->access == ACCESS_ERASE };
	return d;
}

static int call(struct call *c, const char *name, bool timed, struct err *e)
{
	struct run *r = c->r;
	const struct plan_step *s = &r->plan->steps[c->step];
	AUTO_FREE char *dir = xasprintf("%s/steps/%s", r->state, s->id);
	AUTO_FREE char *log = run_log_path(r, c->step);
	AUTO_FREE struct step_io_device *devices = io_devices(r);
	CLEANUP(strv_free) struct strv facts = STRV_INIT;
	const struct step_state *st = &r->st.steps[c->step];
	char place[32];
	struct hook h = {
		.name = name, .step = s->id, .place = run_place(r, c->step, place), .fn = in_child, .arg = c, .on_message = on_message,
		.ctx = c, .stall_s = s->stall_s, .stall_cancel = s->stall_cancel, .timeout_s = timed ? s->timeout_s : 0, .log_path = log,
		.keep_stdin = timed && r->stdin_wanted,
	};

	own_facts(r, s->id, &facts);
	h.io = (struct step_io_init){
		.facts = (const char *const *)facts.v, .last_mark = st->last_mark, .dir = dir, .runtime_dir = r->runtime, .devices = devices,
		.n_devices = r->n_dev, .resume = st->status == RUN_BEGUN || st->status == RUN_FAILED,
	};
	return hook_run(&r->hooks, &h, e);
}

/* ---- hooks ---- */

static const char *lookup(const char *fact, void *arg)
{
	const struct run *r = arg;
	const char *dot = strchr(fact, '.');
	AUTO_FREE char *id = dot ? xstrndup(fact, (size_t)(dot - fact)) : NULL;

	return id ? runstate_fact(&r->j, id, dot + 1) : NULL;
}

static const struct {
	const char *name;
	size_t offset;
	bool early, act;        /* may answer "later"; things that are written to are mounted */
} hooks[] = {
	[RUN_DECIDE] = { "decide", offsetof(struct step_type, decide), true, false },
	[RUN_PREFLIGHT] = { "preflight", offsetof(struct step_type, preflight), true, false },
	[RUN_RUN] = { "run", offsetof(struct step_type, run), false, true },
	[RUN_CHECK] = { "verify", offsetof(struct step_type, verify), false, true },
};

static int filled(struct call *c, enum run_hook hook, struct err *e)
{
	bool missing = false;
	int rc = run_dev_fill(c->r, c->step, c->self, hook, hooks[hook].act || c->r->later[c->step], &missing, e);

	if (rc < 0)
		return rc;
	if (missing && hooks[hook].early && !c->r->later[c->step])
		return STEP_LATER;
	if (missing)
		return e->code;
	return call(c, hooks[hook].name, hook == RUN_RUN, e);
}

int run_hook(struct run *r, size_t step, enum run_hook hook, struct err *e)
{
	const struct plan_step *s = &r->plan->steps[step];
	struct call c = { .r = r, .step = step };
	bool pending = false;
	int rc;

	memcpy(&c.fn, (const char *)s->type + hooks[hook].offset, sizeof(c.fn));
	if (!c.fn)
		return hook == RUN_CHECK;
	err_clear(e);
	rc = plan_step_apply(r->plan, s, lookup, r, &c.self, &pending, e);
	if (rc < 0)
		return rc;
	if (pending && hooks[hook].early && !r->later[step])
		return STEP_LATER;
	if (pending)
		return err_set(e, -ENOENT, "%s: a fact that it needs was not set by the steps before it", s->id);
	rc = filled(&c, hook, e);
	plan_step_free_self(s, c.self);
	return rc;
}

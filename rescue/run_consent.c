/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consent is bound to the identity that will be destroyed. It comes from the plan, from --yes-erase, or from a person who types the
 * identity at the terminal. Silence is no (T60).
 */
#include <strings.h>

#include "fault.h"
#include "run.h"

static bool names(const struct run_dev *d, const char *text)
{
	const char *const ids[] = { d->word, d->identity, d->pd->serial, d->pd->wwn, d->pd->part_uuid, d->pd->loop_file, d->pd->array };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (text && ids[i] && *text && strcasecmp(ids[i], text) == 0)
			return true;
	return false;
}

bool run_consent_given(const struct run *r, const struct run_dev *d)
{
	const struct strv *yes = r->o->yes_erase;

	if (names(d, d->pd->consent))
		return true;
	for (size_t i = 0; yes && i < yes->n; i++)
		if (names(d, yes->v[i]))
			return true;
	return false;
}

struct need {
	struct run *r;
	size_t step;
	struct strv *asked;     /* devices that a person agreed to in this run */
	struct err *e;
	int code;
};

static int ask_person(struct run *r, const struct plan_step *s, const struct run_dev *d, struct err *e)
{
	AUTO_FREE char *line = NULL;
	int rc;

	if (!r->ui.json && isatty(STDIN_FILENO))
		ui_event(&r->ui, UI_STEP, "consent", s->id, "", "everything on device '%s' will be destroyed: %s%s%s\n  Type  %s  to agree, anything else to stop:",
			 d->pd->name, d->identity, d->node ? ", now " : "", d->node ? d->node : "", d->word);
	rc = hooks_read_line(&r->hooks, &line, e);
	if (rc == -ECANCELED)
		return EXIT_CANCELLED;
	if (rc == 0 && str_eq(line, d->word))
		return EXIT_DONE;
	err_set(e, -EPERM, "%s: device '%s' (%s) would be destroyed, and nobody agreed: give --yes-erase '%s', or write consent: into the plan",
		s->id, d->pd->name, d->identity, d->word);
	return EXIT_CONSENT;
}

static int check(const struct opt *row, const char *device, bool path, void *arg)
{
	struct need *n = arg;
	struct run_dev *d = row->access == ACCESS_ERASE && !path ? run_dev_find(n->r, device) : NULL;
	const struct plan_step *s = &n->r->plan->steps[n->step];
	AUTO_FREE char *payload = d ? xasprintf("%s=%s", device, d->identity) : NULL;

	if (!d || runstate_consented(&n->r->j, s->id, payload))
		return 0;
	if (d->pd->consent && !names(d, d->pd->consent)) {
		err_set(n->e, -EPERM, "%s:%d:%d: device '%s': consent '%s' names another device than '%s'", n->r->plan->path, d->pd->line,
			d->pd->col, device, d->pd->consent, d->word);
		n->code = EXIT_CONSENT;
		return -EPERM;
	}
	if (!run_consent_given(n->r, d) && !strv_has(n->asked, device))
		n->code = ask_person(n->r, s, d, n->e);
	if (n->code != EXIT_DONE)
		return -EPERM;
	strv_add(n->asked, device);
	if (run_record(n->r, s->id, J_CONSENT, payload, n->e) < 0)
		n->code = EXIT_STATE;
	fault_point("run.consent.recorded");
	return n->code == EXIT_DONE ? 0 : -EIO;
}

int run_consent(struct run *r, struct err *e)
{
	CLEANUP(strv_free) struct strv asked = STRV_INIT;
	struct need n = { .r = r, .asked = &asked, .e = e, .code = EXIT_DONE };

	for (n.step = 0; n.step < r->plan->n_steps && n.code == EXIT_DONE; n.step++) {
		const struct plan_step *s = &r->plan->steps[n.step];

		if (runstate_action(&r->st, n.step) != RUN_SKIP)
			(void)run_refs_each(s->type->opts, &s->vals, check, &n);
	}
	return n.code;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run.h"

static const char *const effects[] = {
	[STEP_LOOKS] = "changes nothing", [STEP_EPHEMERAL] = "until reboot", [STEP_DURABLE] = "", [STEP_DESTRUCTIVE] = "destroys",
};

static const char *action_text(const struct run *r, size_t i)
{
	if (!r->j.n)
		return "";
	switch (runstate_action(&r->st, i)) {
	case RUN_SKIP:
		return "done";
	case RUN_VERIFY:
		return r->st.steps[i].status == RUN_DONE ? "looked at again" : "looked at first";
	case RUN_REFUSE:
		return "stops: may not be repeated";
	default:
		return r->st.steps[i].last_mark ? "goes on" : "";
	}
}

static int add_device(const struct opt *row, const char *device, bool path, void *arg)
{
	struct strv *l = arg;

	(void)row;
	(void)path;
	if (!strv_has(l, device))
		strv_add(l, device);
	return 0;
}

static void show_device(struct run *r, const struct run_dev *d)
{
	const char *consent = d->pd->access != ACCESS_ERASE ? "" : run_consent_given(r, d) ? ", consent given" : ", needs consent";

	ui_event(&r->ui, UI_INFO, "device", NULL, "", "  %-10s %-5s  %s: %s%s", d->pd->name, access_name(d->pd->access), d->identity,
		 d->node ? d->node : "not there yet", consent);
}

static void show_step(struct run *r, size_t i)
{
	const struct plan_step *s = &r->plan->steps[i];
	CLEANUP(strv_free) struct strv devices = STRV_INIT;
	CLEANUP(str_free) struct str words = STR_INIT;
	const char *more[3] = { effects[s->type->effect], action_text(r, i), NULL };

	(void)run_refs_each(s->type->opts, &s->vals, add_device, &devices);
	for (size_t k = 0; k < devices.n; k++)
		str_addf(&words, "%s%s", k ? " " : "", devices.v[k]);
	for (size_t k = 0; k < 2; k++)
		if (*more[k])
			str_addf(&words, "%s%s", words.len ? ", " : "", more[k]);
	ui_event(&r->ui, UI_INFO, "planned", s->id, "", "  %2zu %-14s %-14s %s", i + 1, s->id, s->type->name,
		 str_cstr(&words));
}

void run_show(struct run *r)
{
	ui_event(&r->ui, UI_INFO, "plan", NULL, "", "plan '%s': %zu steps, state directory %s", r->plan->name ? r->plan->name : r->plan->path,
		 r->plan->n_steps, r->state);
	for (size_t i = 0; i < r->n_dev; i++)
		show_device(r, &r->dev[i]);
	for (size_t i = 0; i < r->plan->n_steps; i++)
		show_step(r, i);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "run.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? str_eq(a, b) : a == b;
}

/* Order of options in a map does not matter, order of a list does. Places in the file never do. */
static bool same_val(const struct opt_val *a, const struct opt_val *b)
{
	if (a->kind != b->kind || a->n_kids != b->n_kids || !same_text(a->text, b->text))
		return false;
	for (size_t i = 0; i < a->n_kids; i++) {
		const struct opt_val *other = a->kind == OPT_MAP ? NULL : &b->kids[i];

		for (size_t k = 0; !other && k < b->n_kids; k++)
			if (same_text(a->kids[i].key, b->kids[k].key))
				other = &b->kids[k];
		if (!other || !same_val(&a->kids[i], other))
			return false;
	}
	return true;
}

static bool same_step(const struct plan_step *a, const struct plan_step *b)
{
	return a->type == b->type && same_val(&a->vals, &b->vals) && a->stall_s == b->stall_s && a->stall_cancel == b->stall_cancel &&
	       a->timeout_s == b->timeout_s;
}

static bool same_device(const struct plan_device *a, const struct plan_device *b)
{
	return a->access == b->access && same_text(a->serial, b->serial) && same_text(a->wwn, b->wwn) && same_text(a->part_uuid, b->part_uuid) &&
	       same_text(a->uuid, b->uuid) && same_text(a->label, b->label) && same_text(a->loop_file, b->loop_file) &&
	       same_text(a->mapper, b->mapper) && same_text(a->array, b->array) &&
	       same_text(a->fs_type, b->fs_type) && a->size == b->size && a->partition == b->partition;
}

static void diff_devices(const struct plan *was, const struct plan *now, struct strv *ret)
{
	for (size_t i = 0; i < now->n_devices; i++) {
		const struct plan_device *d = plan_device(was, now->devices[i].name);

		if (!d || !same_device(d, &now->devices[i]))
			strv_addf(ret, "device '%s' %s", now->devices[i].name, d ? "changed" : "was added");
	}
	for (size_t i = 0; i < was->n_devices; i++)
		if (!plan_device(now, was->devices[i].name))
			strv_addf(ret, "device '%s' was removed", was->devices[i].name);
}

/* The steps that both have come in another order. */
static bool reordered(const struct plan *was, const struct plan *now)
{
	size_t k = 0;

	for (size_t i = 0; i < was->n_steps; i++) {
		if (!plan_step(now, was->steps[i].id))
			continue;
		while (k < now->n_steps && !plan_step(was, now->steps[k].id))
			k++;
		if (k >= now->n_steps || !str_eq(now->steps[k++].id, was->steps[i].id))
			return true;
	}
	return false;
}

void plan_diff(const struct plan *was, const struct plan *now, struct strv *ret)
{
	diff_devices(was, now, ret);
	for (size_t i = 0; i < now->n_steps; i++) {
		const struct plan_step *s = plan_step(was, now->steps[i].id);

		if (!s || !same_step(s, &now->steps[i]))
			strv_addf(ret, "step '%s' %s", now->steps[i].id, s ? "changed" : "was added");
	}
	for (size_t i = 0; i < was->n_steps; i++)
		if (!plan_step(now, was->steps[i].id))
			strv_addf(ret, "step '%s' was removed", was->steps[i].id);
	if (reordered(was, now))
		strv_add(ret, "the order of the steps changed");
}

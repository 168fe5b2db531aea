/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan_show.h"

#include "device.h"
#include "plan_device.h"

const char *plan_effect_name(enum step_effect effect)
{
	static const char *const names[] = {
		[STEP_LOOKS] = "looks", [STEP_EPHEMERAL] = "ephemeral", [STEP_DURABLE] = "durable", [STEP_DESTRUCTIVE] = "DESTRUCTIVE",
	};

	return names[effect];
}

static void show_device(struct str *out, const struct plan_device *d, const struct blk *list, size_t n)
{
	AUTO_FREE char *wanted = device_wanted(d);
	const struct blk *b;
	struct err e = ERR_INIT;
	char size[16];

	str_addf(out, "  %-12s %-6s %s", d->name, access_name(d->access), wanted);
	if (d->size)
		str_addf(out, ", %s", str_human_size(size, sizeof(size), d->size));
	if (d->access == ACCESS_ERASE)
		str_add(out, d->consent ? ", consent is in the plan" : ", needs consent when it runs");
	str_addc(out, '\n');
	if (list && device_resolve(d, list, n, &b, &e) == 0)
		str_addf(out, "  %-12s        is %s now (%s%s%s%s%s)\n", "", b->path, str_human_size(size, sizeof(size), b->size),
			 b->fs_type ? ", " : "", b->fs_type ? b->fs_type : "", b->label ? ", label " : "", b->label ? b->label : "");
	else if (list)
		str_addf(out, "  %-12s        %s\n", "", e.msg);
}

/* One line, quoted where it would not read as one word. */
static void show_text(struct str *out, const char *text)
{
	CLEANUP(str_free) struct str line = STR_INIT;

	str_add_printable(&line, text);
	if (line.len > 120) {
		line.len = 117;
		while (line.len && (line.s[line.len] & 0xc0) == 0x80)
			line.len--;
		line.s[line.len] = '\0';
		str_addf(out, "%s... (%zu bytes)", line.s, strlen(text));
		return;
	}
	str_addf(out, *text && !strpbrk(text, " \t\n,") ? "%s" : "'%s'", str_cstr(&line));
}

static void show_value(struct str *out, const struct opt *row, const struct opt_val *v, bool top)
{
	if (row && row->flags & OPT_SECRET) {
		str_add(out, "(not shown)");
	} else if (v->kind == OPT_SCALAR) {
		show_text(out, v->text);
	} else {
		str_add(out, v->kind == OPT_MAP ? "{" : top ? "" : "[");
		for (size_t i = 0; i < v->n_kids; i++) {
			const struct opt_val *k = &v->kids[i];

			str_add(out, i ? ", " : "");
			if (k->key)
				str_addf(out, "%s: ", k->key);
			show_value(out, k->key && row && row->sub ? opt_row(row->sub, k->key) : row, k, false);
		}
		str_add(out, v->kind == OPT_MAP ? "}" : top ? "" : "]");
	}
}

static void show_step(struct str *out, const struct plan_step *s, size_t number)
{
	str_addf(out, "%3zu  %-16s %-16s %s\n", number, s->id, str_eq(s->id, s->type->name) ? "" : s->type->name, plan_effect_name(s->type->effect));
	for (size_t i = 0; i < s->vals.n_kids; i++) {
		const struct opt_val *v = &s->vals.kids[i];

		str_addf(out, "       %s: ", v->key);
		show_value(out, opt_row(s->type->opts, v->key), v, true);
		str_addc(out, '\n');
	}
}

void plan_show(struct str *out, const struct plan *p, const struct blk *list, size_t n)
{
	static const char *const finish[] = { "stay", "reboot", "power off" };

	str_addf(out, "plan '%s' (%s): %zu step%s, then %s\n", p->name, p->path, p->n_steps, p->n_steps == 1 ? "" : "s", finish[p->finish]);
	if (p->n_devices)
		str_add(out, "\ndevices (nothing else is touched)\n");
	for (size_t i = 0; i < p->n_devices; i++)
		show_device(out, &p->devices[i], list, n);
	str_add(out, "\nsteps\n");
	for (size_t i = 0; i < p->n_steps; i++)
		show_step(out, &p->steps[i], i + 1);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help for the terminal and Markdown. */
#include "manual.h"

#include "plan_show.h"

static const char *resume_name(enum step_resume r)
{
	static const char *const names[] = {
		[STEP_RERUN] = "run again from its start", [STEP_VERIFY_FIRST] = "done if it holds, else run again",
		[STEP_FROM_MARK] = "goes on from its last mark", [STEP_ASK] = "not repeated without a person",
	};

	return names[r];
}

/* ", 1 to 64 bytes" */
static void add_limits(struct str *out, const struct opt *o)
{
	const char *unit = o->type == OPT_STR || o->type == OPT_SIZE ? " bytes" : o->type == OPT_SECONDS ? " seconds" : "";
	bool max = o->max && o->max != UINT64_MAX;

	if (o->min && max)
		str_addf(out, ", %llu to %llu%s", (unsigned long long)o->min, (unsigned long long)o->max, unit);
	else if (max)
		str_addf(out, ", at most %llu%s", (unsigned long long)o->max, unit);
	else if (o->min > 1)
		str_addf(out, ", at least %llu%s", (unsigned long long)o->min, unit);
}

/* What a row says beside its help: "required", "default xfs", "one of: a b". */
static void add_rules(struct str *out, const struct opt *o)
{
	str_addf(out, "%s", opt_type_name(o->type));
	if (o->choices)
		str_addf(out, ": %s", o->choices);
	add_limits(out, o);
	if (o->access)
		str_addf(out, ", needs access %s", access_name(o->access));
	if (o->flags & OPT_REQUIRED)
		str_add(out, ", required");
	else if (o->def && *o->def)
		str_addf(out, ", default %s", o->def);
	if (o->excl)
		str_addf(out, ", not together with %s", o->excl);
}

/* Words into lines of a terminal; an empty line stays one. */
static void wrap(struct str *out, const char *text, size_t indent)
{
	size_t col = 0;

	for (; *text; text += *text != '\0') {
		size_t n = strcspn(text, " \n");

		if (col && n && col + 1 + n > 79) {
			str_addc(out, '\n');
			col = 0;
		}
		if (n) {
			str_addf(out, "%*s%.*s", col ? 1 : (int)indent, "", (int)n, text);
			col = (col ? col + 1 : indent) + n;
		}
		text += n;
		if (*text == '\n') {
			str_addc(out, '\n');
			col = 0;
		}
	}
	if (col)
		str_addc(out, '\n');
}

static void text_opts(struct str *out, const struct opt *table, size_t indent)
{
	for (const struct opt *o = table; o->key; o++) {
		CLEANUP(str_free) struct str head = STR_INIT;

		str_addf(&head, "%s  (", o->key);
		add_rules(&head, o);
		str_addc(&head, ')');
		wrap(out, str_cstr(&head), indent);
		wrap(out, o->help, indent + 4);
		if (o->sub)
			text_opts(out, o->sub, indent + 4);
	}
}

void manual_opts_text(struct str *out, const struct opt *table)
{
	text_opts(out, table, 2);
}

void manual_step_text(struct str *out, const struct step_type *t)
{
	str_addf(out, "%s - %s\n", t->name, t->summary);
	str_addf(out, "effect: %s; after an interruption: %s\n", plan_effect_name(t->effect), resume_name(t->resume));
	if (t->facts)
		str_addf(out, "facts for later steps: %s\n", t->facts);
	if (t->manual) {
		str_addc(out, '\n');
		wrap(out, t->manual, 0);
	}
	if (t->opts->key)
		str_add(out, "\noptions:\n");
	manual_opts_text(out, t->opts);
}

static void markdown_opts(struct str *out, const struct opt *table, const char *prefix)
{
	for (const struct opt *o = table; o->key; o++) {
		AUTO_FREE char *deeper = xasprintf("%s%s[].", prefix, o->key);

		str_addf(out, "| `%s%s` | ", prefix, o->key);
		add_rules(out, o);
		str_addf(out, " | %s |\n", o->help);
		if (o->sub)
			markdown_opts(out, o->sub, deeper);
	}
}

void manual_step_markdown(struct str *out, const struct step_type *t)
{
	str_addf(out, "\n## %s\n\n%s\n\n", t->name, t->summary);
	str_addf(out, "Effect: %s. After an interruption: %s.", plan_effect_name(t->effect), resume_name(t->resume));
	if (t->facts)
		str_addf(out, " Facts: `%s`.", t->facts);
	str_add(out, "\n");
	if (t->manual)
		str_addf(out, "\n%s\n", t->manual);
	if (!t->opts->key)
		return;
	str_add(out, "\n| option | value | meaning |\n|---|---|---|\n");
	markdown_opts(out, t->opts, "");
}

/* ---- man(7) ---- */

void manual_add_man(struct str *out, const char *text)
{
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			str_add(out, "\\&");
		line_start = *text == '\n';
		if (text[0] == '\n' && text[1] == '\n') {
			str_add(out, "\n.PP");
			continue;
		}
		if (*text == '\\')
			str_add(out, "\\e");
		else if (*text == '-')
			str_add(out, "\\-");
		else
			str_addc(out, *text);
	}
}

void manual_opts_man(struct str *out, const struct opt *table)
{
	for (const struct opt *o = table; o->key; o++) {
		CLEANUP(str_free) struct str rules = STR_INIT;

		add_rules(&rules, o);
		str_add(out, ".TP\n.B ");
		manual_add_man(out, o->key);
		str_add(out, "\n(");
		manual_add_man(out, str_cstr(&rules));
		str_add(out, ")\n");
		manual_add_man(out, o->help);
		str_add(out, "\n");
		if (o->sub) {
			str_add(out, ".RS\n");
			manual_opts_man(out, o->sub);
			str_add(out, ".RE\n");
		}
	}
}

void manual_step_man(struct str *out, const struct step_type *t)
{
	str_add(out, ".SS ");
	manual_add_man(out, t->name);
	str_add(out, "\n");
	manual_add_man(out, t->summary);
	str_addf(out, "\n.PP\nEffect: %s. After an interruption: %s.\n", plan_effect_name(t->effect), resume_name(t->resume));
	if (t->facts)
		str_addf(out, "Facts: %s.\n", t->facts);
	if (t->manual) {
		str_add(out, ".PP\n");
		manual_add_man(out, t->manual);
		str_add(out, "\n");
	}
	manual_opts_man(out, t->opts);
}

void manual_cmd_man(struct str *out, const struct cmd *c)
{
	str_addf(out, ".SS rescue %s", c->name);
	str_add(out, c->opts ? " [OPTIONS]" : "");
	if (c->usage && *c->usage)
		str_addf(out, " %s", c->usage);
	str_add(out, "\n");
	manual_add_man(out, c->summary);
	str_add(out, "\n");
	if (c->manual) {
		str_add(out, ".PP\n");
		manual_add_man(out, c->manual);
		str_add(out, "\n");
	}
	for (const struct cmd_opt *o = c->opts; o && o->name; o++) {
		str_add(out, ".TP\n.B \\-\\-");
		manual_add_man(out, o->name);
		if (o->type != CMD_FLAG)
			str_addf(out, " \\fI%s\\fP", o->arg ? o->arg : "VALUE");
		str_add(out, "\n");
		manual_add_man(out, o->help);
		str_add(out, "\n");
	}
}

#define ROW(name, number, text) { number, text },
static const struct { int number; const char *text; } exit_codes[] = { EXIT_CODES(ROW) };
#undef ROW

void manual_exit_codes_man(struct str *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(exit_codes); i++) {
		str_addf(out, ".TP\n.B %d\n", exit_codes[i].number);
		manual_add_man(out, exit_codes[i].text);
		str_add(out, "\n");
	}
}

void manual_exit_codes_text(struct str *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(exit_codes); i++)
		str_addf(out, "  %d  %s\n", exit_codes[i].number, exit_codes[i].text);
}

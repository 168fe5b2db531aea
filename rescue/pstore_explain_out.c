/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "pstore_explain.h"

/* The first frame that is neither doubtful nor the reporting machinery itself. */
static const char *first_frame(const struct pstore_explain *x)
{
	for (size_t i = 0; i < x->trace.n; i++) {
		const char *f = x->trace.v[i];

		if (*f != '?' && !str_starts(f, "dump_stack") && !str_starts(f, "panic") && !str_starts(f, "show_stack") && !str_starts(f, "__schedule") &&
		    !str_starts(f, "schedule"))
			return f;
	}
	return NULL;
}

static const char *panic_words(const char *what)
{
	const char *s = what ? strstr(what, "not syncing: ") : NULL;

	return s ? s + strlen("not syncing: ") : NULL;
}

char *pstore_explain_line(const struct pstore_explain *x)
{
	struct str s = STR_INIT;
	const char *where = x->func ? x->func : first_frame(x);

	str_add(&s, pstore_kind_name(x->kind));
	if (x->kind == PSTORE_KIND_PANIC && panic_words(x->what))
		str_addf(&s, " '%s'", panic_words(x->what));
	if (x->kind != PSTORE_KIND_NONE && x->kind != PSTORE_KIND_SYSRQ && x->kind != PSTORE_KIND_OOM && where)
		str_addf(&s, " in %s", where);
	if (x->func && x->module)
		str_addf(&s, " [%s]", x->module);
	if (x->comm)
		str_addf(&s, " by %s", x->comm);
	if (x->kernel)
		str_addf(&s, ", kernel %.*s", (int)strcspn(x->kernel, " "), x->kernel);
	return str_take(&s);
}

static void row(struct str *out, const char *name, const char *value)
{
	if (value && *value)
		str_addf(out, "  %-12s%s\n", name, value);
}

static void who(const struct pstore_explain *x, struct str *out)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	if (!x->comm)
		return;
	str_add(&s, x->comm);
	if (x->pid >= 0)
		str_addf(&s, " (process %ld)", x->pid);
	if (x->cpu >= 0)
		str_addf(&s, " on processor %ld", x->cpu);
	row(out, "who", s.s);
}

void pstore_explain_text(const struct pstore_explain *x, struct str *out)
{
	AUTO_FREE char *line = pstore_explain_line(x);

	str_addf(out, "%s\n", line);
	row(out, "said", x->what);
	if (x->panic)
		row(out, "then", x->panic);
	row(out, "kernel", x->kernel);
	row(out, "tainted", x->taint);
	row(out, "machine", x->hardware);
	who(x, out);
	row(out, "at", x->func);
	row(out, "module", x->module);
	for (size_t i = 0; i < x->trace.n; i++)
		row(out, i ? "" : "called from", x->trace.v[i]);
	for (size_t i = 0; i < x->meanings.n; i++)
		row(out, i ? "" : "means", x->meanings.v[i]);
	if (x->has_kaslr)
		str_addf(out, "  %-12s0x%" PRIx64 "\n", "moved by", x->kaslr);
	row(out, "signature", x->signature);
}

static void member(struct str *out, const char *name, const char *value)
{
	str_addf(out, "\"%s\": ", name);
	if (!value) {
		str_add(out, "null, ");
		return;
	}
	str_addc(out, '"');
	str_add_json(out, value);
	str_add(out, "\", ");
}

static void list(struct str *out, const char *name, const struct strv *l)
{
	str_addf(out, "\"%s\": [", name);
	for (size_t i = 0; i < l->n; i++) {
		str_add(out, i ? ", \"" : "\"");
		str_add_json(out, l->v[i]);
		str_addc(out, '"');
	}
	str_add(out, "], ");
}

void pstore_explain_json(const struct pstore_explain *x, struct str *out)
{
	AUTO_FREE char *line = pstore_explain_line(x);

	member(out, "line", line);
	member(out, "kind", pstore_kind_name(x->kind));
	member(out, "said", x->what);
	member(out, "panic", x->panic);
	member(out, "stamp", x->at);
	member(out, "kernel", x->kernel);
	member(out, "taint", x->taint);
	member(out, "machine", x->hardware);
	member(out, "comm", x->comm);
	if (x->pid >= 0)
		str_addf(out, "\"pid\": %ld, ", x->pid);
	if (x->cpu >= 0)
		str_addf(out, "\"cpu\": %ld, ", x->cpu);
	member(out, "function", x->func);
	member(out, "module", x->module);
	list(out, "trace", &x->trace);
	list(out, "meanings", &x->meanings);
	str_add(out, "\"signature\": \"");
	str_add_json(out, x->signature);
	str_addc(out, '"');
}

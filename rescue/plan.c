/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan as a whole: top level, steps, and the way from values to a step's private struct. */
#include "plan.h"

#include <stdarg.h>

#include "hash.h"
#include "fs.h"
#include "plan_device.h"
#include "plan_impl.h"

static const char *const top_keys[] = { "plan", "name", "devices", "steps", "finish", NULL };

/* Options that every step takes beside its own. */
struct common {
	char *id, *comment;
	uint64_t stall, timeout;
	int on_stall;
};

static const struct opt common_opts[] = {
	{ "id", OPT_STR, OPT_FIELD(struct common, id), .min = 1, .max = 64,
	  .help = "Name of the step, for facts, messages and logs. Without it the step type's name, when the plan has only one of that type." },
	{ "comment", OPT_STR, OPT_FIELD(struct common, comment), .max = 1000, .help = "Shown with the step, for the person who reads the plan." },
	{ "stall", OPT_SECONDS, OPT_FIELD(struct common, stall), .def = "0", .max = 30 * 86400,
	  .help = "Time without progress after which the kernel stacks of the step's processes are saved to its log. 0 is never." },
	{ "on-stall", OPT_ENUM, OPT_FIELD(struct common, on_stall), .choices = "wait cancel", .def = "wait",
	  .help = "What to do with a stalled step after its stacks were saved." },
	{ "timeout", OPT_SECONDS, OPT_FIELD(struct common, timeout), .def = "0", .max = 365 * 86400,
	  .help = "Time after which the step is ended and has failed. 0 is never." },
	OPT_END
};

const struct opt *plan_common_opts(void)
{
	return common_opts;
}

static int bad(const struct plan *p, int line, int col, struct err *e, const char *fmt, ...) PRINTF_LIKE(5, 6);
static int bad(const struct plan *p, int line, int col, struct err *e, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return err_set(e, -EINVAL, "%s:%d:%d: %s", p->path, line, col, text ? text : "refused");
}

static bool good_id(const char *id)
{
	return *id && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(id);
}

static void move_val(struct opt_val *to, struct opt_val *from)
{
	to->kids = xrealloc(to->kids, (to->n_kids + 1) * sizeof(*to->kids));
	to->kids[to->n_kids++] = *from;
	*from = (struct opt_val){ 0 };
}

/* Takes `v` apart: common options into *common, the others into s->vals. */
static void split_options(struct opt_val *v, struct plan_step *s, struct opt_val *common)
{
	s->vals = (struct opt_val){ .kind = OPT_MAP, .line = v->line, .col = v->col };
	*common = (struct opt_val){ .kind = OPT_MAP, .line = v->line, .col = v->col };
	for (size_t i = 0; i < v->n_kids; i++)
		move_val(opt_row(common_opts, v->kids[i].key) ? common : &s->vals, &v->kids[i]);
}

static int apply_common(struct plan *p, struct plan_step *s, const struct opt_val *vals, struct err *e)
{
	struct common c = { 0 };
	int r = opt_apply(common_opts, &c, vals, p->path, s->type->name, e);

	if (r == 0 && c.id && !good_id(c.id))
		r = bad(p, s->line, s->col, e, "%s: id '%s': only lower case letters, digits, '-' and '_' are allowed", s->type->name, c.id);
	s->id = xstrdup(c.id ? c.id : s->type->name);
	s->stall_s = c.stall;
	s->stall_cancel = c.on_stall == 1;
	s->timeout_s = c.timeout;
	opt_release(common_opts, &c);
	return r;
}

static int unknown_type(struct plan *p, const struct opt_val *v, struct err *e)
{
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	const char *near;

	for (size_t i = 0; step_types[i]; i++)
		strv_add(&names, step_types[i]->name);
	near = names.n ? str_nearest(v->key, (const char *const *)names.v) : NULL;
	return bad(p, v->key_line, v->key_col, e, "there is no step type '%s'%s%s%s", v->key, near ? ", did you mean '" : "", near ? near : "",
		   near ? "'?" : "; 'rescue explain' lists them");
}

/* A step is "- type: {options}"; without options "- type:" is enough. */
static int read_step(struct plan *p, struct opt_val *v, struct plan_step *s, struct err *e)
{
	struct opt_val common = { 0 };
	int r;

	if (v->kind != OPT_MAP || v->n_kids != 1)
		return bad(p, v->line, v->col, e, "a step is written '- type: {options}', one type in each '-'");
	v = &v->kids[0];
	s->line = v->key_line;
	s->col = v->key_col;
	s->type = step_type_find(v->key);
	if (!s->type)
		return unknown_type(p, v, e);
	if (v->kind == OPT_SEQ || (v->kind == OPT_SCALAR && (*v->text || v->quoted)))
		return bad(p, v->line, v->col, e, "%s: options are needed here, written {key: value}", s->type->name);
	split_options(v, s, &common);
	r = apply_common(p, s, &common, e);
	opt_val_free(&common);
	return r;
}

static const char *no_facts(const char *fact UNUSED, void *arg UNUSED)
{
	return NULL;
}

static int check_step(struct plan *p, size_t i, struct err *e)
{
	struct plan_step *s = &p->steps[i];
	void *self = NULL;
	bool pending;
	int r = plan_check_refs(p, i, &s->vals, e);

	if (r == 0)
		r = plan_step_apply(p, s, no_facts, NULL, &self, &pending, e);
	plan_step_free_self(s, self);
	for (size_t k = 0; r == 0 && k < i; k++)
		if (str_eq(p->steps[k].id, s->id))
			r = bad(p, s->line, s->col, e, "two steps have the id '%s' (the other is in line %d): give one another 'id:'", s->id,
				p->steps[k].line);
	return r;
}

static int read_steps(struct plan *p, const struct opt_val *top, struct err *e)
{
	const struct opt_val *v = opt_val_kid(top, "steps");
	int r = 0;

	if (!v)
		return bad(p, top->line, top->col, e, "'steps' is missing: the list of what to do");
	if (v->kind != OPT_SEQ || v->n_kids == 0)
		return bad(p, v->line, v->col, e, "steps: a list of at least one step is needed");
	p->steps = xcalloc(v->n_kids, sizeof(*p->steps));
	while (r == 0 && p->n_steps < v->n_kids) {
		size_t i = p->n_steps++;

		r = read_step(p, &v->kids[i], &p->steps[i], e);
	}
	for (size_t i = 0; r == 0 && i < p->n_steps; i++)
		r = check_step(p, i, e);
	return r;
}

static int read_name(struct plan *p, const struct opt_val *top, struct err *e)
{
	const struct opt_val *v = opt_val_kid(top, "name");

	if (v && (v->kind != OPT_SCALAR || !*v->text || strlen(v->text) > 200))
		return bad(p, v->line, v->col, e, "name: one line of at most 200 bytes is needed");
	if (v && v->text[strcspn(v->text, "\n")])
		return bad(p, v->line, v->col, e, "name: must be one line");
	p->name = xstrdup(v ? v->text : "unnamed");
	return 0;
}

static int read_finish(struct plan *p, const struct opt_val *top, struct err *e)
{
	static const char *const words[] = { "stay", "reboot", "poweroff" };
	const struct opt_val *v = opt_val_kid(top, "finish");

	if (!v)
		return 0;
	for (size_t i = 0; v->kind == OPT_SCALAR && i < ARRAY_SIZE(words); i++)
		if (str_eq(v->text, words[i])) {
			p->finish = (int)i;
			return 0;
		}
	return bad(p, v->line, v->col, e, "finish: must be one of: stay reboot poweroff");
}

static int check_top(struct plan *p, const struct opt_val *top, struct err *e)
{
	const struct opt_val *v;

	if (top->kind != OPT_MAP)
		return bad(p, top->line, top->col, e, "a plan is a map that begins with 'plan: 1'");
	v = opt_val_kid(top, "plan");
	if (!v)
		return bad(p, top->line, top->col, e, "'plan: 1' is missing: this may be some other YAML file");
	if (v->kind != OPT_SCALAR || !str_eq(v->text, "1"))
		return bad(p, v->line, v->col, e, "plan: this program reads plans of version 1 only");
	for (size_t i = 0; i < top->n_kids; i++) {
		const struct opt_val *k = &top->kids[i];
		const char *near = str_nearest(k->key, top_keys);
		bool known = near && str_eq(near, k->key);

		if (!known)
			return bad(p, k->key_line, k->key_col, e, "%s: unknown key%s%s%s", k->key, near ? ", did you mean '" : "",
				   near ? near : "", near ? "'?" : "");
	}
	return 0;
}

static int read_plan(struct plan *p, struct err *e)
{
	struct opt_val top = { 0 };
	int r;

	if (memchr(p->text, '\0', p->len))
		return err_set(e, -EINVAL, "%s: not a plan: the file is not text", p->path);
	r = plan_yaml(p->path, p->text, p->len, &top, e);
	r = r < 0 ? r : check_top(p, &top, e);
	r = r < 0 ? r : read_name(p, &top, e);
	r = r < 0 ? r : read_finish(p, &top, e);
	r = r < 0 ? r : plan_read_devices(p, opt_val_kid(&top, "devices"), e);
	r = r < 0 ? r : read_steps(p, &top, e);
	opt_val_free(&top);
	return r;
}

int plan_parse(const char *path, const char *text, size_t len, struct plan **ret, struct err *e)
{
	struct plan *p = xcalloc(1, sizeof(*p));
	int r;

	p->path = xstrdup(path);
	p->text = xmalloc(len + 1);
	memcpy(p->text, text, len);
	p->text[len] = '\0';
	p->len = len;
	hash_sha256_hex(text, len, p->digest);
	r = read_plan(p, e);
	if (r < 0) {
		plan_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int plan_load(const char *path, struct plan **ret, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = fs_read(path, PLAN_MAX, &text, &len, e);

	if (r < 0)
		return err_wrap(e, r, "plan");
	return plan_parse(path, text, len, ret, e);
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_steps; i++) {
		free(p->steps[i].id);
		opt_val_free(&p->steps[i].vals);
	}
	plan_free_devices(p);
	free(p->steps);
	free(p->path);
	free(p->text);
	free(p->name);
	free(p);
}

const struct plan_step *plan_step(const struct plan *p, const char *id)
{
	for (size_t i = 0; i < p->n_steps; i++)
		if (p->steps[i].id && str_eq(p->steps[i].id, id))
			return &p->steps[i];
	return NULL;
}

int plan_step_apply(const struct plan *p, const struct plan_step *s, const char *(*lookup)(const char *fact, void *arg), void *arg,
		    void **ret_self, bool *ret_pending, struct err *e)
{
	void *self = xcalloc(1, s->type->size);
	struct opt_val vals;
	size_t pending = 0;
	int r;

	plan_substitute(&s->vals, lookup, arg, &vals, &pending);
	r = opt_apply(s->type->opts, self, &vals, p->path, s->type->name, e);
	opt_val_free(&vals);
	if (r < 0 || pending) {
		plan_step_free_self(s, self);
		self = NULL;
	}
	*ret_self = self;
	*ret_pending = pending != 0;
	return r;
}

void plan_step_free_self(const struct plan_step *s, void *self)
{
	if (!self)
		return;
	opt_release(s->type->opts, self);
	free(self);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan's values refer to: devices "${name}" and facts "${id.key}". */
#include "plan_impl.h"

#define ID_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

bool plan_next_fact(const char *text, size_t from, size_t *ret_at, size_t *ret_len, char *ret_name, size_t name_size)
{
	for (const char *p = text + from; (p = strstr(p, "${")); p += 2) {
		size_t id = strspn(p + 2, ID_CHARS), key;

		if (!id || p[2 + id] != '.')
			continue;
		key = strspn(p + 3 + id, ID_CHARS);
		if (!key || p[3 + id + key] != '}')
			continue;
		*ret_at = (size_t)(p - text);
		*ret_len = id + key + 4;
		snprintf(ret_name, name_size, "%.*s", (int)(id + key + 1), p + 2);
		return true;
	}
	return false;
}

static void substitute_text(const struct opt_val *v, const char *(*lookup)(const char *fact, void *arg), void *arg, struct opt_val *ret)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	size_t from = 0, at, len;
	char name[256];

	while (plan_next_fact(v->text, from, &at, &len, name, sizeof(name))) {
		bool escaped = at > from && v->text[at - 1] == '$';
		const char *value = escaped ? NULL : lookup(name, arg);

		str_addn(&out, v->text + from, at - from - escaped);
		if (value)
			str_add(&out, value);
		else
			str_addn(&out, v->text + at, len);
		ret->pending = ret->pending || (!escaped && !value);
		from = at + len;
	}
	str_add(&out, v->text + from);
	ret->text = str_take(&out);
}

void plan_substitute(const struct opt_val *v, const char *(*lookup)(const char *fact, void *arg), void *arg,
		     struct opt_val *ret, size_t *ret_pending)
{
	*ret = *v;
	ret->key = v->key ? xstrdup(v->key) : NULL;
	ret->text = NULL;
	ret->kids = xcalloc(v->n_kids, sizeof(*v->kids));
	if (v->text)
		substitute_text(v, lookup, arg, ret);
	*ret_pending += ret->pending;
	for (size_t i = 0; i < v->n_kids; i++)
		plan_substitute(&v->kids[i], lookup, arg, &ret->kids[i], ret_pending);
}

struct check {
	const struct plan *plan;
	size_t step;
	const char *type;
};

static int at(const struct check *c, const struct opt_val *v, const char *key, struct err *e)
{
	return err_wrap(e, -EINVAL, "%s:%d:%d: %s: %s", c->plan->path, v->line, v->col, c->type, key);
}

static int no_such_step(const struct check *c, const char *id, struct err *e)
{
	CLEANUP(strv_free) struct strv ids = STRV_INIT;
	const char *near;

	for (size_t i = 0; i < c->plan->n_steps; i++) {
		if (i >= c->step && str_eq(c->plan->steps[i].id, id))
			return err_set(e, -EINVAL, "step '%s' comes later, a fact can only be used behind the step that sets it", id);
		if (i < c->step)
			strv_add(&ids, c->plan->steps[i].id);
	}
	near = ids.n ? str_nearest(id, (const char *const *)ids.v) : NULL;
	return err_set(e, -EINVAL, "no earlier step has the id '%s'%s%s%s", id, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int check_fact(const struct check *c, const char *name, struct err *e)
{
	AUTO_FREE char *id = xstrndup(name, strcspn(name, "."));
	CLEANUP(strv_free) struct strv facts = STRV_INIT;
	const char *key = name + strlen(id) + 1;
	const struct plan_step *s = plan_step(c->plan, id);

	if (!s || s >= c->plan->steps + c->step)
		return no_such_step(c, id, e);
	strv_split(&facts, s->type->facts ? s->type->facts : "", " ");
	if (strv_has(&facts, key))
		return 0;
	if (facts.n == 0)
		return err_set(e, -EINVAL, "step '%s' (%s) sets no facts", id, s->type->name);
	return err_set(e, -EINVAL, "step '%s' (%s) sets no fact '%s', only: %s", id, s->type->name, key, s->type->facts);
}

static int check_facts(const struct check *c, const struct opt_val *v, const char *key, struct err *e)
{
	size_t from = 0, at_byte, len;
	char name[256];

	while (plan_next_fact(v->text, from, &at_byte, &len, name, sizeof(name))) {
		if ((at_byte == 0 || v->text[at_byte - 1] != '$') && check_fact(c, name, e) < 0) {
			err_wrap(e, -EINVAL, "'${%s}'", name);
			return at(c, v, key, e);
		}
		from = at_byte + len;
	}
	return 0;
}

static int no_such_device(const struct check *c, const char *name, struct err *e)
{
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	const char *near;

	for (size_t i = 0; i < c->plan->n_devices; i++)
		strv_add(&names, c->plan->devices[i].name);
	near = names.n ? str_nearest(name, (const char *const *)names.v) : NULL;
	return err_set(e, -EINVAL, "there is no device '%s' under 'devices'%s%s%s", name, near ? ", did you mean '" : "", near ? near : "",
		       near ? "'?" : "");
}

static const char *verb_of(enum access a)
{
	return a == ACCESS_ERASE ? "erases" : a == ACCESS_WRITE ? "writes to" : "reads";
}

static int check_device(const struct check *c, const struct opt *row, const char *text, struct err *e)
{
	AUTO_FREE char *name = xstrndup(text + 2, strspn(text + 2, ID_CHARS));
	const struct plan_device *d = plan_device(c->plan, name);
	bool path = row->type == OPT_PATH && strlen(text) > strlen(name) + 3;

	if (!d)
		return no_such_device(c, name, e);
	if (path && d->access == ACCESS_ERASE)
		return err_set(e, -EINVAL, "device '%s' has access erase: what is on it now will be gone, use the path where it is mounted later", name);
	if (row->access > d->access)
		return err_set(e, -EINVAL, "device '%s' has access %s, but %s %s it; write 'access: %s' under devices", name,
			       access_name(d->access), c->type, verb_of(row->access), access_name(row->access));
	return 0;
}

/* "${root}" as a text would stay those seven characters: the person meant the device. */
static int check_no_device(const struct check *c, const struct opt *row, const char *text, struct err *e)
{
	size_t n = str_starts(text, "${") ? strspn(text + 2, ID_CHARS) : 0;
	AUTO_FREE char *name = n && str_eq(text + 2 + n, "}") ? xstrndup(text + 2, n) : NULL;

	if (!name || !plan_device(c->plan, name))
		return 0;
	return err_set(e, -EINVAL, "'%s' is a device, and this option takes %s", text, row->type == OPT_LIST ? "texts" : "text");
}

static int check_scalar(const struct check *c, const struct opt *row, const struct opt_val *v, struct err *e)
{
	size_t n = str_starts(v->text, "${") ? strspn(v->text + 2, ID_CHARS) : 0;
	bool refers = row->type == OPT_DEVICE || row->type == OPT_DEVICES || row->type == OPT_PATH;

	if (refers && n && v->text[2 + n] == '}' && check_device(c, row, v->text, e) < 0)
		return at(c, v, row->key, e);
	if (!refers && check_no_device(c, row, v->text, e) < 0)
		return at(c, v, row->key, e);
	return check_facts(c, v, row->key, e);
}

static int check_map(const struct check *c, const struct opt *table, const struct opt_val *map, struct err *e);

static int check_value(const struct check *c, const struct opt *row, const struct opt_val *v, struct err *e)
{
	int r = 0;

	if (v->kind == OPT_SCALAR)
		return check_scalar(c, row, v, e);
	for (size_t i = 0; r == 0 && v->kind == OPT_SEQ && i < v->n_kids; i++)
		r = row->sub ? check_map(c, row->sub, &v->kids[i], e) : check_value(c, row, &v->kids[i], e);
	return r;
}

static int check_map(const struct check *c, const struct opt *table, const struct opt_val *map, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && map->kind == OPT_MAP && i < map->n_kids; i++) {
		const struct opt *row = opt_row(table, map->kids[i].key);

		r = row ? check_value(c, row, &map->kids[i], e) : 0;
	}
	return r;
}

int plan_check_refs(const struct plan *p, size_t step, const struct opt_val *options, struct err *e)
{
	struct check c = { p, step, p->steps[step].type->name };

	return check_map(&c, p->steps[step].type->opts, options, e);
}

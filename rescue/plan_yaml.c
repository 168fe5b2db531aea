/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YAML through libyaml's events: the only file that includes its header. */
#include <yaml.h>

#include "plan_impl.h"

struct reader {
	yaml_parser_t parser;
	const char *where;
};

static int at(const struct reader *r, const yaml_mark_t *m, struct err *e, const char *what)
{
	return err_set(e, -EINVAL, "%s:%zu:%zu: %s", r->where, m->line + 1, m->column + 1, what);
}

/* libyaml's own words, with the place that it names. */
static int syntax(const struct reader *r, struct err *e)
{
	const yaml_parser_t *p = &r->parser;

	if (p->error == YAML_MEMORY_ERROR)
		return err_set(e, -ENOMEM, "%s: out of memory", r->where);
	if (p->error == YAML_READER_ERROR)
		return err_set(e, -EINVAL, "%s: not text: %s at byte %zu", r->where, p->problem, p->problem_offset);
	return err_set(e, -EINVAL, "%s:%zu:%zu: not YAML: %s%s%s", r->where, p->problem_mark.line + 1, p->problem_mark.column + 1,
		       p->problem ? p->problem : "cannot be read", p->context ? " " : "", p->context ? p->context : "");
}

static int next(struct reader *r, yaml_event_t *ev, struct err *e)
{
	return yaml_parser_parse(&r->parser, ev) ? 0 : syntax(r, e);
}

static int refuse_extras(const struct reader *r, const yaml_event_t *ev, struct err *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (ev->type == YAML_ALIAS_EVENT)
		return at(r, &ev->start_mark, e, "aliases (*name) are not allowed in a plan, write the value again");
	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (anchor)
		return at(r, &ev->start_mark, e, "anchors (&name) are not allowed in a plan");
	return tag ? at(r, &ev->start_mark, e, "tags (!name) are not allowed in a plan") : 0;
}

static int read_value(struct reader *r, yaml_event_t *ev, struct opt_val *v, int depth, struct err *e);

static struct opt_val *add_kid(struct opt_val *v)
{
	if ((v->n_kids & (v->n_kids - 1)) == 0)
		v->kids = xrealloc(v->kids, (v->n_kids ? 2 * v->n_kids : 1) * sizeof(*v->kids));
	v->kids[v->n_kids] = (struct opt_val){ 0 };
	return &v->kids[v->n_kids++];
}

static int read_seq(struct reader *r, struct opt_val *v, int depth, struct err *e)
{
	for (;;) {
		yaml_event_t ev;
		int rc = next(r, &ev, e);

		if (rc < 0)
			return rc;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		rc = read_value(r, &ev, add_kid(v), depth + 1, e);
		if (rc < 0)
			return rc;
	}
}

/* Takes the event. The key is a scalar of at least one byte that is not there yet. */
static int read_key(struct reader *r, yaml_event_t *ev, struct opt_val *v, struct opt_val **ret_kid, struct err *e)
{
	const char *key = ev->type == YAML_SCALAR_EVENT ? (const char *)ev->data.scalar.value : NULL;
	struct opt_val *kid;
	int rc = refuse_extras(r, ev, e);

	if (rc == 0 && (!key || !*key || strlen(key) != ev->data.scalar.length))
		rc = at(r, &ev->start_mark, e, "a key must be a word");
	if (rc == 0 && opt_val_kid(v, key))
		rc = err_set(e, -EINVAL, "%s:%zu:%zu: '%s' is there twice", r->where, ev->start_mark.line + 1, ev->start_mark.column + 1, key);
	if (rc == 0) {
		kid = add_kid(v);
		kid->key = xstrdup(key);
		kid->key_line = (int)ev->start_mark.line + 1;
		kid->key_col = (int)ev->start_mark.column + 1;
		*ret_kid = kid;
	}
	yaml_event_delete(ev);
	return rc;
}

static int read_map(struct reader *r, struct opt_val *v, int depth, struct err *e)
{
	for (;;) {
		struct opt_val *kid;
		yaml_event_t ev;
		int rc = next(r, &ev, e);

		if (rc < 0)
			return rc;
		if (ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		rc = read_key(r, &ev, v, &kid, e);
		if (rc == 0)
			rc = next(r, &ev, e);
		if (rc == 0)
			rc = read_value(r, &ev, kid, depth + 1, e);
		if (rc < 0)
			return rc;
	}
}

static int read_scalar(struct reader *r, const yaml_event_t *ev, struct opt_val *v, struct err *e)
{
	const char *text = (const char *)ev->data.scalar.value;

	if (strlen(text) != ev->data.scalar.length)
		return at(r, &ev->start_mark, e, "the value contains a zero byte");
	v->text = xstrdup(text);
	v->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return 0;
}

/* Takes the event, fills v. */
static int read_value(struct reader *r, yaml_event_t *ev, struct opt_val *v, int depth, struct err *e)
{
	yaml_event_type_t type = ev->type;
	int rc = refuse_extras(r, ev, e);

	v->line = (int)ev->start_mark.line + 1;
	v->col = (int)ev->start_mark.column + 1;
	v->kind = type == YAML_SEQUENCE_START_EVENT ? OPT_SEQ : type == YAML_MAPPING_START_EVENT ? OPT_MAP : OPT_SCALAR;
	if (rc == 0 && depth > PLAN_DEPTH)
		rc = at(r, &ev->start_mark, e, "nested too deeply");
	if (rc == 0 && v->kind == OPT_SCALAR)
		rc = type == YAML_SCALAR_EVENT ? read_scalar(r, ev, v, e) : at(r, &ev->start_mark, e, "a value is missing");
	yaml_event_delete(ev);
	if (rc == 0 && v->kind == OPT_SEQ)
		rc = read_seq(r, v, depth, e);
	if (rc == 0 && v->kind == OPT_MAP)
		rc = read_map(r, v, depth, e);
	return rc;
}

/* Reads the next event, which must be of `type`; anything else is `what`. */
static int expect(struct reader *r, yaml_event_type_t type, const char *what, struct err *e)
{
	yaml_event_t ev;
	int rc = next(r, &ev, e);

	if (rc < 0)
		return rc;
	if (ev.type != type)
		rc = at(r, &ev.start_mark, e, what);
	yaml_event_delete(&ev);
	return rc;
}

static int read_document(struct reader *r, struct opt_val *ret, struct err *e)
{
	yaml_event_t ev;
	int rc = expect(r, YAML_STREAM_START_EVENT, "not YAML", e);

	if (rc == 0)
		rc = expect(r, YAML_DOCUMENT_START_EVENT, "the plan is empty", e);
	if (rc == 0)
		rc = next(r, &ev, e);
	if (rc == 0)
		rc = read_value(r, &ev, ret, 0, e);
	if (rc == 0)
		rc = expect(r, YAML_DOCUMENT_END_EVENT, "the document does not end here", e);
	return rc ? rc : expect(r, YAML_STREAM_END_EVENT, "a second document begins: a plan is one document", e);
}

int plan_yaml(const char *where, const char *text, size_t len, struct opt_val *ret, struct err *e)
{
	struct reader r = { .where = where };
	struct opt_val v = { 0 };
	int rc;

	if (!yaml_parser_initialize(&r.parser))
		return err_set(e, -ENOMEM, "%s: out of memory", where);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	rc = read_document(&r, &v, e);
	yaml_parser_delete(&r.parser);
	if (rc < 0) {
		opt_val_free(&v);
		return rc;
	}
	*ret = v;
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of `sfdisk --dump`: header lines "key: value", then "NODE : key=value, key=value". See sfdisk(8), "INPUT FORMATS". */
#include <ctype.h>

#include "guid.h"
#include "parttable.h"

struct parser {
	struct part_layout *l;
	uint64_t sector;
	char *device;           /* value of "device:", the start of every node name */
	bool labelled;
	unsigned int line;
	struct err *e;
};

static int bad(const struct parser *p, const char *what, const char *value)
{
	return err_set(p->e, -EINVAL, "line %u: %s: '%.64s'", p->line, what, value);
}

/* Sectors, or bytes when there is a suffix. */
static int parse_extent(const struct parser *p, const char *v, uint64_t *ret)
{
	uint64_t n;

	if (!*v || !isdigit((unsigned char)v[0]))
		return bad(p, "not a number of sectors or bytes", v);
	if (strspn(v, "0123456789") != strlen(v))
		return str_to_size(v, ret) < 0 ? bad(p, "not a size", v) : 0;
	if (str_to_u64(v, &n) < 0 || n > UINT64_MAX / p->sector)
		return bad(p, "too large a number", v);
	*ret = n * p->sector;
	return 0;
}

static int header_label(struct parser *p, const char *v)
{
	if (str_eq(v, "gpt"))
		p->l->scheme = PART_GPT;
	else if (str_eq(v, "dos"))
		p->l->scheme = PART_MBR;
	else
		return bad(p, "a table of another kind than gpt and dos (T67)", v);
	p->labelled = true;
	return 0;
}

static int header_id(struct parser *p, const char *v)
{
	char *c;
	uint64_t n;

	free(p->l->id);
	p->l->id = NULL;
	if (p->l->scheme == PART_MBR) {
		if (!str_starts(v, "0x") || str_to_u64(v, &n) < 0 || n == 0 || n > UINT32_MAX)
			return bad(p, "label-id: not a number such as 0x1234abcd", v);
		p->l->id = xasprintf("0x%08llx", (unsigned long long)n);
		return 0;
	}
	if (!guid_valid(v))
		return bad(p, "label-id: not a GUID", v);
	p->l->id = xstrdup(v);
	for (c = p->l->id; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

static int header(struct parser *p, const char *key, const char *v)
{
	if (str_eq(key, "label"))
		return header_label(p, v);
	if (!p->labelled)
		return bad(p, "'label: gpt' or 'label: dos' must come first, not", key);
	if (str_eq(key, "label-id"))
		return header_id(p, v);
	if (str_eq(key, "unit"))
		return str_eq(v, "sectors") ? 0 : bad(p, "unit: only sectors are known, not", v);
	if (str_eq(key, "device")) {
		free(p->device);
		p->device = xstrdup(v);
		return 0;
	}
	if (str_eq(key, "sector-size")) {
		if (p->l->n)
			return bad(p, "sector-size: must come before the partitions", v);
		if (str_to_u64(v, &p->sector) < 0 || p->sector < 512 || p->sector > 65536 || (p->sector & (p->sector - 1)))
			return bad(p, "sector-size: not a power of two from 512 to 65536", v);
	}
	return 0;               /* first-lba, last-lba, grain, table-length: the new disk has its own */
}

static int parse_flags(const struct parser *p, struct part *part, char *v)
{
	char *save = NULL, *w;

	for (w = strtok_r(v, ", ", &save); w; w = strtok_r(NULL, ", ", &save))
		if (part_flag(p->l->scheme, w, &part->flags) < 0)
			return bad(p, "attrs: unknown", w);
	return 0;
}

static int field_uuid(const struct parser *p, struct part *part, const char *v)
{
	char *c;

	if (p->l->scheme == PART_MBR)
		return 0;
	if (!guid_valid(v))
		return bad(p, "uuid: not a GUID", v);
	free(part->uuid);
	part->uuid = xstrdup(v);
	for (c = part->uuid; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

static int field(const struct parser *p, struct part *part, const char *key, char *v)
{
	if (str_eq(key, "start"))
		return parse_extent(p, v, &part->start);
	if (str_eq(key, "size"))
		return parse_extent(p, v, &part->size);
	if (str_eq(key, "type") || str_eq(key, "Id")) {
		free(part->type);
		part->type = part_type(p->l->scheme, v);
		return part->type ? 0 : bad(p, "unknown type", v);
	}
	if (str_eq(key, "uuid"))
		return field_uuid(p, part, v);
	if (str_eq(key, "name")) {
		free(part->name);
		part->name = *v ? xstrdup(v) : NULL;
		return strlen(v) > 36 * 4 ? bad(p, "name: longer than 36 characters", v) : 0;
	}
	if (str_eq(key, "attrs"))
		return parse_flags(p, part, v);
	return bad(p, "unknown field", key);
}

static int hex_of(const char *s)
{
	char two[3] = { s[0], s[0] ? s[1] : '\0', '\0' };

	return isxdigit((unsigned char)two[0]) && isxdigit((unsigned char)two[1]) ? (int)strtoul(two, NULL, 16) : -1;
}

/* Text between quotes, where sfdisk writes \xNN for what it does not print; *s moves behind the closing quote. */
static int quoted(const struct parser *p, char **s, struct str *out)
{
	char *c;

	for (c = *s + 1; *c && *c != '"'; c++) {
		int v = c[0] == '\\' && c[1] == 'x' ? hex_of(c + 2) : -1;

		if (v > 0) {
			str_addc(out, (char)v);
			c += 3;
		} else if (c[0] == '\\' && c[1]) {
			str_addc(out, *++c);
		} else {
			str_addc(out, *c);
		}
	}
	if (*c != '"')
		return bad(p, "a quote without an end", *s);
	*s = c + 1;
	return 0;
}

/* One "key=value" or "bootable"; *s moves to the next one. */
static int one_field(const struct parser *p, struct part *part, char **s)
{
	CLEANUP(str_free) struct str value = STR_INIT;
	size_t n = strcspn(*s, "=,");
	AUTO_FREE char *key = xstrndup(*s, n);
	char *k = str_trim(key);
	int r = 0;

	*s += n;
	if (**s != '=') {
		*s += **s ? 1 : 0;
		if (!str_eq(k, "bootable") || p->l->scheme != PART_MBR)
			return bad(p, "not a field", k);
		part->flags |= PART_ACTIVE;
		return 0;
	}
	*s += 1;
	*s += strspn(*s, " \t");
	if (**s == '"') {
		r = quoted(p, s, &value);
	} else {
		n = strcspn(*s, ",");
		str_addn(&value, *s, n);
		*s += n;
	}
	*s += strcspn(*s, ",");
	*s += **s ? 1 : 0;
	str_cstr(&value);
	return r < 0 ? r : field(p, part, k, value.s ? str_trim(value.s) : key + strlen(key));
}

/* The number at the end of a node's name: what follows "device:", else the trailing digits. */
static int number_of(const struct parser *p, const char *node, uint64_t *ret)
{
	const char *d = node;

	if (p->device && str_starts(node, p->device))
		d += strlen(p->device) + (node[strlen(p->device)] == 'p' ? 1 : 0);
	else
		for (d = node + strlen(node); d > node && isdigit((unsigned char)d[-1]); d--)
			;
	if (!isdigit((unsigned char)*d) || str_to_u64(d, ret) < 0 || *ret == 0 || *ret > PART_MAX)
		return bad(p, "no partition number from 1 to 128 at the end of", node);
	return 0;
}

static int partition(struct parser *p, char *node, char *fields)
{
	struct part *part = part_add(p->l);
	int r = node ? number_of(p, node, &part->number) : 0;
	char *s = fields;

	while (r == 0 && *(s += strspn(s, " \t")))
		r = one_field(p, part, &s);
	if (r == 0 && !part->type)
		part->type = part_type(p->l->scheme, "linux");
	return r;
}

/* Empty entries of a dos table appear with size 0 and type 0: they are no partitions. */
static bool is_empty(const char *fields)
{
	const char *t = strstr(fields, "type="), *s = strstr(fields, "size=");

	return t && s && strtoul(t + 5, NULL, 16) == 0 && (t[5] == '0') && strlen(t + 5) <= 2 && strtoull(s + 5, NULL, 10) == 0;
}

static int one_line(struct parser *p, char *line)
{
	char *colon, *equals = strchr(line, '='), *t = str_trim(line);

	if (!*t || *t == '#')
		return 0;
	colon = strchr(t, ':');
	if (!equals && colon) {
		*colon = '\0';
		return header(p, str_trim(t), str_trim(colon + 1));
	}
	if (!p->labelled)
		return bad(p, "'label: gpt' or 'label: dos' must come first, not", t);
	if (p->l->n >= PART_MAX)
		return bad(p, "more than 128 partitions", t);
	if (!equals)
		return bad(p, "neither 'key: value' nor a partition", t);
	colon = strstr(t, " : ");
	if (!colon || colon > equals)
		return partition(p, NULL, t);
	*colon = '\0';
	if (is_empty(colon + 3))
		return 0;
	return partition(p, str_trim(t), colon + 3);
}

static int parse_lines(struct parser *p, char *text)
{
	char *line, *next;
	int r = 0;

	for (line = text; r == 0 && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		p->line++;
		r = one_line(p, line);
	}
	return r;
}

int part_parse(const char *text, size_t len, struct part_layout *ret, struct err *e)
{
	struct part_layout l = { 0 };
	struct parser p = { .l = &l, .sector = 512, .e = e };
	AUTO_FREE char *copy = NULL;
	int r;

	if (len > PART_TEXT_MAX)
		return err_set(e, -EFBIG, "longer than 256 KiB: no layout");
	if (memchr(text, '\0', len))
		return err_set(e, -EINVAL, "binary data: no layout");
	copy = xstrndup(text, len);
	r = parse_lines(&p, copy);
	if (r == 0 && l.n == 0)
		r = err_set(e, -EINVAL, "no partition in it");
	free(p.device);
	if (r < 0)
		part_free(&l);
	else
		*ret = l;
	return r;
}

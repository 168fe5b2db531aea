/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .debug_line as in the DWARF standard, versions 2 to 5, section 6.2. Bytes are foreign: every read is checked, a bad unit is skipped. */
#include "pstore_line.h"

#include "pstore_symbol.h"

/* A place in the section; once something did not fit, bad is set and all further reads give 0. */
struct cur {
	const uint8_t *p, *end;
	bool bad;
};

static uint64_t fixed(struct cur *c, size_t n)
{
	uint64_t v = 0;

	if (c->bad || (size_t)(c->end - c->p) < n) {
		c->bad = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)c->p[i] << (8 * i);
	c->p += n;
	return v;
}

static void skip(struct cur *c, uint64_t n)
{
	if (c->bad || (uint64_t)(c->end - c->p) < n)
		c->bad = true;
	else
		c->p += n;
}

/* LEB128 (DWARF 5, 7.6): the bits, how many of them, and the last byte. */
static uint64_t leb(struct cur *c, unsigned int *ret_bits, uint64_t *ret_last)
{
	uint64_t v = 0, b;
	unsigned int shift = 0;

	do {
		b = fixed(c, 1);
		if (shift < 64)
			v |= (b & 0x7f) << shift;
		shift += 7;
	} while ((b & 0x80) && !c->bad);
	*ret_bits = shift;
	*ret_last = b;
	return v;
}

static uint64_t uleb(struct cur *c)
{
	unsigned int bits;
	uint64_t last;

	return leb(c, &bits, &last);
}

static int64_t sleb(struct cur *c)
{
	unsigned int bits;
	uint64_t last, v = leb(c, &bits, &last);

	if (bits < 64 && (last & 0x40))
		v |= ~0ULL << bits;
	return (int64_t)v;
}

static const char *text(struct cur *c)
{
	const char *s = (const char *)c->p;
	const uint8_t *nul = c->bad ? NULL : memchr(c->p, 0, (size_t)(c->end - c->p));

	if (!nul) {
		c->bad = true;
		return "";
	}
	c->p = nul + 1;
	return s;
}

struct section {
	const uint8_t *p;
	size_t n;
};

/* One compilation unit's line program. */
struct unit {
	struct section line_str, str;
	unsigned int version, min_inst, line_range, opcode_base;
	size_t offset_size;
	int line_base;
	uint8_t lengths[256];
	struct cur tables;      /* directories and files */
	struct cur program;
};

static const char *string_at(const struct section *s, uint64_t off)
{
	if (off >= s->n || !memchr(s->p + off, 0, s->n - off))
		return "";
	return (const char *)s->p + off;
}

/* The value of one form: text through *ret_text, a number as result. */
static uint64_t form(const struct unit *u, struct cur *c, uint64_t f, const char **ret_text)
{
	switch (f) {
	case 0x08: *ret_text = text(c); return 0;
	case 0x1f: *ret_text = string_at(&u->line_str, fixed(c, u->offset_size)); return 0;
	case 0x0e: *ret_text = string_at(&u->str, fixed(c, u->offset_size)); return 0;
	case 0x0b: return fixed(c, 1);
	case 0x05: return fixed(c, 2);
	case 0x06: return fixed(c, 4);
	case 0x07: return fixed(c, 8);
	case 0x0f: return uleb(c);
	case 0x1e: skip(c, 16); return 0;
	case 0x09: skip(c, uleb(c)); return 0;
	default: c->bad = true; return 0;
	}
}

/* Entry `want` of a version 5 table; c moves behind the table. */
static bool table5(const struct unit *u, struct cur *c, uint64_t want, const char **ret_name, uint64_t *ret_dir)
{
	uint64_t formats[32][2], n = fixed(c, 1), count;
	bool found = false;

	if (n > 16)
		c->bad = true;
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		formats[i][0] = uleb(c);
		formats[i][1] = uleb(c);
	}
	count = uleb(c);
	for (uint64_t k = 0; k < count && n > 0 && !c->bad; k++) {
		for (uint64_t i = 0; i < n && !c->bad; i++) {
			const char *s = NULL;
			uint64_t v = form(u, c, formats[i][1], &s);

			if (k != want)
				continue;
			if (formats[i][0] == 1 && s)
				*ret_name = s;
			else if (formats[i][0] == 2)
				*ret_dir = v;
			found = true;
		}
	}
	return found;
}

static bool names5(const struct unit *u, uint64_t file, const char **ret_dir, const char **ret_name)
{
	struct cur c = u->tables, dirs = u->tables;
	uint64_t dir = 0, none;
	const char *s = "";

	table5(u, &c, UINT64_MAX, &s, &none);
	if (!table5(u, &c, file, ret_name, &dir))
		return false;
	return table5(u, &dirs, dir, ret_dir, &none);
}

/* Up to version 4: names until an empty one; numbers start at 1, folder 0 is the one of compilation, which only .debug_info knows. */
static bool names4(const struct unit *u, uint64_t file, const char **ret_dir, const char **ret_name)
{
	struct cur c = u->tables, dirs = u->tables;
	uint64_t dir = 0;
	const char *s;

	while (*text(&c) && !c.bad)
		;
	for (uint64_t k = 1; ; k++) {
		s = text(&c);
		if (c.bad || !*s)
			return false;
		dir = uleb(&c);
		uleb(&c);
		uleb(&c);
		if (k == file)
			break;
	}
	*ret_name = s;
	*ret_dir = "";
	for (uint64_t k = 1; k <= dir; k++) {
		s = text(&dirs);
		if (dirs.bad || !*s)
			return true;
	}
	if (dir)
		*ret_dir = s;
	return true;
}

static char *place(const struct unit *u, uint64_t file, uint64_t line)
{
	const char *dir = "", *name = "";

	if (!(u->version >= 5 ? names5 : names4)(u, file, &dir, &name) || !*name)
		return NULL;
	if (*name == '/' || !*dir)
		return xasprintf("%s:%llu", name, (unsigned long long)line);
	return xasprintf("%s/%s:%llu", str_starts(dir, "./") ? dir + 2 : dir, name, (unsigned long long)line);
}

struct row {
	uint64_t addr, file, line;
};

/* The program's state: the row being built, and the one before it in the same sequence. */
struct machine {
	struct row now, last;
	bool have_last;
	uint64_t want;
	char *found;
};

static void emit(const struct unit *u, struct machine *m, bool end)
{
	if (m->have_last && m->want >= m->last.addr && m->want < m->now.addr && !m->found)
		m->found = place(u, m->last.file, m->last.line);
	m->last = m->now;
	m->have_last = !end;
	if (end)
		m->now = (struct row){ 0, 1, 1 };
}

static void extended(const struct unit *u, struct cur *c, struct machine *m)
{
	uint64_t n = uleb(c);
	struct cur in = *c;

	skip(c, n);
	if (c->bad || n == 0)
		return;
	in.end = in.p + n;
	switch (fixed(&in, 1)) {
	case 1: emit(u, m, true); break;
	case 2: m->now.addr = fixed(&in, n - 1 <= 8 ? n - 1 : 8); break;
	default: break;
	}
}

static void standard(const struct unit *u, struct cur *c, struct machine *m, unsigned int op)
{
	switch (op) {
	case 0: extended(u, c, m); break;
	case 1: emit(u, m, false); break;
	case 2: m->now.addr += uleb(c) * u->min_inst; break;
	case 3: m->now.line += (uint64_t)sleb(c); break;
	case 4: m->now.file = uleb(c); break;
	case 8: m->now.addr += (uint64_t)((255 - u->opcode_base) / u->line_range) * u->min_inst; break;
	case 9: m->now.addr += fixed(c, 2); break;
	default:
		for (unsigned int i = 0; i < u->lengths[op]; i++)
			uleb(c);
	}
}

static char *run(const struct unit *u, uint64_t want)
{
	struct machine m = { .now = { 0, 1, 1 }, .want = want };
	struct cur c = u->program;

	while (c.p < c.end && !c.bad && !m.found) {
		unsigned int op = (unsigned int)fixed(&c, 1);

		if (op < u->opcode_base) {
			standard(u, &c, &m, op);
			continue;
		}
		op -= u->opcode_base;
		m.now.addr += (uint64_t)(op / u->line_range) * u->min_inst;
		m.now.line += (uint64_t)(int64_t)(u->line_base + (int)(op % u->line_range));
		emit(u, &m, false);
	}
	return m.found;
}

/* The header at c, which is limited to the unit. */
static bool header(struct unit *u, struct cur c)
{
	uint64_t len;

	u->version = (unsigned int)fixed(&c, 2);
	if (u->version < 2 || u->version > 5)
		return false;
	if (u->version == 5)
		skip(&c, 2);
	len = fixed(&c, u->offset_size);
	if (c.bad || len > (uint64_t)(c.end - c.p))
		return false;
	u->program = (struct cur){ c.p + len, c.end, false };
	c.end = c.p + len;
	u->min_inst = (unsigned int)fixed(&c, 1);
	if (u->version >= 4)
		skip(&c, 1);
	skip(&c, 1);
	u->line_base = (int8_t)fixed(&c, 1);
	u->line_range = (unsigned int)fixed(&c, 1);
	u->opcode_base = (unsigned int)fixed(&c, 1);
	for (unsigned int i = 1; i < u->opcode_base; i++)
		u->lengths[i] = (uint8_t)fixed(&c, 1);
	u->tables = c;
	return !c.bad && u->line_range > 0 && u->opcode_base > 0;
}

static struct section find(const char *elf, size_t len, const char *name)
{
	size_t off, n;

	if (!pstore_elf_section(elf, len, name, &off, &n))
		return (struct section){ (const uint8_t *)"", 0 };
	return (struct section){ (const uint8_t *)elf + off, n };
}

char *pstore_line_at(const char *elf, size_t len, uint64_t addr)
{
	struct section lines = find(elf, len, ".debug_line");
	struct cur c = { lines.p, lines.p + lines.n, false };
	struct unit u = { .line_str = find(elf, len, ".debug_line_str"), .str = find(elf, len, ".debug_str") };
	char *found = NULL;

	while (c.p < c.end && !c.bad && !found) {
		uint64_t n = fixed(&c, 4);
		struct cur in;

		u.offset_size = n == 0xffffffff ? 8 : 4;
		if (u.offset_size == 8)
			n = fixed(&c, 8);
		in = c;
		skip(&c, n);
		if (c.bad)
			break;
		in.end = in.p + n;
		if (header(&u, in))
			found = run(&u, addr);
	}
	return found;
}

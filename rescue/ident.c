/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ident.h"

#include <ctype.h>

#define LONG_ID 32      /* a UUID, with or without dashes; shorter ones (FAT, MBR) want clearer ends */

static int push(struct ident_map *m, char *old, char *new)
{
	for (size_t i = 0; i < m->n; i++) {
		if (strcasecmp(m->v[i].old, old))
			continue;
		bool same = str_eq(m->v[i].new, new);

		free(old);
		free(new);
		return same ? 0 : -EEXIST;
	}
	m->v = xrealloc(m->v, (m->n + 1) * sizeof(*m->v));
	m->v[m->n++] = (struct ident_pair){ old, new };
	return 0;
}

/* As mdadm writes it: four groups of eight digits. */
static char *with_colons(const char *id)
{
	struct str s = STR_INIT;
	int digits = 0;

	for (; *id; id++) {
		if (*id == '-')
			continue;
		if (digits && digits % 8 == 0)
			str_addc(&s, ':');
		str_addc(&s, *id);
		digits++;
	}
	return str_take(&s);
}

static char *replace_dashes(const char *id, const char *by)
{
	struct str s = STR_INIT;

	for (; *id; id++)
		*id == '-' ? str_add(&s, by) : str_addc(&s, *id);
	return str_take(&s);
}

int ident_map_add(struct ident_map *m, const char *old, const char *new, struct err *e)
{
	int r;

	if (strlen(old) < 8 || !*new || strpbrk(old, " \t\n") || strpbrk(new, " \t\n"))
		return err_set(e, -EINVAL, "'%s' -> '%s' are not identifiers", old, new);
	if (strcasecmp(old, new) == 0)
		return 0;
	r = push(m, xstrdup(old), xstrdup(new));
	if (r == 0 && strlen(old) == 36 && strlen(new) == 36) {
		r = push(m, replace_dashes(old, ""), replace_dashes(new, ""));
		if (r == 0)
			r = push(m, replace_dashes(old, "\\x2d"), replace_dashes(new, "\\x2d"));
		if (r == 0)
			r = push(m, with_colons(old), with_colons(new));
	}
	return r < 0 ? err_set(e, r, "'%s' is to become two different identifiers", old) : 0;
}

void ident_map_free(struct ident_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].old);
		free(m->v[i].new);
	}
	free(m->v);
	*m = (struct ident_map){ 0 };
}

/* A longer run of digits is something else; a short id must not be a part of a UUID either. */
static bool is_inside(char c, bool is_long)
{
	return isxdigit((unsigned char)c) || (!is_long && (c == '-' || isalnum((unsigned char)c)));
}

static const struct ident_pair *at(const struct ident_map *m, const char *text, size_t n, size_t pos)
{
	for (size_t i = 0; i < m->n; i++) {
		size_t len = strlen(m->v[i].old);
		bool is_long = len >= LONG_ID;

		if (len <= n - pos && tolower((unsigned char)text[pos]) == tolower((unsigned char)m->v[i].old[0]) &&
		    strncasecmp(text + pos, m->v[i].old, len) == 0 && !(pos && is_inside(text[pos - 1], is_long)) &&
		    !(pos + len < n && is_inside(text[pos + len], is_long)))
			return &m->v[i];
	}
	return NULL;
}

size_t ident_replace(const struct ident_map *m, const char *text, size_t n, struct str *out)
{
	size_t count = 0, from = 0;

	for (size_t pos = 0; pos < n;) {
		const struct ident_pair *p = at(m, text, n, pos);

		if (!p) {
			pos++;
			continue;
		}
		if (out) {
			str_addn(out, text + from, pos - from);
			str_add(out, p->new);
		}
		pos += strlen(p->old);
		from = pos;
		count++;
	}
	if (out && n > from)
		str_addn(out, text + from, n - from);
	return count;
}

bool ident_is_grubenv(const char *text, size_t n)
{
	return n == GRUBENV_SIZE && str_starts(text, "# GRUB Environment Block\n");
}

int ident_replace_grubenv(const struct ident_map *m, const char *text, size_t n, struct str *out, size_t *ret_count, struct err *e)
{
	size_t end = n;

	while (end && text[end - 1] == '#')
		end--;
	*ret_count = ident_replace(m, text, end, out);
	if (out->len > GRUBENV_SIZE)
		return err_set(e, -EFBIG, "grubenv: the new values need %zu bytes, the block has %d", out->len, GRUBENV_SIZE);
	while (out->len < GRUBENV_SIZE)
		str_addc(out, '#');
	return 0;
}

/* End of a word of a kernel command line in a configuration file. */
static size_t word_end(const char *text, size_t n, size_t pos)
{
	while (pos < n && !isspace((unsigned char)text[pos]) && text[pos] != '"' && text[pos] != '\'')
		pos++;
	return pos;
}

static bool begins(const char *text, size_t n, size_t pos, const char *word)
{
	size_t len = strlen(word);

	return len <= n - pos && memcmp(text + pos, word, len) == 0 &&
	       (pos == 0 || isspace((unsigned char)text[pos - 1]) || text[pos - 1] == '"' || text[pos - 1] == '\'');
}

/* Drops one word together with the blank before it (or, at the start of a list, behind it). Returns where to go on. */
static size_t drop_word(const char *text, size_t n, size_t end, struct str *out)
{
	if (out->len && out->s[out->len - 1] == ' ')
		out->s[--out->len] = 0;
	else if (end < n && text[end] == ' ')
		end++;
	return end;
}

size_t ident_drop_resume(const char *text, size_t n, bool (*gone)(const char *spec, void *arg), void *arg, struct str *out)
{
	size_t count = 0;
	bool dropped = false;

	for (size_t pos = 0; pos < n;) {
		bool kernel = begins(text, n, pos, "resume="), offset = begins(text, n, pos, "resume_offset="), tools = begins(text, n, pos, "RESUME=");
		size_t end = word_end(text, n, pos), skip = kernel || tools ? 7 : 14;
		AUTO_FREE char *spec = kernel || tools ? xstrndup(text + pos + skip, end - pos - skip) : NULL;

		if (spec && *spec && !str_eq(spec, "none") && !str_eq(spec, "auto") && gone(spec, arg)) {
			count++;
			dropped |= kernel;
			if (tools)
				str_add(out, "RESUME=none");
			pos = tools ? end : drop_word(text, n, end, out);
		} else if (offset && dropped) {
			pos = drop_word(text, n, end, out);
		} else {
			dropped &= text[pos] != '\n';
			str_addc(out, text[pos++]);
		}
	}
	return count;
}

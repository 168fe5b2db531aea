/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sbat.h"

#include <endian.h>

#include "pe.h"

/* A section as text, or NULL. */
static char *section_text(const void *data, size_t n, const char *name, size_t *ret_len)
{
	struct pe p = { 0 };
	const struct pe_section *s;
	char *text = NULL;

	if (pe_parse(data, n, &p, NULL) < 0)
		return NULL;
	s = pe_section(&p, name);
	if (s && s->len) {
		text = xcalloc(1, s->len + 1);
		memcpy(text, (const char *)data + s->at, s->len);
		*ret_len = s->len;
	}
	pe_free(&p);
	return text;
}

char *sbat_parts(const void *pe, size_t n)
{
	size_t len;

	return section_text(pe, n, ".sbat", &len);
}

/* Version 0; then for each list where it begins, counted from behind the version. */
void sbat_levels(const void *pe, size_t n, char *ret[2])
{
	size_t len = 0;
	AUTO_FREE char *d = section_text(pe, n, ".sbatlevel", &len);
	uint32_t at[3];

	ret[0] = ret[1] = NULL;
	if (!d || len < sizeof(at))
		return;
	memcpy(at, d, sizeof(at));
	for (int i = 0; at[0] == 0 && i < 2; i++) {
		uint64_t from = 4 + (uint64_t)le32toh(at[i + 1]);

		if (from >= sizeof(at) && from < len)
			ret[i] = xstrdup(d + from);
	}
}

/* "grub,5,..." of one line; false when the line is none. */
static bool line_of(const char *line, size_t n, char name[64], uint64_t *ret_generation)
{
	AUTO_FREE char *copy = xstrndup(line, n);
	char *comma = strchr(copy, ','), *number = comma ? comma + 1 : NULL;

	if (!comma || comma == copy || comma - copy >= 64)
		return false;
	*comma = 0;
	number[strcspn(number, ",\r")] = 0;
	snprintf(name, 64, "%s", copy);
	return str_to_u64(number, ret_generation) == 0;
}

static bool generation_of(const char *parts, const char *name, uint64_t *ret)
{
	char have[64];

	for (const char *p = parts; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (line_of(p, strcspn(p, "\n"), have, ret) && str_eq(have, name))
			return true;
	return false;
}

bool sbat_revoked(const char *parts, const char *level, struct str *ret_why)
{
	char name[64];
	uint64_t least, have;

	for (const char *p = level; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (line_of(p, strcspn(p, "\n"), name, &least) && generation_of(parts, name, &have) && have < least) {
			str_addf(ret_why, "%s is generation %llu, the least that starts is %llu", name, (unsigned long long)have, (unsigned long long)least);
			return true;
		}
	return false;
}

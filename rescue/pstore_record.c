/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_record.h"

#include <ctype.h>

#include "hash.h"

#define EFIVAR_ATTRIBUTES 4

static bool small_number(const char **p, const char *end, unsigned int *ret)
{
	const char *s = *p;
	uint64_t v = 0;

	for (; s < end && isdigit((unsigned char)*s) && s - *p < 10; s++)
		v = v * 10 + (unsigned int)(*s - '0');
	if (s == *p || v > INT32_MAX)
		return false;
	*p = s;
	*ret = (unsigned int)v;
	return true;
}

static bool word(const char **p, const char *end, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(end - *p) < n || memcmp(*p, w, n) != 0)
		return false;
	*p += n;
	return true;
}

static bool reason(const char **p, const char *end, char *buf, size_t size)
{
	const char *s = *p;

	while (s < end && (isalpha((unsigned char)*s) || *s == ' ' || *s == '_'))
		s++;
	if (s == *p || (size_t)(s - *p) >= size || !isalpha((unsigned char)**p))
		return false;
	memcpy(buf, *p, (size_t)(s - *p));
	buf[s - *p] = '\0';
	*p = s;
	return true;
}

/* pstore_blk's own line: "Panic: Total 3 times\n". */
static const char *behind_total_line(const char *s, const char *end)
{
	char buf[32];
	unsigned int n;
	const char *p = s;

	if (reason(&p, end, buf, sizeof(buf)) && word(&p, end, ": Total ") && small_number(&p, end, &n) && word(&p, end, " times\n"))
		return p;
	return s;
}

bool pstore_header_parse(const char *text, size_t len, struct pstore_header *ret)
{
	const char *end = text + len, *p = behind_total_line(text, end);
	struct pstore_header h = { .count = 0 };

	*ret = h;
	if (!reason(&p, end, h.reason, sizeof(h.reason)) || !word(&p, end, "#") || !small_number(&p, end, &h.count) ||
	    !word(&p, end, " Part") || !small_number(&p, end, &h.part) || !word(&p, end, "\n"))
		return false;
	h.body = (size_t)(p - text);
	*ret = h;
	return true;
}

/* Which packer wrote it, as far as its first bytes tell: for the person who will unpack it elsewhere. */
static const char *packer_of(const char *data, size_t len)
{
	if (len >= 4 && memcmp(data, "\x28\xb5\x2f\xfd", 4) == 0)
		return "zstd";
	if (len >= 4 && memcmp(data, "\x04\x22\x4d\x18", 4) == 0)
		return "lz4 frame";
	return len > 0 ? "lzo, lz4, 842 or damaged" : NULL;
}

/* The payload as it is, or unpacked when the name says so, or when it is no text and unpacking gives one. */
static void read_text(struct pstore_record *r, const char *payload, size_t len)
{
	struct pstore_header h;
	bool may_be_packed = r->name.packed || (r->name.variable && !r->name.plain && !pstore_header_parse(payload, len, &h));

	if (may_be_packed && len > 0) {
		r->coding = pstore_unpack(payload, len, &r->text, &r->len, &r->cut);
		if (r->coding != PSTORE_UNREADABLE)
			return;
		r->coding_hint = packer_of(payload, len);
		if (!r->name.packed)
			r->coding = PSTORE_PLAIN;
	}
	r->text = xstrndup("", 0);
	r->text = xrealloc(r->text, len + 1);
	memcpy(r->text, payload, len);
	r->text[len] = '\0';
	r->len = len;
}

/* EFI and ERST number their records once and for all; ramoops and others begin at 0 in every boot, so there the number says nothing. */
static void make_key(struct pstore_record *r, const char *file)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	bool lasting = str_eq(r->name.backend, "efi") || str_eq(r->name.backend, "erst");

	str_addf(&s, "%s\n%s\n", r->name.backend, pstore_type_name(r->name.type));
	if (r->name.type == PSTORE_UNKNOWN)
		str_addf(&s, "%s\n", file);
	else if (lasting)
		str_addf(&s, "%llu\n", (unsigned long long)r->name.id);
	str_addn(&s, r->text, r->len - pstore_ecc_notice(r->text, r->len));
	hash_sha256_hex(s.s, s.len, r->key);
}

static void set_time(struct pstore_record *r, uint64_t mtime)
{
	r->time = mtime;
	if (!r->name.has_place)
		return;
	r->exact_time = true;
	if (!r->hdr.reason[0] || !pstore_name_time(&r->name, r->hdr.part, r->hdr.count, &r->time))
		r->time = r->name.time;
}

void pstore_record_make(struct pstore_record *r, const char *dir, const char *file, char *data, size_t len, uint64_t mtime)
{
	size_t skip;

	*r = (struct pstore_record){ .n_views = 1, .views = xcalloc(1, sizeof(*r->views)) };
	pstore_name_parse(file, &r->name);
	r->views[0] = (struct pstore_view){ .dir = xstrdup(dir), .file = xstrdup(file), .efivar = r->name.variable, .data = data, .len = len,
					     .mtime = mtime };
	skip = r->name.variable ? EFIVAR_ATTRIBUTES : 0;
	if (skip > len)
		skip = len;
	read_text(r, data + skip, len - skip);
	if (r->coding != PSTORE_UNREADABLE && r->name.type == PSTORE_DMESG)
		pstore_header_parse(r->text, r->len, &r->hdr);
	set_time(r, mtime);
	make_key(r, file);
}

void pstore_record_free(struct pstore_record *r)
{
	for (size_t i = 0; i < r->n_views; i++) {
		free(r->views[i].dir);
		free(r->views[i].file);
		free(r->views[i].data);
	}
	free(r->views);
	free(r->text);
	*r = (struct pstore_record){ .n_views = 0 };
}

char *pstore_record_label(const struct pstore_record *r)
{
	if (r->hdr.reason[0])
		return xasprintf("%s (%s#%u Part%u)", r->views[0].file, r->hdr.reason, r->hdr.count, r->hdr.part);
	return xstrdup(r->views[0].file);
}

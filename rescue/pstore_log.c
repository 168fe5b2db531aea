/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <time.h>

#include "hash.h"
#include "pstore_dump.h"

bool pstore_dump_is_log(const struct pstore_dump *d)
{
	return d->type == PSTORE_DMESG;
}

bool pstore_dump_is_crash(const struct pstore_dump *d, enum pstore_kind kind)
{
	static const char *const orderly[] = { "Shutdown", "Restart", "Halt", "Poweroff", "Kexec" };

	if (d->type == PSTORE_MCE)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(orderly); i++)
		if (!pstore_dump_is_log(d) || str_eq(d->reason, orderly[i]))
			return false;
	if (!d->reason[0] || str_eq(d->reason, "Panic") || str_eq(d->reason, "Oops"))
		return true;
	return kind == PSTORE_KIND_PANIC || kind == PSTORE_KIND_SYSRQ || (kind >= PSTORE_KIND_NULL && kind <= PSTORE_KIND_OOPS);
}

static const struct pstore_record *unreadable_one(const struct pstore_dump *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i]->coding == PSTORE_UNREADABLE)
			return d->v[i];
	return NULL;
}

static const char *packer(const struct pstore_record *r)
{
	return r->coding_hint ? r->coding_hint : "unknown packer";
}

char *pstore_dump_line(const struct pstore_dump *d, size_t len, const struct pstore_explain *x)
{
	const struct pstore_record *r = unreadable_one(d);

	if (!pstore_dump_is_log(d))
		return xasprintf("%s of %s, %zu bytes", pstore_type_name(d->type), d->backend, len);
	if (r && x->kind == PSTORE_KIND_NONE)
		return xasprintf("its record could not be unpacked (%s)", packer(r));
	return pstore_explain_line(x);
}

/* The record that shows a part, or one that should have (empty, unreadable), or NULL. Parts are ascending; the best reading comes first. */
static const struct pstore_record *record_of(const struct pstore_dump *d, unsigned int part)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct pstore_record *r = d->v[i];

		if ((r->hdr.reason[0] ? r->hdr.part : r->name.part) == part)
			return r;
	}
	return NULL;
}

static bool readable(const struct pstore_record *r)
{
	return r && r->coding != PSTORE_UNREADABLE && r->len > r->hdr.body;
}

static unsigned int highest_part(const struct pstore_dump *d)
{
	unsigned int high = 0;

	for (size_t i = 0; i < d->n; i++) {
		unsigned int p = d->v[i]->hdr.reason[0] ? d->v[i]->hdr.part : d->v[i]->name.part;

		if (p > high)
			high = p;
	}
	return high;
}

static void line_end(struct str *s)
{
	if (s->len && s->s[s->len - 1] != '\n')
		str_addc(s, '\n');
}

static void add_part(struct str *s, const struct pstore_record *r)
{
	line_end(s);
	str_addn(s, r->text + r->hdr.body, r->len - r->hdr.body - pstore_ecc_notice(r->text + r->hdr.body, r->len - r->hdr.body));
	line_end(s);
	if (r->cut)
		str_addf(s, "[rescue: part %u ends here: the packed record is cut off]\n", r->hdr.part);
}

static void add_gap(struct str *s, const struct pstore_record *r, unsigned int part)
{
	if (!r)
		str_addf(s, "[rescue: part %u is missing: some lines of the log are lost here]\n", part);
	else if (r->len == 0 || r->coding != PSTORE_UNREADABLE)
		str_addf(s, "[rescue: part %u is empty (%s)]\n", part, r->views[0].file);
	else
		str_addf(s, "[rescue: part %u could not be unpacked (%s); its bytes are kept in raw/%s]\n", part,
			 packer(r), r->views[0].file);
}

/* A run of missing parts is one line: a damaged record may claim to be part 2147483647. */
static unsigned int add_missing_run(const struct pstore_dump *d, struct str *s, unsigned int part)
{
	unsigned int low = 0;

	for (size_t i = 0; i < d->n; i++) {
		unsigned int p = d->v[i]->hdr.reason[0] ? d->v[i]->hdr.part : d->v[i]->name.part;

		if (p < part && p > low)
			low = p;
	}
	if (part - low > 1)
		str_addf(s, "[rescue: parts %u to %u are missing: some lines of the log are lost here]\n", low + 1, part);
	else
		add_gap(s, NULL, part);
	return low + 1;
}

static void add_parts(const struct pstore_dump *d, struct str *s)
{
	for (unsigned int part = highest_part(d); part > 0; part--) {
		const struct pstore_record *r = record_of(d, part);

		if (readable(r))
			add_part(s, r);
		else if (r)
			add_gap(s, r, part);
		else
			part = add_missing_run(d, s, part);
	}
}

/* What has no part number: newest last, as it came. */
static void add_placeless(const struct pstore_dump *d, struct str *s)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct pstore_record *r = d->v[i];

		if (!pstore_dump_is_log(d) || (!r->hdr.reason[0] && r->name.part == 0 && r->coding != PSTORE_UNREADABLE)) {
			line_end(s);
			str_addn(s, r->text, r->len - pstore_ecc_notice(r->text, r->len));
		} else if (!r->hdr.reason[0] && r->name.part == 0) {
			line_end(s);
			str_addf(s, "[rescue: a part could not be unpacked (%s); its bytes are kept in raw/%s]\n", packer(r), r->views[0].file);
		}
	}
}

char *pstore_dump_log(const struct pstore_dump *d, size_t *ret_len)
{
	struct str s = STR_INIT;

	if (pstore_dump_is_log(d))
		add_parts(d, &s);
	add_placeless(d, &s);
	*ret_len = s.len;
	return str_take(&s);
}

size_t pstore_dump_missing(const struct pstore_dump *d, struct strv *ret)
{
	size_t n = 0;

	if (!pstore_dump_is_log(d))
		return 0;
	for (unsigned int part = highest_part(d); part > 0 && n < 1000; part--) {
		if (readable(record_of(d, part)))
			continue;
		n++;
		strv_addf(ret, "%u", part);
	}
	return n;
}

static void add_lower(struct str *s, const char *text)
{
	for (; *text; text++)
		str_addc(s, isalnum((unsigned char)*text) ? (char)tolower((unsigned char)*text) : '_');
}

char *pstore_dump_name(const struct pstore_dump *d)
{
	struct str s = STR_INIT;
	time_t t = (time_t)d->time;
	struct tm tm;
	char buf[32];

	if (d->time && d->time < (1ULL << 40) && gmtime_r(&t, &tm) && strftime(buf, sizeof(buf), "%Y%m%dT%H%M%SZ", &tm))
		str_add(&s, buf);
	else
		str_add(&s, "unknown-time");
	str_addc(&s, '-');
	add_lower(&s, d->backend);
	str_addc(&s, '-');
	add_lower(&s, d->reason[0] ? d->reason : pstore_type_name(d->type));
	if (d->reason[0])
		str_addf(&s, "%u", d->count);
	return str_take(&s);
}

void pstore_dump_id(const struct pstore_dump *d, char out[17])
{
	CLEANUP(str_free) struct str s = STR_INIT;
	char hex[65];

	for (size_t i = 0; i < d->n; i++)
		str_addf(&s, "%s\n", d->v[i]->key);
	hash_sha256_hex(str_cstr(&s), s.len, hex);
	memcpy(out, hex, 16);
	out[16] = '\0';
}

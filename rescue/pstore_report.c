/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <inttypes.h>

#include "hash.h"
#include "pstore_explain.h"
#include "pstore_store.h"

static const char *const coding_names[PSTORE_CODING_MAX] = {
	[PSTORE_PLAIN] = "plain", [PSTORE_DEFLATE] = "deflate", [PSTORE_ZLIB] = "zlib", [PSTORE_UNREADABLE] = "unreadable",
};

static bool looks_like_text(const struct pstore_record *r)
{
	size_t good = 0;

	for (size_t i = 0; i < r->len; i++)
		good += (unsigned char)r->text[i] >= ' ' || isspace((unsigned char)r->text[i]);
	return r->len > 0 && good * 100 >= r->len * 95;
}

char *pstore_report_log_name(const struct pstore_dump *d)
{
	if (!pstore_dump_is_log(d) && (!d->n || !looks_like_text(d->v[0])))
		return NULL;
	return xasprintf("%s.txt", pstore_type_name(d->type));
}

static void add_views(const struct pstore_record *r, struct str *s)
{
	for (size_t i = 0; i < r->n_views; i++) {
		const struct pstore_view *v = &r->views[i];
		char hex[65];

		hash_sha256_hex(v->data, v->len, hex);
		str_addf(s, "%s{\"file\": \"", i ? ", " : "");
		str_add_json(s, v->file);
		str_addf(s, "\", \"bytes\": %zu, \"sha256\": \"%s\"}", v->len, hex);
	}
}

static void add_record(const struct pstore_record *r, struct str *s)
{
	size_t ecc = pstore_ecc_notice(r->text, r->len);

	str_add(s, "    {");
	if (r->hdr.reason[0] || r->name.part)
		str_addf(s, "\"part\": %u, ", r->hdr.reason[0] ? r->hdr.part : r->name.part);
	str_addf(s, "\"coding\": \"%s\", \"text_bytes\": %zu, \"key\": \"%s\", ", coding_names[r->coding], r->len, r->key);
	if (r->coding == PSTORE_UNREADABLE)
		str_addf(s, "\"packer\": \"%s\", ", r->coding_hint ? r->coding_hint : "unknown");
	if (r->cut)
		str_add(s, "\"cut\": true, ");
	if (ecc) {
		str_add(s, "\"ecc\": \"");
		str_add_json(s, r->text + r->len - ecc);
		str_add(s, "\", ");
	}
	str_add(s, "\"files\": [");
	add_views(r, s);
	str_add(s, "]}");
}

static void add_missing(const struct pstore_dump *d, struct str *s)
{
	CLEANUP(strv_free) struct strv missing = STRV_INIT;

	pstore_dump_missing(d, &missing);
	str_add(s, "  \"missing_parts\": [");
	for (size_t i = 0; i < missing.n; i++)
		str_addf(s, "%s%s", i ? ", " : "", missing.v[i]);
	str_add(s, "],\n");
}

static void add_explanation(const struct pstore_dump *d, struct str *s)
{
	struct pstore_explain x;
	size_t len;
	AUTO_FREE char *log = pstore_dump_log(d, &len);

	pstore_explain(log, len, d->reason, &x);
	str_add(s, "  \"explanation\": {");
	pstore_explain_json(&x, s);
	str_add(s, "}\n");
	pstore_explain_free(&x);
}

char *pstore_report_json(const struct pstore_dump *d)
{
	struct str s = STR_INIT;
	char id[17];

	pstore_dump_id(d, id);
	str_addf(&s, "{\n  \"report\": 1,\n  \"id\": \"%s\",\n  \"type\": \"%s\",\n  \"backend\": \"", id, pstore_type_name(d->type));
	str_add_json(&s, d->backend);
	str_add(&s, "\",\n  \"reason\": \"");
	str_add_json(&s, d->reason);
	str_addf(&s, "\",\n  \"count\": %u,\n  \"time\": %" PRIu64 ",\n  \"time_from\": \"%s\",\n", d->count, d->time,
		 d->exact_time ? "record" : d->time ? "file" : "");
	add_missing(d, &s);
	str_add(&s, "  \"records\": [\n");
	for (size_t i = 0; i < d->n; i++) {
		add_record(d->v[i], &s);
		str_add(&s, i + 1 < d->n ? ",\n" : "\n");
	}
	str_add(&s, "  ],\n");
	add_explanation(d, &s);
	str_add(&s, "}\n");
	return str_take(&s);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "pstore_collect.h"

static void found_text(const struct pstore_found *f, struct str *out)
{
	str_addf(out, "%s\n  %s\n  %zu records%s", f->name, f->line, f->records, f->added == f->records ? "" : f->added ? ", some" : ", all");
	str_add(out, f->added == f->records ? "" : " of them in the store already");
	if (f->missing)
		str_addf(out, "; %zu parts of the log are missing", f->missing);
	if (f->seen_before)
		str_addf(out, "; the same crash is %zu more times in the store", f->seen_before);
	str_add(out, "\n");
}

static void nvram_text(const struct pstore_result *r, struct str *out)
{
	if (!r->nvram_known) {
		str_add(out, "NVRAM: the firmware does not say how much is free\n");
		return;
	}
	str_addf(out, "NVRAM: %" PRIu64 " bytes free before, %" PRIu64 " after, of %" PRIu64 "\n", r->nvram_before, r->nvram_after, r->nvram_total);
	if (r->reboot_needed)
		str_add(out, "NVRAM: the firmware has not given the space back yet; most do so when they start: reboot once before writing EFI variables\n");
}

void pstore_result_text(const struct pstore_result *r, const char *to, struct str *out)
{
	if (!r->records)
		str_add(out, "no records: no kernel crashed on this machine, or its records were taken before\n");
	for (size_t i = 0; i < r->n_found; i++)
		found_text(&r->found[i], out);
	if (r->records)
		str_addf(out, "%zu records found, %zu newly stored in %s, %zu erased, %zu left\n", r->records, r->stored, to, r->erased, r->left);
	if (r->believed)
		str_addf(out, "%zu of the erased have no second place where their absence could be proven\n", r->believed);
	nvram_text(r, out);
	for (size_t i = 0; i < r->notes.n; i++)
		str_addf(out, "note: %s\n", r->notes.v[i]);
}

static void found_json(const struct pstore_found *f, struct str *out)
{
	str_add(out, "{\"dump\": \"");
	str_add_json(out, f->name);
	str_add(out, "\", \"line\": \"");
	str_add_json(out, f->line);
	str_addf(out, "\", \"records\": %zu, \"added\": %zu, \"missing_parts\": %zu, \"seen_before\": %zu}", f->records, f->added, f->missing,
		 f->seen_before);
}

void pstore_result_json(const struct pstore_result *r, const char *to, struct str *out)
{
	str_add(out, "{\"store\": \"");
	str_add_json(out, to);
	str_addf(out, "\", \"records\": %zu, \"stored\": %zu, \"erased\": %zu, \"believed\": %zu, \"left\": %zu, ", r->records, r->stored, r->erased,
		 r->believed, r->left);
	if (r->nvram_known)
		str_addf(out, "\"nvram_free_before\": %" PRIu64 ", \"nvram_free_after\": %" PRIu64 ", \"nvram_total\": %" PRIu64 ", ", r->nvram_before,
			 r->nvram_after, r->nvram_total);
	str_addf(out, "\"reboot_needed\": %s, \"dumps\": [", r->reboot_needed ? "true" : "false");
	for (size_t i = 0; i < r->n_found; i++) {
		str_add(out, i ? ", " : "");
		found_json(&r->found[i], out);
	}
	str_add(out, "], \"notes\": [");
	for (size_t i = 0; i < r->notes.n; i++) {
		str_add(out, i ? ", \"" : "\"");
		str_add_json(out, r->notes.v[i]);
		str_addc(out, '"');
	}
	str_add(out, "]}\n");
}

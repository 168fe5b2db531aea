/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_show.h"

#include <inttypes.h>

#include "pstore_line.h"
#include "pstore_store.h"

int pstore_show_symbols(struct pstore_show *sh, const char *map, const char *vmlinux, struct err *e)
{
	const char *const files[] = { vmlinux, map };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = files[i] ? pstore_symbols_load(files[i], &sh->symbols[sh->n_symbols], e) : 0;

		if (r < 0)
			return r;
		sh->n_symbols += files[i] != NULL;
	}
	return 0;
}

void pstore_show_end(struct pstore_show *sh)
{
	for (size_t i = 0; i < sh->n_symbols; i++)
		pstore_symbols_free(&sh->symbols[i]);
	sh->n_symbols = 0;
}

/* The three numbers of "name+0x49/0x150". */
static bool take_apart(const char *symbol, size_t *ret_len, uint64_t *ret_off, uint64_t *ret_size)
{
	if (!pstore_symbol_length(symbol))
		return false;
	*ret_len = strcspn(symbol, "+");
	*ret_off = strtoull(symbol + *ret_len + 1, NULL, 16);
	*ret_size = strtoull(strchr(symbol, '/') + 1, NULL, 16);
	return true;
}

void pstore_show_place(const struct pstore_show *sh, const char *symbol, struct str *out)
{
	uint64_t off, size;
	size_t len;

	if (str_starts(symbol, "? "))
		symbol += 2;
	if (!take_apart(symbol, &len, &off, &size))
		return;
	for (size_t i = 0; i < sh->n_symbols; i++) {
		const struct pstore_symbols *s = &sh->symbols[i];
		const struct pstore_symbol *sym = pstore_symbols_named(s, symbol, len, size);
		AUTO_FREE char *line = NULL;

		if (!sym)
			continue;
		if (sym->size && size > sym->size) {
			str_addf(out, "   (%s: this function has %" PRIu64 " bytes there: not the kernel that crashed)", s->path, sym->size);
			return;
		}
		str_addf(out, "   %016" PRIx64, sym->addr + off);
		line = pstore_line_at(s->text, s->len, sym->addr + off);
		if (line)
			str_addf(out, " %s", line);
		return;
	}
	str_add(out, "   (not in the given symbols)");
}

/* The explanation, with places behind the functions when symbols were given. */
static void add_places(const struct pstore_show *sh, const struct pstore_explain *x, struct str *out)
{
	if (!sh->n_symbols)
		return;
	str_add(out, "  places\n");
	if (x->func) {
		str_addf(out, "    %s", x->func);
		pstore_show_place(sh, x->func, out);
		str_addc(out, '\n');
	}
	for (size_t i = 0; i < x->trace.n; i++) {
		str_addf(out, "    %s", x->trace.v[i]);
		pstore_show_place(sh, x->trace.v[i], out);
		str_addc(out, '\n');
	}
}

/* Old kernels without names in the log: "[<ffffffff812e70c9>]" alone can still be looked up. */
static void add_bare_addresses(const struct pstore_show *sh, const struct pstore_explain *x, const char *log, struct str *out)
{
	for (const char *p = strstr(log, "[<"); p && sh->n_symbols; p = strstr(p + 2, "[<")) {
		char *end;
		uint64_t addr = strtoull(p + 2, &end, 16);
		const char *behind = end + (end[0] == '>') + (end[0] && end[1] == ']');
		const struct pstore_symbol *sym;

		behind += strspn(behind, " ?");
		if (*end != '>' || (*behind != '\n' && strncmp(behind, "0x", 2) != 0))
			continue;
		sym = pstore_symbols_at(&sh->symbols[0], addr - x->kaslr);
		if (sym)
			str_addf(out, "    %016" PRIx64 " = %s+0x%" PRIx64 "\n", addr, sym->name, addr - x->kaslr - sym->addr);
	}
}

static void add_head(const char *name, const struct pstore_dump *d, struct str *out)
{
	AUTO_FREE char *own = name ? NULL : pstore_dump_name(d);
	CLEANUP(strv_free) struct strv missing = STRV_INIT;

	str_addf(out, "%s", name ? name : own);
	if (d->reason[0])
		str_addf(out, " %s#%u", d->reason, d->count);
	str_addf(out, ", %zu records", d->n);
	if (pstore_dump_missing(d, &missing))
		str_addf(out, ", %zu parts missing", missing.n);
	str_add(out, "\n");
}

/* `rescue pstore list` says of a console or a clean shutdown that it is none: the rescue image's banner goes by it. */
static void add_brief(const struct pstore_dump *d, size_t len, const struct pstore_explain *x, struct str *out)
{
	AUTO_FREE char *line = pstore_dump_line(d, len, x);

	str_addf(out, "  %s%s\n", pstore_dump_is_crash(d, x->kind) ? "" : "not a crash: ", line);
}

static void add_whole(const struct pstore_show *sh, const struct pstore_dump *d, const char *log, size_t len, const struct pstore_explain *x, struct str *out)
{
	AUTO_FREE char *line = NULL;

	if (pstore_dump_is_log(d)) {
		pstore_explain_text(x, out);
		add_places(sh, x, out);
		add_bare_addresses(sh, x, log, out);
		return;
	}
	line = pstore_dump_line(d, len, x);
	str_addf(out, "  %s\n", line);
}

static void show_text(const struct pstore_show *sh, const char *name, const struct pstore_dump *d, struct str *out)
{
	size_t len;
	AUTO_FREE char *log = pstore_dump_log(d, &len);
	struct pstore_explain x;

	add_head(name, d, out);
	pstore_explain(log, len, d->reason, &x);
	if (sh->brief)
		add_brief(d, len, &x, out);
	else
		add_whole(sh, d, log, len, &x, out);
	pstore_explain_free(&x);
	if (sh->log) {
		str_add(out, "\n");
		str_addn(out, log, len);
		str_add(out, len && log[len - 1] != '\n' ? "\n\n" : "\n");
	}
}

static void show_json(const struct pstore_show *sh, const char *name, const struct pstore_dump *d, struct str *out)
{
	AUTO_FREE char *own = name ? NULL : pstore_dump_name(d), *report = pstore_report_json(d), *log = NULL;
	size_t len;

	str_add(out, "{\"dump\": \"");
	str_add_json(out, name ? name : own);
	str_add(out, "\", \"report\": ");
	report[strlen(report) - 1] = '\0';
	for (char *p = report; (p = strchr(p, '\n')); )         /* one object a line */
		*p = ' ';
	str_add(out, report);
	if (sh->log) {
		log = pstore_dump_log(d, &len);
		for (size_t i = 0; i < len; i++)
			log[i] = log[i] ? log[i] : ' ';
		str_add(out, ", \"log\": \"");
		str_add_json(out, log);
		str_addc(out, '"');
	}
	str_add(out, "}\n");
}

void pstore_show_dump(const struct pstore_show *sh, const char *name, const struct pstore_dump *d, struct str *out)
{
	if (sh->json)
		show_json(sh, name, d, out);
	else
		show_text(sh, name, d, out);
}

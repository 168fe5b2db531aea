/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was lost, and how much is there. report.json is one object: counts first, then a list of entries, one a line. */
#include "bac_engine.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fs.h"

static void field(struct str *s, const char *key, const char *text)
{
	str_addf(s, ", \"%s\": \"", key);
	str_add_json(s, text);
	str_add(s, "\"");
}

int bac_report_add(struct bac_eng *g, const char *kind, uint32_t fi, uint32_t fi_end, const char *path, const char *why, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_addf(&s, "{\"kind\": \"%s\"", kind);
	if (g->sess)
		str_addf(&s, ", \"job\": %u", g->sess->label.job_id ? g->sess->label.job_id : g->job_id);
	if (fi)
		str_addf(&s, ", \"file_index\": %u", fi);
	if (fi_end > fi)
		str_addf(&s, ", \"to\": %u", fi_end);
	if (*path)
		field(&s, "path", path);
	field(&s, "why", why);
	str_add(&s, "}");
	g->n_report++;
	return bac_spill_put(&g->list[BAC_L_REPORT], s.s, s.len, e);
}

int bac_report_file(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	const char *name = f->a.name ? f->a.name : "";
	uint32_t end = f->a.type == -1 ? f->a.fi : f->fi;
	int r = 0;

	if (f->fate == BAC_F_LOST)
		return bac_report_add(g, "lost", f->fi, end, name, str_cstr((struct str *)&f->why), e);
	if (f->fate == BAC_F_SKIPPED)
		return bac_report_add(g, "skipped", f->fi, end, name, str_cstr((struct str *)&f->why), e);
	if (f->doubtful)
		r = bac_report_add(g, "doubtful", f->fi, end, name,
				   "complete, but the block after it could not be read: an ACL or attribute may be missing", e);
	if (r == 0 && f->problems.len)
		r = bac_report_add(g, "metadata", f->fi, end, name, f->problems.s, e);
	if (r == 0 && f->skipped_streams.len) {
		AUTO_FREE char *why = xasprintf("not restored: %s", f->skipped_streams.s);

		r = bac_report_add(g, "skipped", f->fi, end, name, why, e);
	}
	return r;
}

struct writer {
	FILE *f;
	bool any;
	struct strv areas;              /* those already written: a resumed run meets the same place again */
	struct bac_eng *g;
};

static int write_one(void *arg, char *data, size_t n, struct err *e)
{
	struct writer *w = arg;

	(void)n;
	(void)e;
	if (str_starts(data, "{\"kind\": \"area\"")) {
		if (strv_has(&w->areas, data))
			return 0;
		strv_add(&w->areas, data);
	}
	fprintf(w->f, "%s\n  %s", w->any ? "," : "", data);
	w->any = true;
	return 0;
}

static void write_counts(FILE *f, const struct bac_counts *n)
{
	const struct {
		const char *key;
		uint64_t v;
	} rows[] = {
		{ "entries", n->entries }, { "expected", n->expected }, { "restored", n->restored }, { "verified", n->verified },
		{ "unverified", n->unverified }, { "lost", n->lost }, { "doubtful", n->doubtful }, { "skipped", n->skipped },
		{ "metadata", n->metadata }, { "deletions", n->deletions }, { "deleted", n->deleted }, { "bytes", n->bytes }, { "bad_areas", n->bad_areas },
		{ "repaired_blocks", n->repaired }, { "missing_volumes", n->missing_volumes },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		fprintf(f, " \"%s\": %llu,\n", rows[i].key, (unsigned long long)rows[i].v);
}

static int count_areas(void *arg, char *data, size_t n, struct err *e)
{
	struct writer *w = arg;

	(void)n;
	(void)e;
	if (str_starts(data, "{\"kind\": \"area\"") && !strv_has(&w->areas, data))
		strv_add(&w->areas, data);
	return 0;
}

int bac_report_write(struct bac_eng *g, char **ret, struct err *e)
{
	struct writer w = { .g = g };
	AUTO_FREE char *path = g->o->state ? fs_join(g->o->state, "report.json") : NULL;
	AUTO_FREE char *tmp = path ? xasprintf("%s.new", path) : NULL;
	int r = bac_spill_each(&g->list[BAC_L_REPORT], count_areas, &w, e);

	g->n.bad_areas = w.areas.n > g->n.missing_volumes ? w.areas.n - g->n.missing_volumes : 0;
	strv_free(&w.areas);
	if (!path || r < 0)
		return r;
	w.f = fopen(tmp, "we");
	if (!w.f)
		return err_errno(e, "write '%s'", tmp);
	fprintf(w.f, "{\n");
	write_counts(w.f, &g->n);
	fprintf(w.f, " \"entries_list\": [");
	r = bac_spill_each(&g->list[BAC_L_REPORT], write_one, &w, e);
	fprintf(w.f, "\n ]\n}\n");
	strv_free(&w.areas);
	if (fflush(w.f) != 0 || fsync(fileno(w.f)) < 0)
		r = err_errno(e, "write '%s'", tmp);
	fclose(w.f);
	if (r == 0 && rename(tmp, path) < 0)
		r = err_errno(e, "write '%s'", path);
	if (r == 0)
		r = fs_sync_parent(path, e);
	if (r == 0)
		*ret = TAKE_PTR(path);
	return r;
}

int bac_report_each(const char *report, void (*fn)(void *arg, const char *line), void *arg, struct err *e)
{
	AUTO_FCLOSE FILE *f = fopen(report, "re");
	AUTO_FREE char *line = NULL;
	size_t cap = 0;

	if (!f)
		return err_errno(e, "open '%s'", report);
	while (getline(&line, &cap, f) > 0)
		if (str_starts(line, "  {"))
			fn(arg, line);
	return 0;
}

void bac_result_free(struct bac_result *r)
{
	free(r->report);
	r->report = NULL;
}

bool bac_result_whole(const struct bac_result *r)
{
	return !r->n.lost && !r->n.doubtful && !r->n.metadata && !r->n.skipped && !r->n.missing_volumes && (r->n.entries || !r->n.expected);
}

char *bac_result_text(const struct bac_result *r, enum bac_mode mode)
{
	const struct bac_counts *n = &r->n;
	struct str s = STR_INIT;
	char size[32];

	str_addf(&s, "%llu of %llu entries %s (%s), %llu files proven by their digest", (unsigned long long)n->restored,
		 (unsigned long long)(n->entries - n->deletions), mode == BAC_VERIFY ? "can be restored" : "restored", str_human_size(size, sizeof(size), n->bytes),
		 (unsigned long long)n->verified);
	if (n->unverified)
		str_addf(&s, ", %llu files have none", (unsigned long long)n->unverified);
	if (n->deleted)
		str_addf(&s, ", %llu deleted by later jobs", (unsigned long long)n->deleted);
	if (n->lost)
		str_addf(&s, ", %llu LOST", (unsigned long long)n->lost);
	if (n->doubtful)
		str_addf(&s, ", %llu doubtful", (unsigned long long)n->doubtful);
	if (n->skipped)
		str_addf(&s, ", %llu with parts that were not restored", (unsigned long long)n->skipped);
	if (n->metadata)
		str_addf(&s, ", %llu without all of their metadata", (unsigned long long)n->metadata);
	if (n->repaired)
		str_addf(&s, "; %llu blocks with one wrong byte were put right", (unsigned long long)n->repaired);
	if (n->bad_areas)
		str_addf(&s, "; %llu damaged places on the volumes", (unsigned long long)n->bad_areas);
	if (n->missing_volumes)
		str_addf(&s, "; %llu volumes missing", (unsigned long long)n->missing_volumes);
	return str_take(&s);
}

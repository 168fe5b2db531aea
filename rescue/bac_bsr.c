/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bootstrap files: "Keyword = value" lines. `Volume` begins a new set of filters; the same keyword again means "or", another one "and". Keywords
 * are those of Bacula's manual, chapter "The Bootstrap File", and those that its Storage Daemon (9.6) takes besides.
 */
#include "bac_bsr.h"

enum key {
	K_CLIENT, K_COUNT, K_DEVICE, K_EXCLUDE, K_FILEINDEX, K_FILEREGEX, K_INCLUDE, K_JOBID, K_JOBLEVEL, K_JOB, K_JOBTYPE, K_MEDIATYPE, K_SLOT,
	K_STORAGE, K_STREAM, K_VOLADDR, K_VOLBLOCK, K_VOLUME, K_VOLFILE, K_SESSIONID, K_SESSIONTIME, K_MAX
};

static const char *const keys[K_MAX + 1] = {
	[K_CLIENT] = "client", [K_COUNT] = "count", [K_DEVICE] = "device", [K_EXCLUDE] = "exclude", [K_FILEINDEX] = "fileindex",
	[K_FILEREGEX] = "fileregex", [K_INCLUDE] = "include", [K_JOBID] = "jobid", [K_JOBLEVEL] = "joblevel", [K_JOB] = "job",
	[K_JOBTYPE] = "jobtype", [K_MEDIATYPE] = "mediatype", [K_SLOT] = "slot", [K_STORAGE] = "storage", [K_STREAM] = "stream",
	[K_VOLADDR] = "voladdr", [K_VOLBLOCK] = "volblock", [K_VOLUME] = "volume", [K_VOLFILE] = "volfile", [K_SESSIONID] = "volsessionid",
	[K_SESSIONTIME] = "volsessiontime",
};

static void set_free(struct bac_set *s)
{
	strv_free(&s->volumes);
	strv_free(&s->clients);
	strv_free(&s->jobs);
	strv_free(&s->levels);
	strv_free(&s->types);
	free(s->ids.v);
	free(s->times.v);
	free(s->job_ids.v);
	free(s->files.v);
	free(s->addrs.v);
	free(s->blocks.v);
	free(s->vol_files.v);
	free(s->streams.v);
	free(s->regex);
}

static int bad(const struct bac_bsr *p, const char *what, const char *text, struct err *e)
{
	return err_set(e, -EINVAL, "%s:%d: %s: %s", p->where, p->line, what, text);
}

/* Words of a value: separated by commas; in quotes anything, with \" for a quote. Outside of them '#' begins a comment. -EINVAL: no end quote. */
static int words(const char *p, bool keep_backslash, struct strv *ret)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	bool quoted = false;

	for (; *p && (quoted || *p != '#'); p++) {
		if (*p == '"') {
			quoted = !quoted;
		} else if (*p == '\\' && quoted && p[1] && (!keep_backslash || p[1] == '"')) {
			str_addc(&s, *++p);
		} else if (*p == ',' && !quoted) {
			strv_add(ret, str_trim((char *)str_cstr(&s)));
			str_reset(&s);
		} else if (quoted || s.len || (*p != ' ' && *p != '\t')) {
			str_addc(&s, *p);
		}
	}
	strv_add(ret, str_trim((char *)str_cstr(&s)));
	return quoted ? -EINVAL : 0;
}

/* "3", "1-20", "1,5-7" */
static int add_spans(struct bac_spans *s, const struct strv *w)
{
	for (size_t i = 0; i < w->n; i++) {
		char *dash = strchr(w->v[i], '-');
		struct bac_span x;

		if (dash)
			*dash = '\0';
		if (str_to_u64(str_trim(w->v[i]), &x.lo) < 0 || (dash ? str_to_u64(str_trim(dash + 1), &x.hi) : (x.hi = x.lo, 0)) < 0 || x.hi < x.lo)
			return -EINVAL;
		s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
		s->v[s->n++] = x;
	}
	return 0;
}

static int begin_set(struct bac_bsr *p, const char *value, struct err *e)
{
	struct bac_set s = { .line = p->line };

	strv_split(&s.volumes, value, "|");
	if (!s.volumes.n)
		return bad(p, "volume", "no name", e);
	p->sets = xrealloc(p->sets, (p->n + 1) * sizeof(*p->sets));
	p->sets[p->n++] = s;
	return 0;
}

static struct bac_spans *spans_of(struct bac_set *s, enum key k)
{
	switch (k) {
	case K_FILEINDEX:
		return &s->files;
	case K_JOBID:
		return &s->job_ids;
	case K_VOLADDR:
		return &s->addrs;
	case K_VOLBLOCK:
		return &s->blocks;
	case K_VOLFILE:
		return &s->vol_files;
	case K_SESSIONID:
		return &s->ids;
	case K_SESSIONTIME:
		return &s->times;
	case K_STREAM:
		return &s->streams;
	default:
		return NULL;
	}
}

static struct strv *words_of(struct bac_set *s, enum key k)
{
	switch (k) {
	case K_CLIENT:
		return &s->clients;
	case K_JOB:
		return &s->jobs;
	case K_JOBLEVEL:
		return &s->levels;
	case K_JOBTYPE:
		return &s->types;
	default:
		return NULL;
	}
}

/* What the daemon needs to find a volume, we are told; what it takes and does nothing about is the same here, but said. */
static bool passed_over(struct bac_bsr *p, enum key k)
{
	if (k == K_INCLUDE || k == K_EXCLUDE)
		strv_addf(&p->notes, "%s:%d: %s: does nothing, as in Bacula: use FileRegex, FileIndex or the option for paths", p->where, p->line, keys[k]);
	return k == K_INCLUDE || k == K_EXCLUDE || k == K_STORAGE || k == K_DEVICE || k == K_MEDIATYPE || k == K_SLOT;
}

static int take(struct bac_bsr *p, enum key k, const char *value, const struct strv *w, struct err *e)
{
	struct bac_set *s = p->n ? &p->sets[p->n - 1] : NULL;
	struct bac_spans *spans;
	struct strv *list;

	if (k == K_VOLUME)
		return begin_set(p, w->v[0], e);
	if (passed_over(p, k))
		return 0;
	if (!s)
		return bad(p, keys[k], "comes before the first Volume", e);
	spans = spans_of(s, k);
	list = words_of(s, k);
	if (spans)
		return add_spans(spans, w) < 0 ? bad(p, value, "not a number, a range 'A-B' or a list of them", e) : 0;
	for (size_t i = 0; list && i < w->n; i++)
		strv_add(list, w->v[i]);
	if (k == K_COUNT && str_to_u64(w->v[0], &s->count) < 0)
		return bad(p, value, "not a number", e);
	if (k == K_FILEREGEX) {
		free(s->regex);
		s->regex = xstrdup(w->v[0]);
	}
	return 0;
}

/* Keywords are compared without case and spaces. */
static void squeeze(char *word)
{
	char *to = word;

	for (; *word; word++)
		if (*word != ' ' && *word != '\t')
			*to++ = *word >= 'A' && *word <= 'Z' ? (char)(*word + 32) : *word;
	*to = '\0';
}

static int key_of(const char *word)
{
	for (int k = 0; k < K_MAX; k++)
		if (str_eq(word, keys[k]))
			return k;
	return -1;
}

static int unknown(const struct bac_bsr *p, const char *word, struct err *e)
{
	const char *near = str_nearest(word, keys);

	return err_set(e, -EINVAL, "%s:%d: %s: unknown keyword%s%s%s", p->where, p->line, word, near ? ", did you mean '" : "", near ? near : "",
		       near ? "'" : "");
}

/* A FileRegex without quotes is the rest of the line. */
static int value_of(struct bac_bsr *p, enum key k, const char *value, struct err *e)
{
	CLEANUP(strv_free) struct strv w = STRV_INIT;

	if (k == K_FILEREGEX && *value != '"')
		strv_add(&w, value);
	else if (words(value, k == K_FILEREGEX, &w) < 0)
		return bad(p, value, "the quotes do not end", e);
	for (size_t i = 0; i < w.n; i++)
		if (!*w.v[i] && k != K_INCLUDE && k != K_EXCLUDE)
			return bad(p, keys[k], "no value", e);
	return take(p, k, value, &w, e);
}

static int line_of(struct bac_bsr *p, char *line, struct err *e)
{
	char *eq;
	int k;

	line = str_trim(line);
	if (!*line || *line == '#')
		return 0;
	eq = strchr(line, '=');
	if (!eq)
		return bad(p, line, "not 'Keyword = value'", e);
	*eq = '\0';
	squeeze(line);
	k = key_of(line);
	return k < 0 ? unknown(p, line, e) : value_of(p, (enum key)k, str_trim(eq + 1), e);
}

int bac_bsr_parse(struct bac_bsr *p, const char *text, size_t len, struct err *e)
{
	AUTO_FREE char *copy = xstrndup(text, len);
	char *at = copy, *next;
	int r = 0;

	for (; at && r == 0; at = next) {
		next = strchr(at, '\n');
		if (next)
			*next++ = '\0';
		p->line++;
		r = line_of(p, at, e);
	}
	return r < 0 || p->n ? r : err_set(e, -EINVAL, "%s: names no Volume", p->where);
}

void bac_bsr_free(struct bac_bsr *p)
{
	for (size_t i = 0; i < p->n; i++)
		set_free(&p->sets[i]);
	free(p->sets);
	strv_free(&p->notes);
}

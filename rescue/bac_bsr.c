/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bootstrap files: "Keyword = value" lines. `Volume` begins a new set of filters; the same keyword again means "or", another one "and".
 *
 * What names its sessions (VolSessionId, VolSessionTime) is used as it is. What says it by job, client or level needs the labels on the
 * volumes, which are then scanned.
 */
#include "bac_index.h"

#include <fnmatch.h>
#include <strings.h>

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

struct span {
	uint64_t lo, hi;
};

struct spans {
	struct span *v;
	size_t n;
};

/* One set of filters. */
struct set {
	struct strv volumes, clients, jobs, levels, types;
	struct spans ids, times, job_ids, files, addrs, blocks, vol_files;
	uint64_t count;
	char *regex;
	int line;
};

struct parser {
	const char *where;
	int line;
	struct set *sets;
	size_t n;
};

static void set_free(struct set *s)
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
	free(s->regex);
}

static int bad(const struct parser *p, const char *what, const char *text, struct err *e)
{
	return err_set(e, -EINVAL, "%s:%d: %s: %s", p->where, p->line, what, text);
}

/* "3", "1-20", "1,5-7" */
static int add_spans(struct spans *s, const char *text)
{
	CLEANUP(strv_free) struct strv parts = STRV_INIT;

	strv_split(&parts, text, ", \t");
	for (size_t i = 0; i < parts.n; i++) {
		char *dash = strchr(parts.v[i], '-');
		struct span x;

		if (dash)
			*dash = '\0';
		if (str_to_u64(parts.v[i], &x.lo) < 0 || (dash ? str_to_u64(dash + 1, &x.hi) : (x.hi = x.lo, 0)) < 0 || x.hi < x.lo)
			return -EINVAL;
		s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
		s->v[s->n++] = x;
	}
	return parts.n ? 0 : -EINVAL;
}

static int set_volume(struct parser *p, const char *value, struct err *e)
{
	struct set s = { .line = p->line };

	strv_split(&s.volumes, value, "|");
	if (!s.volumes.n)
		return bad(p, "volume", "no name", e);
	p->sets = xrealloc(p->sets, (p->n + 1) * sizeof(*p->sets));
	p->sets[p->n++] = s;
	return 0;
}

static struct spans *spans_of(struct set *s, enum key k)
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
	default:
		return NULL;
	}
}

static struct strv *words_of(struct set *s, enum key k)
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

static int take(struct parser *p, enum key k, const char *value, struct err *e)
{
	struct set *s = p->n ? &p->sets[p->n - 1] : NULL;
	struct spans *spans;
	struct strv *words;

	if (k == K_VOLUME)
		return set_volume(p, value, e);
	if (k == K_STORAGE || k == K_DEVICE || k == K_MEDIATYPE || k == K_SLOT)
		return 0;               /* where the daemon would find the volume: we are told */
	if (k == K_STREAM || k == K_INCLUDE || k == K_EXCLUDE)
		return bad(p, keys[k], "this keyword is not supported: it would restore parts of files", e);
	if (!s)
		return bad(p, keys[k], "comes before the first Volume", e);
	spans = spans_of(s, k);
	words = words_of(s, k);
	if (spans)
		return add_spans(spans, value) < 0 ? bad(p, value, "not a number, a range 'A-B' or a list of them", e) : 0;
	if (words) {
		strv_add(words, value);
	} else if (k == K_COUNT) {
		if (str_to_u64(value, &s->count) < 0)
			return bad(p, value, "not a number", e);
	} else if (k == K_FILEREGEX) {
		free(s->regex);
		s->regex = xstrdup(value);
	}
	return 0;
}

/* Keywords are compared without case and spaces. */
static int key_of(const char *word)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	for (; *word; word++)
		if (*word != ' ' && *word != '\t')
			str_addc(&s, *word >= 'A' && *word <= 'Z' ? (char)(*word + 32) : *word);
	for (int k = 0; k < K_MAX; k++)
		if (str_eq(str_cstr(&s), keys[k]))
			return k;
	return -1;
}

static int line_of(struct parser *p, char *line, struct err *e)
{
	char *eq, *value;
	size_t n;
	int k;

	line = str_trim(line);
	if (!*line || *line == '#')
		return 0;
	eq = strchr(line, '=');
	if (!eq)
		return bad(p, line, "not 'Keyword = value'", e);
	*eq = '\0';
	value = str_trim(eq + 1);
	k = key_of(line);
	if (k < 0) {
		const char *near = str_nearest(line, keys);

		return err_set(e, -EINVAL, "%s:%d: %s: unknown keyword%s%s%s", p->where, p->line, line, near ? ", did you mean '" : "",
			       near ? near : "", near ? "'" : "");
	}
	n = strlen(value);
	if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
		value[n - 1] = '\0';
		value++;
	} else if (k != K_FILEREGEX) {
		value[strcspn(value, "#")] = '\0';
		value = str_trim(value);
	}
	return take(p, (enum key)k, value, e);
}

static int parse(struct parser *p, const char *text, size_t len, struct err *e)
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

/* ---- which sessions a set means ---- */

static bool in(const struct spans *s, uint64_t v)
{
	for (size_t i = 0; i < s->n; i++)
		if (v >= s->v[i].lo && v <= s->v[i].hi)
			return true;
	return s->n == 0;
}

static bool any(const struct strv *l, const char *v)
{
	for (size_t i = 0; i < l->n; i++)
		if (fnmatch(l->v[i], v ? v : "", 0) == 0)
			return true;
	return l->n == 0;
}

static bool any_letter(const struct strv *l, char c)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i][0] == c || (l->v[i][0] == '"' && l->v[i][1] == c))
			return true;
	return l->n == 0;
}

static bool by_labels(const struct set *s)
{
	return !s->ids.n || !s->times.n || s->job_ids.n || s->clients.n || s->jobs.n || s->levels.n || s->types.n;
}

static bool matches(const struct set *s, const struct bac_session *x)
{
	return in(&s->ids, x->id) && in(&s->times, x->time) && in(&s->job_ids, x->label.job_id) && any(&s->clients, x->label.client) &&
	       (any(&s->jobs, x->label.job) || any(&s->jobs, x->label.unique)) && any_letter(&s->levels, x->label.level) &&
	       any_letter(&s->types, x->label.type);
}

static struct bac_session *planned(struct bac_plan *p, uint32_t id, uint32_t time)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->sess[i].id == id && p->sess[i].time == time)
			return &p->sess[i];
	return NULL;
}

/* Places that touch or overlap become one: nothing is read twice. */
static void add_place(struct bac_session *s, const char *volume, int vol, uint64_t start, uint64_t end)
{
	struct bac_seg *last = s->n_segs ? &s->segs[s->n_segs - 1] : NULL;

	if (last && str_eq(last->name, volume) && start >= last->start && start <= last->end) {
		if (end > last->end)
			last->end = end;
	} else {
		bac_session_add_seg(s, volume, vol, start, end);
	}
}

static void add_places(const struct bac_index *ix, const struct set *s, struct bac_session *x)
{
	for (size_t v = 0; v < s->volumes.n; v++) {
		int vol = bac_index_find(ix, s->volumes.v[v]);

		for (size_t i = 0; i < s->addrs.n; i++)
			add_place(x, s->volumes.v[v], vol, s->addrs.v[i].lo, s->addrs.v[i].hi + 1);
		for (size_t i = 0; i < s->blocks.n && !s->addrs.n; i++) {
			struct span f = i < s->vol_files.n ? s->vol_files.v[i] : (struct span){ 0, 0 };

			add_place(x, s->volumes.v[v], vol, f.lo << 32 | s->blocks.v[i].lo, (f.hi << 32 | s->blocks.v[i].hi) + 1);
		}
		if (!s->addrs.n && !s->blocks.n)
			add_place(x, s->volumes.v[v], vol, 0, UINT64_MAX);
	}
}

static int add_ranges(const struct parser *p, const struct set *s, struct bac_session *x, bool first, struct err *e)
{
	if (s->regex) {
		free(x->regex);
		x->regex = xstrdup(s->regex);
	}
	if (!s->files.n || (!first && !x->n_ranges)) {  /* all of it */
		free(x->ranges);
		x->ranges = NULL;
		x->n_ranges = 0;
		x->count += s->count;
		return 0;
	}
	for (size_t i = 0; i < s->files.n; i++) {
		if (s->files.v[i].hi > INT32_MAX)
			return err_set(e, -EINVAL, "%s:%d: FileIndex %llu is too large", p->where, s->line, (unsigned long long)s->files.v[i].hi);
		bac_session_add_range(x, (uint32_t)s->files.v[i].lo, (uint32_t)s->files.v[i].hi);
	}
	return 0;
}

static int add_session(const struct bac_index *ix, const struct parser *p, const struct set *s, const struct bac_session *known, uint32_t id,
		       uint32_t time, struct bac_plan *plan, struct err *e)
{
	struct bac_session *x = planned(plan, id, time);
	bool first = !x;

	if (first) {
		struct bac_session fresh = { .id = id, .time = time };

		if (known)
			fresh = *known;
		fresh.segs = NULL;
		fresh.n_segs = 0;
		bac_plan_add(plan, &fresh);
		x = &plan->sess[plan->n - 1];
		for (size_t i = 0; i < s->volumes.n; i++) {
			int v = bac_index_find(ix, s->volumes.v[i]);

			x->bareos |= v >= 0 && ix->vols[v].label.bareos;
		}
	}
	add_places(ix, s, x);
	return add_ranges(p, s, x, first, e);
}

static int add_set(struct bac_index *ix, const struct parser *p, const struct set *s, struct bac_plan *plan, struct err *e)
{
	bool found = false;
	int r = 0;

	if (!by_labels(s)) {
		for (size_t t = 0; t < s->times.n && r == 0; t++)
			for (size_t i = 0; i < s->ids.n && r == 0; i++)
				for (uint64_t id = s->ids.v[i].lo; id <= s->ids.v[i].hi && id - s->ids.v[i].lo < 10000 && r == 0; id++)
					r = add_session(ix, p, s, bac_index_session(ix, (uint32_t)id, (uint32_t)s->times.v[t].lo), (uint32_t)id,
							(uint32_t)s->times.v[t].lo, plan, e);
		return r;
	}
	for (size_t i = 0; i < ix->n_sess && r == 0; i++)
		if (matches(s, &ix->sess[i])) {
			found = true;
			r = add_session(ix, p, s, &ix->sess[i], ix->sess[i].id, ix->sess[i].time, plan, e);
		}
	if (r == 0 && !found)
		strv_addf(&plan->notes, "%s:%d: no job on the volumes matches this part", p->where, s->line);
	return r;
}

static void note_missing(const struct bac_index *ix, const struct parser *p, struct bac_plan *plan)
{
	CLEANUP(strv_free) struct strv said = STRV_INIT;

	for (size_t i = 0; i < p->n; i++)
		for (size_t v = 0; v < p->sets[i].volumes.n; v++) {
			const char *name = p->sets[i].volumes.v[v];

			if (bac_index_find(ix, name) < 0 && !strv_has(&said, name)) {
				strv_add(&said, name);
				strv_addf(&plan->notes, "volume '%s' is missing: what is only there will be lost", name);
			}
		}
}

int bac_bsr_plan(struct bac_index *ix, const char *text, size_t len, const char *where, struct bac_plan *ret, struct err *e)
{
	struct parser p = { .where = where };
	int r = parse(&p, text, len, e);
	bool scan = false;

	for (size_t i = 0; i < p.n; i++)
		scan |= by_labels(&p.sets[i]);
	if (r == 0 && scan && !ix->n_sess)
		r = bac_index_scan(ix, NULL, NULL, e);
	for (size_t i = 0; i < p.n && r == 0; i++)
		r = add_set(ix, &p, &p.sets[i], ret, e);
	if (r == 0)
		note_missing(ix, &p, ret);
	for (size_t i = 0; i < p.n; i++)
		set_free(&p.sets[i]);
	free(p.sets);
	return r;
}

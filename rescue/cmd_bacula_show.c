/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `rescue bacula` shows: a session or an entry a line (or a JSON object), and progress on a terminal. */
#include "cmd_bacula_show.h"

#include <inttypes.h>
#include <time.h>

void bac_show_time(uint64_t us, char *buf, size_t n)
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;

	if (!us || !localtime_r(&t, &tm) || !strftime(buf, n, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(buf, n, "-");
}

/* ---- progress on a terminal ---- */

static uint64_t last_ms, first_ms, first_bytes;
bool bac_show_silent;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool is_time(void)
{
	uint64_t ms = now_ms();

	if (bac_show_silent || !isatty(STDERR_FILENO))
		return false;
	if (ms - last_ms < 200)
		return false;
	last_ms = ms;
	return true;
}

void bac_show_scan(void *arg, const char *volume, uint64_t pos, uint64_t size)
{
	(void)arg;
	if (is_time())
		fprintf(stderr, "\rlooking at %s: %3" PRIu64 " %%\033[K", volume, size ? pos * 100 / size : 100);
}

/* " 43 %, 2 min left": from how fast the volumes were read so far. */
static void add_eta(struct str *s, const struct bac_progress *p)
{
	uint64_t t = now_ms(), left;

	if (!first_ms || p->volume_bytes < first_bytes) {
		first_ms = t;
		first_bytes = p->volume_bytes;  /* a resumed restore begins in the middle */
	}
	if (!p->volume_bytes_total)
		return;
	str_addf(s, "%3" PRIu64 " %%", p->volume_bytes * 100 / p->volume_bytes_total);
	if (t - first_ms < 3000 || p->volume_bytes <= first_bytes || p->volume_bytes > p->volume_bytes_total)
		return;
	left = (p->volume_bytes_total - p->volume_bytes) / ((p->volume_bytes - first_bytes) * 1000 / (t - first_ms) + 1);
	str_addf(s, left < 120 ? ", %" PRIu64 " s left" : ", %" PRIu64 " min left", left < 120 ? left : left / 60);
}

void bac_show_progress(void *arg, const struct bac_progress *p)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	char size[32], rate[32];
	uint64_t ms;

	(void)arg;
	if (!is_time())
		return;
	add_eta(&s, p);
	ms = now_ms() - first_ms;
	fprintf(stderr, "\r%s at %" PRIu64 ": %" PRIu64 " files, %s, %s/s, %" PRIu64 " lost,%s\033[K", p->volume, p->pos, p->files,
		str_human_size(size, sizeof(size), p->bytes), str_human_size(rate, sizeof(rate), ms ? (p->volume_bytes - first_bytes) * 1000 / ms : 0),
		p->lost, str_cstr(&s));
}

void bac_show_end(void)
{
	if (last_ms)
		fprintf(stderr, "\r\033[K");
}

/* ---- list ---- */

static void session_line(const struct bac_session *s)
{
	CLEANUP(str_free) struct str v = STR_INIT;
	char t[32], size[32];

	for (size_t i = 0; i < s->n_segs; i++)
		str_addf(&v, "%s%s", i ? "," : "", s->segs[i].name);
	bac_show_time(s->start_time, t, sizeof(t));
	printf("%8u  %c  %c  %-19s %10u %10s  %s  %s  %s  %s\n", s->label.job_id, s->label.level ? s->label.level : '-', s->status ? s->status : '-', t,
	       s->files, str_human_size(size, sizeof(size), s->bytes), s->label.client ? s->label.client : "-", s->label.job ? s->label.job : "-",
	       s->label.fileset ? s->label.fileset : "-", str_cstr(&v));
}

static void add_field(struct str *o, const char *k, const char *v)
{
	str_addf(o, ",\"%s\":\"", k);
	str_add_json(o, v ? v : "");
	str_add(o, "\"");
}

static void session_json(const struct bac_session *s)
{
	CLEANUP(str_free) struct str o = STR_INIT;

	str_addf(&o, "{\"job\":%u,\"level\":\"%c\",\"status\":\"%c\",\"start\":%" PRIu64 ",\"end\":%" PRIu64 ",\"files\":%u,\"bytes\":%" PRIu64,
		 s->label.job_id, s->label.level ? s->label.level : '-', s->status ? s->status : '-', s->start_time / 1000000,
		 s->end_time / 1000000, s->files, s->bytes);
	add_field(&o, "client", s->label.client);
	add_field(&o, "name", s->label.job);
	add_field(&o, "fileset", s->label.fileset);
	str_addf(&o, ",\"session\":[%u,%u],\"volumes\":[", s->id, s->time);
	for (size_t i = 0; i < s->n_segs; i++) {
		str_addf(&o, "%s\"", i ? "," : "");
		str_add_json(&o, s->segs[i].name);
		str_add(&o, "\"");
	}
	printf("%s]}\n", str_cstr(&o));
}

void bac_show_session(const struct bac_session *s, bool json)
{
	(json ? session_json : session_line)(s);
}

/* ---- ls ---- */

static void entry_json(const struct bac_session *s, const struct bac_attr *a)
{
	CLEANUP(str_free) struct str n = STR_INIT;

	str_addf(&n, "{\"job\":%u,\"file_index\":%u,\"type\":\"%s\",\"mode\":%" PRIu64 ",\"uid\":%" PRIu64 ",\"gid\":%" PRIu64
		 ",\"size\":%" PRIu64 ",\"mtime\":%" PRId64, s->label.job_id, a->fi, bac_type_name(a->type), a->mode, a->uid, a->gid,
		 a->size, a->mtime);
	add_field(&n, "name", a->name);
	add_field(&n, "link", a->link);
	printf("%s}\n", str_cstr(&n));
}

static void entry_line(const struct bac_session *s, const struct bac_attr *a)
{
	CLEANUP(str_free) struct str n = STR_INIT;
	char t[32];

	bac_show_time(a->mtime > 0 ? (uint64_t)a->mtime * 1000000 : 0, t, sizeof(t));
	str_add_printable(&n, a->name);
	if (*a->link) {
		str_add(&n, " -> ");
		str_add_printable(&n, a->link);
	}
	printf("%6u %8u %-9.9s %06" PRIo64 " %5" PRIu64 " %5" PRIu64 " %12" PRIu64 " %s %s\n", s->label.job_id, a->fi, bac_type_name(a->type),
	       a->mode, a->uid, a->gid, a->size, t, str_cstr(&n));
}

void bac_show_entry(const struct bac_session *s, const struct bac_attr *a, bool json)
{
	(json ? entry_json : entry_line)(s, a);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <time.h>

#define PLAIN_MS 10000
#define JSON_MS 1000
#define TTY_MS 200

uint64_t ui_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void ui_init(struct ui *u, bool json)
{
	const char *term = getenv("TERM");

	*u = (struct ui){ .json = json };
	u->tty = !json && isatty(STDOUT_FILENO) && !(term && str_eq(term, "dumb"));
	atexit(ui_flush);
}

void ui_progress_end(struct ui *u)
{
	if (u->line_open)
		ui_put(STDOUT_FILENO, "\r\033[K");
	u->line_open = false;
}

/* ---- events ---- */

static void add_time(struct str *s)
{
	char buf[32];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm);
	str_add(s, buf);
}

static void add_pair(struct str *s, const char *key, const char *value)
{
	str_addf(s, ",\"%s\":\"", key);
	str_add_json(s, value);
	str_addc(s, '"');
}

static void json_head(struct str *s, const char *event, const char *step)
{
	str_add(s, "{\"time\":\"");
	add_time(s);
	str_addc(s, '"');
	add_pair(s, "event", event);
	if (step)
		add_pair(s, "step", step);
}

static void say_json(const char *event, const char *step, const char *text)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	json_head(&s, event, step);
	add_pair(&s, "text", text);
	str_add(&s, "}\n");
	ui_put(STDOUT_FILENO, str_cstr(&s));
}

/* What comes from a disk must not move the cursor: control bytes are shown as \xNN, line ends stay. */
static void add_safe(struct str *s, const char *text)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		if (i)
			str_add(s, "\n    ");
		str_add_printable(s, lines.v[i]);
	}
}

static void say_text(enum ui_kind kind, const char *step, const char *place, const char *text)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	if (kind == UI_ERROR)
		str_add(&s, "rescue: ");
	str_add(&s, place);
	if (step && kind != UI_INFO)
		str_addf(&s, "%s: ", step);
	if (kind == UI_WARN)
		str_add(&s, "warning: ");
	add_safe(&s, text);
	str_addc(&s, '\n');
	ui_put(kind == UI_ERROR ? STDERR_FILENO : STDOUT_FILENO, str_cstr(&s));
}

void ui_event(struct ui *u, enum ui_kind kind, const char *event, const char *step, const char *place, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return;
	ui_progress_end(u);
	if (u->json)
		say_json(event, step, text);
	if (!u->json || kind == UI_ERROR)
		say_text(kind, step, place, text);
}

/* ---- progress ---- */

void ui_progress_add(struct ui_progress *up, const struct step_progress *p, uint64_t now_ms)
{
	struct ui_rate *r = &up->rate;

	up->p = *p;
	if (p->current)
		snprintf(up->current, sizeof(up->current), "%s", p->current);
	up->p.current = up->current;
	if (r->n && now_ms - r->at[r->n - 1].ms < 1000)
		return;
	if (r->n == ARRAY_SIZE(r->at))
		memmove(&r->at[0], &r->at[1], --r->n * sizeof(r->at[0]));
	r->at[r->n].ms = now_ms;
	r->at[r->n].bytes = p->bytes;
	r->at[r->n++].items = p->items;
}

/* Bytes (or items, where a step counts no bytes) a second over the window, 0: unknown. */
static uint64_t rate(const struct ui_progress *up, bool items, uint64_t now_ms)
{
	const struct ui_rate *r = &up->rate;
	uint64_t before, now = items ? up->p.items : up->p.bytes;

	if (!r->n || now_ms <= r->at[0].ms)
		return 0;
	before = items ? r->at[0].items : r->at[0].bytes;
	return now <= before ? 0 : (now - before) * 1000 / (now_ms - r->at[0].ms);
}

static void add_left(struct str *s, uint64_t left, uint64_t per_s)
{
	uint64_t t = per_s ? left / per_s : 0;

	if (!per_s)
		return;
	if (t >= 3600)
		str_addf(s, ", %llu:%02llu:%02llu left", (unsigned long long)(t / 3600), (unsigned long long)(t / 60 % 60), (unsigned long long)(t % 60));
	else
		str_addf(s, ", %llu:%02llu left", (unsigned long long)(t / 60), (unsigned long long)(t % 60));
}

static void add_bytes(struct str *s, const struct step_progress *p)
{
	char a[32], b[32];

	str_add(s, str_human_size(a, sizeof(a), p->bytes));
	if (p->bytes_total)
		str_addf(s, " of %s (%u %%)", str_human_size(b, sizeof(b), p->bytes_total),
			 (unsigned int)((double)p->bytes * 100 / (double)p->bytes_total));
}

static void add_items(struct str *s, const struct step_progress *p)
{
	str_addf(s, "%s%llu", s->len ? ", " : "", (unsigned long long)p->items);
	if (p->items_total)
		str_addf(s, " of %llu", (unsigned long long)p->items_total);
	str_add(s, p->items == 1 && !p->items_total ? " item" : " items");
}

void ui_progress_text(const struct ui_progress *up, uint64_t now_ms, struct str *s)
{
	const struct step_progress *p = &up->p;
	uint64_t bps = rate(up, false, now_ms), ips = rate(up, true, now_ms);
	char buf[32];

	if (p->bytes || p->bytes_total)
		add_bytes(s, p);
	if (p->items || p->items_total)
		add_items(s, p);
	if (bps)
		str_addf(s, ", %s/s", str_human_size(buf, sizeof(buf), bps));
	if (p->bytes_total > p->bytes)
		add_left(s, p->bytes_total - p->bytes, bps);
	else if (!p->bytes_total && p->items_total > p->items)
		add_left(s, p->items_total - p->items, ips);
	if (p->errors)
		str_addf(s, ", %llu error%s", (unsigned long long)p->errors, p->errors == 1 ? "" : "s");
	if (!s->len)
		str_addf(s, "%llu s", (unsigned long long)((now_ms - up->started_ms) / 1000));
}

static size_t width(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

static void show_line(struct ui *u, const struct ui_progress *up, const char *step, const char *place, const char *text)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	size_t max = width() - 1;

	if (ui_drain())         /* a terminal that stands still gets the newest state when it goes on */
		return;
	str_addf(&s, "%s%s: %s", place, step, text);
	if (*up->current) {
		str_add(&s, "  ");
		str_add_printable(&s, up->current);
	}
	if (s.len > max) {
		s.len = max;
		while (s.len && ((unsigned char)s.s[s.len] & 0xc0) == 0x80)     /* not in the middle of a character */
			s.len--;
	}
	ui_put(STDOUT_FILENO, "\r\033[K");
	ui_put(STDOUT_FILENO, str_cstr(&s));
	u->line_open = true;
}

static void show_json(const struct ui_progress *up, const char *step, const char *text)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	const struct step_progress *p = &up->p;

	json_head(&s, "progress", step);
	str_addf(&s, ",\"bytes\":%llu,\"bytes_total\":%llu,\"items\":%llu,\"items_total\":%llu,\"errors\":%llu", (unsigned long long)p->bytes,
		 (unsigned long long)p->bytes_total, (unsigned long long)p->items, (unsigned long long)p->items_total,
		 (unsigned long long)p->errors);
	add_pair(&s, "current", up->current);
	add_pair(&s, "text", text);
	str_add(&s, "}\n");
	ui_put(STDOUT_FILENO, str_cstr(&s));
}

void ui_progress_show(struct ui *u, const struct ui_progress *up, const char *step, const char *place, uint64_t now_ms)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	uint64_t every = u->json ? JSON_MS : u->tty ? TTY_MS : PLAIN_MS;

	if (now_ms - u->shown_ms < every || now_ms - up->started_ms < (u->tty ? 500 : every))
		return;
	u->shown_ms = now_ms;
	ui_progress_text(up, now_ms, &s);
	if (u->json) {
		show_json(up, step, str_cstr(&s));
	} else if (u->tty) {
		show_line(u, up, step, place, str_cstr(&s));
	} else {
		CLEANUP(str_free) struct str line = STR_INIT;

		str_addf(&line, "%s%s: %s\n", place, step, str_cstr(&s));
		ui_put(STDOUT_FILENO, str_cstr(&line));
	}
}

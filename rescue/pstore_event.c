/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_event.h"

/* Words that start an event. In this order: the first that matches decides. */
static const struct trigger {
	const char *words;
	bool anywhere;          /* else at the start of the line */
	enum pstore_kind kind;
} triggers[] = {
	{ "Kernel panic - not syncing: ", true, PSTORE_KIND_PANIC },
	{ "kernel NULL pointer dereference", true, PSTORE_KIND_NULL },
	{ "Unable to handle kernel NULL pointer", true, PSTORE_KIND_NULL },
	{ "unable to handle kernel paging request", true, PSTORE_KIND_PAGE_FAULT },
	{ "Unable to handle kernel paging request", true, PSTORE_KIND_PAGE_FAULT },
	{ "unable to handle page fault", true, PSTORE_KIND_PAGE_FAULT },
	{ "general protection fault", true, PSTORE_KIND_GPF },
	{ "kernel BUG at ", true, PSTORE_KIND_BUG },
	{ "BUG: KASAN: ", false, PSTORE_KIND_WARNING },
	{ "BUG: KFENCE: ", false, PSTORE_KIND_WARNING },
	{ "invalid opcode: ", false, PSTORE_KIND_OOPS },
	{ "divide error: ", false, PSTORE_KIND_OOPS },
	{ "double fault: ", true, PSTORE_KIND_OOPS },
	{ "stack segment: ", false, PSTORE_KIND_OOPS },
	{ "Internal error: ", false, PSTORE_KIND_OOPS },
	{ "BUG: stack guard page was hit", true, PSTORE_KIND_OOPS },
	{ "BUG: soft lockup", true, PSTORE_KIND_SOFT_LOCKUP },
	{ "detected hard LOCKUP", true, PSTORE_KIND_HARD_LOCKUP },
	{ "detected stall", true, PSTORE_KIND_RCU_STALL },
	{ "self-detected stall", true, PSTORE_KIND_RCU_STALL },
	{ "detected stalls on CPU", true, PSTORE_KIND_RCU_STALL },
	{ "Out of memory: ", false, PSTORE_KIND_OOM },
	{ "Out of memory and no killable processes", true, PSTORE_KIND_OOM },
	{ "[Hardware Error]: ", true, PSTORE_KIND_MCE },
	{ "WARNING: CPU: ", false, PSTORE_KIND_WARNING },
	{ "WARNING: at ", false, PSTORE_KIND_WARNING },
};

enum pstore_kind pstore_event_kind(const char *s)
{
	if (str_starts(s, "INFO: task ") && strstr(s, " blocked for more than "))
		return PSTORE_KIND_HUNG_TASK;
	if (strstr(s, " invoked oom-killer: "))
		return PSTORE_KIND_OOM;
	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++) {
		const struct trigger *t = &triggers[i];

		if (t->anywhere ? strstr(s, t->words) != NULL : str_starts(s, t->words))
			return t->kind;
	}
	return PSTORE_KIND_NONE;
}

bool pstore_event_is_fatal(enum pstore_kind k)
{
	return k >= PSTORE_KIND_NULL && k <= PSTORE_KIND_OOPS;
}

void pstore_lines_free(struct pstore_lines *l)
{
	free(l->text);
	free(l->v);
}

void pstore_lines_split(struct pstore_lines *l, const char *log, size_t len)
{
	size_t max = 1;

	l->text = xmalloc(len + 1);
	memcpy(l->text, log, len);
	l->text[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (l->text[i] == '\0')
			l->text[i] = ' ';
		max += l->text[i] == '\n';
	}
	l->v = xcalloc(max, sizeof(char *));
	for (char *s = l->text, *next; s && *s && l->n < max; s = next) {
		next = strchr(s, '\n');
		if (next)
			*next++ = '\0';
		l->v[l->n++] = s;
	}
}

static size_t last_of(const struct pstore_lines *l, size_t before, bool (*want)(enum pstore_kind))
{
	for (size_t i = before; i > 0; i--)
		if (want(pstore_event_kind(pstore_line_text(l->v[i - 1], NULL, NULL))))
			return i - 1;
	return SIZE_MAX;
}

static bool is_panic(enum pstore_kind k)
{
	return k == PSTORE_KIND_PANIC;
}

static bool is_hung(enum pstore_kind k)
{
	return k == PSTORE_KIND_HUNG_TASK;
}

static bool is_lockup(enum pstore_kind k)
{
	return k == PSTORE_KIND_SOFT_LOCKUP || k == PSTORE_KIND_HARD_LOCKUP || k == PSTORE_KIND_RCU_STALL;
}

static bool is_oom(enum pstore_kind k)
{
	return k == PSTORE_KIND_OOM;
}

static bool is_mce(enum pstore_kind k)
{
	return k == PSTORE_KIND_MCE;
}

static bool is_warning(enum pstore_kind k)
{
	return k == PSTORE_KIND_WARNING;
}

static bool is_any_cause(enum pstore_kind k)
{
	return pstore_event_is_fatal(k) || is_hung(k) || is_lockup(k) || is_oom(k) || is_mce(k);
}

/* What the words of a panic say about its cause; an event of that kind above it is the crash, the panic only its end. */
static const struct {
	const char *words;
	bool (*cause)(enum pstore_kind);
	enum pstore_kind kind;          /* when there is none above */
} panic_words[] = {
	{ "Fatal exception", pstore_event_is_fatal, PSTORE_KIND_PANIC },
	{ "hung_task", is_hung, PSTORE_KIND_HUNG_TASK },
	{ "softlockup", is_lockup, PSTORE_KIND_SOFT_LOCKUP },
	{ "LOCKUP", is_lockup, PSTORE_KIND_HARD_LOCKUP },
	{ "RCU Stall", is_lockup, PSTORE_KIND_RCU_STALL },
	{ "ut of memory", is_oom, PSTORE_KIND_OOM },
	{ "System is deadlocked on memory", is_oom, PSTORE_KIND_OOM },
	{ "achine check", is_mce, PSTORE_KIND_MCE },
	{ "panic_on_warn", is_warning, PSTORE_KIND_WARNING },
	{ "kernel: panic_on_warn", is_warning, PSTORE_KIND_WARNING },
	{ "sysrq triggered crash", NULL, PSTORE_KIND_SYSRQ },
	{ "SysRq", NULL, PSTORE_KIND_SYSRQ },
};

/* The oom-killer prints its report from "NAME invoked oom-killer" on; "Out of memory:" is its last line. */
static size_t start_of_event(const struct pstore_lines *l, size_t i)
{
	const char *s = pstore_line_text(l->v[i], NULL, NULL);
	size_t from = i;

	if (pstore_event_kind(s) == PSTORE_KIND_OOM && !strstr(s, "invoked oom-killer"))
		for (; from > 0 && i - from < 400; from--)
			if (strstr(l->v[from - 1], " invoked oom-killer: "))
				return from - 1;
	/* "kernel BUG at fs/x.c:77!" comes before "invalid opcode: 0000 [#1]", "Unable to handle ..." before "Internal error: Oops": the first says more */
	for (from = i; pstore_event_kind(s) == PSTORE_KIND_OOPS && from > 0 && i - from < 20 && !strstr(l->v[from - 1], "end trace"); from--) {
		enum pstore_kind k = pstore_event_kind(pstore_line_text(l->v[from - 1], NULL, NULL));

		if (k == PSTORE_KIND_BUG || k == PSTORE_KIND_NULL || k == PSTORE_KIND_PAGE_FAULT)
			return from - 1;
	}
	return i;
}

/* A message that names the culprit better than the exception that it caused. */
static enum pstore_kind refine(const struct pstore_lines *l, size_t i, enum pstore_kind k)
{
	for (size_t j = i; j < l->n && j < i + 4; j++)
		if (k == PSTORE_KIND_OOPS && strstr(l->v[j], "kernel BUG at "))
			return PSTORE_KIND_BUG;
	return k;
}

static void event_of_panic(const struct pstore_lines *l, struct pstore_event *ev)
{
	const char *s = strstr(l->v[ev->panic], "not syncing: ") + strlen("not syncing: ");

	ev->line = ev->panic;
	ev->kind = PSTORE_KIND_PANIC;
	for (size_t i = 0; i < ARRAY_SIZE(panic_words); i++) {
		size_t above;

		if (!strstr(s, panic_words[i].words))
			continue;
		ev->kind = panic_words[i].kind;
		if (!panic_words[i].cause)
			return;
		above = last_of(l, ev->panic, panic_words[i].cause);
		if (above == SIZE_MAX)
			return;
		ev->line = start_of_event(l, above);
		ev->kind = pstore_event_kind(pstore_line_text(l->v[ev->line], NULL, NULL));
		return;
	}
}

struct pstore_event pstore_event_find(const struct pstore_lines *l)
{
	struct pstore_event ev = { SIZE_MAX, last_of(l, l->n, is_panic), PSTORE_KIND_NONE };

	if (ev.panic != SIZE_MAX) {
		event_of_panic(l, &ev);
	} else {
		ev.line = last_of(l, l->n, pstore_event_is_fatal);
		if (ev.line == SIZE_MAX)
			ev.line = last_of(l, l->n, is_any_cause);
		if (ev.line == SIZE_MAX)
			ev.line = last_of(l, l->n, is_warning);
		if (ev.line == SIZE_MAX)
			return ev;
		ev.line = start_of_event(l, ev.line);
		ev.kind = pstore_event_kind(pstore_line_text(l->v[ev.line], NULL, NULL));
	}
	ev.kind = refine(l, ev.line, ev.kind);
	return ev;
}

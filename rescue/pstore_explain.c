/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_explain.h"

#include "hash.h"

#define SIGNATURE_FRAMES 4

static const char *const kind_names[PSTORE_KIND_MAX] = {
	[PSTORE_KIND_NONE] = "no crash in this log", [PSTORE_KIND_PANIC] = "panic", [PSTORE_KIND_NULL] = "NULL pointer dereference",
	[PSTORE_KIND_PAGE_FAULT] = "bad address (page fault in the kernel)", [PSTORE_KIND_GPF] = "general protection fault",
	[PSTORE_KIND_BUG] = "BUG (the kernel's own check failed)", [PSTORE_KIND_OOPS] = "exception in the kernel",
	[PSTORE_KIND_HUNG_TASK] = "hung task", [PSTORE_KIND_SOFT_LOCKUP] = "soft lockup", [PSTORE_KIND_HARD_LOCKUP] = "hard lockup",
	[PSTORE_KIND_RCU_STALL] = "RCU stall", [PSTORE_KIND_OOM] = "out of memory", [PSTORE_KIND_MCE] = "machine check (hardware)",
	[PSTORE_KIND_WARNING] = "warning", [PSTORE_KIND_SYSRQ] = "crash on request (SysRq c)",
};

const char *pstore_kind_name(enum pstore_kind k)
{
	return k < PSTORE_KIND_MAX ? kind_names[k] : kind_names[0];
}

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

static enum pstore_kind kind_of(const char *s)
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

static bool is_fatal(enum pstore_kind k)
{
	return k >= PSTORE_KIND_NULL && k <= PSTORE_KIND_OOPS;
}

/* The log as lines: pointers into a copy in which each '\n' became NUL (and each NUL a space). */
struct lines {
	char *text;
	char **v;
	size_t n;
};

static void lines_free(struct lines *l)
{
	free(l->text);
	free(l->v);
}

static void lines_split(struct lines *l, const char *log, size_t len)
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

static size_t last_of(const struct lines *l, size_t before, bool (*want)(enum pstore_kind))
{
	for (size_t i = before; i > 0; i--)
		if (want(kind_of(pstore_line_text(l->v[i - 1], NULL, NULL))))
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
	return is_fatal(k) || is_hung(k) || is_lockup(k) || is_oom(k) || is_mce(k);
}

/* What the words of a panic say about its cause; an event of that kind above it is the crash, the panic only its end. */
static const struct {
	const char *words;
	bool (*cause)(enum pstore_kind);
	enum pstore_kind kind;          /* when there is none above */
} panic_words[] = {
	{ "Fatal exception", is_fatal, PSTORE_KIND_PANIC },
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
static size_t start_of_event(const struct lines *l, size_t i)
{
	const char *s = pstore_line_text(l->v[i], NULL, NULL);
	size_t from = i;

	if (kind_of(s) == PSTORE_KIND_OOM && !strstr(s, "invoked oom-killer"))
		for (; from > 0 && i - from < 400; from--)
			if (strstr(l->v[from - 1], " invoked oom-killer: "))
				return from - 1;
	/* "kernel BUG at fs/x.c:77!" comes before "invalid opcode: 0000 [#1]", "Unable to handle ..." before "Internal error: Oops": the first says more */
	for (from = i; kind_of(s) == PSTORE_KIND_OOPS && from > 0 && i - from < 20 && !strstr(l->v[from - 1], "end trace"); from--) {
		enum pstore_kind k = kind_of(pstore_line_text(l->v[from - 1], NULL, NULL));

		if (k == PSTORE_KIND_BUG || k == PSTORE_KIND_NULL || k == PSTORE_KIND_PAGE_FAULT)
			return from - 1;
	}
	return i;
}

/* A message that names the culprit better than the exception that it caused. */
static enum pstore_kind refine(const struct lines *l, size_t i, enum pstore_kind k)
{
	for (size_t j = i; j < l->n && j < i + 4; j++)
		if (k == PSTORE_KIND_OOPS && strstr(l->v[j], "kernel BUG at "))
			return PSTORE_KIND_BUG;
	return k;
}

struct event {
	size_t line;            /* SIZE_MAX: none */
	size_t panic;           /* line of the panic, SIZE_MAX: none */
	enum pstore_kind kind;
};

static void event_of_panic(const struct lines *l, struct event *ev)
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
		ev->kind = kind_of(pstore_line_text(l->v[ev->line], NULL, NULL));
		return;
	}
}

static struct event find_event(const struct lines *l)
{
	struct event ev = { SIZE_MAX, last_of(l, l->n, is_panic), PSTORE_KIND_NONE };

	if (ev.panic != SIZE_MAX) {
		event_of_panic(l, &ev);
	} else {
		ev.line = last_of(l, l->n, is_fatal);
		if (ev.line == SIZE_MAX)
			ev.line = last_of(l, l->n, is_any_cause);
		if (ev.line == SIZE_MAX)
			ev.line = last_of(l, l->n, is_warning);
		if (ev.line == SIZE_MAX)
			return ev;
		ev.line = start_of_event(l, ev.line);
		ev.kind = kind_of(pstore_line_text(l->v[ev.line], NULL, NULL));
	}
	ev.kind = refine(l, ev.line, ev.kind);
	return ev;
}

/* "address: 0000000000000018", "at dead000000000108", "non-canonical address 0xdead000000000108". */
static void fault_address(struct pstore_explain *x, const char *s)
{
	static const char *const heads[] = { "address: ", "dereference at ", "request at ", "canonical address ", "virtual address " };

	if (strstr(s, "dereference at           (null)") || strstr(s, "dereference at (null)")) {
		x->has_fault_addr = true;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		const char *p = strstr(s, heads[i]);
		char *end;

		if (!p)
			continue;
		p += strlen(heads[i]);
		x->fault_addr = strtoull(p, &end, 16);
		x->has_fault_addr = end > p;
		if (x->has_fault_addr)
			return;
	}
}

/* "INFO: task kworker/0:1:77 blocked for more than 120 seconds.": the task is the one that matters. */
static void hung_task(struct pstore_explain *x, const char *s)
{
	const char *name = s + strlen("INFO: task "), *end = strstr(name, " blocked"), *colon;

	if (!str_starts(s, "INFO: task ") || !end)
		return;
	colon = memrchr(name, ':', (size_t)(end - name));
	if (!colon)
		return;
	x->comm = xstrndup(name, (size_t)(colon - name));
	x->pid = strtol(colon + 1, NULL, 10);
}

/* "WARNING: CPU: 1 PID: 22 at fs/x.c:77 func+0x1/0x2 [mod]" has its place in its first line. */
static void warning_place(struct pstore_explain *x, const char *s)
{
	for (const char *p = strstr(s, " at "); p && *p && !x->func; p++)
		if (p[-1] == ' ' && pstore_symbol_length(p))
			x->func = xstrndup(p, pstore_symbol_length(p));
}

/* Of a hung task the processor that noticed it says nothing; its own lines follow as "task:NAME state:D". */
static bool starts_another(const struct pstore_explain *x, const char *s)
{
	enum pstore_kind k = kind_of(s);

	if (k == PSTORE_KIND_NONE || k == PSTORE_KIND_PANIC || (k == PSTORE_KIND_OOM && x->kind == PSTORE_KIND_OOM) || k == PSTORE_KIND_MCE)
		return false;
	return !(is_fatal(k) && is_fatal(x->kind) && !x->func);
}

static void read_event(struct pstore_explain *x, const struct lines *l, const struct event *ev)
{
	struct pstore_trace_state st = { .in_trace = false };
	const char *stamp = NULL, *s;
	size_t n = 0;

	s = pstore_line_text(l->v[ev->line], &stamp, &n);
	x->what = xstrdup(s);
	x->at = n ? xstrndup(stamp, n) : NULL;
	fault_address(x, s);
	hung_task(x, s);
	if (x->kind == PSTORE_KIND_WARNING)
		warning_place(x, s);
	for (size_t i = ev->line + 1; i < l->n; i++) {
		s = pstore_line_text(l->v[i], NULL, NULL);
		if (starts_another(x, s))
			break;
		pstore_trace_line(x, &st, s);
		if (str_starts(s, "---[ end trace"))
			st.done = st.user = true;       /* what follows repeats or belongs to the panic */
	}
}

static void read_rest(struct pstore_explain *x, const struct lines *l, const struct event *ev)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *s = pstore_line_text(l->v[i], NULL, NULL);

		if (!x->kernel && str_starts(s, "Linux version "))
			x->kernel = xstrndup(s + strlen("Linux version "), strcspn(s + strlen("Linux version "), " "));
		if (!x->hardware && str_starts(s, "DMI: "))
			x->hardware = xstrdup(s + strlen("DMI: "));
	}
	if (ev->panic != SIZE_MAX && ev->panic != ev->line)
		x->panic = xstrdup(strstr(l->v[ev->panic], "not syncing: ") + strlen("not syncing: "));
}

/* "btrfs_foo.isra.41+0x310/0x310" -> "btrfs_foo": what stays the same from build to build. */
static size_t stable_name(const char *s)
{
	static const char *const tails[] = { ".isra.", ".constprop.", ".part.", ".cold", ".llvm." };
	size_t n = strcspn(s, "+ ");

	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		const char *p = strstr(s, tails[i]);

		if (p && (size_t)(p - s) < n)
			n = (size_t)(p - s);
	}
	return n;
}

/* Frames of the machinery that reports, not of the crash. */
static bool is_machinery(const char *s)
{
	static const char *const names[] = { "dump_stack", "show_stack", "panic", "__die", "die", "oops_", "exc_", "asm_exc_", "do_trap", "page_fault_oops",
		"no_context", "bad_area", "__bad_area", "__warn", "report_bug", "handle_bug", "do_error_trap", "dump_header", "out_of_memory",
		"watchdog", "check_hung", "crash_kexec", "do_exit", "general_protection", "page_fault", "invalid_op", "do_page_fault", "dump_backtrace" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_starts(s, names[i]))
			return true;
	return false;
}

static void make_signature(struct pstore_explain *x)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	char hex[65];
	int n = 0;

	if (x->kind == PSTORE_KIND_NONE)
		return;
	str_addf(&s, "%d\n", (int)x->kind);
	if (x->func)
		str_addf(&s, "%.*s\n", (int)stable_name(x->func), x->func);
	for (size_t i = 0; i < x->trace.n && n < SIGNATURE_FRAMES; i++) {
		const char *f = x->trace.v[i];

		if (*f == '?' || is_machinery(f) || (x->func && i == 0 && strncmp(f, x->func, stable_name(x->func)) == 0))
			continue;
		str_addf(&s, "%.*s\n", (int)stable_name(f), f);
		n++;
	}
	if (!x->func && n == 0)
		str_addf(&s, "%.60s\n", x->what ? x->what : "");
	hash_sha256_hex(s.s, s.len, hex);
	memcpy(x->signature, hex, 16);
}

void pstore_explain(const char *log, size_t len, const char *reason, struct pstore_explain *ret)
{
	CLEANUP(lines_free) struct lines l = { NULL, NULL, 0 };
	struct event ev;

	*ret = (struct pstore_explain){ .cpu = -1, .pid = -1 };
	lines_split(&l, log, len);
	ev = find_event(&l);
	ret->kind = ev.kind;
	if (ev.line != SIZE_MAX)
		read_event(ret, &l, &ev);
	else if (reason && (str_eq(reason, "Panic") || str_eq(reason, "Oops")))
		ret->kind = str_eq(reason, "Panic") ? PSTORE_KIND_PANIC : PSTORE_KIND_OOPS;
	read_rest(ret, &l, &ev);
	pstore_poison_meanings(ret);
	pstore_taint_meanings(ret);
	make_signature(ret);
}

void pstore_explain_free(struct pstore_explain *x)
{
	char **fields[] = { &x->what, &x->panic, &x->at, &x->kernel, &x->taint, &x->comm, &x->hardware, &x->func, &x->module };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		free(*fields[i]);
	strv_free(&x->trace);
	strv_free(&x->meanings);
	*x = (struct pstore_explain){ .kind = PSTORE_KIND_NONE };
}

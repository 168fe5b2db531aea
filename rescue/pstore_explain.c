/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hash.h"
#include "pstore_event.h"

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
	enum pstore_kind k = pstore_event_kind(s);

	if (k == PSTORE_KIND_NONE || k == PSTORE_KIND_PANIC || (k == PSTORE_KIND_OOM && x->kind == PSTORE_KIND_OOM) || k == PSTORE_KIND_MCE)
		return false;
	return !(pstore_event_is_fatal(k) && pstore_event_is_fatal(x->kind) && !x->func);
}

static void read_event(struct pstore_explain *x, const struct pstore_lines *l, const struct pstore_event *ev)
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

static void read_rest(struct pstore_explain *x, const struct pstore_lines *l, const struct pstore_event *ev)
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
	CLEANUP(pstore_lines_free) struct pstore_lines l = { NULL, NULL, 0 };
	struct pstore_event ev;

	*ret = (struct pstore_explain){ .cpu = -1, .pid = -1 };
	pstore_lines_split(&l, log, len);
	ev = pstore_event_find(&l);
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

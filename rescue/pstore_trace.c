/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of an oops below its first: processor and command, registers, where it was, how it came there. */
#include <ctype.h>
#include <errno.h>

#include "pstore_explain.h"

#define FRAMES_MAX 64

static bool symbol_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

static size_t hex_length(const char *s)
{
	size_t n = 0;

	if (s[0] != '0' || s[1] != 'x')
		return 0;
	for (n = 2; isxdigit((unsigned char)s[n]); n++)
		;
	return n > 2 && n <= 18 ? n : 0;
}

size_t pstore_symbol_length(const char *s)
{
	size_t n = 0, h;

	while (symbol_char(s[n]))
		n++;
	if (n == 0 || isdigit((unsigned char)s[0]) || s[n] != '+')
		return 0;
	n++;
	h = hex_length(s + n);
	if (!h || s[n + h] != '/')
		return 0;
	n += h + 1;
	h = hex_length(s + n);
	return h ? n + h : 0;
}

const char *pstore_line_text(const char *line, const char **ret_stamp, size_t *ret_stamp_len)
{
	const char *s = line, *close;

	if (ret_stamp_len)
		*ret_stamp_len = 0;
	if (s[0] == '<' && isdigit((unsigned char)s[1])) {
		close = s + 1 + strspn(s + 1, "0123456789");
		if (*close == '>')
			s = close + 1;
	}
	while (*s == '[' && (s[1] == ' ' || isdigit((unsigned char)s[1]) || ((s[1] == 'T' || s[1] == 'C') && isdigit((unsigned char)s[2])))) {
		close = s + 1 + strspn(s + 1, " 0123456789.TC");
		if (*close != ']')
			break;
		if (ret_stamp && ret_stamp_len && !*ret_stamp_len) {
			*ret_stamp = s + 1 + strspn(s + 1, " ");
			*ret_stamp_len = (size_t)(close - *ret_stamp);
		}
		s = close + 1;
		if (*s == ' ')
			s++;
	}
	return s;
}

static void set(char **field, const char *s, size_t n)
{
	free(*field);
	*field = xstrndup(s, n);
	memmove(*field, str_trim(*field), strlen(str_trim(*field)) + 1);
}

static long number_after(const char *line, const char *key)
{
	const char *s = strstr(line, key);
	char *end;
	long v;

	if (!s)
		return -1;
	s += strlen(key);
	errno = 0;
	v = strtol(s, &end, 10);
	return end == s || errno || v < 0 ? -1 : v;
}

/* Taint letters, then the kernel's version: "G        W    3.11.0-rc1+ #271". */
static void taint_and_kernel(struct pstore_explain *x, const char *s)
{
	const char *not = strstr(s, "Not tainted "), *tainted = strstr(s, "Tainted: "), *p, *hash;

	if (not) {
		p = not + strlen("Not tainted ");
	} else if (tainted) {
		p = tainted + strlen("Tainted: ");
		p += strcspn(p, "0123456789");
		set(&x->taint, tainted + strlen("Tainted: "), (size_t)(p - tainted) - strlen("Tainted: "));
	} else {
		return;
	}
	p += strspn(p, " ");
	hash = strstr(p, " #");
	if (hash)
		hash += 2 + strcspn(hash + 2, " ");
	set(&x->kernel, p, hash ? (size_t)(hash - p) : strcspn(p, " "));
}

/* "CPU: 7 PID: 258 Comm: btrfs-cleaner Tainted: G  W  3.11.0-rc1+ #271"; before 3.10 "Pid: 258, comm: x Tainted: ..." without the processor. */
static bool cpu_line(struct pstore_explain *x, const char *s)
{
	const char *comm = strstr(s, " Comm: "), *end;

	if (!comm)
		comm = strstr(s, " comm: ");
	if (!comm || (!str_starts(s, "CPU: ") && !str_starts(s, "Pid: ")))
		return false;
	if (x->comm)
		return true;
	comm += strlen(" Comm: ");
	end = strstr(comm, " Not tainted ");
	if (!end)
		end = strstr(comm, " Tainted: ");
	if (strstr(comm, " Kdump: ") && (!end || strstr(comm, " Kdump: ") < end))
		end = strstr(comm, " Kdump: ");
	set(&x->comm, comm, end ? (size_t)(end - comm) : strlen(comm));
	x->cpu = str_starts(s, "CPU: ") ? number_after(s, "CPU: ") : -1;
	x->pid = number_after(s, strstr(s, "PID: ") ? "PID: " : "Pid: ");
	taint_and_kernel(x, comm);
	return true;
}

static const char *find_symbol(const char *s)
{
	for (; *s; s++) {
		if (pstore_symbol_length(s))
			return s;
		while (symbol_char(*s) && symbol_char(s[1]))
			s++;
	}
	return NULL;
}

static void set_module(char **field, const char *behind)
{
	size_t n;

	behind += strspn(behind, " ");
	if (*behind != '[')
		return;
	n = strcspn(behind + 1, "] ");
	if (n > 0 && behind[1] != '<')
		set(field, behind + 1, n);
}

static uint64_t address_in(const char *s)
{
	const char *p = strstr(s, "[<");

	return p ? strtoull(p + 2, NULL, 16) : 0;
}

/* Where it happened. The first one counts: later lines repeat it, or are of the process that had called. */
static bool place_line(struct pstore_explain *x, struct pstore_trace_state *st, const char *s)
{
	static const char *const heads[] = { "RIP: ", "RIP  ", "EIP: ", "EIP is at ", "IP: ", "pc : ", "PC is at ", "NIP [", "NIP:", "epc : ", "RIP [" };
	const char *sym;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heads) && !str_starts(s, heads[i]); i++)
		;
	if (i == ARRAY_SIZE(heads))
		return false;
	st->in_trace = false;
	st->done |= x->trace.n > 0;
	sym = find_symbol(s);
	if (str_starts(s, "RIP: 0033:") || str_starts(s, "RIP: 002b:") || str_starts(s, "RIP: 0023:"))
		st->user = true;
	if (!sym || x->func || st->user)
		return true;
	set(&x->func, sym, pstore_symbol_length(sym));
	set_module(&x->module, sym + pstore_symbol_length(sym));
	x->func_addr = address_in(s);
	return true;
}

/* "RAX: dead000000200200 RBX: ffff880323212458", "x29: ffff80001234 x28: 0", "EAX: 0000000 EBX: 00000000". */
static void registers(struct pstore_explain *x, const char *s)
{
	while (*s && x->n_regs < PSTORE_REGS_MAX) {
		struct pstore_reg *r = &x->regs[x->n_regs];
		const char *colon, *v;
		size_t digits;

		s += strspn(s, " ");
		for (colon = s; isalnum((unsigned char)*colon); colon++)
			;
		v = colon + (*colon == ' ');
		if (*v != ':' || colon == s || (size_t)(colon - s) >= sizeof(r->name) || !isalpha((unsigned char)*s))
			return;
		v += 1 + strspn(v + 1, " ");
		digits = strspn(v, "0123456789abcdef");
		if ((digits != 16 && digits != 8) || (v[digits] && v[digits] != ' ')) {
			if (digits != 4 || v[4] != ':')         /* "RSP: 0018:ffff8805faff1e70" */
				return;
			v += 5;
			digits = strspn(v, "0123456789abcdef");
		}
		memcpy(r->name, s, (size_t)(colon - s));
		r->name[colon - s] = '\0';
		r->value = strtoull(v, NULL, 16);
		if (str_eq(r->name, "CR2") && !x->has_fault_addr && x->kind == PSTORE_KIND_PAGE_FAULT) {
			x->fault_addr = r->value;
			x->has_fault_addr = true;
		}
		x->n_regs += !str_eq(r->name, "EFLAGS") && r->name[0] != 'D';
		s = v + digits;
	}
}

static void frame(struct pstore_explain *x, const char *s, const char *sym)
{
	size_t n = pstore_symbol_length(sym);
	AUTO_FREE char *module = NULL;
	bool doubtful = false;

	for (const char *p = s; p < sym; p++)
		doubtful |= *p == '?';
	set_module(&module, sym + n);
	if (x->trace.n < FRAMES_MAX)
		strv_addf(&x->trace, "%s%.*s%s%s%s", doubtful ? "? " : "", (int)n, sym, module ? " [" : "", module ? module : "", module ? "]" : "");
}

static void trace(struct pstore_explain *x, struct pstore_trace_state *st, const char *s)
{
	const char *sym = find_symbol(s);

	if (sym)
		frame(x, s, sym);
	else if (s[strspn(s, " ")] != '<' && s[strspn(s, " ")] != '[' && s[0])
		st->in_trace = false;
	if (str_starts(s + strspn(s, " "), "</TASK>") || (!st->in_trace && x->trace.n))
		st->done = true;
	if (st->done)
		st->in_trace = false;
}

static bool offset_line(struct pstore_explain *x, const char *s)
{
	if (!str_starts(s, "Kernel Offset: 0x"))
		return false;
	x->kaslr = strtoull(s + strlen("Kernel Offset: "), NULL, 16);
	x->has_kaslr = true;
	return true;
}

/* Of a hung task: "      Not tainted 6.1.0-56-cloud-amd64 #1". */
static bool taint_line(struct pstore_explain *x, const char *s)
{
	const char *p = s + strspn(s, " ");

	if (p == s || (!str_starts(p, "Not tainted ") && !str_starts(p, "Tainted: ")))
		return false;
	if (!x->kernel)
		taint_and_kernel(x, p);
	return true;
}

void pstore_trace_line(struct pstore_explain *x, struct pstore_trace_state *st, const char *s)
{
	if (taint_line(x, s) || cpu_line(x, s) || place_line(x, st, s) || offset_line(x, s))
		return;
	if (str_starts(s, "Hardware name: ") && !x->hardware) {
		set(&x->hardware, s + strlen("Hardware name: "), strlen(s + strlen("Hardware name: ")));
	} else if (str_starts(s, "Call Trace:") || str_starts(s, "Call trace:") || str_starts(s, "Backtrace:")) {
		st->in_trace = !st->done;
	} else if (st->in_trace) {
		trace(x, st, s);
	} else if (!st->user) {
		registers(x, s);
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_explain.h - what a kernel's last log says, for a person: what happened, where, who ran, which registers hold poison, and a signature
 * by which the same crash is known again.
 *
 *   struct pstore_explain x;
 *   pstore_explain(log, len, "Oops", &x);
 *   pstore_explain_text(&x, &out);
 *   pstore_explain_free(&x);
 *
 * Never fails: what is not there stays empty. The log may be anything (fuzzed); lines may have "<4>" and "[  12.345678][ T77]" in front.
 */
#ifndef RESCUE_PSTORE_EXPLAIN_H
#define RESCUE_PSTORE_EXPLAIN_H

#include "str.h"

enum pstore_kind {
	PSTORE_KIND_NONE,       /* no crash in it */
	PSTORE_KIND_PANIC,
	PSTORE_KIND_NULL,
	PSTORE_KIND_PAGE_FAULT,
	PSTORE_KIND_GPF,
	PSTORE_KIND_BUG,
	PSTORE_KIND_OOPS,       /* another exception: invalid opcode, divide error, ... */
	PSTORE_KIND_HUNG_TASK,
	PSTORE_KIND_SOFT_LOCKUP,
	PSTORE_KIND_HARD_LOCKUP,
	PSTORE_KIND_RCU_STALL,
	PSTORE_KIND_OOM,
	PSTORE_KIND_MCE,
	PSTORE_KIND_WARNING,
	PSTORE_KIND_SYSRQ,
	PSTORE_KIND_MAX
};

#define PSTORE_REGS_MAX 64

struct pstore_reg {
	char name[8];
	uint64_t value;
};

struct pstore_explain {
	enum pstore_kind kind;
	char *what;             /* the line that says it: "general protection fault: 0000 [#1] SMP" */
	char *panic;            /* "Fatal exception in interrupt", or NULL */
	char *at;               /* time stamp of that line, as printed, or NULL */
	char *kernel;           /* "3.11.0-rc1+ #271" */
	char *taint;            /* "G        W", or NULL: not tainted */
	char *comm, *hardware;
	long cpu, pid;          /* -1: unknown */
	char *func;             /* "btrfs_clean_one_deleted_snapshot+0x49/0x150", or NULL */
	char *module;           /* of func, or NULL: built in or unknown */
	uint64_t func_addr;     /* 0: not printed */
	struct strv trace;      /* frames, newest first; doubtful ones start with "? " */
	struct pstore_reg regs[PSTORE_REGS_MAX];
	size_t n_regs;
	uint64_t fault_addr;
	bool has_fault_addr;
	uint64_t kaslr;         /* "Kernel Offset", 0: none or not printed */
	bool has_kaslr;
	struct strv meanings;   /* sentences about registers, taint and the like */
	char signature[17];     /* empty when nothing is known */
};

/* `reason` is that of the header ("Panic"); it decides when the log does not. */
void pstore_explain(const char *log, size_t len, const char *reason, struct pstore_explain *ret);
void pstore_explain_free(struct pstore_explain *x);
const char *pstore_kind_name(enum pstore_kind k);       /* "general protection fault" */

/* "general protection fault in btrfs_clean_one_deleted_snapshot+0x49/0x150 by btrfs-cleaner, kernel 3.11.0-rc1+". The caller frees. */
char *pstore_explain_line(const struct pstore_explain *x);
void pstore_explain_text(const struct pstore_explain *x, struct str *out);
void pstore_explain_json(const struct pstore_explain *x, struct str *out);      /* the members of an object, without braces */

/* ---- parts of it ---- */

/* A line without level and time stamp; *ret_stamp (may be NULL) points to the stamp's text, *ret_stamp_len 0 when there is none. */
const char *pstore_line_text(const char *line, const char **ret_stamp, size_t *ret_stamp_len);
/* Reads one line below the event's own into x: processor, registers, trace, ... */
struct pstore_trace_state {
	bool in_trace;
	bool user;              /* behind a user-mode RIP: registers there are not the kernel's */
	bool done;              /* the first trace is complete */
};
void pstore_trace_line(struct pstore_explain *x, struct pstore_trace_state *st, const char *line);
/* "name+0x12/0x34": length of it at s, or 0. */
size_t pstore_symbol_length(const char *s);
/* Sentences about poison in registers and the fault address, and about taint letters. */
void pstore_poison_meanings(struct pstore_explain *x);
void pstore_taint_meanings(struct pstore_explain *x);

#endif

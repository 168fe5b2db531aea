/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot_args.h - what the kernel command line, the network and the firmware tell the rescue system: pure parsers, used by PID 1.
 *
 * Nothing here touches the machine. Functions return 0 or -errno with a sentence; what is not understood is never guessed.
 */
#ifndef RESCUE_BOOT_ARGS_H
#define RESCUE_BOOT_ARGS_H

#include "err.h"
#include "str.h"

/* ---- words of the kernel command line ---- */
enum boot_pstore { BOOT_PSTORE_COLLECT, BOOT_PSTORE_KEEP, BOOT_PSTORE_OFF };
struct boot_args {
	bool automatic;         /* rescue.auto: run the plan with nobody asked */
	bool shell;             /* rescue.shell: shells instead of the menu */
	bool volatile_state;    /* rescue.volatile: a journal in memory will do */
	char *plan;             /* rescue.plan=WHERE, or NULL: wherever one is found */
	char *ip;               /* ip=, or NULL: no network */
	char *keymap;           /* rescue.keymap=NAME, or NULL */
	uint64_t wait_s;        /* rescue.wait=SECONDS: for devices */
	enum boot_pstore pstore;        /* rescue.pstore=collect|keep|off */
	struct strv unknown;    /* words that start with "rescue." and mean nothing */
};
void boot_args_parse(const char *cmdline, struct boot_args *ret);
void boot_args_free(struct boot_args *a);

/* ---- rescue.plan=WHERE ---- */
enum boot_plan_kind { BOOT_PLAN_ANY, BOOT_PLAN_BUILTIN, BOOT_PLAN_STATE, BOOT_PLAN_LABEL, BOOT_PLAN_FW_CFG, BOOT_PLAN_SMBIOS, BOOT_PLAN_HTTP, BOOT_PLAN_HTTPS };
struct boot_plan {
	enum boot_plan_kind kind;
	char *label;            /* LABEL */
	char *path;             /* STATE, LABEL, FW_CFG: file; HTTP(S): path with query */
	char *host, *port;      /* HTTP(S) */
};
int boot_plan_parse(const char *where, struct boot_plan *ret, struct err *e);
void boot_plan_free(struct boot_plan *p);
/* The top-level `finish:` of a plan: "stay", "reboot" or "poweroff". */
const char *boot_plan_finish(const char *text);
bool boot_plan_has(const char *text, const char *step);         /* has a step of this type */

/* ---- ip= as the kernel and dracut take it ---- */
struct boot_net {
	bool dhcp;
	char *device;           /* or NULL: every wired one */
	char *address, *gateway, *hostname;
	unsigned int prefix;
	struct strv dns;
};
int boot_net_parse(const char *ip, struct boot_net *ret, struct err *e);
void boot_net_free(struct boot_net *n);

/* ---- firmware and network answers ---- */
/* OEM strings of an SMBIOS type 11 structure: the one that starts with `prefix` and goes on in base64, decoded. -ENOENT. */
int boot_smbios(const uint8_t *d, size_t n, const char *prefix, char **ret, size_t *ret_len, struct err *e);
/* Body of an HTTP/1.x answer with status 200. -EBADMSG with the status line otherwise. */
int boot_http_body(const char *d, size_t n, const char **ret, size_t *ret_len, struct err *e);
/*
 * From what `rescue pstore list` prints: "this machine crashed: ... (HINT)" for each crash that is not collected yet, nothing for a console, a
 * clean shutdown or a stored dump. True when any record, of whatever kind, is not collected yet. Bytes that a console could obey become '?'.
 */
bool boot_crash_findings(const char *list, const char *hint, struct strv *ret);
/* The label of an ext2/3/4 filesystem from its first 2 KiB, or NULL; buf holds 17 bytes. */
const char *boot_ext_label(const uint8_t *d, size_t n, char buf[17]);

#endif

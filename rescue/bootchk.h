/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bootchk.h - will this system start by itself? The whole chain is followed offline, link by link, as firmware, loader, kernel and init
 * would: firmware entry or removable path -> file on the ESP -> its configuration -> kernel and initramfs -> root= -> fstab -> init.
 *
 *   struct bootchk_req q = { .root = "/target" };
 *   struct bootchk b;
 *   r = bootchk_run(&q, &b, &e);       r < 0: could not look at all. Else b.boots says it; b.v holds one sentence a link
 *   bootchk_free(&b);
 *
 * Nothing is written. What cannot be judged is a warning, never a silent yes. The first bad link is the one to repair.
 */
#ifndef RESCUE_BOOTCHK_H
#define RESCUE_BOOTCHK_H

#include "err.h"
#include "str.h"

enum bootchk_state { BOOTCHK_OK, BOOTCHK_WARN, BOOTCHK_BAD };
enum bootchk_firmware { BOOTCHK_AUTO, BOOTCHK_UEFI, BOOTCHK_BIOS };

struct bootchk_link {
	const char *name;               /* "firmware", "loader", "config", "kernel", "initramfs", "root", "fstab", "init" */
	enum bootchk_state state;
	char *text;
};

struct bootchk_req {
	const char *root;               /* mounted target */
	const char *esp;                /* folder; NULL: where the target's fstab or mounts say */
	enum bootchk_firmware firmware;
	const char *arch;               /* "x64"; NULL: this machine's */
	const char *disk;               /* BIOS: boot disk's node; NULL: the disk that carries /boot */
	struct strv fs;                 /* "UUID=FOLDER": a filesystem that this kernel cannot mount, as a folder */
	bool ignore_nvram;              /* judge by the removable path alone (the disk goes into another machine) */
};

struct bootchk {
	struct bootchk_link *v;
	size_t n;
	bool boots;                     /* no bad link */
	size_t warnings;
};

int bootchk_run(const struct bootchk_req *q, struct bootchk *ret, struct err *e);
void bootchk_free(struct bootchk *b);
const char *bootchk_state_name(enum bootchk_state s);   /* "ok" "warning" "broken" */

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * efi_repair.h - entries for what an ESP holds, whatever became of the old ones (T39): after a BIOS reset, a BIOS update, a new board.
 *
 *   struct efi_repair r = { .esp = "/boot/efi", .parts = parts, .n_parts = n, .say = say };
 *   efi_repair(&r, &e);
 *
 * Every loader on the ESP gets an entry on every partition that carries it, one directly behind the other (T30); what is there already is
 * used again. The best loader stands first unless the order begins with an entry that can start something (another system that was
 * chosen). The removable path is made when there is none (T26). When the firmware refuses (no room, read-only, not UEFI), the removable
 * path is made to start the best loader, and `degraded` says why.
 */
#ifndef RESCUE_EFI_REPAIR_H
#define RESCUE_EFI_REPAIR_H

#include "efi_order.h"
#include "esp.h"

struct efi_repair {
	const char *esp;                /* mounted folder */
	const char *arch;               /* NULL: this firmware's */
	const struct esp_part *parts;
	size_t n_parts;
	const char *file;               /* only this loader, or NULL: all that are found */
	const char *label;              /* its label, or NULL: from the CSV or the folder */
	enum efi_place place;           /* of `file`, or of the best loader */
	bool removable;                 /* make the removable path when there is none */
	bool entries_only;              /* never fall back to the removable path: fail instead */
	void (*say)(void *arg, const char *line);       /* one finished action, or NULL */
	void *arg;
	/* results */
	unsigned int written;           /* variables or files changed; 0: all was well */
	char *first;                    /* loader that will be started; the caller frees */
	uint16_t num;                   /* its entry on the first partition, when !degraded */
	char *degraded;                 /* sentence, or NULL; the caller frees */
};

int efi_repair(struct efi_repair *r, struct err *e);
/* Looks only: 1 when entry and file (or, for a degraded repair, the removable path) are as efi_repair leaves them. */
int efi_repair_holds(const struct efi_repair *r, const char *file, const char *label, bool degraded, struct err *e);
/* The loader that a repair would choose: file and label, both freed by the caller. -ENOENT: nothing to start on this ESP. */
int efi_repair_pick(const struct efi_repair *r, char **ret_file, char **ret_label, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grubimg.h - what a GRUB core image was told when it was made: where its files are, and a script that runs first.
 * Format: include/grub/kernel.h (module list "mimg") and offsets.h of GRUB 2; any bytes may be given (fuzzed).
 */
#ifndef RESCUE_GRUBIMG_H
#define RESCUE_GRUBIMG_H

#include "err.h"

struct grubimg {
	char *prefix;           /* "/EFI/debian", "(,gpt2)/boot/grub", or NULL */
	char *config;           /* embedded script, or NULL */
	bool memdisk;           /* it brings a filesystem of its own */
};

/* An EFI core image (the PE section "mods"). -EBADMSG when it is none. Free with grubimg_free. */
int grubimg_efi(const void *data, size_t n, struct grubimg *ret, struct err *e);
/* A BIOS core image from its first sector (diskboot.img) on: its body is LZMA. */
int grubimg_bios(const void *data, size_t n, struct grubimg *ret, struct err *e);
void grubimg_free(struct grubimg *g);

/* The boot sector: 0 when GRUB's boot.img is there; *ret_lba is where the core image begins. */
int grubimg_mbr(const void *sector, uint64_t *ret_lba, struct err *e);
/* First sector of the core image: how many sectors follow it, and where. -EBADMSG when it is not GRUB's. */
int grubimg_blocks(const void *sector, uint64_t *ret_lba, unsigned int *ret_sectors, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pe.h - programs that a firmware starts: PE/COFF headers and sections, and what is known from them: shim, GRUB, systemd-boot, a unified
 * kernel image, a kernel. Format: Microsoft PE format; UAPI.5 for unified kernel images. Any bytes may be given (fuzzed).
 */
#ifndef RESCUE_PE_H
#define RESCUE_PE_H

#include "err.h"

struct pe_section {
	char name[16];
	size_t at, len;         /* in the file; len is what the section really holds */
};

struct pe {
	uint16_t machine;       /* 0x8664 x64, 0x14c ia32, 0xaa64 aa64 */
	uint16_t subsystem;     /* 10: EFI application */
	size_t need;            /* the file must be at least this long */
	struct pe_section *v;
	size_t n;
};

enum pe_kind { PE_OTHER, PE_SHIM, PE_GRUB, PE_SYSTEMD_BOOT, PE_UKI, PE_KERNEL, PE_FALLBACK };

/* -EBADMSG: not a program for a firmware; -ENODATA: it is cut off. Free with pe_free. */
int pe_parse(const void *data, size_t n, struct pe *ret, struct err *e);
void pe_free(struct pe *p);
const struct pe_section *pe_section(const struct pe *p, const char *name);
enum pe_kind pe_kind(const struct pe *p, const void *data, size_t n);
const char *pe_kind_name(enum pe_kind k);
/* "x64" of a machine number, or NULL. */
const char *pe_arch(uint16_t machine);

#endif

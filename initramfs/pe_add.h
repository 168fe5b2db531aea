/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pe_add.h - adds sections to a PE32+ file (an EFI program): a kernel and its initramfs behind systemd's stub make one bootable file.
 * Format: Microsoft's PE specification, sections 2 to 4.
 *
 *   struct pe_section s[] = { { ".cmdline", 12 }, { ".linux", 8000000 } };
 *   r = pe_add_sections(stub, n, s, 2, &head, &e);     head: the stub with its new section table
 *   write head, then the content of each section at its .offset; .end: where the file ends
 */
#ifndef RESCUE_PE_ADD_H
#define RESCUE_PE_ADD_H

#include "err.h"
#include "str.h"

struct pe_section {
	const char *name;       /* at most 8 bytes */
	uint64_t size;
	uint64_t offset, end;   /* out: in the file; end is padded */
};

int pe_add_sections(const uint8_t *stub, size_t n, struct pe_section *s, size_t n_s, struct str *ret, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elf_read.h - what a program or library says it needs, read from the file itself (never by running it). Format: elf(5).
 *
 *   struct elf f;
 *   r = elf_parse(data, n, &f, &e);      -ENOEXEC: not an ELF file; -EBADMSG: a damaged one; -ENOTSUP: not 64-bit little-endian
 *   elf_free(&f);                        whatever the result
 */
#ifndef RESCUE_ELF_READ_H
#define RESCUE_ELF_READ_H

#include "err.h"
#include "str.h"

struct elf {
	uint16_t machine;
	char *interp;                   /* the dynamic linker, or NULL */
	char *rpath, *runpath, *soname; /* or NULL */
	struct strv needed;
	uint64_t loaded_end;            /* bytes of the file that are ever mapped: what follows is symbols and debugging */
};

int elf_parse(const uint8_t *d, size_t n, struct elf *ret, struct err *e);
void elf_free(struct elf *f);
/* Cuts off what is never mapped (section table, symbols), in place; returns the new length (n when it is not an ELF file). */
size_t elf_strip(uint8_t *d, size_t n);

#endif

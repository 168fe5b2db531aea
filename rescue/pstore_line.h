/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_line.h - the source line of an address, from the line table (.debug_line, DWARF 4 and 5) of a 64-bit ELF file.
 */
#ifndef RESCUE_PSTORE_LINE_H
#define RESCUE_PSTORE_LINE_H

#include "base.h"

/* "fs/btrfs/transaction.c:2271", or NULL when the file has no line table that covers the address. The caller frees. */
char *pstore_line_at(const char *elf, size_t len, uint64_t addr);

#endif

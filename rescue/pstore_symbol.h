/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_symbol.h - addresses to names and names to addresses, from a System.map, or from the symbol table of a 64-bit little-endian ELF file
 * (vmlinux, or its detached debug file). Source lines come from pstore_line.h.
 */
#ifndef RESCUE_PSTORE_SYMBOL_H
#define RESCUE_PSTORE_SYMBOL_H

#include "err.h"

struct pstore_symbol {
	uint64_t addr, size;    /* size 0: unknown */
	const char *name;       /* inside the file's text */
};

struct pstore_symbols {
	char *path;
	char *text;             /* the file */
	size_t len;
	struct pstore_symbol *v;/* ascending addresses */
	size_t n;
};

/* Reads either kind. -EINVAL with a sentence when it is neither, or damaged. */
int pstore_symbols_load(const char *path, struct pstore_symbols *ret, struct err *e);
/* The same from memory; takes `text` (xmalloc'ed) over, whatever the result. */
int pstore_symbols_parse(const char *path, char *text, size_t len, struct pstore_symbols *ret, struct err *e);
void pstore_symbols_free(struct pstore_symbols *s);

const struct pstore_symbol *pstore_symbols_at(const struct pstore_symbols *s, uint64_t addr);    /* the function that holds it, or NULL */
const struct pstore_symbol *pstore_symbols_named(const struct pstore_symbols *s, const char *name, size_t len, uint64_t size); /* exact; by size when there are several */

/* A section of a 64-bit little-endian ELF image by name: its offset and size in `text`. False when there is none, or it is outside, or compressed. */
bool pstore_elf_section(const char *text, size_t len, const char *name, size_t *ret_offset, size_t *ret_size);

#endif

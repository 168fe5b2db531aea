/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_show.h - a dump for a person (or as JSON): its explanation, places looked up in a System.map or vmlinux, its log.
 */
#ifndef RESCUE_PSTORE_SHOW_H
#define RESCUE_PSTORE_SHOW_H

#include "pstore_dump.h"
#include "pstore_explain.h"
#include "pstore_symbol.h"

struct pstore_show {
	bool json, brief, log;
	struct pstore_symbols symbols[2];       /* System.map, vmlinux */
	size_t n_symbols;
};

/* Loads what is not NULL. */
int pstore_show_symbols(struct pstore_show *sh, const char *map, const char *vmlinux, struct err *e);
void pstore_show_end(struct pstore_show *sh);
void pstore_show_dump(const struct pstore_show *sh, const char *name, const struct pstore_dump *d, struct str *out);
/* "btrfs_clean_one_deleted_snapshot+0x49/0x150" -> " = ffffffff812e70c9 fs/btrfs/transaction.c:2271", or a word why not. */
void pstore_show_place(const struct pstore_show *sh, const char *symbol, struct str *out);

#endif

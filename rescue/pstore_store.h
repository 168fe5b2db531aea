/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_store.h - the folder that keeps dumps for good. Layout (docs/pstore.md):
 *
 *   DIR/20261128T161224Z-efi-panic1-0123456789abcdef/raw/FILE...     the records, byte for byte as they were seen
 *                                                   /dmesg.txt       the log put together (console.txt, ... for other kinds)
 *                                                   /report.json     what it is, its records, its explanation
 *
 * The raw files are the truth: what is stored is found out by reading them, the other two can be made again from them. A dump appears
 * under its name by one rename, after everything in it was synced. Nothing that this file did not write is ever removed.
 */
#ifndef RESCUE_PSTORE_STORE_H
#define RESCUE_PSTORE_STORE_H

#include "pstore_dump.h"

struct pstore_stored {
	char *name;             /* folder below the store */
	struct pstore_set set;
	struct pstore_dump dump;
};

struct pstore_store {
	char *dir;
	int lock;               /* descriptor of the folder, locked; -1: only reading */
	struct pstore_stored *v;/* oldest first */
	size_t n;
	struct strv notes;      /* dumps that could not be read: sentences */
};

#define PSTORE_STORE_INIT { NULL, -1, NULL, 0, STRV_INIT }

/* Reads what is there. With `write` the folder is made, and locked (-EBUSY); leftovers of an interrupted store are removed. */
int pstore_store_open(struct pstore_store *s, const char *dir, bool write, struct err *e);
void pstore_store_close(struct pstore_store *s);

/*
 * Stores the records of a dump that are not there yet, syncs, reads everything back from the medium and compares: when it returns 0, every record of
 * the dump is in the store and would survive a power cut. *ret_name: the dump's folder, owned by the store; *ret_added: records that were new.
 */
int pstore_store_put(struct pstore_store *s, const struct pstore_dump *d, const char **ret_name, size_t *ret_added, struct err *e);
const struct pstore_stored *pstore_store_find(const struct pstore_store *s, const char *name);  /* name, or a unique part of it; NULL */

/* report.json for a dump; the caller frees. */
char *pstore_report_json(const struct pstore_dump *d);
/* Name of the file for its log ("dmesg.txt"), or NULL for binary records. The caller frees. */
char *pstore_report_log_name(const struct pstore_dump *d);

/* ---- between pstore_store.c, which reads, and pstore_put.c, which writes ---- */

#define PSTORE_STORE_NEW ".rescue-pstore-new-"  /* and 16 hexadecimal digits: a dump that is being built */
#define PSTORE_STORE_FOLDERS 9                  /* raw, raw.2, ...: for a file whose name is taken by other bytes */

const char *pstore_store_raw(unsigned int i, char *buf, size_t n);
/* Reads the raw folders again, and with them what the dump is. A folder without any record is no dump. */
int pstore_stored_load(const char *store, struct pstore_stored *d, struct err *e);

#endif

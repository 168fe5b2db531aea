/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_collect.h - the whole of it: scan, put together, store, read back, and only then erase.
 *
 *   struct pstore_collect_opts o = { .pstore = PSTORE_DIR, .efivars = PSTORE_EFIVARS_DIR, .to = "/state/pstore" };
 *   r = pstore_collect(&o, &res, &e);
 *   if (r == 0 && res.left) ... some records are still where they were: res.notes says why
 *   pstore_result_free(&res);
 *
 * Returns -errno only when nothing could be done at all: a source that cannot be read, a store that cannot be used. One dump that cannot
 * be stored stops neither the others nor hides: its records stay where they are, `left` counts them, `notes` has the sentence.
 */
#ifndef RESCUE_PSTORE_COLLECT_H
#define RESCUE_PSTORE_COLLECT_H

#include "err.h"
#include "str.h"

#define PSTORE_DIR "/sys/fs/pstore"
#define PSTORE_EFIVARS_DIR "/sys/firmware/efi/efivars"

struct pstore_collect_opts {
	const char *pstore;             /* folder of records, or NULL: not looked at. Missing: not an error */
	const char *efivars;            /* folder of EFI variables, or NULL. Missing: not an error, unless pstore is missing too */
	const char *to;                 /* the store */
	bool keep;                      /* copy only, erase nothing */
	bool allow_volatile;            /* erase even when the store is on a filesystem that a reboot forgets */
	void (*progress)(void *arg, size_t done, size_t all);
	void *arg;
};

struct pstore_found {
	char *name;             /* folder in the store */
	char *line;             /* one line: what happened */
	size_t records, added;  /* of this dump in the sources; of these not in the store before */
	size_t missing;         /* parts */
	size_t seen_before;     /* other dumps in the store with the same signature */
	bool is_crash;
	uint64_t time;          /* 0: unknown */
};

struct pstore_result {
	struct pstore_found *found;     /* dumps in the sources that are in the store now, oldest first */
	size_t n_found;
	size_t records;         /* in the sources */
	size_t stored;          /* copied by this run */
	size_t erased;          /* gone from the sources */
	size_t believed;        /* of these: nothing but the file could be asked */
	size_t left;            /* still in the sources though they should not be */
	bool volatile_store;    /* nothing was erased for that reason */
	bool nvram_known;
	uint64_t nvram_before, nvram_after, nvram_total;        /* bytes free before and after */
	uint64_t nvram_bytes;   /* of erased variables */
	bool reboot_needed;     /* the firmware has not given the space back yet (T24) */
	struct strv notes;      /* what went wrong or is worth knowing: sentences */
};

int pstore_collect(const struct pstore_collect_opts *o, struct pstore_result *ret, struct err *e);
void pstore_result_free(struct pstore_result *r);
/* "panic in foo+0x1/0x2 by bar, kernel 6.1", of the newest dump that is a crash, or NULL. Owned by r. */
const char *pstore_result_newest(const struct pstore_result *r);
void pstore_result_text(const struct pstore_result *r, const char *to, struct str *out);
void pstore_result_json(const struct pstore_result *r, const char *to, struct str *out);

/* ---- without being told where from ---- */

/*
 * Modules to load before collecting, in this order (T7, T10, T11, T12): efi_pstore and erst; before them ramoops, but only when the kernel command
 * line says where its memory is (ramoops.mem_address=, ramoops.mem_name=): modprobe gives it the other ramoops.* words too. Never a guess.
 */
void pstore_modules(const char *cmdline, struct strv *ret);
/* Loads them with modprobe, mounts pstore and efivarfs where they are not mounted. Never fails: what could not be done becomes a note. */
void pstore_prepare(struct strv *notes);

#endif

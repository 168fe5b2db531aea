/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * efi_order.h - the boot entries of a firmware, as one thing that changes in a safe order.
 *
 *   struct efi_want w = { .label = "debian", .file = "\\EFI\\debian\\shimx64.efi", .hd = hd };
 *   r = efi_entry_ensure(&w, &done, &e);
 *
 * Order of writing: Boot#### first, read back; then BootOrder, read back; when the second fails, an entry that was made is taken away
 * again (T33). A power cut between the two leaves an entry that no order names: the next call finds it and only adds it to the order.
 * An entry with the same partition and file is used again, never doubled (T27). What is foreign keeps its bytes, its number, its place
 * in the order relative to others, even when the order names a number that does not exist (T34, T35). Nothing foreign is ever deleted (T28).
 */
#ifndef RESCUE_EFI_ORDER_H
#define RESCUE_EFI_ORDER_H

#include "efi_loadopt.h"

struct efi_entry {
	uint16_t num;
	uint32_t var_attrs;
	uint8_t *raw;
	size_t len;
	struct efi_loadopt opt; /* zero when !parsed */
	bool parsed;
	int place;              /* in BootOrder from 0, -1: not named there */
};

struct efi_entries {
	struct efi_entry *v;    /* by number */
	size_t n;
	uint16_t *order;
	size_t n_order;
	bool has_order;
	int current, next;      /* BootCurrent, BootNext, or -1 */
};

int efi_entries_read(struct efi_entries *ret, struct err *e);
void efi_entries_free(struct efi_entries *s);
const struct efi_entry *efi_entries_find(const struct efi_entries *s, uint16_t num);

/* KEEP, APPEND: where it is; else first, else last. BEHIND, BEFORE: directly there, seen from the entry `near`. */
enum efi_place { EFI_FIRST, EFI_LAST, EFI_KEEP, EFI_APPEND, EFI_BEHIND, EFI_BEFORE };

struct efi_want {
	const char *label, *file;
	struct efi_hd hd;
	const uint8_t *data;            /* optional data of a new entry, or NULL */
	size_t data_len;
	enum efi_place place;
	uint16_t near;                  /* for BEHIND and BEFORE: a number that BootOrder names */
	bool (*stale)(const struct efi_hd *hd, void *arg);      /* true: no disk of this machine has this partition. NULL: never */
	void *arg;
};

struct efi_done {
	uint16_t num;
	bool created;           /* a new Boot#### was written */
	bool rewritten;         /* own entry pointed to a partition that is gone (T31), or was inactive */
	bool ordered;           /* BootOrder was written */
	unsigned int doubles;   /* identical copies of the entry that were removed (T27) */
};

int efi_entry_ensure(const struct efi_want *w, struct efi_done *ret, struct err *e);
/* Looks only: 1 when an active entry for this partition and file exists and stands at its place; else 0 with a sentence. */
int efi_entry_holds(const struct efi_want *w, uint16_t *ret_num, struct err *e);
/* Where the entry that would be used stands in BootOrder, from 0; -1: nowhere yet. */
int efi_entry_place(const struct efi_entries *s, const struct efi_want *w);

/*
 * Byte-exact copy of all Boot####, BootOrder, BootNext and Timeout, as text:
 *   rescue-efi 1 / NAME ATTRS HEX / end CRC32C
 */
int efi_save(struct str *out, struct err *e);
/* Brings back every entry of a copy: same number when it is free or holds the same, else another; then the order, foreign newer entries last. */
int efi_restore(const char *text, size_t n, unsigned int *ret_written, struct err *e);

/* Parsing alone (for restore and its fuzz target). */
struct efi_saved {
	char name[16];
	uint32_t attrs;
	uint8_t *data;
	size_t len;
};

int efi_saved_parse(const char *text, size_t n, struct efi_saved **ret, size_t *ret_n, struct err *e);
void efi_saved_free(struct efi_saved *v, size_t n);

#endif

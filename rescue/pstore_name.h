/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_name.h - what the name of a record says: kind, backend, number, and for EFI the time, part and count.
 *
 * Two kinds of names, from the kernel's fs/pstore/inode.c and drivers/firmware/efi/efi-pstore.c:
 *
 *   TYPE-BACKEND-ID[.enc.z]                              a file of /sys/fs/pstore
 *   dump-typeT-PART-COUNT-TIME-C|D-GUID                  a variable in efivarfs; older kernels leave out C|D, and COUNT
 *
 * For EFI the two meet in ID = (TIME * 100 + PART) * 1000 + COUNT (the oldest form: ID = PART). Part 100 and count 1000 run into their
 * neighbours there (T16), so a variable's name is the truth and the numbers read from an ID are only what they seem.
 */
#ifndef RESCUE_PSTORE_NAME_H
#define RESCUE_PSTORE_NAME_H

#include "base.h"

#define PSTORE_PACKED_SUFFIX ".enc.z"

enum pstore_type {
	PSTORE_DMESG,
	PSTORE_MCE,
	PSTORE_CONSOLE,
	PSTORE_FTRACE,
	PSTORE_RTAS,
	PSTORE_POWERPC_OFW,
	PSTORE_POWERPC_COMMON,
	PSTORE_PMSG,
	PSTORE_POWERPC_OPAL,
	PSTORE_UNKNOWN,         /* a name that was not understood: the record is kept all the same */
	PSTORE_TYPE_MAX
};

struct pstore_name {
	enum pstore_type type;
	char backend[32];       /* "efi" (also for efi_pstore), "erst", "ramoops", ...; "unknown" */
	bool variable;          /* an efivarfs name */
	bool packed;            /* .enc.z, or a variable that ends in C */
	bool plain;             /* a variable that ends in D */
	bool has_id;
	uint64_t id;
	bool has_place;         /* time, part and count below are set */
	uint64_t time;          /* seconds since 1970 */
	unsigned int part, count;
};

/* 0, or -EINVAL when the name is not understood: then type is PSTORE_UNKNOWN and the rest as far as it could be read. */
int pstore_name_parse(const char *file, struct pstore_name *ret);
/* Reads ID again, for the part and count that the record's own header gives: exact even for part 100 and above. False when they do not fit. */
bool pstore_name_time(const struct pstore_name *n, unsigned int part, unsigned int count, uint64_t *ret_time);
const char *pstore_type_name(enum pstore_type t);       /* "dmesg", ... "unknown" */

#endif

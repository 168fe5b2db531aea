/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parttable.h - partition tables: read a layout, place it on a disk, write it, compare it with what is there.
 * Only parttable.c includes <libfdisk/libfdisk.h>.
 *
 *   part_parse(text, len, &l, &e);              a saved layout: the text of `sfdisk --dump` (sfdisk(8))
 *   part_place(&l, disk_bytes, sector, &e);     every start and size is fixed now
 *   part_decide(&l, &e);                        and every identity
 *   part_write(path, &l, &e);
 *   r = part_compare(path, &l, &e);             1 exactly this table is there, 0 not (with a sentence), -errno
 *
 * Starts and sizes are bytes. 0 or -errno with a sentence.
 */
#ifndef RESCUE_PARTTABLE_H
#define RESCUE_PARTTABLE_H

#include "err.h"
#include "str.h"

#define PART_MAX 128            /* partitions of a table */
#define PART_TEXT_MAX (256 * KIB)

enum part_scheme { PART_GPT, PART_MBR };

/* Attribute bits of a GPT entry (UEFI specification, 5.3.3) and, for MBR, the active flag. */
#define PART_REQUIRED (1ULL << 0)
#define PART_NO_BLOCK_IO (1ULL << 1)
#define PART_LEGACY_BOOT (1ULL << 2)
#define PART_ACTIVE (1ULL << 2)

struct part {
	uint64_t number;        /* 1.., 0: the next free one */
	uint64_t start;         /* 0: behind the one before, on the next MiB */
	uint64_t size;          /* 0: up to the next one, or the end of the disk */
	char *type;             /* GUID in upper case, or two hexadecimal digits for MBR */
	char *name;             /* or NULL */
	char *uuid;             /* in lower case; MBR: none */
	uint64_t flags;
};

struct part_layout {
	enum part_scheme scheme;
	char *id;               /* disk GUID in lower case, or 0x%08x for MBR; NULL: to be decided */
	struct part *parts;
	size_t n;
};

void part_free(struct part_layout *l);
struct part *part_add(struct part_layout *l);                   /* a zeroed one at the end */

int part_parse(const char *text, size_t len, struct part_layout *ret, struct err *e);
int part_place(struct part_layout *l, uint64_t disk, unsigned int sector, struct err *e);
int part_decide(struct part_layout *l, struct err *e);          /* fills in what is missing: id and uuids */

/* A word ("esp", "linux"), a GUID or two hexadecimal digits, as `type` of a part wants it; NULL when it means nothing there. The caller frees. */
char *part_type(enum part_scheme s, const char *word);
#define PART_TYPE_WORDS "esp linux swap home root srv var boot lvm raid luks bios prep windows msr extended"
/* A word ("legacy-boot", "required", "no-block-io", "active", "read-only", "hidden", "no-auto") or a bit number. -EINVAL. */
int part_flag(enum part_scheme s, const char *word, uint64_t *flags);

/*
 * T67: whether what is on the disk now may be replaced. -EUCLEAN when it is a table of a kind that we do not know, a protective MBR without a
 * GPT, or a GPT without its protective MBR: something is there that nobody has understood yet.
 */
int part_check_disk(const char *path, struct err *e);
int part_write(const char *path, const struct part_layout *l, struct err *e);   /* synced; the kernel is not told */
int part_compare(const char *path, const struct part_layout *l, struct err *e);

#endif

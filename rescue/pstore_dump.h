/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_dump.h - puts the records of one dump together again, oldest text first.
 *
 * The kernel writes a dump from the end of its log: part 1 is the newest text (T1). A dump is known by the header of its parts, REASON#COUNT,
 * not by the clock: two dumps may share a second (T2) and the clock may move within one (T3). What has the same header but comes from another
 * boot is told apart by part numbers that start again, by time, and by the log's own clock. Records without a header (empty ones, and ones that
 * could not be unpacked) join the dump that their name points to. Everything that is not a log is a dump of one record.
 */
#ifndef RESCUE_PSTORE_DUMP_H
#define RESCUE_PSTORE_DUMP_H

#include "pstore_explain.h"
#include "pstore_record.h"

struct pstore_dump {
	enum pstore_type type;
	const char *backend;            /* of the first record */
	char reason[32];                /* "Panic"; empty when no record has a header */
	unsigned int count;
	uint64_t time;                  /* of the first part, 0: unknown */
	bool exact_time;
	struct pstore_record **v;       /* parts in ascending order, then the ones without a place; owned by the set */
	size_t n;
	unsigned int last_part;
};

struct pstore_dumps {
	struct pstore_dump *v;          /* oldest first as far as that is known */
	size_t n;
};

void pstore_dumps_make(struct pstore_dumps *ret, struct pstore_set *set);
void pstore_dumps_free(struct pstore_dumps *d);
void pstore_dump_free(struct pstore_dump *d);

/* True when these records, which are not in the dump yet, are missing parts of it: same header, no part twice, near in time, and the log agrees. */
bool pstore_dump_continues(const struct pstore_dump *d, const struct pstore_dump *more);
/* A dump of all these records, known to belong together. */
void pstore_dump_join(struct pstore_dump *ret, struct pstore_record *const *v, size_t n);

/* The log: parts in descending number, without their headers; a line in brackets where a part is missing or unreadable (T17). The caller frees. */
char *pstore_dump_log(const struct pstore_dump *d, size_t *ret_len);
/* One line: what its explanation says, or what kind of record it is; len: of its log. The caller frees. */
char *pstore_dump_line(const struct pstore_dump *d, size_t len, const struct pstore_explain *x);
/* Part numbers below the highest that are not there. */
size_t pstore_dump_missing(const struct pstore_dump *d, struct strv *ret);
bool pstore_dump_is_log(const struct pstore_dump *d);
/*
 * Is it a crash at all? A console or trace is none, nor is the log that a kernel leaves when it is told to (printk.always_kmsg_dump) at a shutdown.
 * `kind`: what its explanation says; PSTORE_KIND_NONE for what is no log.
 */
bool pstore_dump_is_crash(const struct pstore_dump *d, enum pstore_kind kind);
/* "20261128T161224Z-efi-panic1": what the dump's folder is called, before its digest. The caller frees. */
char *pstore_dump_name(const struct pstore_dump *d);
/* Digest over the keys of its records: 16 hexadecimal digits. */
void pstore_dump_id(const struct pstore_dump *d, char out[17]);

#endif

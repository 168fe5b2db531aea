/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_record.h - one record of a crashed kernel: the files in which it can be seen, its text, its header, and a key that is the same
 * whichever file showed it.
 *
 *   struct pstore_set set = { 0 };
 *   pstore_scan(&set, "/sys/fs/pstore", PSTORE_SCAN_RECORDS, &e);
 *   pstore_scan(&set, "/sys/firmware/efi/efivars", PSTORE_SCAN_EFIVARS, &e);    the same records again: they become second views
 *   pstore_set_link(&set);
 *   ...
 *   pstore_set_free(&set);
 *
 * The text of a record starts with "REASON#COUNT PartN\n" (kernel: fs/pstore/platform.c); pstore_blk puts "REASON: Total N times\n" before it.
 * Compressed records are raw deflate (current kernels) or zlib with a header (older ones). What cannot be unpacked is kept as it is.
 */
#ifndef RESCUE_PSTORE_RECORD_H
#define RESCUE_PSTORE_RECORD_H

#include "err.h"
#include "pstore_name.h"
#include "str.h"

enum pstore_coding { PSTORE_PLAIN, PSTORE_DEFLATE, PSTORE_ZLIB, PSTORE_UNREADABLE, PSTORE_CODING_MAX };

struct pstore_header {
	char reason[32];        /* "Panic", "Oops", "Emergency", ...; empty: no header */
	unsigned int count, part;
	size_t body;            /* offset of the log text */
};

struct pstore_view {
	char *dir, *file;       /* where it was seen */
	bool efivar;
	char *data;             /* the file's bytes */
	size_t len;
	uint64_t mtime;         /* its date, 0: unknown */
};

struct pstore_record {
	struct pstore_name name;        /* of the view that says most */
	struct pstore_view *views;
	size_t n_views;
	enum pstore_coding coding;
	const char *coding_hint;        /* of an unreadable one: "zstd", or NULL */
	bool cut;                       /* the packed data ended early: text is what came out until then */
	char *text;                     /* NUL-terminated; for an unreadable one the packed bytes */
	size_t len;
	struct pstore_header hdr;
	uint64_t time;                  /* seconds since 1970, 0: unknown */
	bool exact_time;                /* from the name, not from the file's date */
	char key[65];
	void *owner;                    /* for whoever groups records */
};

struct pstore_set {
	struct pstore_record *v;
	size_t n;
	struct strv notes;              /* files that could not be read: sentences */
};

/* The header at the start of a record's text. False (and an empty reason) when there is none. */
bool pstore_header_parse(const char *text, size_t len, struct pstore_header *ret);
/* Unpacks in memory; *ret is NUL-terminated behind *ret_len, the caller frees. PSTORE_UNREADABLE: nothing sensible came out. */
enum pstore_coding pstore_unpack(const void *data, size_t len, char **ret, size_t *ret_len, bool *ret_cut);
/* Bytes that ramoops' error correction reported behind the text: "\n3 Corrected bytes, 0 unrecoverable blocks\n". 0: none. */
size_t pstore_ecc_notice(const char *text, size_t len);

/* Makes a record of one file's bytes (which it takes over). `mtime` 0: unknown. */
void pstore_record_make(struct pstore_record *r, const char *dir, const char *file, char *data, size_t len, uint64_t mtime);
void pstore_record_free(struct pstore_record *r);
/* "dmesg-efi-3 (Panic#1 Part3)": for messages; the caller frees. */
char *pstore_record_label(const struct pstore_record *r);

enum pstore_scan_mode {
	PSTORE_SCAN_RECORDS,    /* a mounted pstore: everything; another folder: what is called like a record, other files are left alone */
	PSTORE_SCAN_EFIVARS,    /* only the crash variables */
	PSTORE_SCAN_STORED,     /* a raw folder of the store: everything that is complete */
};

/* Adds every record of a folder. A file that cannot be read becomes a note. -ENOENT and others when the folder cannot be read. */
int pstore_scan(struct pstore_set *set, const char *dir, enum pstore_scan_mode mode, struct err *e);
/* Joins the views of one record. */
void pstore_set_link(struct pstore_set *set);
void pstore_set_free(struct pstore_set *set);

#endif

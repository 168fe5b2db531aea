/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac.h - Bacula and Bareos volumes: blocks, records, labels, attributes, streams. Reads; never writes to a volume.
 *
 *   struct bac_vol v = BAC_VOL_INIT;
 *   bac_vol_open(&v, "/vol/Vol-0001", BAC_WINDOW, &e);
 *   while ((r = bac_vol_next(&v, &b, &e)) > 0) {
 *           if (r == BAC_DAMAGE) { ... v.bad_from to v.bad_to could not be read as blocks ... continue; }
 *           size_t pos = 0;
 *           while (bac_rec_next(&b, &pos, &rec) > 0) ...
 *   }
 *
 * Format: a volume is a sequence of blocks, all integers big-endian (Bacula's own documentation, "Storage Media Output Format";
 * checked against volumes written by Bacula 9.6). Damage is an event, not an error: the reader goes on at the next valid block.
 * Errors (-errno) are only what makes the whole volume useless.
 */
#ifndef RESCUE_BAC_H
#define RESCUE_BAC_H

#include "err.h"
#include "hash.h"
#include "str.h"

#define BAC_DAMAGE 2
#define BAC_WINDOW (4 * MIB)            /* bytes read at once when everything is wanted */
#define BAC_MAX_BLOCK 20000000u
#define BAC_MAX_RECORD (256u << 20)

/* ---- bac_block.c ---- */

struct bac_block {
	uint64_t off;                   /* in the volume */
	uint32_t len, number;
	uint32_t sess_id, sess_time;    /* 0 in BB01: there each record has its own */
	int version;                    /* 1, 2, 3 */
	bool repaired;                  /* one byte was wrong; the checksum said which */
	const uint8_t *data;            /* records; valid until the next call on the volume */
	size_t data_len;
};

struct bac_vol {
	int fd;
	char *path;
	uint64_t size, pos;
	uint64_t bad_from, bad_to;      /* of the last BAC_DAMAGE */
	bool truncated;                 /* the volume ends inside a block */
	bool no_checksum;               /* the first block has none: then no block is expected to have one (T79) */
	uint64_t n_repaired, n_unreadable;
	uint8_t *buf;
	size_t buf_cap, buf_len, window;
	uint64_t buf_off;
	uint8_t *patched;               /* copy of a block whose header was repaired */
};

#define BAC_VOL_INIT { .fd = -1 }

int bac_vol_open(struct bac_vol *v, const char *path, size_t window, struct err *e);
int bac_vol_open_fd(struct bac_vol *v, int fd, const char *name, size_t window, struct err *e);  /* takes the descriptor */
void bac_vol_close(struct bac_vol *v);
/* 1 a good block, BAC_DAMAGE, 0 end, -errno. */
int bac_vol_next(struct bac_vol *v, struct bac_block *b, struct err *e);
/* Only the header of the next block is looked at (b->data is NULL) when it is followed by another header; else like bac_vol_next. */
int bac_vol_skip(struct bac_vol *v, struct bac_block *b, struct err *e);

/* ---- bac_repair.c ---- */

uint32_t bac_crc32(const void *data, size_t n);
/* Finds the one byte whose change makes the CRC of data right; *ret_pos n means: the stored CRC itself is wrong. False: none, or more than one. */
bool bac_crc32_locate(const void *data, size_t n, uint32_t stored, size_t *ret_pos, uint8_t *ret_xor);

/* ---- bac_record.c ---- */

enum { BAC_FI_PRE = -1, BAC_FI_VOL = -2, BAC_FI_EOM = -3, BAC_FI_SOS = -4, BAC_FI_EOS = -5, BAC_FI_EOT = -6 };

struct bac_rec {
	uint32_t sess_id, sess_time;
	int32_t fi, stream;             /* negative stream: continues the record of the block before (T82) */
	uint32_t len;                   /* bytes that were still to come when this piece was written */
	const uint8_t *data;
	size_t have;                    /* bytes of it in this block */
};

/* 1 a record, 0 end of block, -EBADMSG. Start with *pos 0. */
int bac_rec_next(const struct bac_block *b, size_t *pos, struct bac_rec *r);

/* A cursor over bytes that we did not write: reads beyond the end give zeros and set bad. */
struct bac_cur {
	const uint8_t *p;
	size_t left;
	bool bad;
};

uint32_t bac_u32(struct bac_cur *c);
uint64_t bac_u64(struct bac_cur *c);
const char *bac_str(struct bac_cur *c);         /* NUL-terminated inside the bytes; "" when there is none */

/* ---- bac_label.c ---- */

struct bac_vol_label {
	bool bareos;
	uint32_t version;
	uint64_t label_time, write_time;        /* microseconds since 1970 */
	char *name, *prev, *pool, *media, *host, *program;
};

struct bac_sess_label {
	uint32_t version, job_id;
	uint64_t time;                  /* microseconds since 1970 */
	char *pool, *job, *client, *unique, *fileset;
	char type, level;               /* as in the catalog: B; F D I B */
	/* EOS only */
	uint32_t files, errors;
	uint64_t bytes;
	char status;                    /* T good, W warnings, E f A bad */
};

/*
 * -EBADMSG not a label, -EOPNOTSUPP with a sentence: a kind of volume that holds no data of its own (aligned, dedup), or a label of a version that is
 * not known (T81).
 */
int bac_label_vol(const struct bac_rec *r, struct bac_vol_label *ret, struct err *e);
void bac_label_vol_free(struct bac_vol_label *l);
int bac_label_sess(const struct bac_rec *r, struct bac_sess_label *ret);
void bac_label_sess_free(struct bac_sess_label *l);
/* Opens a file, reads its first block; -ENODATA when it is no volume. */
int bac_label_read(const char *path, struct bac_vol_label *ret, struct err *e);

/* ---- bac_attr.c ---- */

enum bac_type {
	BAC_LNKSAVED = 1, BAC_REGE, BAC_REG, BAC_LNK, BAC_DIREND, BAC_SPEC, BAC_NOACCESS, BAC_NOFOLLOW, BAC_NOSTAT, BAC_NOCHG, BAC_DIRNOCHG,
	BAC_ISARCH, BAC_NORECURSE, BAC_NOFSCHG, BAC_NOOPEN, BAC_RAW, BAC_FIFO, BAC_DIRBEGIN, BAC_INVALIDFS, BAC_INVALIDDT, BAC_REPARSE,
	BAC_PLUGIN, BAC_DELETED, BAC_BASE, BAC_RESTORE_FIRST, BAC_JUNCTION, BAC_PLUGIN_CONFIG, BAC_PLUGIN_CONFIG_FILLED
};

struct bac_attr {
	uint32_t fi;
	int type;
	const char *name, *link;        /* inside the text that was parsed */
	uint64_t dev, ino, mode, nlink, uid, gid, rdev, size, blocks, link_fi, flags;
	int64_t atime, mtime, ctime;
	int data_stream;
};

/* `text` is changed and kept: names point into it. It need not end in NUL; text[len] is overwritten by one. 0 or -EBADMSG. */
int bac_attr_parse(char *text, size_t len, struct bac_attr *ret);
bool bac_attr_is_dir(const struct bac_attr *a);         /* recorded as a directory, descended into or not */
const char *bac_type_name(int type);
/* Bacula's own digits (not RFC 4648). Moves *p behind the number. */
int64_t bac_base64(const char **p);

/* ---- bac_stream.c ---- */

enum bac_what { BAC_W_ATTR, BAC_W_DATA, BAC_W_DIGEST, BAC_W_ACL, BAC_W_ACL_DEFAULT, BAC_W_XATTR, BAC_W_SESSION_KEY, BAC_W_SIGNATURE, BAC_W_SKIP };
enum bac_coding { BAC_PLAIN, BAC_GZIP, BAC_TAGGED };

struct bac_stream {
	enum bac_what what;
	enum bac_coding coding;
	bool sparse;                    /* data: each record starts with its offset */
	bool encrypted;
	enum hash_type digest;
	const char *name;
};

/* Never fails: an unknown stream is BAC_W_SKIP with name "unknown". Bareos: number 40 means another digest (T80). */
struct bac_stream bac_stream_of(int32_t stream, bool bareos);

/* Without the minus of a record that goes on from the block before; a damaged one may have the number that has no opposite. */
uint32_t bac_stream_number(int32_t stream);

/* Decodes one record's data after the offset: appends to out. 0 or -errno with a sentence. */
int bac_stream_decode(enum bac_coding c, const uint8_t *data, size_t n, struct str *out, struct err *e);

#endif

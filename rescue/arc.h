/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arc.h - archives through libarchive, which only arc_*.c include; its codes (-30 ...) never leave them.
 *
 *   struct arc_in *in;                              struct arc_out *out;
 *   r = arc_in_open(&in, path, &e);                 r = arc_out_open(&out, fd, ARC_ZSTD, 2, &e);
 *   while ((r = arc_in_next(in, &item, &e)) == 1)   r = arc_out_item(out, &item, &e);
 *           while ((r = arc_in_data(...)) == 1)     r = arc_out_data(out, buf, n, &e);
 *   arc_in_close(in);                               r = arc_out_close(out, &e);
 *
 * Reading: tar in all its dialects, cpio, zip, 7-zip, ISO 9660, cab, lha, rar, ar; gzip, bzip2, xz, lzma, lzip, zstd, lz4, compress.
 * Writing: pax, compressed by zstd with several threads. Names are bytes: what is not UTF-8 is kept as it is.
 */
#ifndef RESCUE_ARC_H
#define RESCUE_ARC_H

#include <sys/stat.h>
#include <time.h>

#include "err.h"
#include "xattr.h"

struct arc_range {
	uint64_t off, len;
};

struct arc_item {
	char *path;             /* as stored */
	char *link;             /* target of a symbolic link, or NULL */
	char *hard;             /* earlier path of the archive that this is another name of, or NULL */
	mode_t mode;            /* type and permissions; type 0 with `hard` */
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	uint64_t size;
	bool has_size;
	bool has_mtime;
	struct timespec atime, mtime;
	struct xattrs xattrs;   /* ACLs among them */
	char *acl_name;         /* a user or group of an ACL whose number nobody knows, so that its entry is missing; or NULL */
	unsigned long flags;    /* FS_*_FL of chattr(1) */
	struct arc_range *data;     /* writing a sparse file: where its data is; n_data 0: everywhere */
	size_t n_data;
};

struct arc_in;
struct arc_out;

/* "-" is standard input. */
int arc_in_open(struct arc_in **ret, const char *path, struct err *e);
/* Bytes in memory: for tests. They must stay. */
int arc_in_open_memory(struct arc_in **ret, const void *data, size_t n, struct err *e);
/* Names in ACLs that come without a number are looked up in etc/passwd and etc/group below this folder; the descriptor must stay open. */
void arc_in_users(struct arc_in *in, int rootfd);
/* 1 and *it (in's memory, until the next call), 0 at the end, -EBADMSG and a sentence when the archive is damaged or cut off. */
int arc_in_next(struct arc_in *in, struct arc_item *it, struct err *e);
/* 1 and a piece of content, 0 at its end, -EBADMSG. Holes are not given: pieces may lie apart. */
int arc_in_data(struct arc_in *in, const void **buf, size_t *n, uint64_t *off, struct err *e);
uint64_t arc_in_offset(struct arc_in *in);      /* bytes of the archive file that were read */
/* What libarchive said about the last item although it could be read (a name that cannot be converted ...), or NULL. */
const char *arc_in_warning(struct arc_in *in);
void arc_in_close(struct arc_in *in);           /* NULL is fine */

void arc_item_free(struct arc_item *it);        /* what an item of arc_in holds is the reader's: not needed there */

enum arc_filter { ARC_ZSTD, ARC_PLAIN };
/* Goes on where the descriptor stands. */
int arc_out_open(struct arc_out **ret, int fd, enum arc_filter filter, unsigned int threads, struct err *e);
/* -EOPNOTSUPP: the format cannot hold it (a socket); anything else is fatal. */
int arc_out_item(struct arc_out *out, const struct arc_item *it, struct err *e);
int arc_out_data(struct arc_out *out, const void *buf, size_t n, struct err *e);
/*
 * Between two items: everything so far is written; *ret is the offset in the file. Cut off there, the file can be gone on with: tar and zstd
 * see nothing of it.
 */
int arc_out_flush(struct arc_out *out, uint64_t *ret, struct err *e);
int arc_out_sync(struct arc_out *out, struct err *e);           /* on stable storage; may be called beside the others */
/* Finishes the archive; the descriptor stays open. */
int arc_out_close(struct arc_out *out, struct err *e);
/* Instead: writes nothing more, so that a reader sees that the archive is cut off. */
void arc_out_abandon(struct arc_out *out);

#endif

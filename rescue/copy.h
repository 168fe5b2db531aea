/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy.h - copies a tree: everything that can be read, as fast as the machine allows, and says what could not be read.
 *
 *   struct copy_opts o = { .src = fd, .src_name = "/mnt", .dst = fd2, .dst_name = "/to", .logs = dir, ... };
 *   struct copy_result res;
 *   r = copy_tree(&o, &res, &e);
 *
 * Several threads walk depth first; files of a folder are read in the order of their inode numbers. Kept: owner, mode, times (ns), hard
 * links, holes, symbolic links, devices, FIFOs, sockets, ACLs, every extended attribute, the chattr flags i, a and d.
 * A file that cannot be read never stops the rest; a destination that cannot be written does (-ENOSPC ...). A read that hangs costs one
 * thread: another one goes on with the rest, and what has no answer at the end is listed as lost. Such a thread cannot be ended before the
 * kernel lets it go: the process stays until then.
 *
 * Small files of a btrfs that is read-only as a whole are read from its devices, many with one read, and compared with the checksums of the filesystem
 * here (copy_bulk.c); what does not match, and all after the first trouble, is read through the kernel.
 *
 * Resuming: a mark says "what had its last change before this time is on the destination's stable storage". A file of the destination is
 * trusted when size and mtime are the source's and it was changed before the mark; everything else is copied again. So memory stays flat,
 * and the order of the walk may differ from one run to the next.
 *
 * An archive is cut off behind the last member that a mark knows; what the manifest has up to there is not read again.
 *
 * Files in `logs`: manifest (one line a file, manifest.h, with a word in front: good read unproven older partial), losses.jsonl and losses.txt.
 */
#ifndef RESCUE_COPY_H
#define RESCUE_COPY_H

#include "err.h"
#include "str.h"

/* What a read without an error proves about the bytes. */
enum copy_proof {
	COPY_PROOF_CSUM,        /* the filesystem checked its data checksums: "good" */
	COPY_PROOF_NONE,        /* it has none: "read" */
	COPY_PROOF_IGNORED,     /* it has them, and they were ignored: "unproven", never called good */
	COPY_PROOF_OLDER,       /* what it shows is not its newest state: "older", never called good either */
};

struct copy_result {
	uint64_t files, dirs, others;   /* copied in this run */
	uint64_t bytes;                 /* of content, holes apart */
	uint64_t present;               /* files found safe from an earlier run */
	uint64_t lost, partial;         /* entries without content; files with noted holes */
	uint64_t meta;                  /* entries that lost attributes, owner or such */
	uint64_t unproven;              /* read while checksums were ignored */
	uint64_t good;                  /* read with checksums */
	uint64_t older;                 /* the same, in an older state */
	uint64_t bulk;                  /* of files: read from the device, many at once */
};

struct arc_out;
struct manifest_set;

struct copy_opts {
	int src, dst;                   /* folders; dst -1 with `archive` */
	const char *src_name, *dst_name;
	struct arc_out *archive;    /* or a destination folder */
	const char *logs;               /* folder for manifest and losses, or NULL: none */
	const struct strv *first, *include, *exclude;   /* may be NULL */
	const struct manifest_set *known;       /* or NULL: only files that this manifest does not know as they are now */
	int64_t since;                  /* seconds: only files whose mtime or ctime is not older; INT64_MIN: all */
	unsigned int threads;           /* 0: chosen */
	uint64_t patience_s;            /* a read without an answer for so long is left alone and waited for last, 0: never */
	enum copy_proof proof;
	bool btrfs;                     /* the source is btrfs: files without checksums are told apart */
	bool no_hash;
	int64_t keep_ns;                /* what the destination has and was changed before this stays as it is; 0: nothing does */
	uint64_t items_total, bytes_total;      /* guesses for progress, 0 unknown */
	uint64_t mark_s;                /* seconds between marks, 0: no marks */
	const char *resume;             /* text of the newest mark, or NULL */
	/* called from any thread, one at a time */
	int (*mark)(void *arg, const char *text, struct err *e);
	void (*progress)(void *arg, const struct copy_result *now, const char *current);
	bool (*cancelled)(void *arg);
	void *arg;
};

/* 0 (look at lost, partial, meta), or -errno: -ECANCELED, -ENOSPC, ... *ret is filled in any case. */
int copy_tree(const struct copy_opts *o, struct copy_result *ret, struct err *e);

/* The text of a mark: files of the destination that were changed before `what` (ns since 1970) are whole, or an archive is, up to that byte.
   len: of manifest, losses.jsonl and losses.txt. The caller frees. */
char *copy_mark_text(bool archive, int64_t what, const uint64_t len[3]);
/* Where the archive of an earlier run is cut off to be gone on with, by its newest mark; -1: it begins anew. */
int64_t copy_archive_mark(const char *text);

/* Reads every file of the manifest again from dst and compares its hash: 1 all equal, 0 the first difference is in e, -errno. */
int copy_verify(const char *manifest, int dst, void (*seen)(void *arg, uint64_t files), void *arg, struct err *e);

#endif

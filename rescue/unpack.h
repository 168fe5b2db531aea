/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unpack.h - puts the entries of an archive below a folder, and nothing anywhere else.
 *
 *   struct unpack_opts o = { .in = in, .root = fd, .root_name = "/target", .logs = dir, ... };
 *   r = unpack(&o, &res, &e);
 *
 * Names are foreign: "..", symbolic links on the way, hard links that lead outside are refused and listed; a leading '/' is taken off.
 * Kept: owner, mode, times (ns), hard links, holes, links, devices, FIFOs, sockets, ACLs, extended attributes, capabilities, chattr flags.
 * Attributes of folders wait in the file LOGS/folders until everything is there: memory does not grow with the archive.
 *
 * A mark says: entries 1..N are on stable storage. On resume they are skipped, and whatever comes later replaces what is there.
 * A damaged or cut-off archive is -EBADMSG, the sentence names the last good entry; a half-written file is removed.
 */
#ifndef RESCUE_UNPACK_H
#define RESCUE_UNPACK_H

#include "arc.h"

struct unpack_result {
	uint64_t entries;               /* read from the archive, skipped ones included */
	uint64_t files, folders, others;/* made in this run */
	uint64_t bytes;
	uint64_t refused, lost, meta;   /* listed in losses, by earlier runs, too */
	uint64_t skipped;               /* done by an earlier run */
};

struct unpack_opts {
	struct arc_in *in;
	int root;
	const char *root_name;
	const char *logs;               /* folder for folders, losses.* */
	uint64_t max_bytes, max_entries;/* 0: no limit (-EFBIG); for archives that nobody trusts */
	bool no_devices;                /* refuse block and character devices */
	uint64_t mark_s;                /* seconds between marks, 0: none */
	const char *resume;             /* text of the newest mark, or NULL */
	int (*mark)(void *arg, const char *text, struct err *e);
	void (*progress)(void *arg, const struct unpack_result *now, uint64_t offset, const char *current);
	bool (*cancelled)(void *arg);
	void *arg;
};

int unpack(const struct unpack_opts *o, struct unpack_result *ret, struct err *e);

/* Reads the archive once: what it would take. */
int unpack_measure(struct arc_in *in, uint64_t *ret_entries, uint64_t *ret_bytes, struct err *e);

/* Compares content, type, mode, owner and mtime of every entry with what is below root. 1 equal, 0 the first difference is in e, -errno. */
int unpack_compare(struct arc_in *in, int root, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy_recheck.h - reads an archive back and compares each member with the manifest that was written when its file was read: content by its
 * hash, kind, size, link target, mode, owner, time, attributes.
 *
 *   struct copy_recheck c = { .archive = "/usb/all.tar.zst", .logs = dir, .keep = { json, text } };
 *   r = copy_recheck(&c, &e);               0: look at c.lost, c.meta; c.damage.code: the archive cannot be read to its end, and why
 *
 * What differs is added to losses.jsonl and losses.txt. Memory is flat: both sides are sorted in a nameless file in `logs`, 32 bytes a file
 * and side. Of two members with one name the later counts. Folders are in no manifest of an archive.
 */
#ifndef RESCUE_COPY_RECHECK_H
#define RESCUE_COPY_RECHECK_H

#include "err.h"

struct copy_recheck {
	const char *archive;
	const char *logs;               /* folder with the manifest and the losses */
	uint64_t keep[2];               /* lengths of losses.jsonl and losses.txt before anything was verified */
	bool (*go_on)(void *arg, uint64_t files, uint64_t bytes);       /* of the archive, read so far; false: -ECANCELED. Or NULL */
	void *arg;
	/* what came out */
	uint64_t equal, lost, meta;     /* files; meta: only something else than the content differs */
	struct err damage;
};

int copy_recheck(struct copy_recheck *c, struct err *e);

#endif

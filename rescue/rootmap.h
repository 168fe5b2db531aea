/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rootmap.h - what is mounted where below a target root: its own mount point and those inside (/proc/self/mountinfo).
 */
#ifndef RESCUE_ROOTMAP_H
#define RESCUE_ROOTMAP_H

#include "err.h"
#include "str.h"

struct rootmnt {
	char *at;               /* inside the root: "/", "/boot", "/boot/efi" */
	char *real;             /* of this system */
	char *fsroot;           /* which folder of the filesystem: "/", "/@" */
	char *source, *fstype;
};

struct rootmap {
	struct rootmnt *v;      /* in the order in which they were mounted */
	size_t n;
};

/* `text`: content of mountinfo, or NULL to read it. The mount that holds `root` itself is always there, as "/" (fsroot: the folder in it). */
int rootmap_read(const char *root, const char *text, struct rootmap *ret, struct err *e);
void rootmap_free(struct rootmap *m);
/* The last mount at exactly this place ("/boot"), or NULL. */
const struct rootmnt *rootmap_at(const struct rootmap *m, const char *at);
/* The mount that holds a path inside the root; never NULL when n > 0. */
const struct rootmnt *rootmap_holding(const struct rootmap *m, const char *path);
/* Everything that was written below root is on stable storage when it returns 0, whatever is mounted in there. */
int rootmap_sync(const char *root, struct err *e);

#endif

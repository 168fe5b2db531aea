/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest.h - one line says everything about one file that a copy must keep, so that two trees can be compared with diff(1).
 *
 *   TYPE MODE UID GID SIZE MTIME HASH XATTRS FLAGS HOLES LINK PATH[ -> TARGET]
 *
 * TYPE f d l b c p s; SIZE in bytes ("MAJOR:MINOR" for devices, "-" for folders); MTIME seconds.nanoseconds; HASH XXH3-128 of the content;
 * XATTRS digest of names and values, ACLs and capabilities included; FLAGS of chattr(1): i a d; HOLES bytes without data;
 * LINK "-", or the hard-link group: the group's first path in walking order. PATH and TARGET are escaped (str_add_escaped).
 */
#ifndef RESCUE_MANIFEST_H
#define RESCUE_MANIFEST_H

#include <sys/stat.h>

#include "err.h"
#include "str.h"
#include "xattr.h"

struct manifest_line {
	const struct statx *st;
	const char *hash;       /* hexadecimal or NULL */
	struct xattrs *xattrs;  /* or NULL */
	uint64_t holes;
	const char *link;       /* or NULL */
	const char *path;       /* "/" is the root */
	const char *target;     /* of a symbolic link, or NULL */
};

void manifest_add(struct str *out, const struct manifest_line *l);

/* Writes the lines of a whole tree, folders sorted by name, without crossing into other mounts. Names in `skip` (of the root) are left out. */
int manifest_tree(const char *dir, FILE *out, bool holes, const struct strv *skip, struct err *e);

/* XXH3-128 of a file's content as 32 hexadecimal digits, and the bytes that are holes. */
int manifest_hash_fd(int fd, char hex[65], uint64_t *ret_holes);

#endif

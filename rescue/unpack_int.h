/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unpack_int.h - what the files unpack*.c share. */
#ifndef RESCUE_UNPACK_INT_H
#define RESCUE_UNPACK_INT_H

#include "beneath.h"
#include "loss.h"
#include "unpack.h"

struct unpack {
	const struct unpack_opts *o;
	struct unpack_result res;
	struct loss losses;
	int late;                       /* LOGS/folders, or an unnamed file: see unpack_late.c */
	uint64_t skip, skip_hash;       /* from the mark */
	char *parent;                   /* folder of the last entry, its descriptor */
	int parent_fd;
	bool parent_inherits;           /* it gives its group or a default ACL to what is made in it */
	char *last;                     /* last entry that is whole */
	uid_t uid;
	gid_t gid;
};

/* unpack.c: counts and lists one entry that is not (wholly) there; always 0. */
int unpack_refuse(struct unpack *u, const char *path, const char *what, int err, const char *why);

/* unpack_entry.c: 0 (also when refused), or -errno that ends everything. */
int unpack_entry(struct unpack *u, const struct arc_item *it, struct err *e);

/* unpack_late.c: attributes that must wait. */
int unpack_late_open(struct unpack *u, uint64_t keep, struct err *e);
int unpack_late_add(struct unpack *u, const char *path, const struct arc_item *it, struct err *e);
int unpack_late_apply(struct unpack *u, struct err *e);

/* unpack_meta.c */
int unpack_meta_fd(struct unpack *u, const char *path, int fd, const struct arc_item *it);

#endif

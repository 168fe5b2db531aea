/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ladder_int.h - what the files ladder*.c share; nobody else includes it. */
#ifndef RESCUE_LADDER_INT_H
#define RESCUE_LADDER_INT_H

#include "ladder.h"

enum ladder_prepare {
	ON_DEVICE,              /* the device itself, read-only */
	CLEAN_ONLY,             /* the same, but not when its journal would have to be left out */
	ON_OVERLAY,             /* a writable copy: the kernel replays the journal there */
	BTRFS_SUPER,            /* overlay: the newest of the other superblocks over the first */
	BTRFS_CHUNKS,           /* overlay: an older chunk root */
	BTRFS_REMAP,            /* overlay: a chunk tree from what the other trees say */
	BTRFS_OLDER_1,          /* overlay: older roots, how many before the newest */
	BTRFS_OLDER_2,
	BTRFS_OLDER_3,
	EXT_SUPER,              /* overlay: another superblock, and the journal replayed */
	EXT_GROUPS,             /* overlay: group descriptors as mke2fs would write them, then REPAIR */
	REPAIR,                 /* overlay: fsck there */
};

/* ---- ladder_overlay.c ---- */

int ladder_overlay_open(struct ladder_overlay *ret, const struct ladder_opts *o, enum ladder_prepare how, const char *type, struct err *e);
void ladder_overlay_close(struct ladder_overlay *o);    /* an empty one is fine */

/* ---- ladder_btrfs.c ---- */

struct ladder_super {
	uint64_t generation;    /* of the newest superblock whose checksum is right; 0: there is none */
	uint64_t log_root;      /* not 0: a log waits to be replayed */
};

void ladder_btrfs_newest(const char *device, const struct strv *more, struct ladder_super *ret);
/* The generation of the trees that are mounted at `at`, 0 when the kernel does not say. */
uint64_t ladder_btrfs_mounted(const char *at);
/*
 * On an overlay only: writes the newest of the other superblocks over the first. -ESTALE when it is older than a first one that is whole.
 */
int ladder_btrfs_other(const char *overlay, struct err *e);
/*
 * On an overlay only: the roots that the superblock's n-th newest backup names become the newest. The kernel's usebackuproot passes over some
 * backups, and where a root behind the first one is broken it gives up (6.18).
 */
int ladder_btrfs_older(const char *overlay, unsigned int n, struct err *e);
/* The same for the chunk root alone: the trees stay the newest. */
int ladder_btrfs_older_chunks(const char *overlay, struct err *e);
/* The kernel knows a btrfs by its UUID: the device below must be forgotten before its copy is shown (T62). */
void ladder_btrfs_forget(const char *device);

/* ladder_chunks.c, on an overlay only: a chunk tree from what the other trees say. Reads the whole device. */
int ladder_btrfs_chunks(const char *overlay, struct err *e);

/* ---- ladder_ext.c: on overlays only ---- */

/* Byte offsets of superblocks: the first one, then copies for blocks of 1, 2 and 4 KiB. */
#define LADDER_EXT_SUPERS 5
extern const off_t ladder_ext_at[LADDER_EXT_SUPERS];

/* e2fsck: a filesystem that can be mounted again, whatever it costs. */
int ladder_ext_repair(const char *overlay, struct err *e);
/* Another superblock in the first one's place, and the journal replayed; nothing is repaired. */
int ladder_ext_journal(const char *overlay, struct err *e);
/* Does the first superblock say that the journal waits to be replayed? */
bool ladder_ext_dirty(const char *device);
/* ladder_groups.c, on an overlay only: group descriptors made anew, then ladder_ext_repair. -EOPNOTSUPP when nobody knows where its inodes lie. */
int ladder_ext_groups(const char *overlay, struct err *e);
#define LADDER_EXT_SUPER 1024   /* bytes */
/* Appends the command that makes them. -EOPNOTSUPP, -EBADMSG. */
int ladder_ext_args(const uint8_t sb[LADDER_EXT_SUPER], const char *device, struct strv *ret, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkfs.h - what each filesystem needs to be made: its tool, limits and arguments. Looks at nothing and runs nothing.
 *
 *   const struct mkfs_kind *k = mkfs_kind(MKFS_EXT4);
 *   r = mkfs_check(&spec, &e);           what can be judged without the device
 *   r = mkfs_argv(&spec, &argv, &e);     the command line; devices, size and sector must be filled in
 */
#ifndef RESCUE_MKFS_H
#define RESCUE_MKFS_H

#include "err.h"
#include "str.h"

#define MKFS_TYPES "btrfs ext4 xfs vfat swap"
#define MKFS_PROFILES "default single dup raid0 raid1 raid1c3 raid1c4 raid10 raid5 raid6"

enum mkfs_type { MKFS_BTRFS, MKFS_EXT4, MKFS_XFS, MKFS_VFAT, MKFS_SWAP, MKFS_TYPE_MAX };

struct mkfs_spec {
	enum mkfs_type type;
	const char *uuid;               /* decided; vfat: XXXX-XXXX */
	const char *label;              /* or NULL */
	const char *data, *metadata;    /* btrfs profiles, "default" or NULL: the tool's choice */
	uint64_t node_size;             /* btrfs, 0: the tool's choice */
	const struct strv *features;
	bool fat16, discard;
	struct strv devices;            /* nodes, the first one is the one that the plan calls `device` */
	size_t n_devices;               /* how many there will be, even while the nodes are not there yet */
	uint64_t size;                  /* of the smallest device, bytes */
	unsigned int sector;            /* logical sector of the first device, bytes */
};

struct mkfs_kind {
	const char *name;               /* word in the plan */
	const char *tool, *package;
	const char *blkid;              /* what libblkid calls it */
	size_t max_label;               /* bytes */
	uint64_t min_size;              /* of the smallest device, bytes */
	int (*argv)(const struct mkfs_spec *s, struct strv *ret, struct err *e);
};

const struct mkfs_kind *mkfs_kind(enum mkfs_type t);
const char *mkfs_profile(int i);        /* word number i of MKFS_PROFILES */
int mkfs_check(const struct mkfs_spec *s, struct err *e);       /* label, features, profiles, number of devices */
int mkfs_check_size(const struct mkfs_spec *s, struct err *e);  /* -ENOSPC */
int mkfs_argv(const struct mkfs_spec *s, struct strv *ret, struct err *e);
/* Sectors a cluster for a FAT32 of this size, so that it has the 65525 clusters that make it one; 0: too small for that. */
unsigned int mkfs_fat32_cluster(uint64_t size, unsigned int sector);

#endif

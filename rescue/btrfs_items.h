/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * btrfs_items.h - what BTRFS_IOC_TREE_SEARCH_V2 gives (linux/btrfs.h, struct btrfs_ioctl_search_header; linux/btrfs_tree.h): items of a tree, and
 * small files made of them. Nothing here reads a disk. Numbers inside items are little-endian, those of the headers the machine's own.
 */
#ifndef RESCUE_BTRFS_ITEMS_H
#define RESCUE_BTRFS_ITEMS_H

#include <sys/stat.h>

#include "xattr.h"

struct btrfs_item {
	uint64_t objectid, offset;
	uint32_t type, len;
	const uint8_t *data;
};

struct btrfs_items {
	const uint8_t *at, *end;
	uint32_t left;
};

/* False at the end, and where something does not fit. */
bool btrfs_item_next(struct btrfs_items *l, struct btrfs_item *ret);

#define BTRFS_SMALL_EXTENTS 8

struct btrfs_extent {
	uint64_t at, len;               /* bytes, an address of the filesystem; whole sectors */
};

/* A file as its items tell. */
struct btrfs_small {
	uint64_t ino;
	bool plain;                     /* content has checksums, no holes, is not compressed, and its extents are all here; no chattr flags */
	struct statx st;                /* without device and mount */
	const uint8_t *inlined;         /* the content is in the tree, or NULL: in the extents */
	size_t n;
	struct btrfs_extent extent[BTRFS_SMALL_EXTENTS];
	struct btrfs_items items;       /* its own, in the memory that was parsed */
};

/*
 * The next regular file; *l is behind its items then. False at the end. What lies behind its last item may be missing when the answer was
 * cut off: that the caller knows. sector: bytes, a power of two.
 */
bool btrfs_small_next(struct btrfs_items *l, uint32_t sector, struct btrfs_small *ret);
/* Adds its extended attributes. 0, or -EIO: an item does not hold what it says. */
int btrfs_small_xattrs(const struct btrfs_small *f, struct xattrs *x);

/* Where a chunk item (its key's offset is `at`) says that the addresses at..at+len lie on a device, byte by byte: no stripes over several of them. */
struct btrfs_chunk_map {
	uint64_t at, len;
	size_t n;
	struct { uint64_t devid, offset; } copy[4];     /* the same in each */
};

bool btrfs_chunk_parse(const struct btrfs_item *i, struct btrfs_chunk_map *ret);

#endif

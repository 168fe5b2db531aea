/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * btrfs_disk.h - the data of a mounted btrfs, read from its devices: many small files with one read. The kernel says where they lie and what their
 * checksums are (BTRFS_IOC_TREE_SEARCH_V2, needs root); every sector is compared with its checksum before anybody uses it.
 *
 * Only where nothing changes below it: the filesystem itself, not only the mount, is read-only. Nothing is ever repaired here, and no
 * second copy is tried: what does not fit is for the kernel to read.
 */
#ifndef RESCUE_BTRFS_DISK_H
#define RESCUE_BTRFS_DISK_H

#include "btrfs_items.h"

struct btrfs_disk;

/* fd: a folder of the filesystem. NULL: no such btrfs, or none that can be read like this. Any thread may use it. */
struct btrfs_disk *btrfs_disk_open(int fd);
void btrfs_disk_close(struct btrfs_disk *d);
uint32_t btrfs_disk_sector(const struct btrfs_disk *d);         /* bytes */

/* Items of the inodes first..last of the subvolume that the folder `fd` lies in, as many as fit into buf; *ret points into it. 0, or -errno. */
int btrfs_disk_inodes(int fd, uint64_t first, uint64_t last, void *buf, size_t n, struct btrfs_items *ret);
/* rest: of that answer, behind its last item. True: there may have been more. */
bool btrfs_disk_cut_off(const struct btrfs_disk *d, const struct btrfs_items *rest);

/* len bytes at the address `at`, both whole sectors, into buf (aligned for O_DIRECT). 0, or -errno; -ERANGE: not in one piece on one device. */
int btrfs_disk_read(const struct btrfs_disk *d, uint64_t at, uint64_t len, void *buf);
bool btrfs_disk_in_one(const struct btrfs_disk *d, uint64_t at, uint64_t len);

/* The checksums around an address. One thread at a time; freed with free(). */
struct btrfs_sums;

struct btrfs_sums *btrfs_sums_new(void);
/* Has those of at..at+len (some between the two ends may have none), from the disk if need be. 0, -ENODATA: an end has none, or -errno. */
int btrfs_sums_load(const struct btrfs_disk *d, struct btrfs_sums *s, uint64_t at, uint64_t len);
/* After btrfs_sums_load: whether all of buf is what was written there. */
bool btrfs_sums_match(const struct btrfs_disk *d, const struct btrfs_sums *s, uint64_t at, uint64_t len, const void *buf);

#endif

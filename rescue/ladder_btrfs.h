/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ladder_btrfs.h - what ladder_btrfs.c and ladder_chunks.c know of a btrfs superblock (linux/btrfs_tree.h; all numbers are little-endian). */
#ifndef RESCUE_LADDER_BTRFS_H
#define RESCUE_LADDER_BTRFS_H

#include "btrfs_sum.h"
#include "ladder_int.h"
#include "le.h"

#define SUPER_SIZE 4096

#define AT_FSID 0x20
#define AT_GENERATION 0x48
#define AT_ROOT 0x50
#define AT_CHUNK_ROOT 0x58
#define AT_LOG_ROOT 0x60
#define AT_BYTES_USED 0x78
#define AT_NUM_DEVICES 0x88
#define AT_NODE_SIZE 0x94
#define AT_SYSTEM_SIZE 0xa0
#define AT_CHUNK_GENERATION 0xa4
#define AT_INCOMPAT 0xbc
#define AT_SUM_TYPE 0xc4
#define AT_ROOT_LEVEL 0xc6
#define AT_CHUNK_LEVEL 0xc7
#define AT_DEV_ITEM 0xc9
#define AT_METADATA_UUID 0x23b
#define AT_SYSTEM_CHUNKS 0x32b
/* Four backups of the roots: pairs of address and generation, then sizes and levels. */
#define AT_BACKUPS 0xb2b
#define BACKUPS 4
#define BACKUP_SIZE 168
#define IN_BACKUP_CHUNK 16
#define IN_BACKUP_BYTES_USED 104
#define IN_BACKUP_LEVEL 152

/* The checksum of a block, padded with zeros; false: of a kind that we cannot compute. */
bool ladder_btrfs_sum(unsigned int type, const uint8_t *block, size_t size, uint8_t ret[BTRFS_SUM]);
/* The newest superblock that is whole, wherever it lies. */
bool ladder_btrfs_super(int fd, uint8_t ret[SUPER_SIZE]);
/* As the first one, on an overlay. */
int ladder_btrfs_write_first(int fd, uint8_t sb[SUPER_SIZE], struct err *e);

#endif

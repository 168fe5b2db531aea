/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * damage.h - what can be seen of damage without mounting anything: superblocks, tables and headers of which only a copy is left,
 * and filesystems that are larger than their device. Reads a few blocks, writes nothing.
 *
 *   CLEANUP(strv_free) struct strv found = STRV_INIT;
 *   damage_of(&blk, &found);                   one sentence each: what is wrong, and what helps
 *
 * Formats: btrfs on-disk format (superblock copies at 64 KiB, 64 MiB, 256 GiB), ext4 disk layout (super block, backups at the first
 * block of group 1), XFS algorithms and data structures (superblock of each allocation group), UEFI 2.10 chapter 5 (GPT),
 * Microsoft FAT specification (backup boot sector 6), LUKS2 on-disk format (secondary header offsets).
 */
#ifndef RESCUE_DAMAGE_H
#define RESCUE_DAMAGE_H

#include "blk.h"

struct damage_dev {
	uint64_t size;                  /* bytes */
	unsigned int sector;            /* bytes of a logical sector */
	const char *fs_type, *pttype;   /* what libblkid sees as valid, or NULL */
	int (*read)(void *arg, uint64_t at, void *buf, size_t n);       /* exactly n bytes: 0 or -errno */
	void *arg;
};

/* Looks at the bytes only. */
void damage_look(const struct damage_dev *d, struct strv *ret);
/* The same for a device of this machine, with what was already seen of it: unreadable, two signatures, a suspended system. */
void damage_of(const struct blk *b, struct strv *ret);

#endif

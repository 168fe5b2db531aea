/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blk_impl.h - between the blk_*.c files only. */
#ifndef RESCUE_BLK_IMPL_H
#define RESCUE_BLK_IMPL_H

#include "blk.h"

#define SYS_BLOCK "/sys/class/block"

/* Content and partition entry of b->path through libblkid; failures are kept in b->unreadable. */
void blk_probe(struct blk *b);
/* True when libblkid finds no signature at all. *ret_what is one that it found, for messages; the caller frees. */
bool blk_probe_nothing(const char *path, char **ret_what, struct err *e);

/* Fills mapper, array, under of a device whose name and disk are known. */
void blk_stack(struct blk *b);
void blk_stack_free(struct blk *b);

/* Of a whole disk, by kernel name; NULL: it has none. The caller frees. */
char *blk_serial(const char *disk);
char *blk_wwn(const char *disk);
char *blk_loop_file(const char *disk);
char *blk_disk_of(const char *name, bool partition);

struct blk_entry {
	uint64_t number, start, size;   /* start and size in bytes */
	bool extended;
};

/* The partition table as it stands on the disk now; 0 entries when there is none. The caller frees *ret. */
int blk_probe_table(const char *disk, struct blk_entry **ret, size_t *ret_n, struct err *e);

/* Mount points of the device in this namespace, members of a mounted btrfs included. */
void blk_use_mounts(const struct blk *b, struct strv *ret);
void blk_use_holders(const struct blk *b, struct strv *ret);
bool blk_use_swap(const struct blk *b);

/* Path of /sys/class/block/NAME/ATTR; one word of it or NULL. The caller frees. */
char *blk_sys(const char *name, const char *attr);
uint64_t blk_sys_u64(const char *name, const char *attr);

#endif

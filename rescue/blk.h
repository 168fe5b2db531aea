/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blk.h - block devices: what they are (sysfs), what is on them (libblkid), who holds them, and the guards around writing.
 *
 * The only file that includes <blkid/blkid.h> is blk_probe.c. A device is known by identity, never by its kernel name (T58).
 */
#ifndef RESCUE_BLK_H
#define RESCUE_BLK_H

#include "err.h"
#include "str.h"

/* What a stacked device (device mapper, md) is made of, at any depth: partitions and disks. */
struct blk_part {
	char *name;             /* kernel name */
	char *serial, *wwn, *loop_file; /* of its whole disk, or NULL */
};

struct blk {
	char *path;             /* /dev/NAME */
	char *name;             /* kernel name */
	char *disk;             /* kernel name of the whole disk (itself for a disk) */
	uint64_t size;          /* bytes */
	unsigned int sector;    /* logical sector, bytes */
	uint64_t partition;     /* number, 0: not a partition */
	uint64_t start;         /* bytes from the disk's start */
	char *serial, *wwn, *model;     /* of the whole disk, or NULL */
	char *loop_file;        /* backing file of a loop device, or NULL */
	char *mapper;           /* name of a device mapper device as in /dev/mapper ("vg-root": LVM doubles the dashes of a name), or NULL */
	char *array;            /* UUID of the md array that it is, or is a partition of; from the members' superblocks; or NULL */
	struct blk_part *under; /* NULL: it lies directly on hardware */
	size_t n_under;
	char *part_uuid, *part_label, *part_type;       /* of the partition entry, or NULL */
	char *pttype;           /* gpt, dos, or NULL */
	char *fs_type, *uuid, *uuid_sub, *label, *usage;/* of the content, or NULL. usage: filesystem raid crypto other */
	bool ambivalent;        /* more than one signature is valid: libblkid refuses to choose */
	bool read_only, removable, rotational;
	struct strv holders;    /* kernel names stacked on it (dm, md) and mount points */
	struct strv mounts;
	bool swap;              /* active as swap */
	bool hibernated;        /* swap that holds a suspended system (T65) */
	int unreadable;         /* -errno when its content could not be read; then the content fields are NULL */
};

/* All block devices that have a medium (size > 0), partitions and loop devices included. Probes content: reads, never writes. */
int blk_list(struct blk **ret, size_t *ret_n, struct err *e);
int blk_get(const char *path, struct blk *ret, struct err *e);          /* one device; free with blk_free */
void blk_free(struct blk *b);
void blk_list_free(struct blk *l, size_t n);

/* mdadm writes an array's UUID as four groups with colons, libblkid as a UUID: the digits count. */
bool blk_same_array(const char *a, const char *b);

/* Identity as a person would write it: "serial S3Z8NB0K partition 2", "loop file /x.img". The caller frees. */
char *blk_identity(const struct blk *b);

/*
 * Guards before writing (T57, T58, T61): opens with O_EXCL, not mounted in any namespace that can be seen, no holders, not active swap.
 * A whole disk is refused when one of its partitions is in use. Sentence names who holds it. -EBUSY.
 */
int blk_unused(const char *path, struct err *e);
int blk_set_read_only(const char *path, bool on, bool *ret_was, struct err *e);     /* BLKROSET */
int blk_wipe(const char *path, struct err *e);          /* every signature libblkid knows, both ends; proven gone; partition table too */
int blk_reread(const char *disk, struct err *e);        /* partition table: BLKRRPART, or BLKPG entries where the kernel has no parser */
char *blk_partition_path(const char *disk, uint64_t number);    /* from sysfs, never by gluing names (T29); NULL when absent; the caller frees */

#endif

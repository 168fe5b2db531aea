/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * btrfs.h - devices and subvolumes of btrfs filesystems. The only file that includes <btrfsutil.h> is btrfs.c.
 *
 * Paths are of this system; a subvolume is named by a path inside a mounted filesystem. 0 or -errno with a sentence.
 */
#ifndef RESCUE_BTRFS_H
#define RESCUE_BTRFS_H

#include "err.h"
#include "str.h"

/*
 * Device nodes of the filesystem that `device` belongs to, itself included, found by UUID. A copy beside its original (two devices with
 * one device UUID) is refused: the kernel would take either (T62). -ENOTUNIQ. *ret stays empty when there is no btrfs on it.
 */
int btrfs_members(const char *device, struct strv *ret, struct err *e);
/* Tells the kernel about them, so that any one of them can be mounted. */
int btrfs_scan(const struct strv *devices, struct err *e);

/* 1 `path` is a subvolume, 0 it is something else or missing, -errno. */
int btrfs_is_subvolume(const char *path, struct err *e);
int btrfs_subvolume_create(const char *path, struct err *e);
int btrfs_subvolume_id(const char *path, uint64_t *ret, struct err *e);
int btrfs_read_only(const char *path, bool *ret, struct err *e);
int btrfs_set_read_only(const char *path, bool on, struct err *e);
int btrfs_default_id(const char *mount, uint64_t *ret, struct err *e);
int btrfs_set_default(const char *mount, uint64_t id, struct err *e);
int btrfs_sync(const char *path, struct err *e);

#endif

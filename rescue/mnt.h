/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mnt.h - mounts, and the truth about them. Only mnt.c (acts) and mnt_info.c (asks) include <libmount/libmount.h>.
 *
 *   r = mnt_mount("/dev/vda2", "/target", NULL, "subvol=@", MNT_F_MKDIR, &e);
 *   r = mnt_mount(dev, dir, NULL, NULL, MNT_F_READ_ONLY, &e);       writes nothing to dev, not even a journal replay (T63)
 *   r = mnt_mount("/home", "/target/home", NULL, NULL, MNT_F_BIND, &e);
 *   r = mnt_mount("tmpfs", dir, "tmpfs", "size=1G", 0, &e);
 *
 * 0 or -errno with a sentence that names source and target. What counts is /proc/self/mountinfo afterwards, not what the library
 * returned: a non-zero mnt_context_mount() does not prove that the mount failed. Nothing is read from or written to fstab and utab.
 * Without MNT_F_READ_ONLY or the option ro the mount is writable or fails; it never becomes read-only in silence.
 * A device that was set read-only stays so after the unmount (for a loop device even after it was detached and attached to another
 * file): blk_set_read_only(path, false, ...) gives it back.
 */
#ifndef RESCUE_MNT_H
#define RESCUE_MNT_H

#include "err.h"
#include "str.h"

#define MNT_F_READ_ONLY (1u << 0)       /* block device set read-only first; noload, norecovery or nologreplay when its journal is dirty */
#define MNT_F_BIND      (1u << 1)       /* source is a folder or file */
#define MNT_F_RBIND     (1u << 2)       /* the same with everything mounted below it */
#define MNT_F_MKDIR     (1u << 3)       /* the target folder and its parents are made when missing */
#define MNT_F_LAZY      (1u << 4)       /* mnt_umount: detach now even when busy */

int mnt_mount(const char *source, const char *target, const char *type, const char *options, unsigned int flags, struct err *e);
/* The same with MNT_F_READ_ONLY; *ret_extra is the option that a dirty journal made necessary ("noload"), or NULL; the caller frees. */
int mnt_mount_read_only(const char *source, const char *target, const char *type, const char *options, unsigned int flags,
			char **ret_extra, struct err *e);
int mnt_umount(const char *target, unsigned int flags, struct err *e);          /* 0 when nothing is mounted there */
int mnt_umount_tree(const char *target, unsigned int flags, struct err *e);     /* everything at and below target, last mounted first */
/* Mounts from now on stay in this process and its children: new mount namespace, everything private. */
int mnt_private_namespace(struct err *e);

struct mnt_info {
	uint64_t id;
	char *source;           /* "/dev/loop0", "tmpfs" */
	char *type;             /* "btrfs" */
	char *target;
	char *root;             /* what of the filesystem is mounted there: "/", "/@" */
	char *options;          /* of this mount and of the filesystem, separated by commas */
	bool read_only;
	bool filesystem_read_only;      /* and every other mount of it, too */
	dev_t dev;              /* major:minor of mountinfo */
};

/* The mount on top at exactly this folder. 1 and *ret filled, 0 nothing is mounted there, -errno. ret may be NULL. */
int mnt_find(const char *target, struct mnt_info *ret, struct err *e);
/* The mount that `path` lies on. 0 or -errno. */
int mnt_of(const char *path, struct mnt_info *ret, struct err *e);
void mnt_info_free(struct mnt_info *i);
bool mnt_has_option(const char *options, const char *name);     /* "subvol=/@" or "ro" among options separated by commas */

/* 1 when `target` is a mount point, 0 when not, -errno when it cannot be told. */
int mnt_is_mounted(const char *target, struct err *e);
/* Source of the mount that `path` lies on ("/dev/loop0", "tmpfs"), or NULL; the caller frees. */
char *mnt_source_of(const char *path);
/* All device nodes of the filesystem that `path` lies on: more than one for btrfs, none for tmpfs. */
int mnt_devices_of(const char *path, struct strv *ret, struct err *e);
/* Folders at which this block device is mounted in our namespace. */
int mnt_targets_of(const char *device, struct strv *ret, struct err *e);

#endif

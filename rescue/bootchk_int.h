/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bootchk_int.h - what the files of bootchk share. */
#ifndef RESCUE_BOOTCHK_INT_H
#define RESCUE_BOOTCHK_INT_H

#include "blk.h"
#include "bootchk.h"
#include "initrd.h"
#include "rootmap.h"

#define KERNEL_MAX (512 * MIB)

/* A filesystem that a loader could read, as a folder of this system. */
struct bootfs {
	char *dir;              /* where it is */
	char *sub;              /* which folder of the filesystem that is: "/" or "/@" */
	char *at;               /* place inside the target, or NULL */
	char *type;
	const struct blk *blk;  /* NULL: given with --fs */
	char *uuid;             /* or NULL */
	bool esp;
};

struct bootctx {
	const struct bootchk_req *q;
	struct bootchk *out;
	int rootfd;
	struct rootmap mounts;
	struct blk *blk;
	size_t n_blk;
	struct bootfs *fs;
	size_t n_fs;
	char *esp;              /* folder, or NULL */
	const char *arch;
	bool uefi;
	int depth;              /* loaders that start loaders */
	/* found on the way */
	char *args;             /* kernel command line */
	char *version;          /* of the kernel, or NULL */
};

/* bootchk.c: adds a link; returns true unless it is broken. */
bool bootchk_say(struct bootctx *c, const char *name, enum bootchk_state s, const char *fmt, ...) PRINTF_LIKE(4, 5);
char *bootchk_read(const char *real, size_t max, size_t *ret_n);       /* whole file or NULL */
char *bootchk_read_in_root(struct bootctx *c, const char *path, size_t *ret_n);

/* bootchk_fs.c */
int bootfs_collect(struct bootctx *c, struct err *e);
void bootfs_release(struct bootctx *c);
const struct bootfs *bootfs_at(const struct bootctx *c, const char *at);        /* mounted at this place of the target */
const struct bootfs *bootfs_by(const struct bootctx *c, const char *by, const char *what);     /* "uuid", "label", "file" */
const struct bootfs *bootfs_by_device(const struct bootctx *c, const char *grub_device);       /* "fs2" or "hd0,gpt2" */
char *bootfs_name(const struct bootctx *c, const struct bootfs *f);     /* "fs2"; the caller frees */
/* Real path of a file of that filesystem as a loader names it, or NULL. Looks through every mount of the same filesystem. */
char *bootfs_path(const struct bootctx *c, const struct bootfs *f, const char *path);
/* "UUID=x", "/dev/x", ...: 1 it is in this machine (*ret_blk may be NULL for --fs), 0 it is not. */
int bootfs_spec(const struct bootctx *c, const char *spec, const struct blk **ret_blk, const struct bootfs **ret_fs);

/* the chain, in its order; each adds links and goes on to the next */
void bootchk_efi(struct bootctx *c);
void bootchk_bios(struct bootctx *c);
bool bootchk_grub(struct bootctx *c, const struct bootfs *dev, const char *dir, const char *prefix, const char *config, bool memdisk);
bool bootchk_sdboot(struct bootctx *c);
bool bootchk_uki(struct bootctx *c, const void *data, size_t n, const char *what);
bool bootchk_kernel(struct bootctx *c, const void *data, size_t n, const char *what);
/* several initramfs files behind each other; n 0: none */
bool bootchk_initrd(struct bootctx *c, const void *data, size_t n, const char *what);
/* `names`: LUKS volumes below root, as they are called now. Does the initramfs open them, and from what is in this machine? */
bool bootchk_crypt(struct bootctx *c, const struct initrd *i, const struct strv *names, const char *what);
void bootchk_root(struct bootctx *c);
void bootchk_fstab(struct bootctx *c);
void bootchk_init(struct bootctx *c);
void bootchk_labels(struct bootctx *c);
/* Value of a word of the command line ("root"), the last one counts; NULL when absent. The caller frees. */
char *bootchk_arg(const char *args, const char *name);

#endif

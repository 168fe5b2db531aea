/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * initrd.h - is an initramfs whole, and what is in it? Several cpio archives behind each other, plain or compressed (gzip xz zstd lz4 lzma
 * bzip2 lzop; member.h unpacks), as the kernel's initramfs.c reads them. Any bytes may be given (fuzzed).
 */
#ifndef RESCUE_INITRD_H
#define RESCUE_INITRD_H

#include "err.h"
#include "str.h"

struct initrd {
	struct strv names;      /* every path, without a leading '/' */
	unsigned int archives;
	uint64_t bytes;         /* unpacked */
	struct str builtin;     /* text of modules.builtin files */
	struct str crypttab;    /* text of cryptroot/crypttab (initramfs-tools) and etc/crypttab (dracut, mkinitcpio) */
};

/* -EBADMSG: damaged, -ENODATA: cut off. The sentence says where. Free with initrd_free, whatever the result. */
int initrd_read(const void *data, size_t n, struct initrd *ret, struct err *e);
void initrd_free(struct initrd *i);
bool initrd_has(const struct initrd *i, const char *path);
/* A kernel module by name ('-' and '_' are the same), for this kernel version or, with NULL, for any; in a file or built in. */
bool initrd_has_module(const struct initrd *i, const char *version, const char *module);
/* True when it has a folder of modules for this version. */
bool initrd_has_version(const struct initrd *i, const char *version);
/* "initramfs-tools", "dracut", "mkinitcpio", "booster" or "unknown". */
const char *initrd_maker(const struct initrd *i);

#endif

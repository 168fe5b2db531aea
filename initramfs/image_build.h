/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image_build.h - from what was asked for to the files of a medium. Nothing runs as root, no loop device is used.
 *
 * Every output is written under a temporary name in its own folder and renamed at the end: a failed build leaves nothing, an output that exists
 * is replaced whole or not at all.
 */
#ifndef RESCUE_IMAGE_BUILD_H
#define RESCUE_IMAGE_BUILD_H

#include "image.h"

struct image_job {
	/* what goes in */
	const char *list;               /* text list instead of the built-in one, or NULL */
	const char *kernel;             /* kernel image */
	const char *version;            /* its release */
	const char *modules, *firmware; /* folders */
	const char *plan;               /* built-in plan, or NULL */
	const char *ssh_keys, *ssh_host_key;    /* authorized_keys file, host key file, or NULL */
	const char *keymap;             /* or NULL */
	const char *program, *init;     /* `rescue` itself and PID 1 */
	const struct strv *add;         /* more files, lists ("@FILE"), or SRC:DEST */
	bool this_machine;
	/* how */
	int level, threads;
	uint64_t mtime;
	const char *cmdline;            /* more words for the kernel command line, or NULL */
	bool unattended;                /* the medium runs the built-in plan by itself */
	const char *sign_key, *sign_cert;
	const char *loaders;            /* the folder with signed loaders, or NULL */
	uint64_t state_size;            /* of the RESCUE-STATE partition of a disk image */
	/* what comes out; NULL: not wanted */
	const char *out_initramfs, *out_uki, *out_iso, *out_usb, *out_netboot;
};

struct image_result {
	struct image *im;               /* what is aboard, for the report */
	uint64_t initramfs_size;
	uint64_t memory;                /* bytes: a machine with less cannot unpack it and work */
	char digest[65];                /* SHA-256 of the initramfs */
	double seconds_collect, seconds_write;
	struct strv said;               /* what was written, and what to know about it */
};

int image_build(const struct image_job *job, struct image_result *ret, struct err *e);
void image_result_free(struct image_result *r);

#endif

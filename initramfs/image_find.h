/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image_find.h - what an image is made from when nobody says: the kernel, its release, our own programs.
 */
#ifndef RESCUE_IMAGE_FIND_H
#define RESCUE_IMAGE_FIND_H

#include "err.h"
#include "str.h"

/*
 * `want`: a file, a release ("6.1.0-56-amd64"), or NULL: the running kernel when its modules are installed, else the newest in /boot that has them.
 * *ret_file is NULL when there is no kernel image for the release (enough for an initramfs). The caller frees both.
 */
int image_find_kernel(const char *want, char **ret_file, char **ret_release, struct err *e);
/* The release that a bzImage carries in its header; the caller frees. */
int image_kernel_release(const uint8_t *d, size_t n, char **ret, struct err *e);
/* PID 1, beside this program or installed; the caller frees. */
int image_find_init(char **ret, struct err *e);

#endif

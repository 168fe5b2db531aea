/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bzimage.h - is a kernel file whole, and which version is it? x86 boot protocol (Documentation/arch/x86/boot.rst); arm64 Image and PE
 * kernels of other machines are judged by their PE header.
 */
#ifndef RESCUE_BZIMAGE_H
#define RESCUE_BZIMAGE_H

#include "err.h"

/* 0, -EBADMSG (no kernel), -ENODATA (cut off). *ret_version: "6.1.0-56-amd64", or NULL when the format does not tell; the caller frees. */
int bzimage_check(const void *data, size_t n, char **ret_version, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * member.h - one compressed piece of an initramfs, unpacked as the kernel does it: up to the piece's own end, which is told, because something
 * else may follow (a plain cpio, zeros, another piece in another format).
 *
 *   if (member_known(p, n))
 *           r = member_unpack(p, n, &(struct member_sink){ take, arg }, &used, &e);
 *
 * The formats are those of the kernel's lib/decompress.c: gzip xz lzma zstd lz4 (its old frame only) bzip2 lzop. Any bytes may be given (fuzzed).
 */
#ifndef RESCUE_MEMBER_H
#define RESCUE_MEMBER_H

#include "err.h"

struct member_sink {
	int (*take)(void *arg, const uint8_t *p, size_t n, struct err *e);      /* unpacked bytes; 0 to go on, or -errno */
	void *arg;
};

bool member_known(const void *data, size_t n);
/* -EBADMSG: damaged, -ENODATA: cut off, -ENOTSUP: whole, but the kernel cannot unpack it; or what take() said. */
int member_unpack(const void *data, size_t n, const struct member_sink *to, size_t *ret_used, struct err *e);

#endif

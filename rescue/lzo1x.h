/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_LZO1X_H
#define RESCUE_LZO1X_H

#include <stddef.h>
#include <stdint.h>

/*
 * Unpacks one LZO1X stream of n bytes, which must fill data to its last byte, into out (room for *size bytes). *size becomes the length.
 * 0, -ENOBUFS when out is too small, -EBADMSG when the data is no LZO1X stream. What is read and written never leaves the two buffers;
 * of out, the bytes behind *size may have been written too.
 * Format: the Linux kernel's Documentation/staging/lzo.rst, bitstream version 0, which is what every release of liblzo2 writes.
 */
int lzo1x_unpack(const uint8_t *data, size_t n, uint8_t *out, size_t *size);

#endif

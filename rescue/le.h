/* SPDX-License-Identifier: GPL-2.0-or-later */
/* le.h - little-endian numbers at any address, as most formats on disks have them. The caller knows that the bytes are there. */
#ifndef RESCUE_LE_H
#define RESCUE_LE_H

#include <endian.h>

#include "base.h"

static inline uint16_t le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* The lowest n bytes of v. */
static inline void le_put(uint8_t *p, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

#endif

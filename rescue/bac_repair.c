/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CRC-32 over a block says more than yes or no: when exactly one byte is wrong, the difference between the stored and the computed
 * value belongs to (almost always) one place and one change only, and that place can be computed. The difference that a wrong byte
 * makes is run backwards through the bytes behind it, until it is one that a single byte can cause.
 */
#include "bac.h"

#include <libdeflate.h>

static uint32_t table[256];
static uint8_t by_top[256];             /* index whose table value has this top byte: a bijection for this polynomial */

__attribute__((constructor)) static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
		table[i] = c;
		by_top[c >> 24] = (uint8_t)i;
	}
}

uint32_t bac_crc32(const void *data, size_t n)
{
	return libdeflate_crc32(0, data, n);
}

/* The register's difference before one more byte, given the difference after it. */
static uint32_t step_back(uint32_t d)
{
	uint8_t i = by_top[d >> 24];

	return (d ^ table[i]) << 8 | i;
}

bool bac_crc32_locate(const void *data, size_t n, uint32_t stored, size_t *ret_pos, uint8_t *ret_xor)
{
	uint32_t diff = stored ^ bac_crc32(data, n), d = diff;
	int found = 0;

	for (int i = 0; i < 4; i++)
		if (diff && (diff & ~(0xffu << (8 * i))) == 0) {
			*ret_pos = n;
			*ret_xor = 0;
			found++;
		}
	for (size_t pos = n; pos-- > 0;) {
		uint8_t i = by_top[d >> 24];

		if (d && d == table[i]) {
			*ret_pos = pos;
			*ret_xor = i;
			found++;
		}
		d = step_back(d);
	}
	return found == 1;
}

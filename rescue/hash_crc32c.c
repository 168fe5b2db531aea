/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hash.h"

/* CRC-32C (Castagnoli, reflected polynomial 0x82F63B78; RFC 3720 appendix B.4), four bits at a time: journals are small. */
uint32_t hash_crc32c(uint32_t crc, const void *data, size_t n)
{
	static uint32_t table[16];
	const uint8_t *p = data;

	if (!table[1])
		for (uint32_t i = 0; i < 16; i++) {
			uint32_t c = i;

			for (int k = 0; k < 4; k++)
				c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
			table[i] = c;
		}
	crc = ~crc;
	while (n--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "btrfs_sum.h"

#include "hash.h"
#include "le.h"

static bool by_library(unsigned int type, const void *data, size_t n, uint8_t ret[BTRFS_SUM])
{
	static const enum hash_type types[] = { [1] = HASH_XXH64, [2] = HASH_SHA256 };
	struct hash *h = type < ARRAY_SIZE(types) ? hash_new(types[type]) : NULL;
	uint8_t out[HASH_MAX];

	if (!h)
		return false;
	hash_add(h, data, n);
	n = hash_end(h, out);
	hash_free(h);
	for (size_t i = 0; i < n; i++)          /* XXH64 is written with its highest byte first, and on disk with its lowest */
		ret[type == 1 ? n - 1 - i : i] = out[i];
	return true;
}

bool btrfs_sum(unsigned int type, const void *data, size_t n, uint8_t ret[BTRFS_SUM])
{
	memset(ret, 0, BTRFS_SUM);
	if (type != 0)
		return by_library(type, data, n, ret);
	le_put(ret, hash_crc32c(0, data, n), 4);
	return true;
}

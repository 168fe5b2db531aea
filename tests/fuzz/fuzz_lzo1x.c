/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our LZO1X beside liblzo2: what we unpack is what it unpacks, what it packs we unpack, and no byte outside of the buffers is touched. */
#include <errno.h>
#include <lzo/lzo1x.h>

#include "base.h"
#include "lzo1x.h"

enum { ROOM = 1 << 17 };

static void unpack(const uint8_t *data, size_t size, size_t out_room)
{
	AUTO_FREE uint8_t *a = xmalloc(out_room + 1), *b = xmalloc(out_room + 1);
	size_t got = out_room;
	lzo_uint want = out_room;
	int r = lzo1x_unpack(data, size, a, &got), l = lzo1x_decompress_safe(data, size, b, &want, NULL);

	if (r == 0 && (l != LZO_E_OK || got != want || memcmp(a, b, got) != 0))
		abort();
	if (got > out_room || (r == -ENOBUFS && l == LZO_E_OK))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE uint8_t *packed = xmalloc(size + size / 16 + 67), *work = xmalloc(LZO1X_1_MEM_COMPRESS), *plain = xmalloc(size + 1);
	lzo_uint n = 0;
	size_t got = size;

	unpack(data, size, ROOM);
	unpack(data, size, 100);
	if (lzo1x_1_compress(data, size, packed, &n, work) != LZO_E_OK)
		abort();
	if (lzo1x_unpack(packed, n, plain, &got) != 0 || got != size || memcmp(plain, data, size) != 0)
		abort();
	return 0;
}

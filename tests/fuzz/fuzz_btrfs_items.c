/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a tree search of a damaged btrfs may give: small files, their attributes and extents, chunks. The first byte chooses the sector. */
#include "btrfs_items.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct btrfs_small *f, uint32_t sector, const uint8_t *begin, const uint8_t *end)
{
	CLEANUP(xattrs_free) struct xattrs x = XATTRS_INIT;
	uint64_t sum = 0;

	(void)btrfs_small_xattrs(f, &x);
	if (!f->plain)
		return;
	for (size_t i = 0; i < f->n; i++) {
		if (!f->extent[i].at || !f->extent[i].len || f->extent[i].at % sector || f->extent[i].len % sector)
			abort();
		sum += f->extent[i].len;
	}
	if (f->inlined && (f->n || f->inlined < begin || (size_t)(end - f->inlined) < f->st.stx_size))
		abort();
	if (!f->inlined && (sum < f->st.stx_size || sum - f->st.stx_size >= sector))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct btrfs_items l;
	struct btrfs_item i;
	struct btrfs_small f;
	struct btrfs_chunk_map m;
	uint32_t sector;

	if (size < 1)
		return 0;
	sector = 512u << data[0] % 8;
	l = (struct btrfs_items){ .at = data + 1, .end = data + size, .left = UINT32_MAX };
	while (btrfs_small_next(&l, sector, &f))
		look_at(&f, sector, data, data + size);
	l = (struct btrfs_items){ .at = data + 1, .end = data + size, .left = UINT32_MAX };
	while (btrfs_item_next(&l, &i))
		if (btrfs_chunk_parse(&i, &m) && (!m.n || m.n > ARRAY_SIZE(m.copy)))
			abort();
	return 0;
}

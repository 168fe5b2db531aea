/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Superblocks and tables as damaged disks have them. The input is repeated over the whole device; its first bytes choose size and types. */
#include "damage.h"

struct input { const uint8_t *data; size_t n; };

static int read_input(void *arg, uint64_t at, void *buf, size_t n)
{
	const struct input *in = arg;
	uint8_t *out = buf;

	for (size_t i = 0; i < n; i++)
		out[i] = in->data[(at + i) % in->n];
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { NULL, "btrfs", "ext4", "xfs", "vfat" };
	static const uint64_t sizes[] = { 512, 64 * KIB, 100 * MIB, 300 * GIB, UINT64_MAX / 512 * 512 };
	struct input in = { data + 2, size - 2 };
	struct damage_dev d = { .sector = 512, .read = read_input, .arg = &in };
	CLEANUP(strv_free) struct strv found = STRV_INIT;

	if (size < 16)
		return 0;
	d.fs_type = types[data[0] % ARRAY_SIZE(types)];
	d.size = sizes[data[1] % ARRAY_SIZE(sizes)];
	damage_look(&d, &found);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A btrfs without chunk tree: whatever its tree blocks say, a tree is written or there is a sentence. Input: the superblock, then tree blocks of its
 * node size; their checksums are made right here, or nothing behind them would ever be reached.
 */
#include <sys/mman.h>

#include "ladder_btrfs.h"

#define FIRST_SUPER 65536
#define FIRST_BLOCK 131072

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_block(int fd, unsigned int type, uint8_t *block, size_t n, off_t at)
{
	uint8_t sum[BTRFS_SUM];

	if (ladder_btrfs_sum(type, block, n, sum))
		memcpy(block, sum, sizeof(sum));
	if (pwrite(fd, block, n, at) != (ssize_t)n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t sb[SUPER_SIZE];
	AUTO_CLOSE int fd = memfd_create("image", MFD_CLOEXEC);
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", fd);
	AUTO_FREE uint8_t *block = xmalloc(65536);
	struct err e = ERR_INIT;
	unsigned int type;
	size_t node;

	if (size < SUPER_SIZE || fd < 0)
		return 0;
	memcpy(sb, data, SUPER_SIZE);
	type = le16(sb + AT_SUM_TYPE);
	node = le32(sb + AT_NODE_SIZE);
	put_block(fd, type, sb, SUPER_SIZE, FIRST_SUPER);
	for (size_t at = SUPER_SIZE; node >= 4096 && node <= 65536 && at + node <= size; at += node) {
		memcpy(block, data + at, node);
		put_block(fd, type, block, node, (off_t)(FIRST_BLOCK + at - SUPER_SIZE));
	}
	if (ftruncate(fd, (off_t)(FIRST_BLOCK + size)) < 0)
		abort();
	if (ladder_btrfs_chunks(path, &e) < 0 && !*e.msg)
		abort();
	return 0;
}

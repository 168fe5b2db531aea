/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs_sum.h - the checksums of btrfs, of tree blocks and of data (enum btrfs_csum_type in linux/btrfs_tree.h). */
#ifndef RESCUE_BTRFS_SUM_H
#define RESCUE_BTRFS_SUM_H

#include "base.h"

#define BTRFS_SUM 32            /* bytes of the longest one */

/* As it is on disk, padded with zeros; false: of a kind that we cannot compute. From any thread. */
bool btrfs_sum(unsigned int type, const void *data, size_t n, uint8_t ret[BTRFS_SUM]);

#endif

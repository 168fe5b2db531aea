/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "btrfs_items.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <stddef.h>

#include "le.h"

#define FIELD(type, field, p) (const void *)((p) + offsetof(struct type, field))
/* Flags of inodes on disk, which the kernel's headers for programs do not have everywhere; https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html */
#define NOCOMPRESS 8u
#define PREALLOC 16u
#define INLINE_HEAD offsetof(struct btrfs_file_extent_item, disk_bytenr)

bool btrfs_item_next(struct btrfs_items *l, struct btrfs_item *ret)
{
	struct btrfs_ioctl_search_header h;

	if (!l->left || (size_t)(l->end - l->at) < sizeof(h))
		return false;
	memcpy(&h, l->at, sizeof(h));
	if ((size_t)(l->end - l->at) - sizeof(h) < h.len)
		return false;
	*ret = (struct btrfs_item){ .objectid = h.objectid, .offset = h.offset, .type = h.type, .len = h.len, .data = l->at + sizeof(h) };
	l->at += sizeof(h) + h.len;
	l->left--;
	return true;
}

static struct statx_timestamp time_of(const void *p)
{
	const uint8_t *t = p;

	return (struct statx_timestamp){ .tv_sec = (int64_t)le64(FIELD(btrfs_timespec, sec, t)), .tv_nsec = le32(FIELD(btrfs_timespec, nsec, t)) };
}

/* False: something else than a regular file. */
static bool take_inode(const struct btrfs_item *i, uint32_t sector, struct btrfs_small *f)
{
	const uint8_t *p = i->data;
	uint64_t flags, bytes;

	if (i->len < sizeof(struct btrfs_inode_item) || !S_ISREG(le32(FIELD(btrfs_inode_item, mode, p))))
		return false;
	flags = le64(FIELD(btrfs_inode_item, flags, p));
	bytes = le64(FIELD(btrfs_inode_item, nbytes, p));
	*f = (struct btrfs_small){ .ino = i->objectid, .plain = !(flags & ~(uint64_t)(NOCOMPRESS | PREALLOC)) };
	f->st = (struct statx){
		.stx_ino = i->objectid, .stx_mode = (uint16_t)le32(FIELD(btrfs_inode_item, mode, p)),
		.stx_nlink = le32(FIELD(btrfs_inode_item, nlink, p)),
		.stx_uid = le32(FIELD(btrfs_inode_item, uid, p)), .stx_gid = le32(FIELD(btrfs_inode_item, gid, p)),
		.stx_size = le64(FIELD(btrfs_inode_item, size, p)), .stx_blocks = (bytes + sector - 1) / sector * (sector / 512),
		.stx_atime = time_of(FIELD(btrfs_inode_item, atime, p)), .stx_mtime = time_of(FIELD(btrfs_inode_item, mtime, p)),
		.stx_ctime = time_of(FIELD(btrfs_inode_item, ctime, p)),
	};
	return true;
}

static bool take_inline(const struct btrfs_item *i, struct btrfs_small *f, uint64_t have)
{
	if (have || i->offset || i->len - INLINE_HEAD != f->st.stx_size ||
	    le64(FIELD(btrfs_file_extent_item, ram_bytes, i->data)) != f->st.stx_size)
		return false;
	f->inlined = i->data + INLINE_HEAD;
	return true;
}

/* One piece of the content, which has `have` bytes so far; those that it has then, or 0: not plain. */
static uint64_t take_extent(const struct btrfs_item *i, uint32_t sector, struct btrfs_small *f, uint64_t have)
{
	const uint8_t *p = i->data;
	uint64_t at, from, len;

	if (i->len < INLINE_HEAD || *(const uint8_t *)FIELD(btrfs_file_extent_item, compression, p) ||
	    *(const uint8_t *)FIELD(btrfs_file_extent_item, encryption, p) || le16(FIELD(btrfs_file_extent_item, other_encoding, p)))
		return 0;
	if (*(const uint8_t *)FIELD(btrfs_file_extent_item, type, p) == BTRFS_FILE_EXTENT_INLINE)
		return take_inline(i, f, have) ? f->st.stx_size : 0;
	if (i->len < sizeof(struct btrfs_file_extent_item) || *(const uint8_t *)FIELD(btrfs_file_extent_item, type, p) != BTRFS_FILE_EXTENT_REG)
		return 0;
	at = le64(FIELD(btrfs_file_extent_item, disk_bytenr, p));
	from = le64(FIELD(btrfs_file_extent_item, offset, p));
	len = le64(FIELD(btrfs_file_extent_item, num_bytes, p));
	if (!at || f->inlined || i->offset != have || f->n == BTRFS_SMALL_EXTENTS || !len || len > UINT64_MAX / 4 || from > UINT64_MAX / 4 ||
	    at > UINT64_MAX / 4 || (at + from) % sector || len % sector)
		return 0;
	f->extent[f->n++] = (struct btrfs_extent){ at + from, len };
	return have + len;
}

/* The last sector may be longer than the file; nothing else may lie behind its end. */
static bool all_there(const struct btrfs_small *f, uint64_t have, uint32_t sector)
{
	if (f->inlined || !f->st.stx_size)
		return have == f->st.stx_size;
	return have >= f->st.stx_size && have - f->st.stx_size < sector;
}

/* The items of the file whose inode item was taken. */
static void take_rest(struct btrfs_items *l, uint32_t sector, struct btrfs_small *f)
{
	struct btrfs_items before = *l;
	uint64_t have = 0;
	struct btrfs_item i;

	while (btrfs_item_next(l, &i) && i.objectid == f->ino) {
		if (i.type == BTRFS_EXTENT_DATA_KEY && f->plain) {
			have = take_extent(&i, sector, f, have);
			f->plain = have != 0;
		}
		before = *l;
	}
	*l = before;
	f->items.left -= l->left;
	f->items.end = l->at;
	f->plain = f->plain && all_there(f, have, sector);
}

bool btrfs_small_next(struct btrfs_items *l, uint32_t sector, struct btrfs_small *ret)
{
	struct btrfs_item i;

	while (btrfs_item_next(l, &i)) {
		if (i.type != BTRFS_INODE_ITEM_KEY || !take_inode(&i, sector, ret))
			continue;
		ret->items = *l;
		take_rest(l, sector, ret);
		return true;
	}
	return false;
}

/* One item has several attributes when their names have one hash. */
static int add_xattrs(const struct btrfs_item *i, struct xattrs *x)
{
	const uint8_t *p = i->data, *end = i->data + i->len;

	while (p < end) {
		size_t n, len;
		char name[256];

		if ((size_t)(end - p) < sizeof(struct btrfs_dir_item))
			return -EIO;
		n = le16(FIELD(btrfs_dir_item, name_len, p));
		len = le16(FIELD(btrfs_dir_item, data_len, p));
		p += sizeof(struct btrfs_dir_item);
		if (n >= sizeof(name) || !n || (size_t)(end - p) < n + len || memchr(p, '\0', n))
			return -EIO;
		memcpy(name, p, n);
		name[n] = '\0';
		xattrs_add(x, name, p + n, len);
		p += n + len;
	}
	return 0;
}

int btrfs_small_xattrs(const struct btrfs_small *f, struct xattrs *x)
{
	struct btrfs_items l = f->items;
	struct btrfs_item i;
	int r = 0;

	while (r == 0 && btrfs_item_next(&l, &i))
		if (i.type == BTRFS_XATTR_ITEM_KEY)
			r = add_xattrs(&i, x);
	return r;
}

bool btrfs_chunk_parse(const struct btrfs_item *i, struct btrfs_chunk_map *ret)
{
	const uint64_t striped = BTRFS_BLOCK_GROUP_RAID0 | BTRFS_BLOCK_GROUP_RAID10 | BTRFS_BLOCK_GROUP_RAID5 | BTRFS_BLOCK_GROUP_RAID6;
	const uint8_t *p = i->data;
	size_t n;

	if (i->type != BTRFS_CHUNK_ITEM_KEY || i->len < sizeof(struct btrfs_chunk))
		return false;
	n = le16(FIELD(btrfs_chunk, num_stripes, p));
	*ret = (struct btrfs_chunk_map){ .at = i->offset, .len = le64(FIELD(btrfs_chunk, length, p)), .n = n };
	if (le64(FIELD(btrfs_chunk, type, p)) & striped || !n || n > ARRAY_SIZE(ret->copy) || ret->at + ret->len < ret->at ||
	    i->len < offsetof(struct btrfs_chunk, stripe) + n * sizeof(struct btrfs_stripe))
		return false;
	for (size_t k = 0; k < n; k++) {
		const uint8_t *s = p + offsetof(struct btrfs_chunk, stripe) + k * sizeof(struct btrfs_stripe);

		ret->copy[k].devid = le64(FIELD(btrfs_stripe, devid, s));
		ret->copy[k].offset = le64(FIELD(btrfs_stripe, offset, s));
	}
	return true;
}

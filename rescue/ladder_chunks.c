/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A btrfs without chunk tree, on an overlay: nothing says any more where on the disk its addresses lie. But each tree block says its own
 * address, so that the whole device is read for them once; then the root tree and the device tree, which knows each piece of the disk and
 * the address that it holds, can be walked, and a chunk tree with the same words is written. Only filesystems of one device. The kernel
 * compares the new tree with the device tree and the block groups when it mounts, and checksums prove what is read through it.
 */
#include "ladder_btrfs.h"

#include <fcntl.h>

#define HEADER 101
#define ITEM 25
#define POINTER 33
#define KEY 17
#define MAX_NODE 65536
#define STEP 4096
#define DEV_EXTENT 204
#define BLOCK_GROUP 192
#define ROOT_ITEM 132
#define TREE_EXTENT 2
#define TREE_CHUNK 3
#define TREE_DEV 4
#define TREE_BLOCK_GROUPS 11
#define DEV_ITEM_SIZE 98
#define CHUNK_SIZE 48
#define STRIPE_SIZE 32
#define TREES 3                 /* that are walked */
#define SYSTEM 2                /* a chunk's type */

struct block {
	uint64_t address, generation, at;
};

struct extent {                 /* a piece of the device */
	uint64_t address, at, len;
};

struct chunks {
	int fd;
	uint8_t sb[SUPER_SIZE], uuid[16], chunk_uuid[16];
	unsigned int sum_type;
	size_t node;
	struct block *block;
	size_t n_block, cap_block, n_read;
	struct extent *extent;
	size_t n_extent;
	struct extent *group;           /* block groups: address and, in `at`, the type */
	size_t n_group;
	uint64_t root[TREE_BLOCK_GROUPS + 1], root_generation[TREE_BLOCK_GROUPS + 1];
};

static void chunks_free(struct chunks *x)
{
	base_close(&x->fd);
	free(x->block);
	free(x->extent);
	free(x->group);
}

/* ---- every tree block of the device ---- */

static bool is_block(const struct chunks *x, const uint8_t *p)
{
	uint8_t sum[BTRFS_SUM];

	return memcmp(p + 0x20, x->uuid, 16) == 0 && le64(p + 0x30) % STEP == 0 && ladder_btrfs_sum(x->sum_type, p, x->node, sum) &&
	       memcmp(sum, p, BTRFS_SUM) == 0;
}

static void add_block(struct chunks *x, const uint8_t *p, uint64_t at)
{
	if (x->n_block == x->cap_block) {
		x->cap_block = x->cap_block ? x->cap_block * 2 : 1024;
		x->block = xrealloc(x->block, x->cap_block * sizeof(*x->block));
	}
	x->block[x->n_block++] = (struct block){ le64(p + 0x30), le64(p + 0x50), at };
	memcpy(x->chunk_uuid, p + 0x40, 16);
}

static int by_address(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->generation < y->generation ? -1 : x->generation > y->generation;
}

/* Pieces overlap by one block. Where one cannot be read it is read block by block. */
static void scan(struct chunks *x)
{
	size_t piece = 4 * MIB;
	AUTO_FREE uint8_t *buf = xmalloc(piece + MAX_NODE);
	uint64_t at = 0, bad_end = 0;
	ssize_t n;

	while ((n = pread(x->fd, buf, piece + x->node, (off_t)at)) != 0) {
		for (size_t i = 0; n > 0 && i < piece && i + x->node <= (size_t)n; i += STEP)
			if (is_block(x, buf + i))
				add_block(x, buf + i, at + i);
		if (n < 0 && piece > STEP) {
			bad_end = at + piece;
			piece = STEP;
			continue;
		}
		at += piece;
		if (piece == STEP && at >= bad_end)
			piece = 4 * MIB;
	}
	if (x->n_block)
		qsort(x->block, x->n_block, sizeof(*x->block), by_address);
}

/* ---- walking ---- */

typedef void (*visit_item)(struct chunks *x, const uint8_t *key, const uint8_t *data, size_t n);

static int read_block(const struct chunks *x, uint64_t address, uint64_t generation, uint8_t *buf)
{
	struct block want = { address, generation, 0 };
	const struct block *b = x->n_read < TREES * x->n_block ? bsearch(&want, x->block, x->n_block, sizeof(want), by_address) : NULL;

	return b && pread(x->fd, buf, x->node, (off_t)b->at) == (ssize_t)x->node && is_block(x, buf) ? 0 : -EIO;
}

static void visit_leaf(struct chunks *x, const uint8_t *p, uint32_t n, visit_item visit)
{
	for (uint32_t i = 0; i < n && HEADER + (i + 1) * ITEM <= x->node; i++) {
		const uint8_t *item = p + HEADER + i * ITEM;
		uint64_t off = HEADER + (uint64_t)le32(item + KEY), len = le32(item + KEY + 4);

		if (off + len <= x->node)
			visit(x, item, p + off, len);
	}
}

/* A tree that leads back to itself has more blocks than there are. */
static int walk(struct chunks *x, uint64_t address, uint64_t generation, int depth, visit_item visit)
{
	AUTO_FREE uint8_t *p = xmalloc(x->node);
	int r = depth > 8 ? -EIO : read_block(x, address, generation, p);
	uint32_t n = r < 0 ? 0 : le32(p + 0x60);

	x->n_read++;
	if (r == 0 && p[0x64] == 0) {
		visit_leaf(x, p, n, visit);
		return 0;
	}
	for (uint32_t i = 0; r == 0 && i < n && HEADER + (i + 1) * POINTER <= x->node; i++) {
		const uint8_t *to = p + HEADER + i * POINTER + KEY;

		r = walk(x, le64(to), le64(to + 8), depth + 1, visit);
	}
	return r;
}

static void on_root(struct chunks *x, const uint8_t *key, const uint8_t *data, size_t n)
{
	uint64_t tree = le64(key);

	if (key[8] != ROOT_ITEM || tree > TREE_BLOCK_GROUPS || n < 239)
		return;
	x->root[tree] = le64(data + 176);
	x->root_generation[tree] = le64(data + 160);
}

static void add_extent(struct extent **v, size_t *n, struct extent e)
{
	*v = xrealloc(*v, (*n + 1) * sizeof(**v));
	(*v)[(*n)++] = e;
}

static void on_dev(struct chunks *x, const uint8_t *key, const uint8_t *data, size_t n)
{
	if (key[8] == DEV_EXTENT && n >= 48)
		add_extent(&x->extent, &x->n_extent, (struct extent){ le64(data + 16), le64(key + 9), le64(data + 24) });
}

static void on_group(struct chunks *x, const uint8_t *key, const uint8_t *data, size_t n)
{
	if (key[8] == BLOCK_GROUP && n >= 24)
		add_extent(&x->group, &x->n_group, (struct extent){ le64(key), le64(data + 16), le64(key + 9) });
}

static int extent_by_address(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static int learn(struct chunks *x, struct err *e)
{
	int tree, r;

	scan(x);
	r = walk(x, le64(x->sb + AT_ROOT), le64(x->sb + AT_GENERATION), 0, on_root);
	tree = x->root[TREE_BLOCK_GROUPS] ? TREE_BLOCK_GROUPS : TREE_EXTENT;
	if (r == 0 && x->root[TREE_DEV])
		r = walk(x, x->root[TREE_DEV], x->root_generation[TREE_DEV], 0, on_dev);
	if (r == 0 && x->root[tree])
		r = walk(x, x->root[tree], x->root_generation[tree], 0, on_group);
	if (r < 0 || !x->n_extent || !x->n_group)
		return err_set(e, -ENODATA, "%zu tree blocks were found, but not those that say where everything lies", x->n_block);
	qsort(x->extent, x->n_extent, sizeof(*x->extent), extent_by_address);
	qsort(x->group, x->n_group, sizeof(*x->group), extent_by_address);
	return 0;
}

/* ---- writing ---- */

/* A leaf is filled from both ends. */
struct leaf {
	uint8_t *p;
	uint32_t n, end;
};

static bool leaf_add(struct leaf *l, uint64_t objectid, uint8_t type, uint64_t offset, const uint8_t *data, uint32_t n)
{
	uint8_t *item = l->p + HEADER + l->n * ITEM;

	if (HEADER + (l->n + 1) * ITEM + n > HEADER + l->end)
		return false;
	l->end -= n;
	le_put(item, objectid, 8);
	item[8] = type;
	le_put(item + 9, offset, 8);
	le_put(item + KEY, l->end, 4);
	le_put(item + KEY + 4, n, 4);
	memcpy(l->p + HEADER + l->end, data, n);
	l->n++;
	return true;
}

/* The chunk whose extents begin at number `from`; returns how many extents it has, 0 when no block group has its address. */
static size_t make_chunk(const struct chunks *x, size_t from, uint8_t *out, uint32_t *ret_size)
{
	const struct extent *e = x->extent + from;
	struct extent want = { e->address, 0, 0 };
	size_t n = 1, g = 0;

	while (from + n < x->n_extent && e[n].address == e->address && n < 2)
		n++;
	while (g < x->n_group && x->group[g].address != want.address)
		g++;
	if (g == x->n_group)
		return 0;
	memset(out, 0, CHUNK_SIZE);
	le_put(out, e->len, 8);
	le_put(out + 8, TREE_EXTENT, 8);
	le_put(out + 16, 65536, 8);
	le_put(out + 24, x->group[g].at, 8);
	le_put(out + 32, 65536, 4);
	le_put(out + 36, 65536, 4);
	le_put(out + 40, STEP, 4);
	le_put(out + 44, n, 2);
	le_put(out + 46, 1, 2);
	for (size_t i = 0; i < n; i++) {
		uint8_t *stripe = out + CHUNK_SIZE + i * STRIPE_SIZE;

		memcpy(stripe, x->sb + AT_DEV_ITEM, 8);                 /* the device's number */
		le_put(stripe + 8, e[i].at, 8);
		memcpy(stripe + 16, x->sb + AT_DEV_ITEM + 66, 16);      /* and its UUID */
	}
	*ret_size = (uint32_t)(CHUNK_SIZE + n * STRIPE_SIZE);
	return n;
}

/* A chunk for system blocks, as the superblock itself has it: where its address lies. */
static size_t system_places(const struct chunks *x, uint64_t *ret_address, uint64_t *ret_len, uint64_t ret_at[2])
{
	const uint8_t *p = x->sb + AT_SYSTEM_CHUNKS;
	size_t n = le16(p + KEY + 44);

	if (le32(x->sb + AT_SYSTEM_SIZE) < KEY + CHUNK_SIZE + STRIPE_SIZE || !(le64(p + KEY + 24) & SYSTEM))
		return 0;
	*ret_address = le64(p + 9);
	*ret_len = le64(p + KEY);
	n = n > 2 ? 2 : n;
	for (size_t i = 0; i < n; i++)
		ret_at[i] = le64(p + KEY + CHUNK_SIZE + i * STRIPE_SIZE + 8);
	return n;
}

static int write_node(const struct chunks *x, uint8_t *p, uint32_t items, uint8_t level, size_t number, struct err *e)
{
	uint64_t address, len, at[2];
	size_t copies = system_places(x, &address, &len, at);
	uint8_t sum[BTRFS_SUM];

	if (!copies || (number + 1) * x->node > len)
		return err_set(e, -ENODATA, "there is no room for a chunk tree");
	memcpy(p + 0x20, x->uuid, 16);
	le_put(p + 0x30, address + number * x->node, 8);
	le_put(p + 0x38, 1ULL | 1ULL << 56, 8);      /* written, with today's references */
	memcpy(p + 0x40, x->chunk_uuid, 16);
	memcpy(p + 0x50, x->sb + AT_CHUNK_GENERATION, 8);
	le_put(p + 0x58, TREE_CHUNK, 8);
	le_put(p + 0x60, items, 4);
	p[0x64] = level;
	(void)ladder_btrfs_sum(x->sum_type, p, x->node, sum);
	memcpy(p, sum, BTRFS_SUM);
	for (size_t i = 0; i < copies; i++)
		if (pwrite(x->fd, p, x->node, (off_t)(at[i] + number * x->node)) != (ssize_t)x->node)
			return err_errno(e, "write a chunk tree on the overlay");
	return 0;
}

/* A full leaf goes out as number top->n + 1; its first key and address go into the root. */
static int leaf_end(struct chunks *x, struct leaf *l, struct leaf *top, struct err *e)
{
	uint64_t address, len, at[2];
	uint8_t *to = top->p + HEADER + top->n * POINTER;
	int r;

	if (HEADER + (top->n + 1) * POINTER > x->node || !system_places(x, &address, &len, at))
		return err_set(e, -E2BIG, "the chunk tree is too large to be made anew");
	r = write_node(x, l->p, l->n, 0, top->n + 1, e);
	memcpy(to, l->p + HEADER, KEY);
	le_put(to + KEY, address + (top->n + 1) * x->node, 8);
	memcpy(to + KEY + 8, x->sb + AT_CHUNK_GENERATION, 8);
	top->n++;
	memset(l->p, 0, x->node);
	l->n = 0;
	l->end = (uint32_t)(x->node - HEADER);
	return r;
}

static int write_tree(struct chunks *x, struct err *e)
{
	AUTO_FREE uint8_t *leaf = xcalloc(1, x->node), *root = xcalloc(1, x->node);
	struct leaf l = { leaf, 0, (uint32_t)(x->node - HEADER) }, top = { root, 0, 0 };
	uint8_t chunk[CHUNK_SIZE + 2 * STRIPE_SIZE];
	int r = 0;

	(void)leaf_add(&l, 1, 216, le64(x->sb + AT_DEV_ITEM), x->sb + AT_DEV_ITEM, DEV_ITEM_SIZE);
	for (size_t i = 0, n; r == 0 && i < x->n_extent; i += n) {
		uint32_t size;

		n = make_chunk(x, i, chunk, &size);
		if (!n)
			return err_set(e, -ENODATA, "a piece of the device belongs to no block group");
		if (leaf_add(&l, 256, 228, x->extent[i].address, chunk, size))
			continue;
		r = leaf_end(x, &l, &top, e);
		(void)leaf_add(&l, 256, 228, x->extent[i].address, chunk, size);
	}
	if (r == 0)
		r = leaf_end(x, &l, &top, e);
	return r < 0 ? r : write_node(x, root, top.n, 1, 0, e);
}

static int begin(struct chunks *x, const char *overlay, struct err *e)
{
	x->fd = open(overlay, O_RDWR | O_CLOEXEC);
	if (x->fd < 0 || !ladder_btrfs_super(x->fd, x->sb))
		return err_set(e, -ENODATA, "there is no superblock");
	x->sum_type = le16(x->sb + AT_SUM_TYPE);
	x->node = le32(x->sb + AT_NODE_SIZE);
	memcpy(x->uuid, x->sb + (le64(x->sb + AT_INCOMPAT) & 0x400 ? AT_METADATA_UUID : AT_FSID), 16);
	if (le64(x->sb + AT_NUM_DEVICES) != 1)
		return err_set(e, -EOPNOTSUPP, "a chunk tree is only made anew for filesystems of one device");
	if (x->node < STEP || x->node > MAX_NODE || x->node % STEP)
		return err_set(e, -EBADMSG, "tree blocks of %zu bytes", x->node);
	return 0;
}

/* Walks with what the scan found, so it does not matter whether the old tree is there. */
int ladder_btrfs_chunks(const char *overlay, struct err *e)
{
	CLEANUP(chunks_free) struct chunks x = { .fd = -1 };
	uint64_t address, len, at[2];
	int r = begin(&x, overlay, e);

	if (r == 0)
		r = learn(&x, e);
	if (r == 0)
		r = write_tree(&x, e);
	if (r < 0 || !system_places(&x, &address, &len, at))
		return r < 0 ? r : err_set(e, -ENODATA, "the superblock has no system chunk");
	le_put(x.sb + AT_CHUNK_ROOT, address, 8);
	x.sb[AT_CHUNK_LEVEL] = 1;
	return ladder_btrfs_write_first(x.fd, x.sb, e);
}

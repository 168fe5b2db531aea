/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ext4 whose group descriptors are lost, all copies of them: nothing says any more where inodes and bitmaps lie, and e2fsck looks for them where
 * they are not. But they lie where mke2fs had put them, and the superblock knows what mke2fs was told. It is told the same again, to write
 * superblocks and group descriptors only (mke2fs(8), -S); where its new superblock has another layout in it, or there is no root folder
 * where the first inodes should be, it was not so, and this is no way. Then the old superblock comes back, and e2fsck makes the rest fit.
 *
 * Superblock and group descriptors: Documentation/filesystems/ext4/super.rst and group_descr.rst.
 */
#include "ladder_int.h"

#include <fcntl.h>

#include "child.h"
#include "guid.h"
#include "le.h"

#define MAGIC 0xef53
#define MAX_LOG 6               /* blocks of 64 KiB */
#define LARGE 0x80              /* incompatible features: descriptors of 64 bytes, "64bit" */
#define FLEX_BG 0x200

struct bit {
	size_t field;
	uint32_t bit;
	const char *name;       /* as mke2fs calls the feature, NULL: it lays things out in ways that are not known here */
};

enum { COMPAT = 0x5c, INCOMPAT = 0x60, RO_COMPAT = 0x64 };

/* What changes where things lie, or what is in a group descriptor. */
static const struct bit bits[] = {
	{ COMPAT, 0x4, "has_journal" }, { COMPAT, 0x10, "resize_inode" }, { COMPAT, 0x200, NULL /* sparse_super2 */ },
	{ INCOMPAT, 0x2, "filetype" }, { INCOMPAT, 0x10, NULL /* meta_bg */ }, { INCOMPAT, 0x40, "extent" }, { INCOMPAT, LARGE, "64bit" },
	{ INCOMPAT, FLEX_BG, "flex_bg" }, { RO_COMPAT, 0x1, "sparse_super" }, { RO_COMPAT, 0x2, "large_file" }, { RO_COMPAT, 0x10, "uninit_bg" },
	{ RO_COMPAT, 0x200, NULL /* bigalloc */ }, { RO_COMPAT, 0x400, "metadata_csum" },
};

/* The layout, by offset and length: block and inode counts, sizes of groups, of inodes and of descriptors, room for more of these, flex groups. */
static const struct { size_t at, n; } layout[] = { { 0x0, 8 }, { 0x14, 24 }, { 0x58, 2 }, { 0xce, 2 }, { 0xfe, 2 }, { 0x150, 4 }, { 0x174, 1 } };

static bool sane(const uint8_t *sb)
{
	return le16(sb + 0x38) == MAGIC && le32(sb + 0x18) <= MAX_LOG;
}

static bool read_super(int fd, uint8_t sb[LADDER_EXT_SUPER])
{
	for (size_t i = 0; i < LADDER_EXT_SUPERS; i++)
		if (pread(fd, sb, LADDER_EXT_SUPER, ladder_ext_at[i]) == LADDER_EXT_SUPER && sane(sb))
			return true;
	return false;
}

static uint64_t block_size(const uint8_t *sb)
{
	return 1024ULL << le32(sb + 0x18);
}

static int features(const uint8_t *sb, struct str *ret, struct err *e)
{
	if (!sane(sb))
		return err_set(e, -EBADMSG, "its superblock makes no sense");
	str_add(ret, "none");
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		if (!(le32(sb + bits[i].field) & bits[i].bit))
			continue;
		if (!bits[i].name)
			return err_set(e, -EOPNOTSUPP, "its groups are laid out in a way that cannot be made again (meta_bg, bigalloc or sparse_super2)");
		str_addf(ret, ",%s", bits[i].name);
	}
	return 0;
}

int ladder_ext_args(const uint8_t sb[LADDER_EXT_SUPER], const char *device, struct strv *ret, struct err *e)
{
	CLEANUP(str_free) struct str f = STR_INIT;
	char uuid[37];

	if (features(sb, &f, e) < 0)
		return e->code;
	guid_text(sb + 0x68, uuid);     /* the checksums of the descriptors begin with it */
	strv_split(ret, "mkfs.ext4 -S -q -F -E nodiscard -U", " ");
	strv_add(ret, uuid);
	strv_add(ret, "-O");
	strv_add(ret, str_cstr(&f));
	strv_addf(ret, "-b%llu", (unsigned long long)block_size(sb));
	strv_addf(ret, "-g%u", le32(sb + 0x20));
	strv_addf(ret, "-N%u", le32(sb));
	strv_addf(ret, "-I%u", le16(sb + 0x58));
	if (le32(sb + INCOMPAT) & FLEX_BG)
		strv_addf(ret, "-G%u", 1U << (sb[0x174] & 31));
	strv_add(ret, device);
	strv_addf(ret, "%llu", (unsigned long long)(le32(sb + 0x4) | (uint64_t)le32(sb + 0x150) << 32));
	return 0;
}

static int make_again(const char *overlay, const uint8_t *sb, struct err *e)
{
	CLEANUP(strv_free) struct strv args = STRV_INIT;
	int r = ladder_ext_args(sb, overlay, &args, e);

	return r < 0 ? r : child_run(&(struct child){ .argv = (const char *const *)args.v, .timeout_s = 3600 }, e);
}

static bool same_layout(const uint8_t *a, const uint8_t *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(layout); i++)
		if (memcmp(a + layout[i].at, b + layout[i].at, layout[i].n) != 0)
			return false;
	return true;
}

/* Inode 2, in the table of the first group: a folder that is not deleted, with at least two links. */
static bool has_root(int fd, const uint8_t *sb)
{
	uint8_t group[64] = { 0 }, inode[32];
	uint64_t table;

	if (pread(fd, group, sizeof(group), (off_t)((le32(sb + 0x14) + 1ULL) * block_size(sb))) != sizeof(group))
		return false;
	table = le32(group + 0x8) | (le32(sb + INCOMPAT) & LARGE ? (uint64_t)le32(group + 0x28) << 32 : 0);
	if (pread(fd, inode, sizeof(inode), (off_t)(table * block_size(sb) + le16(sb + 0x58))) != sizeof(inode))
		return false;
	return (le16(inode) & 0xf000) == 0x4000 && le32(inode + 0x14) == 0 && le16(inode + 0x1a) >= 2;
}

int ladder_ext_groups(const char *overlay, struct err *e)
{
	AUTO_CLOSE int fd = open(overlay, O_RDWR | O_CLOEXEC);
	uint8_t old[LADDER_EXT_SUPER], made[LADDER_EXT_SUPER];

	if (fd < 0)
		return err_errno(e, "open '%s'", overlay);
	if (!read_super(fd, old))
		return err_set(e, -ENODATA, "there is no superblock that says where its inodes lie");
	if (has_root(fd, old))          /* e2fsck with all inode tables to be read would take long, and find what it found before */
		return err_set(e, -ENODATA, "its group descriptors are there");
	if (make_again(overlay, old, e) < 0)
		return e->code;
	if (!read_super(fd, made) || !same_layout(old, made) || !has_root(fd, made))
		return err_set(e, -EOPNOTSUPP, "where mkfs.ext4 would put its inodes they are not: it was resized, or made by something else");
	if (pwrite(fd, old, sizeof(old), ladder_ext_at[0]) != (ssize_t)sizeof(old) || fsync(fd) < 0)
		return err_errno(e, "write the superblock");
	return ladder_ext_repair(overlay, e);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "damage.h"

#include <endian.h>
#include <fcntl.h>

#include "hash.h"
#include "le.h"

#define BLOCK 4096

static uint32_t be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

/* n bytes at a place; false when the device ends before or cannot be read there. */
static bool get(const struct damage_dev *d, uint64_t at, void *buf, size_t n)
{
	return n <= d->size && at <= d->size - n && d->read(d->arg, at, buf, n) == 0;
}

static bool is_type(const struct damage_dev *d, const char *prefix)
{
	return d->fs_type && str_starts(d->fs_type, prefix);
}

static void cut_off(const struct damage_dev *d, const char *fs, uint64_t want, struct strv *ret)
{
	char have_text[16], want_text[16];

	if (want > d->size)
		strv_addf(ret, "%s: the filesystem has %s (%llu bytes), its device only %s (%llu): the end is cut off", fs,
			  str_human_size(want_text, sizeof(want_text), want), (unsigned long long)want,
			  str_human_size(have_text, sizeof(have_text), d->size), (unsigned long long)d->size);
}

/* ---- btrfs ---- */

enum sb { SB_NONE, SB_BAD, SB_GOOD };

static enum sb btrfs_sb(const struct damage_dev *d, uint64_t at, uint8_t sb[BLOCK])
{
	if (!get(d, at, sb, BLOCK) || memcmp(sb + 0x40, "_BHRfS_M", 8) != 0)
		return SB_NONE;
	if (le64(sb + 0x30) != at)
		return SB_BAD;
	if (le16(sb + 0xc4) == 0 && le32(sb) != hash_crc32c(0, sb + 0x20, BLOCK - 0x20))
		return SB_BAD;          /* checksum type 0 is CRC-32C; the others are not judged */
	return SB_GOOD;
}

static void btrfs(const struct damage_dev *d, struct strv *ret)
{
	static const struct { uint64_t at; const char *name; } copies[] = { { 64 * MIB, "64 MiB" }, { 256 * GIB, "256 GiB" } };
	uint8_t first[BLOCK], copy[BLOCK];
	enum sb primary = btrfs_sb(d, 64 * KIB, first);

	if (d->fs_type && !is_type(d, "btrfs"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(copies); i++) {
		enum sb c = copies[i].at + BLOCK <= d->size ? btrfs_sb(d, copies[i].at, copy) : SB_NONE;

		if (primary != SB_GOOD && c == SB_GOOD)
			strv_addf(ret, "btrfs: the superblock at 64 KiB is %s, its copy at %s is whole: 'btrfs rescue super-recover' puts it back, "
				       "'extract' reads through it", primary == SB_BAD ? "damaged" : "gone", copies[i].name);
		if (primary == SB_GOOD && c != SB_GOOD && copies[i].at + BLOCK <= d->size)
			strv_addf(ret, "btrfs: the copy of the superblock at %s is %s", copies[i].name, c == SB_BAD ? "damaged" : "gone");
	}
	if (primary == SB_BAD)
		strv_add(ret, "btrfs: the superblock at 64 KiB has a wrong checksum or place");
	if (primary == SB_GOOD)
		cut_off(d, "btrfs", le64(first + 0xd1), ret);           /* dev_item.total_bytes */
}

/* ---- ext2, ext3, ext4 ---- */

static bool ext_sb(const struct damage_dev *d, uint64_t at, uint8_t sb[1024])
{
	return get(d, at, sb, 1024) && le16(sb + 0x38) == 0xef53 && le32(sb + 0x18) <= 6 && le32(sb + 4) != 0;
}

static uint64_t ext_size(const uint8_t *sb)
{
	uint64_t high = le32(sb + 0x60) & 0x80 ? le32(sb + 0x150) : 0;  /* incompatible feature 64bit */

	return (high << 32 | le32(sb + 4)) << (10 + le32(sb + 0x18));
}

static void ext_backup(const struct damage_dev *d, const char *what, struct strv *ret)
{
	static const struct { uint64_t block, size; } places[] = { { 8193, 1024 }, { 16384, 2048 }, { 32768, 4096 } };
	uint8_t sb[1024];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!ext_sb(d, places[i].block * places[i].size, sb) || 1024u << le32(sb + 0x18) != places[i].size || le16(sb + 0x5a) != 1)
			continue;
		strv_addf(ret, "ext4: the first superblock is %s, a copy is at block %llu: 'e2fsck -b %llu -B %llu' repairs from it", what,
			  (unsigned long long)places[i].block, (unsigned long long)places[i].block, (unsigned long long)places[i].size);
		return;
	}
}

static void ext(const struct damage_dev *d, struct strv *ret)
{
	uint8_t sb[1024];
	bool there = ext_sb(d, 1024, sb);

	if (d->fs_type && !is_type(d, "ext"))
		return;
	if (!there || !d->fs_type) {
		ext_backup(d, there ? "damaged" : "gone", ret);
		return;
	}
	if (le16(sb + 0x3a) & 2)
		strv_add(ret, "ext4: the kernel has met errors in it: 'e2fsck -f' before it is written to again");
	cut_off(d, d->fs_type, ext_size(sb), ret);
}

/* ---- xfs ---- */

/* mkfs.xfs makes four allocation groups on most disks: the second superblock is then near a quarter of the device. */
static void xfs_backup(const struct damage_dev *d, struct strv *ret)
{
	uint64_t quarter = d->size / 4 / BLOCK * BLOCK;
	uint8_t sb[512];

	for (uint64_t at = quarter; at <= quarter + BLOCK && quarter; at += BLOCK)
		if (get(d, at, sb, sizeof(sb)) && memcmp(sb, "XFSB", 4) == 0) {
			strv_addf(ret, "xfs: the first superblock is gone, the second is at byte %llu: 'xfs_repair' finds it", (unsigned long long)at);
			return;
		}
}

static void xfs(const struct damage_dev *d, struct strv *ret)
{
	uint8_t sb[512];

	if (d->fs_type && !is_type(d, "xfs"))
		return;
	if (!get(d, 0, sb, sizeof(sb)) || memcmp(sb, "XFSB", 4) != 0)
		xfs_backup(d, ret);
	else if (be32(sb + 4) <= 65536 && be64(sb + 8) < 1ULL << 48)
		cut_off(d, "xfs", be64(sb + 8) * be32(sb + 4), ret);
}

/* ---- boot sectors and headers with a copy ---- */

static bool fat_boot(const struct damage_dev *d, uint64_t sector)
{
	uint8_t b[512];

	return get(d, sector * d->sector, b, sizeof(b)) && b[510] == 0x55 && b[511] == 0xaa && memcmp(b + 82, "FAT32   ", 8) == 0;
}

static void fat(const struct damage_dev *d, struct strv *ret)
{
	if (!d->fs_type && !d->pttype && !fat_boot(d, 0) && fat_boot(d, 6))
		strv_add(ret, "vfat: the boot sector is gone, its copy in sector 6 is there: 'fsck.vfat' puts it back");
}

static void luks(const struct damage_dev *d, struct strv *ret)
{
	uint8_t b[8];

	/* libblkid takes the second header for the whole thing */
	if ((d->fs_type && !is_type(d, "crypto_LUKS")) || (get(d, 0, b, sizeof(b)) && memcmp(b, "LUKS\xba\xbe", 6) == 0))
		return;
	for (uint64_t at = 0x4000; at <= 0x400000; at *= 2)
		if (get(d, at, b, sizeof(b)) && memcmp(b, "SKUL\xba\xbe\0\2", 8) == 0) {
			strv_addf(ret, "luks: the first header is gone, the second at byte %llu is there: 'cryptsetup repair' puts it back",
				  (unsigned long long)at);
			return;
		}
}

/* ---- GPT ---- */

static bool gpt_header(const struct damage_dev *d, uint64_t lba, uint8_t h[512])
{
	return d->sector && lba < d->size / d->sector && get(d, lba * d->sector, h, 512) && memcmp(h, "EFI PART", 8) == 0 && le64(h + 24) == lba;
}

static bool protective_mbr(const struct damage_dev *d)
{
	uint8_t b[512];

	if (!get(d, 0, b, sizeof(b)) || b[510] != 0x55 || b[511] != 0xaa)
		return false;
	for (size_t i = 0; i < 4; i++)
		if (b[446 + 16 * i + 4] == 0xee)
			return true;
	return false;
}

static void gpt_end(const struct damage_dev *d, uint64_t last, uint64_t alternate, struct strv *ret)
{
	uint8_t h[512];

	if (alternate > last)
		strv_addf(ret, "gpt: written for a disk of %llu sectors, this one has %llu: the end is cut off or this is a smaller copy",
			  (unsigned long long)(alternate + 1), (unsigned long long)(last + 1));
	else if (!gpt_header(d, alternate, h))
		strv_add(ret, "gpt: the copy of the table at the end of the disk is gone: 'sfdisk' or 'gdisk' write it again with the first change");
}

static void gpt(const struct damage_dev *d, struct strv *ret)
{
	uint64_t last = d->sector ? d->size / d->sector - 1 : 0;
	uint8_t h[512], copy[512];

	if (d->fs_type || d->sector < 512 || last < 2)
		return;
	if (!gpt_header(d, 1, h)) {
		if (gpt_header(d, last, copy))
			strv_add(ret, "gpt: the table at the start of the disk is gone, its copy at the end is there: 'gdisk' (r, b) or 'sfdisk' use it");
		else if (protective_mbr(d))     /* T67 */
			strv_add(ret, "gpt: only the protective MBR is left, both tables are gone: the layout must come from a plan or a backup");
		return;
	}
	if (!protective_mbr(d))         /* T67 */
		strv_add(ret, "gpt: there is no protective MBR: other programs see an empty or an MBR disk, do not guess which table is right");
	gpt_end(d, last, le64(h + 32), ret);
}

/* ---- */

void damage_look(const struct damage_dev *d, struct strv *ret)
{
	btrfs(d, ret);
	ext(d, ret);
	xfs(d, ret);
	fat(d, ret);
	luks(d, ret);
	gpt(d, ret);
}

static int read_fd(void *arg, uint64_t at, void *buf, size_t n)
{
	ssize_t got = pread(*(int *)arg, buf, n, (off_t)at);

	return got == (ssize_t)n ? 0 : got < 0 ? -errno : -ENODATA;
}

void damage_of(const struct blk *b, struct strv *ret)
{
	AUTO_CLOSE int fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct damage_dev d = { b->size, b->sector, b->fs_type, b->pttype, read_fd, &fd };

	if (b->unreadable)
		strv_addf(ret, "cannot be read: %s", strerror(-b->unreadable));
	if (b->ambivalent)
		strv_add(ret, "has valid signatures of more than one filesystem: nobody can tell which is right; 'wipefs' lists them");
	if (b->hibernated)              /* T65 */
		strv_add(ret, "holds a suspended system: what that system had mounted must not be written to before it was resumed or given up");
	if (fd >= 0 && !b->unreadable)
		damage_look(&d, ret);
}

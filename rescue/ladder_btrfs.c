/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Superblocks of a btrfs: which is the newest state, which state is mounted. Format: linux/btrfs_tree.h. */
#include "ladder_btrfs.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>

#define AT_BYTENR 0x30
#define AT_MAGIC 0x40

static const uint64_t places[] = { 64 * KIB, 64 * MIB, 256 * GIB };

bool ladder_btrfs_sum(unsigned int type, const uint8_t *block, size_t size, uint8_t ret[BTRFS_SUM])
{
	return btrfs_sum(type, block + BTRFS_SUM, size - BTRFS_SUM, ret);
}

static bool sum_of(const uint8_t *sb, uint8_t ret[BTRFS_SUM])
{
	return ladder_btrfs_sum(le16(sb + AT_SUM_TYPE), sb, SUPER_SIZE, ret);
}

/* A checksum that we cannot compute is taken for right when the block lies where it says that it lies. */
static bool read_super(int fd, uint64_t at, uint8_t sb[SUPER_SIZE])
{
	uint8_t sum[BTRFS_SUM];

	if (pread(fd, sb, SUPER_SIZE, (off_t)at) != SUPER_SIZE || memcmp(sb + AT_MAGIC, "_BHRfS_M", 8) != 0 || le64(sb + AT_BYTENR) != at)
		return false;
	return !sum_of(sb, sum) || memcmp(sb, sum, BTRFS_SUM) == 0;
}

static void newest_of(const char *device, struct ladder_super *ret)
{
	AUTO_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint8_t sb[SUPER_SIZE];

	if (fd >= 0 && ladder_btrfs_super(fd, sb) && le64(sb + AT_GENERATION) > ret->generation)
		*ret = (struct ladder_super){ le64(sb + AT_GENERATION), le64(sb + AT_LOG_ROOT) };
}

void ladder_btrfs_newest(const char *device, const struct strv *more, struct ladder_super *ret)
{
	*ret = (struct ladder_super){ 0 };
	newest_of(device, ret);
	for (size_t i = 0; more && i < more->n; i++)
		newest_of(more->v[i], ret);
}

uint64_t ladder_btrfs_mounted(const char *at)
{
	AUTO_CLOSE int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct btrfs_ioctl_fs_info_args args = { .flags = BTRFS_FS_INFO_FLAG_GENERATION };

	if (fd < 0 || ioctl(fd, BTRFS_IOC_FS_INFO, &args) < 0 || !(args.flags & BTRFS_FS_INFO_FLAG_GENERATION))
		return 0;
	return args.generation;
}

int ladder_btrfs_write_first(int fd, uint8_t sb[SUPER_SIZE], struct err *e)
{
	uint8_t sum[BTRFS_SUM];

	le_put(sb + AT_BYTENR, places[0], 8);
	if (!sum_of(sb, sum))
		return err_set(e, -EOPNOTSUPP, "its kind of checksum cannot be computed here");
	memcpy(sb, sum, BTRFS_SUM);
	if (pwrite(fd, sb, SUPER_SIZE, (off_t)places[0]) != SUPER_SIZE || fsync(fd) < 0)
		return err_errno(e, "write the first superblock of the overlay");
	return 0;
}

bool ladder_btrfs_super(int fd, uint8_t ret[SUPER_SIZE])
{
	uint8_t sb[SUPER_SIZE];
	uint64_t newest = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (read_super(fd, places[i], sb) && le64(sb + AT_GENERATION) > newest) {
			newest = le64(sb + AT_GENERATION);
			memcpy(ret, sb, SUPER_SIZE);
		}
	return newest != 0;
}

/* The newest backup whose generation (at `at` + 8 in it) is below `below`, or NULL. */
static const uint8_t *backup_below(const uint8_t *sb, size_t at, uint64_t below)
{
	const uint8_t *best = NULL;

	for (size_t i = 0; i < BACKUPS; i++) {
		const uint8_t *b = sb + AT_BACKUPS + i * BACKUP_SIZE;
		uint64_t generation = le64(b + at + 8);

		if (le64(b + at) && generation && generation < below && (!best || generation > le64(best + at + 8)))
			best = b;
	}
	return best;
}

int ladder_btrfs_older(const char *overlay, unsigned int steps, struct err *e)
{
	AUTO_CLOSE int fd = open(overlay, O_RDWR | O_CLOEXEC);
	const uint8_t *b = NULL;
	uint8_t sb[SUPER_SIZE];
	uint64_t below;

	if (fd < 0 || !ladder_btrfs_super(fd, sb))
		return err_set(e, -ENODATA, "there is no superblock");
	below = le64(sb + AT_GENERATION);
	for (unsigned int i = 0; i < steps; i++) {
		b = backup_below(sb, 0, below);
		if (!b)
			return err_set(e, -ENODATA, "the superblock knows %u older roots", i);
		below = le64(b + 8);
	}
	memcpy(sb + AT_ROOT, b, 8);
	memcpy(sb + AT_GENERATION, b + 8, 8);
	memcpy(sb + AT_BYTES_USED, b + IN_BACKUP_BYTES_USED, 8);
	sb[AT_ROOT_LEVEL] = b[IN_BACKUP_LEVEL];
	memset(sb + AT_LOG_ROOT, 0, 8);
	return ladder_btrfs_write_first(fd, sb, e);
}

int ladder_btrfs_older_chunks(const char *overlay, struct err *e)
{
	AUTO_CLOSE int fd = open(overlay, O_RDWR | O_CLOEXEC);
	uint8_t sb[SUPER_SIZE];
	const uint8_t *b;

	if (fd < 0 || !ladder_btrfs_super(fd, sb))
		return err_set(e, -ENODATA, "there is no superblock");
	b = backup_below(sb, IN_BACKUP_CHUNK, le64(sb + AT_CHUNK_GENERATION));
	if (!b)
		return err_set(e, -ENODATA, "the superblock knows no older chunk root");
	memcpy(sb + AT_CHUNK_ROOT, b + IN_BACKUP_CHUNK, 8);
	memcpy(sb + AT_CHUNK_GENERATION, b + IN_BACKUP_CHUNK + 8, 8);
	sb[AT_CHUNK_LEVEL] = b[IN_BACKUP_LEVEL + 1];
	return ladder_btrfs_write_first(fd, sb, e);
}

int ladder_btrfs_other(const char *overlay, struct err *e)
{
	AUTO_CLOSE int fd = open(overlay, O_RDWR | O_CLOEXEC);
	uint8_t sb[SUPER_SIZE], best[SUPER_SIZE];
	uint64_t first = 0, newest = 0;

	if (fd < 0)
		return err_errno(e, "open the overlay");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!read_super(fd, places[i], sb))
			continue;
		if (i == 0) {
			first = le64(sb + AT_GENERATION);
		} else if (le64(sb + AT_GENERATION) > newest) {
			newest = le64(sb + AT_GENERATION);
			memcpy(best, sb, SUPER_SIZE);
		}
	}
	if (!newest)
		return err_set(e, -ENODATA, "there is no other superblock");
	if (newest < first)
		return err_set(e, -ESTALE, "the other superblocks are older than the first: generation %llu, not %llu",
			       (unsigned long long)newest, (unsigned long long)first);
	return ladder_btrfs_write_first(fd, best, e);
}

void ladder_btrfs_forget(const char *device)
{
	AUTO_CLOSE int fd = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);
	struct btrfs_ioctl_vol_args args = { 0 };

	snprintf(args.name, sizeof(args.name), "%s", device);
	if (fd >= 0)
		(void)ioctl(fd, BTRFS_IOC_FORGET_DEV, &args);
}

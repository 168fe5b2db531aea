/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on a block device, through libblkid: the only file that includes its header. */
#include <blkid/blkid.h>

#include <fcntl.h>

#include "blk_impl.h"

static void probe_free(blkid_probe *pr)
{
	if (*pr)
		blkid_free_probe(*pr);
}

static int probe_open(const char *path, blkid_probe *ret, int *ret_fd)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	CLEANUP(probe_free) blkid_probe pr = NULL;

	if (fd < 0)
		return -errno;
	pr = blkid_new_probe();
	if (!pr)
		return -ENOMEM;
	errno = 0;
	if (blkid_probe_set_device(pr, fd, 0, 0) != 0)
		return errno ? -errno : -EIO;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_MAGIC);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_ENTRY_DETAILS | BLKID_PARTS_MAGIC);
	*ret = TAKE_PTR(pr);
	*ret_fd = take_fd(&fd);
	return 0;
}

static void value(blkid_probe pr, const char *name, char **ret)
{
	const char *text;

	if (blkid_probe_lookup_value(pr, name, &text, NULL) == 0 && *text)
		*ret = xstrdup(text);
}

void blk_probe(struct blk *b)
{
	CLEANUP(probe_free) blkid_probe pr = NULL;
	AUTO_CLOSE int fd = -1;
	int r = blk_sys_u64(b->name, "dm/suspended") ? -EAGAIN : probe_open(b->path, &pr, &fd);        /* it would not answer before it is resumed */

	if (r < 0) {
		b->unreadable = r;
		return;
	}
	errno = 0;
	r = blkid_do_safeprobe(pr);     /* 0 found, 1 nothing, -1 errno, -2 more than one signature is valid */
	b->ambivalent = r == -2;
	if (r == -1)
		b->unreadable = errno ? -errno : -EIO;
	value(pr, "TYPE", &b->fs_type);
	value(pr, "UUID", &b->uuid);
	value(pr, "UUID_SUB", &b->uuid_sub);
	value(pr, "LABEL", &b->label);
	value(pr, "USAGE", &b->usage);
	value(pr, "PTTYPE", &b->pttype);
	value(pr, "PART_ENTRY_UUID", &b->part_uuid);
	value(pr, "PART_ENTRY_NAME", &b->part_label);
	value(pr, "PART_ENTRY_TYPE", &b->part_type);
	b->hibernated = b->fs_type && str_eq(b->fs_type, "swsuspend");
}

bool blk_probe_nothing(const char *path, char **ret_what, struct err *e)
{
	CLEANUP(probe_free) blkid_probe pr = NULL;
	AUTO_CLOSE int fd = -1;
	int r = probe_open(path, &pr, &fd);

	*ret_what = NULL;
	if (r < 0) {
		err_code(e, r, "look at what is left on '%s'", path);
		return false;
	}
	r = blkid_do_safeprobe(pr);
	if (r == 1)
		return true;
	value(pr, "TYPE", ret_what);
	if (!*ret_what)
		value(pr, "PTTYPE", ret_what);
	if (r == 0 && !*ret_what)
		return true;            /* all that was found is its entry in the disk's table */
	err_set(e, -EIO, "'%s' still has a signature (%s) after wiping", path, *ret_what ? *ret_what : "of several kinds");
	return false;
}

int blk_probe_table(const char *disk, struct blk_entry **ret, size_t *ret_n, struct err *e)
{
	CLEANUP(probe_free) blkid_probe pr = NULL;
	AUTO_CLOSE int fd = -1;
	blkid_partlist list;
	struct blk_entry *l;
	size_t n = 0;
	int r = probe_open(disk, &pr, &fd);

	if (r < 0)
		return err_code(e, r, "read the partition table of '%s'", disk);
	list = blkid_probe_get_partitions(pr);
	l = xcalloc(list ? (size_t)blkid_partlist_numof_partitions(list) : 1, sizeof(*l));
	for (int i = 0; list && i < blkid_partlist_numof_partitions(list); i++) {
		blkid_partition p = blkid_partlist_get_partition(list, i);

		l[n++] = (struct blk_entry){
			.number = (uint64_t)blkid_partition_get_partno(p), .extended = blkid_partition_is_extended(p) == 1,
			.start = (uint64_t)blkid_partition_get_start(p) * 512, .size = (uint64_t)blkid_partition_get_size(p) * 512,
		};
	}
	*ret = l;
	*ret_n = n;
	return 0;
}

/* Removes what one kind of probing finds, again and again until nothing is left: primary and backup copies follow each other. */
static int wipe_all(blkid_probe pr, const char *path, struct err *e)
{
	for (int i = 0; i < 1000; i++) {
		int r = blkid_do_probe(pr);

		if (r == 1)
			return 0;
		errno = 0;
		if (r < 0 || blkid_do_wipe(pr, 0) != 0)
			return err_errno(e, "wipe signatures on '%s'", path);
	}
	return err_set(e, -EIO, "wipe signatures on '%s': a thousand were removed and there is still one", path);
}

/* Copies of the btrfs superblock (on-disk format: 64 MiB and 256 GiB, magic at byte 64) that libblkid does not look at. */
static int wipe_btrfs_copies(int fd, uint64_t size, const char *path, struct err *e)
{
	static const uint64_t at[] = { 64 * MIB, 256 * GIB };
	static const char zero[4096];
	char magic[8];

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		if (at[i] + sizeof(zero) > size)
			break;
		if (pread(fd, magic, sizeof(magic), (off_t)at[i] + 64) != sizeof(magic))
			return err_errno(e, "read '%s' at byte %llu", path, (unsigned long long)at[i]);
		if (memcmp(magic, "_BHRfS_M", sizeof(magic)) != 0)
			continue;
		if (pwrite(fd, zero, sizeof(zero), (off_t)at[i]) != sizeof(zero))
			return err_errno(e, "write '%s' at byte %llu", path, (unsigned long long)at[i]);
	}
	return 0;
}

static int wipe_open(const char *path, int fd, struct err *e)
{
	CLEANUP(probe_free) blkid_probe pr = blkid_new_probe();
	int r;

	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) != 0)
		return err_errno(e, "look for signatures on '%s'", path);
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
	r = wipe_all(pr, path, e);
	if (r == 0)
		r = wipe_btrfs_copies(fd, (uint64_t)blkid_probe_get_size(pr), path, e);
	if (r == 0 && fsync(fd) < 0)
		r = err_errno(e, "sync '%s'", path);
	return r;
}

int blk_wipe(const char *path, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	AUTO_FREE char *left = NULL;
	int r;

	if (fd < 0)
		return err_errno(e, "open '%s' for wiping", path);
	r = wipe_open(path, fd, e);
	if (r < 0)
		return r;
	return blk_probe_nothing(path, &left, e) ? 0 : -EIO;
}

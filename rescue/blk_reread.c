/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the kernel see the partition table that stands on the disk: by BLKRRPART, and, where the kernel has no parser for it or
 * the driver refuses (loop devices without partscan), entry by entry through BLKPG (linux/blkpg.h).
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <time.h>

#include "blk_impl.h"
#include "fs.h"

#define PATIENCE 50             /* tenths of a second that a curious opener of a partition is waited for */

static void moment(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
}

static int blkpg(int fd, int op, const struct blk_entry *p)
{
	struct blkpg_partition part = { .pno = (int)p->number, .start = (long long)p->start, .length = (long long)p->size };
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(part), .data = &part };
	int r = 0;

	for (int i = 0; i < PATIENCE; i++) {
		r = ioctl(fd, BLKPG, &arg) < 0 ? -errno : 0;
		if (r != -EBUSY)
			break;
		moment();
	}
	return r;
}

/* An extended partition is entered with room for its boot sector only, as the kernel's own parser does. */
static struct blk_entry as_entered(struct blk_entry p)
{
	if (p.extended && p.size > 1024)
		p.size = 1024;
	return p;
}

/* The partitions that the kernel has for the disk now. */
static size_t known(const char *disk, struct blk_entry **ret)
{
	AUTO_FREE char *dir = xasprintf(SYS_BLOCK "/%s", disk + strlen("/dev/"));
	struct blk_entry *l = NULL;
	struct dirent *ent;
	DIR *d = opendir(dir);
	size_t n = 0;

	while (d && (ent = readdir(d))) {
		uint64_t number = ent->d_name[0] == '.' ? 0 : blk_sys_u64(ent->d_name, "partition");

		if (!number)
			continue;
		l = xrealloc(l, (n + 1) * sizeof(*l));
		l[n++] = (struct blk_entry){ .number = number, .start = blk_sys_u64(ent->d_name, "start") * 512,
					     .size = blk_sys_u64(ent->d_name, "size") * 512 };
	}
	if (d)
		closedir(d);
	*ret = l;
	return n;
}

static bool has(const struct blk_entry *l, size_t n, const struct blk_entry *p)
{
	for (size_t i = 0; i < n; i++)
		if (l[i].number == p->number && l[i].start == p->start && (l[i].size == p->size || p->extended))
			return true;
	return false;
}

/* Removes what the table does not have, then adds what the kernel does not have. */
static int adjust(int fd, const char *disk, const struct blk_entry *want, size_t n, struct err *e)
{
	AUTO_FREE struct blk_entry *have = NULL;
	size_t m = known(disk, &have);

	for (size_t i = 0; i < m; i++) {
		int r = has(want, n, &have[i]) ? 0 : blkpg(fd, BLKPG_DEL_PARTITION, &have[i]);

		if (r < 0 && r != -ENXIO)
			return err_code(e, r, "'%s': the kernel does not let go of old partition %llu", disk, (unsigned long long)have[i].number);
	}
	for (size_t i = 0; i < n; i++) {
		struct blk_entry p = as_entered(want[i]);
		int r = has(have, m, &want[i]) ? 0 : blkpg(fd, BLKPG_ADD_PARTITION, &p);

		if (r < 0)
			return err_code(e, r, "'%s': the kernel refuses new partition %llu", disk, (unsigned long long)p.number);
	}
	return 0;
}

/* udev and other curious ones hold a disk for moments after it was written. */
static void reread_by_kernel(int fd)
{
	for (int i = 0; i < 10; i++) {
		if (ioctl(fd, BLKRRPART) == 0 || errno != EBUSY)
			return;
		moment();
	}
}

int blk_reread(const char *disk, struct err *e)
{
	AUTO_CLOSE int fd = open(disk, O_RDONLY | O_CLOEXEC);
	AUTO_FREE struct blk_entry *want = NULL;
	size_t n;
	int r;

	if (fd < 0)
		return err_errno(e, "open '%s'", disk);
	r = blk_probe_table(disk, &want, &n, e);
	if (r < 0)
		return r;
	reread_by_kernel(fd);
	return adjust(fd, disk, want, n, e);
}

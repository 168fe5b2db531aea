/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BIOS: boot sector -> core image -> GRUB's configuration. */
#include "bootchk_int.h"

#include <fcntl.h>

#include "grubimg.h"

#define SECTOR 512

static char *boot_disk(const struct bootctx *c)
{
	const struct bootfs *boot = bootfs_at(c, "/boot");

	if (c->q->disk)
		return xstrdup(c->q->disk);
	if (!boot || !boot->blk)
		boot = bootfs_at(c, "/");
	return boot && boot->blk ? xasprintf("/dev/%s", boot->blk->disk) : NULL;
}

static bool read_at(int fd, uint64_t lba, void *buf, size_t n)
{
	return pread(fd, buf, n, (off_t)(lba * SECTOR)) == (ssize_t)n;
}

static bool core(struct bootctx *c, int fd, const char *disk, uint64_t lba)
{
	unsigned int sectors = 0;
	struct grubimg g = { 0 };
	struct err e = ERR_INIT;
	uint64_t rest;
	AUTO_FREE uint8_t *image = xcalloc(1, 66000 * SECTOR);
	bool ok;

	if (!read_at(fd, lba, image, SECTOR) || grubimg_blocks(image, &rest, &sectors, &e) < 0)
		return bootchk_say(c, "loader", BOOTCHK_BAD, "%s, sector %llu: %s; run grub-install", disk, (unsigned long long)lba,
				   e.code ? e.msg : "cannot be read");
	if (!read_at(fd, rest, image + SECTOR, (size_t)sectors * SECTOR))
		return bootchk_say(c, "loader", BOOTCHK_BAD, "%s: GRUB's core image cannot be read", disk);
	if (grubimg_bios(image, ((size_t)sectors + 1) * SECTOR, &g, &e) < 0)
		return bootchk_say(c, "loader", BOOTCHK_BAD, "%s: %s", disk, e.msg);
	bootchk_say(c, "loader", BOOTCHK_OK, "%s: GRUB's core image is whole, its files are in %s", disk, g.prefix);
	ok = bootchk_grub(c, bootfs_at(c, "/"), "", g.prefix, g.config, false);
	grubimg_free(&g);
	return ok;
}

void bootchk_bios(struct bootctx *c)
{
	AUTO_FREE char *disk = boot_disk(c);
	AUTO_CLOSE int fd = disk ? open(disk, O_RDONLY | O_CLOEXEC) : -1;
	uint8_t mbr[SECTOR];
	struct err e = ERR_INIT;
	uint64_t lba;

	if (fd < 0 || !read_at(fd, 0, mbr, SECTOR)) {
		bootchk_say(c, "firmware", BOOTCHK_BAD, "the disk that the BIOS starts from %s%s; name it with --disk", disk ? "cannot be read: " : "is not known",
			    disk ? disk : "");
		return;
	}
	if (grubimg_mbr(mbr, &lba, &e) < 0) {
		bootchk_say(c, "firmware", BOOTCHK_BAD, "%s: %s; run grub-install", disk, e.msg);
		return;
	}
	bootchk_say(c, "firmware", BOOTCHK_OK, "%s: GRUB's boot sector, its core image begins at sector %llu", disk, (unsigned long long)lba);
	(void)core(c, fd, disk, lba);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BIOS: boot sector -> core image -> GRUB's configuration. */
#include "bootchk_int.h"

#include <fcntl.h>

#include "grubimg.h"

#define SECTOR 512

static const struct blk *known(const struct bootctx *c, const char *name)
{
	for (size_t i = 0; i < c->n_blk; i++)
		if (str_eq(c->blk[i].name, name))
			return &c->blk[i];
	return NULL;
}

/* The disks that carry /boot: below LVM, LUKS or RAID all of them. */
static void boot_disks(const struct bootctx *c, struct strv *ret)
{
	const struct bootfs *boot = bootfs_at(c, "/boot");

	if (!boot || !boot->blk)
		boot = bootfs_at(c, "/");
	if (c->q->disk)
		strv_add(ret, c->q->disk);
	else if (boot && boot->blk && !boot->blk->n_under)
		strv_addf(ret, "/dev/%s", boot->blk->disk);
	for (size_t i = 0; !c->q->disk && boot && boot->blk && i < boot->blk->n_under; i++) {
		const struct blk *b = known(c, boot->blk->under[i].name);

		if (b && !b->partition && !b->n_under && !strv_has(ret, b->path))
			strv_add(ret, b->path);
	}
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

/* Whether this disk has GRUB's boot sector; *ret_fd is it, open, when it has. */
static bool boot_sector(const char *disk, int *ret_fd, uint64_t *ret_lba, struct err *e)
{
	AUTO_CLOSE int fd = open(disk, O_RDONLY | O_CLOEXEC);
	struct err why = ERR_INIT;
	uint8_t mbr[SECTOR];

	if (fd < 0 || !read_at(fd, 0, mbr, SECTOR)) {
		err_set(e, -EIO, "cannot be read: name the disk that the BIOS starts from with --disk");
		return false;
	}
	if (grubimg_mbr(mbr, ret_lba, &why) < 0) {
		err_set(e, -ENOENT, "%s; run grub-install", why.msg);
		return false;
	}
	*ret_fd = fd;
	fd = -1;
	return true;
}

/* The BIOS starts from one of them, and nobody knows from which: one that cannot start is worth a word. */
void bootchk_bios(struct bootctx *c)
{
	CLEANUP(strv_free) struct strv disks = STRV_INIT, broken = STRV_INIT;
	AUTO_CLOSE int fd = -1;
	const char *disk = NULL;
	uint64_t lba = 0;

	boot_disks(c, &disks);
	for (size_t i = 0; i < disks.n; i++) {
		struct err e = ERR_INIT;
		uint64_t at;
		int one = -1;

		if (!boot_sector(disks.v[i], &one, &at, &e)) {
			strv_addf(&broken, "%s: %s", disks.v[i], e.msg);
		} else if (disk) {
			close(one);
		} else {
			disk = disks.v[i];
			fd = one;
			lba = at;
		}
	}
	for (size_t i = 0; i < broken.n; i++)
		bootchk_say(c, "firmware", disk ? BOOTCHK_WARN : BOOTCHK_BAD, "%s", broken.v[i]);
	if (!disks.n)
		bootchk_say(c, "firmware", BOOTCHK_BAD, "the disk that the BIOS starts from is not known; name it with --disk");
	if (!disk)
		return;
	bootchk_say(c, "firmware", BOOTCHK_OK, "%s: GRUB's boot sector, its core image begins at sector %llu", disk, (unsigned long long)lba);
	(void)core(c, fd, disk, lba);
}

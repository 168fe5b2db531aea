/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Damage in bytes that this test writes into a sparse device in memory. Real filesystems: tests/disk/devices.sh. */
#include "unit.h"

#include "damage.h"
#include "hash.h"

struct piece { uint64_t at; uint8_t data[4096]; };

static struct device { struct piece pieces[6]; size_t n; uint64_t size; } dev;

static int read_dev(void *arg, uint64_t at, void *buf, size_t n)
{
	struct device *d = arg;
	uint8_t *out = buf;

	assert_true(at + n <= d->size);
	memset(buf, 0, n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < d->n; k++)
			if (at + i >= d->pieces[k].at && at + i < d->pieces[k].at + 4096)
				out[i] = d->pieces[k].data[at + i - d->pieces[k].at];
	return 0;
}

static uint8_t *piece(uint64_t at)
{
	struct piece *p = &dev.pieces[dev.n++];

	assert_true(dev.n <= ARRAY_SIZE(dev.pieces));
	memset(p, 0, sizeof(*p));
	p->at = at;
	return p->data;
}

static void put(uint8_t *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void btrfs_at(uint64_t at, uint64_t total)
{
	uint8_t *sb = piece(at);

	memcpy(sb + 0x40, "_BHRfS_M", 8);
	put(sb + 0x30, at, 8);
	put(sb + 0xd1, total, 8);
	put(sb, hash_crc32c(0, sb + 0x20, 4096 - 0x20), 4);
}

static void ext_at(uint64_t at, uint64_t piece_at, unsigned int log, uint32_t blocks, unsigned int group, unsigned int state)
{
	uint8_t *sb = piece(piece_at) + (at - piece_at);

	put(sb + 4, blocks, 4);
	put(sb + 0x18, log, 4);
	put(sb + 0x38, 0xef53, 2);
	put(sb + 0x3a, state, 2);
	put(sb + 0x5a, group, 2);
}

static void gpt_at(uint64_t lba, uint64_t alternate)
{
	uint8_t *h = piece(lba * 512);

	memcpy(h, "EFI PART", 8);
	put(h + 24, lba, 8);
	put(h + 32, alternate, 8);
}

static void mbr(uint8_t type)
{
	uint8_t *b = piece(0);

	b[450] = type;
	b[510] = 0x55;
	b[511] = 0xaa;
	dev.pieces[dev.n - 1].data[512] = 0;
}

static void start(uint64_t size)
{
	dev = (struct device){ .size = size };
}

/* What is said about dev, sentences joined with " | ". */
static char *said(const char *fs, const char *pt)
{
	struct damage_dev d = { .size = dev.size, .sector = 512, .fs_type = fs, .pttype = pt, .read = read_dev, .arg = &dev };
	CLEANUP(strv_free) struct strv l = STRV_INIT;
	CLEANUP(str_free) struct str s = STR_INIT;

	damage_look(&d, &l);
	for (size_t i = 0; i < l.n; i++)
		str_addf(&s, "%s%s", i ? " | " : "", l.v[i]);
	return str_take(&s);
}

static void is(const char *fs, const char *pt, const char *words)
{
	AUTO_FREE char *text = said(fs, pt);

	if (*words ? !str_starts(text, words) : *text)
		fail_msg("said '%s', wanted '%s'", text, words);
}

static void test_btrfs_copies(void **state)
{
	(void)state;
	start(GIB);
	btrfs_at(64 * KIB, GIB);
	btrfs_at(64 * MIB, GIB);
	is("btrfs", NULL, "");
	dev.pieces[0].at = 2 * MIB;                             /* the first one is gone */
	is(NULL, NULL, "btrfs: the superblock at 64 KiB is gone, its copy at 64 MiB is whole: 'btrfs rescue super-recover' puts it back");
	is("ext4", NULL, "");                                   /* another filesystem was made over it: rests, not damage */
	start(GIB);
	btrfs_at(64 * KIB, GIB);
	is("btrfs", NULL, "btrfs: the copy of the superblock at 64 MiB is gone");
	btrfs_at(64 * MIB, GIB);
	dev.pieces[0].data[0x300] ^= 1;
	is(NULL, NULL, "btrfs: the superblock at 64 KiB is damaged, its copy at 64 MiB is whole");
	start(GIB);
	btrfs_at(64 * KIB, 2 * GIB);
	btrfs_at(64 * MIB, 2 * GIB);
	is("btrfs", NULL, "btrfs: the filesystem has 2.0 GiB (2147483648 bytes), its device only 1.0 GiB (1073741824): the end is cut off");
	start(GIB);
	btrfs_at(64 * MIB, GIB);
	put(dev.pieces[0].data + 0x30, 64 * KIB, 8);            /* belongs somewhere else: a moved image is no copy */
	put(dev.pieces[0].data, hash_crc32c(0, dev.pieces[0].data + 0x20, 4096 - 0x20), 4);
	is(NULL, NULL, "");
	start(MIB);                                             /* too small for a copy: none is missed */
	btrfs_at(64 * KIB, MIB);
	is("btrfs", NULL, "");
}

static void test_ext_backups(void **state)
{
	static const struct { unsigned int log; uint64_t block; } sizes[] = { { 0, 8193 }, { 1, 16384 }, { 2, 32768 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t at = sizes[i].block << (10 + sizes[i].log);
		AUTO_FREE char *words = xasprintf("ext4: the first superblock is gone, a copy is at block %u: 'e2fsck -b %u -B %u' repairs from it",
						  (unsigned int)sizes[i].block, (unsigned int)sizes[i].block, 1024u << sizes[i].log);

		start(GIB);
		ext_at(at, at, sizes[i].log, 1000, 1, 1);
		is(NULL, NULL, words);
		is("xfs", NULL, "");
	}
	start(GIB);
	ext_at(128 * MIB, 128 * MIB, 2, 1000, 0, 1);            /* a first superblock at that place: of an image inside, no copy */
	is(NULL, NULL, "");
	start(GIB);
	ext_at(1024, 0, 2, 1000, 0, 1);
	is("ext4", NULL, "");
	put(dev.pieces[0].data + 1024 + 0x3a, 3, 2);
	is("ext4", NULL, "ext4: the kernel has met errors in it");
	start(GIB);
	ext_at(1024, 0, 2, 300000, 0, 1);
	is("ext4", NULL, "ext4: the filesystem has 1.1 GiB (1228800000 bytes), its device only 1.0 GiB");
}

static void test_xfs_fat_luks(void **state)
{
	(void)state;
	start(GIB);
	memcpy(piece(256 * MIB), "XFSB", 4);
	is(NULL, NULL, "xfs: the first superblock is gone, the second is at byte 268435456: 'xfs_repair' finds it");
	is("xfs", NULL, "xfs: the first superblock is gone");
	start(GIB);
	memcpy(piece(6 * 512) + 82, "FAT32   ", 8);
	dev.pieces[0].data[510] = 0x55;
	dev.pieces[0].data[511] = 0xaa;
	is(NULL, NULL, "vfat: the boot sector is gone, its copy in sector 6 is there");
	is(NULL, "dos", "");
	start(GIB);
	memcpy(piece(0x8000), "SKUL\xba\xbe\0\2", 8);
	is(NULL, NULL, "luks: the first header is gone, the second at byte 32768 is there: 'cryptsetup repair' puts it back");
}

/* T67: nothing is guessed when the tables of a disk disagree. */
static void test_gpt_halves(void **state)
{
	const uint64_t last = GIB / 512 - 1;

	(void)state;
	start(GIB);
	gpt_at(last, 1);
	is(NULL, NULL, "gpt: the table at the start of the disk is gone, its copy at the end is there");
	start(GIB);
	gpt_at(1, last);
	gpt_at(last, 1);
	is(NULL, "gpt", "gpt: there is no protective MBR");
	start(GIB);
	mbr(0xee);
	is(NULL, "PMBR", "gpt: only the protective MBR is left, both tables are gone");
	start(GIB);
	mbr(0xee);
	memcpy(dev.pieces[0].data + 512, "EFI PART", 8);
	put(dev.pieces[0].data + 512 + 24, 1, 8);
	put(dev.pieces[0].data + 512 + 32, last, 8);
	is(NULL, "gpt", "gpt: the copy of the table at the end of the disk is gone");
	put(dev.pieces[0].data + 512 + 32, last + 10, 8);
	is(NULL, "gpt", "gpt: written for a disk of 2097162 sectors, this one has 2097152");
	start(GIB);
	mbr(0x83);
	is(NULL, "dos", "");
}

static void test_small_and_empty_devices(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 511, 512, 1024, 4096, 65536, 128 * KIB };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		start(sizes[i]);
		is(NULL, NULL, "");
		is("btrfs", NULL, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_btrfs_copies), cmocka_unit_test(test_ext_backups), cmocka_unit_test(test_xfs_fat_luks),
		cmocka_unit_test(test_gpt_halves), cmocka_unit_test(test_small_and_empty_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identities against a list of devices that this test invents: no hardware is looked at. */
#include "unit.h"

#include "device.h"

#define S(text) ((char *)(uintptr_t)(text))
#define DISK(nm, ser, bytes) { .path = S("/dev/" nm), .name = S(nm), .disk = S(nm), .serial = S(ser), .size = bytes }
#define PART(dsk, nm, no, ser, bytes, ...) { .path = S("/dev/" nm), .name = S(nm), .disk = S(dsk), .serial = S(ser), .partition = no, .size = bytes, __VA_ARGS__ }

static struct blk_part on_sd[] = {
	{ .name = S("sda1"), .serial = S("SA1") }, { .name = S("sdc"), .wwn = S("naa.5000c500a1b2c3d4") }, { .name = S("sda"), .serial = S("SA1") },
};

static const struct blk list[] = {
	DISK("nvme0n1", "NV1", 500 * GIB),
	PART("nvme0n1", "nvme0n1p1", 1, "NV1", GIB, .fs_type = S("vfat"), .uuid = S("AB12-CD34"), .part_uuid = S("11111111-0000-4000-8000-000000000001")),
	PART("nvme0n1", "nvme0n1p2", 2, "NV1", 499 * GIB, .fs_type = S("btrfs"), .uuid = S("b1"), .uuid_sub = S("s1"), .label = S("pool")),
	DISK("sda", "SA1", 500 * GIB),                          /* T57: as large as the lost one */
	PART("sda", "sda1", 1, "SA1", 499 * GIB, .fs_type = S("btrfs"), .uuid = S("b1"), .uuid_sub = S("s2"), .label = S("pool")),
	DISK("sdb", "SB1", 100 * GIB),
	PART("sdb", "sdb1", 1, "SB1", 50 * GIB, .fs_type = S("ext4"), .uuid = S("e1"), .label = S("BACKUP")),
	PART("sdb", "sdb2", 2, "SB1", 50 * GIB, .fs_type = S("ext4"), .uuid = S("e1"), .label = S("COPY")),     /* T62: made with dd */
	{ .path = S("/dev/loop3"), .name = S("loop3"), .disk = S("loop3"), .loop_file = S("/x.img"), .size = GIB },
	{ .path = S("/dev/sdc"), .name = S("sdc"), .disk = S("sdc"), .wwn = S("naa.5000c500a1b2c3d4"), .size = GIB, .ambivalent = true, .label = S("TWO") },
	{ .path = S("/dev/dm-0"), .name = S("dm-0"), .disk = S("dm-0"), .mapper = S("vg--one-root"), .size = GIB, .under = on_sd, .n_under = 3 },
	{ .path = S("/dev/dm-1"), .name = S("dm-1"), .disk = S("dm-1"), .mapper = S("secret"), .size = GIB, .under = on_sd, .n_under = 1 },
	{ .path = S("/dev/md127"), .name = S("md127"), .disk = S("md127"), .array = S("0a1b2c3d-0000-1111-2222-333344445555"), .size = GIB },
	PART("md127", "md127p1", 1, NULL, GIB, .array = S("0a1b2c3d-0000-1111-2222-333344445555")),
};

static void test_each_identity_finds_exactly_its_device(void **state)
{
	static const struct { struct plan_device d; const char *path; int r; const char *words; } cases[] = {
		{ { .serial = S("NV1") }, "/dev/nvme0n1", 0, NULL },
		{ { .serial = S("NV1"), .partition = 2 }, "/dev/nvme0n1p2", 0, NULL },          /* T29: not "nvme0n12" */
		{ { .serial = S("NV1"), .partition = 2, .size = 500 * GIB }, "/dev/nvme0n1p2", 0, NULL },
		{ { .wwn = S("0x5000C500A1B2C3D4") }, "/dev/sdc", 0, NULL },
		{ { .loop_file = S("/x.img") }, "/dev/loop3", 0, NULL },
		{ { .part_uuid = S("11111111-0000-4000-8000-000000000001") }, "/dev/nvme0n1p1", 0, NULL },
		{ { .label = S("BACKUP"), .fs_type = S("ext4") }, "/dev/sdb1", 0, NULL },
		{ { .uuid = S("b1") }, "/dev/nvme0n1p2", 0, NULL },                             /* two devices, one btrfs */
		{ { .uuid = S("e1") }, NULL, -ENOTUNIQ, "/dev/sdb1 and /dev/sdb2 both fit" },
		{ { .uuid = S("e1"), .serial = S("SB1"), .partition = 2 }, "/dev/sdb2", 0, NULL },
		{ { .serial = S("NV1"), .partition = 3 }, NULL, -ENODEV, "the disk is there, but nothing on it fits; there is: /dev/nvme0n1 (serial NV1" },
		{ { .serial = S("NV2") }, NULL, -ENODEV, "nothing in this machine fits; there is: /dev/nvme0n1" },
		{ { .serial = S("NV1"), .size = 400 * GIB }, NULL, -EUCLEAN, "has the right identity, but 536870912000 bytes where the plan says 429496729600" },
		{ { .label = S("BACKUP"), .fs_type = S("xfs") }, NULL, -EUCLEAN, "holds ext4 where the plan says xfs" },
		{ { .label = S("TWO") }, NULL, -EUCLEAN, "signatures of more than one filesystem" },
		{ { .serial = S("SA1"), .mapper = S("vg-one/root") }, "/dev/dm-0", 0, NULL },   /* the same name, as LVM and as /dev/mapper have it */
		{ { .mapper = S("vg--one-root") }, "/dev/dm-0", 0, NULL },
		{ { .wwn = S("5000c500a1b2c3d4"), .mapper = S("vg-one/root") }, "/dev/dm-0", 0, NULL },
		{ { .wwn = S("5000c500a1b2c3d4"), .mapper = S("secret") }, NULL, -ENODEV, "the disk is there, but nothing on it fits; there is: /dev/sdc" },
		{ { .serial = S("SA1"), .mapper = S("vg/one-root") }, NULL, -ENODEV, "the disk is there, but nothing on it fits" },
		{ { .serial = S("SA1"), .mapper = S("vg-one/root"), .size = GIB }, "/dev/dm-0", 0, NULL },
		{ { .serial = S("SA1") }, "/dev/sda", 0, NULL },
		{ { .array = S("0A1B2C3D:00001111:22223333:44445555") }, "/dev/md127", 0, NULL },
		{ { .array = S("0a1b2c3d000011112222333344445555"), .partition = 1 }, "/dev/md127p1", 0, NULL },
		{ { .array = S("0a1b2c3d000011112222333344445556") }, NULL, -ENODEV, "nothing in this machine fits" },
		{ { .label = S("NONE") }, NULL, -ENODEV, "nothing in this machine fits; there is: /dev/nvme0n1p1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan_device d = cases[i].d;
		const struct blk *b = NULL;
		struct err e = ERR_INIT;

		d.name = S("root");
		assert_int_equal(device_resolve(&d, list, ARRAY_SIZE(list), &b, &e), cases[i].r);
		if (cases[i].path)
			assert_string_equal(b->path, cases[i].path);
		else if (!strstr(e.msg, cases[i].words) || !str_starts(e.msg, "device 'root' ("))
			fail_msg("case %zu: %s", i, e.msg);
	}
}

static void test_what_is_read_is_not_on_what_is_erased(void **state)
{
	static const struct { struct plan_device erased, other; const char *sentence; } cases[] = {
		{ { .serial = S("NV1") }, { .serial = S("NV1"), .partition = 2, .access = ACCESS_READ },
		  "device 'b' (/dev/nvme0n1p2) is a part of device 'a' (/dev/nvme0n1), which the plan erases" },
		{ { .serial = S("SB1") }, { .label = S("BACKUP"), .access = ACCESS_READ },
		  "device 'b' (/dev/sdb1) is a part of device 'a' (/dev/sdb), which the plan erases" },
		{ { .serial = S("SB1"), .partition = 1 }, { .label = S("BACKUP"), .access = ACCESS_READ },
		  "devices 'a' and 'b' are both /dev/sdb1: the plan erases one and wants to keep the other; name it once, with access: erase" },
		{ { .serial = S("SB1"), .partition = 2 }, { .label = S("BACKUP"), .access = ACCESS_READ }, "" },
		{ { .serial = S("NV1") }, { .serial = S("NV1"), .partition = 1, .access = ACCESS_WRITE }, "" },        /* made anew by the plan */
		{ { .serial = S("NV1") }, { .label = S("BACKUP"), .access = ACCESS_READ }, "" },
		{ { .serial = S("NV1") }, { .serial = S("gone"), .access = ACCESS_READ }, "" },
		{ { .serial = S("SA1"), .partition = 1 }, { .mapper = S("secret"), .access = ACCESS_READ },
		  "device 'b' (/dev/dm-1) lies on device 'a' (/dev/sda1), which the plan erases" },
		{ { .serial = S("SA1"), .mapper = S("secret") }, { .serial = S("SA1"), .partition = 1, .access = ACCESS_READ },
		  "device 'a' (/dev/dm-1), which the plan erases, lies on device 'b' (/dev/sda1), which it may only read: give that one access: write" },
		{ { .serial = S("SA1"), .mapper = S("secret") }, { .serial = S("SA1"), .partition = 1, .access = ACCESS_WRITE }, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan_device two[2] = { cases[i].erased, cases[i].other };
		struct plan p = { .devices = two, .n_devices = 2 };
		struct err e = ERR_INIT;

		two[0].name = S("a");
		two[0].access = ACCESS_ERASE;
		two[1].name = S("b");
		assert_int_equal(device_apart(&p, list, ARRAY_SIZE(list), &e), *cases[i].sentence ? -EINVAL : 0);
		assert_string_equal(e.msg, cases[i].sentence);
	}
}

static void test_no_disk_at_all_is_said(void **state)
{
	struct plan_device d = { .name = S("root"), .serial = S("X") };
	const struct blk *b;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(device_resolve(&d, NULL, 0, &b, &e), -ENODEV);
	assert_string_equal(e.msg, "device 'root' (serial X): nothing in this machine fits; there is: no disk at all");
}

static void test_consent_names_what_will_be_lost(void **state)
{
	struct plan_device d = { .name = S("root"), .serial = S("NV1") };

	(void)state;
	assert_true(device_consent_matches(&d, &list[0], "NV1"));
	assert_false(device_consent_matches(&d, &list[0], "SA1"));
	assert_false(device_consent_matches(&d, &list[0], "yes"));
	assert_false(device_consent_matches(&d, &list[0], ""));
	assert_false(device_consent_matches(&d, &list[0], "/dev/nvme0n1"));         /* T58: a name of this minute agrees to nothing */
	assert_true(device_consent_matches(&d, &list[9], "5000c500a1b2c3d4"));
	assert_true(device_consent_matches(&d, &list[8], "/x.img"));
	assert_true(device_consent_matches(&d, &list[12], "0a1b2c3d-0000-1111-2222-333344445555"));
	assert_false(device_consent_matches(&d, &list[10], "vg--one-root"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_identity_finds_exactly_its_device), cmocka_unit_test(test_no_disk_at_all_is_said),
		cmocka_unit_test(test_what_is_read_is_not_on_what_is_erased),
		cmocka_unit_test(test_consent_names_what_will_be_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

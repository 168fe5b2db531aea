/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_loop.h"
#include "unit_step.h"

#include "blk.h"
#include "guid.h"
#include "mkfs.h"
#include "mnt.h"

#define UUID "7a1f5b4e-2c3d-4e5f-8a9b-0c1d2e3f4a5b"

static void test_arguments(void **state)
{
	static const struct {
		struct mkfs_spec s;
		const char *argv;
	} cases[] = {
		{ { .type = MKFS_BTRFS, .uuid = UUID, .label = "system", .data = "raid0", .metadata = "raid1", .node_size = 16384 },
		  "mkfs.btrfs -f -q -K -U " UUID " -L system -d raid0 -m raid1 --nodesize=16384 -O no-holes,zoned /dev/x" },
		{ { .type = MKFS_EXT4, .uuid = UUID }, "mke2fs -t ext4 -F -q -E nodiscard -U " UUID " -O no-holes,zoned /dev/x" },
		{ { .type = MKFS_XFS, .uuid = UUID, .label = "l" }, "mkfs.xfs -f -q -K -m uuid=" UUID ",no-holes,zoned -L l /dev/x" },
		{ { .type = MKFS_VFAT, .uuid = "1A2B-3C4D", .label = "ESP", .size = 256 * MIB, .sector = 512 },
		  "mkfs.vfat -I -F 32 -s 4 -i 1A2B3C4D -n ESP /dev/x" },
		{ { .type = MKFS_VFAT, .uuid = "1A2B-3C4D", .size = 8 * MIB, .sector = 512, .fat16 = true }, "mkfs.vfat -I -F 16 -i 1A2B3C4D /dev/x" },
		{ { .type = MKFS_SWAP, .uuid = UUID, .label = "s" }, "mkswap -U " UUID " -L s /dev/x" },
	};
	CLEANUP(strv_free) struct strv dev = STRV_INIT, features = STRV_INIT;
	size_t i, k;

	(void)state;
	strv_add(&dev, "/dev/x");
	strv_add(&features, "no-holes");
	strv_add(&features, "zoned");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(strv_free) struct strv argv = STRV_INIT;
		CLEANUP(str_free) struct str text = STR_INIT;
		struct mkfs_spec s = cases[i].s;
		struct err e = ERR_INIT;

		s.devices = dev;
		s.features = &features;
		assert_int_equal(mkfs_argv(&s, &argv, &e), 0);
		for (k = 0; k < argv.n; k++)
			str_addf(&text, "%s%s", k ? " " : "", argv.v[k]);
		assert_string_equal(str_cstr(&text), cases[i].argv);
	}
}

static void test_fat32_has_enough_clusters_to_be_one(void **state)
{
	(void)state;
	assert_int_equal(mkfs_fat32_cluster(32 * MIB + 512 * KIB, 512), 0);
	assert_int_equal(mkfs_fat32_cluster(33 * MIB, 512), 1);
	assert_int_equal(mkfs_fat32_cluster(256 * MIB, 512), 4);
	assert_int_equal(mkfs_fat32_cluster(512 * MIB, 512), 8);
	assert_int_equal(mkfs_fat32_cluster(20 * GIB, 512), 32);
	assert_int_equal(mkfs_fat32_cluster(256 * MIB, 4096), 0);
	assert_int_equal(mkfs_fat32_cluster(512 * MIB, 4096), 1);
}

static void test_what_does_not_fit_together_is_refused(void **state)
{
	static const struct {
		struct mkfs_spec s;
		const char *text;
	} cases[] = {
		{ { .type = MKFS_XFS, .label = "thirteen-char", .n_devices = 1 },
		  "label: 'thirteen-char' has 13 bytes, xfs takes at most 12" },
		{ { .type = MKFS_EXT4, .n_devices = 2 }, "devices: only btrfs spans several devices, not ext4" },
		{ { .type = MKFS_EXT4, .n_devices = 1, .data = "raid1" }, "data: only btrfs has profiles, not ext4" },
		{ { .type = MKFS_BTRFS, .n_devices = 1, .data = "raid1" }, "data: raid1 needs 2 devices, there is 1" },
		{ { .type = MKFS_BTRFS, .n_devices = 2, .metadata = "raid1c3" }, "metadata: raid1c3 needs 3 devices, there are 2" },
		{ { .type = MKFS_BTRFS, .n_devices = 1, .node_size = 5000 }, "nodesize: 5000 is not a power of two from 4096 to 65536" },
		{ { .type = MKFS_SWAP, .n_devices = 1, .fat16 = true }, "fat: only vfat has it, not swap" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(mkfs_check(&cases[i].s, &e), -EINVAL);
		assert_string_equal(e.msg, cases[i].text);
	}
}

static char *dir;
static struct loop a, b;

static int loops_begin(void **state)
{
	(void)state;
	if (!loop_allowed())
		return 0;
	dir = unit_dir();
	a = loop_new(dir, "a.img", 400 * MIB);
	b = loop_new(dir, "b.img", 400 * MIB);
	return 0;
}

static int loops_end(void **state)
{
	(void)state;
	if (!dir)
		return 0;
	loop_end(&a);
	loop_end(&b);
	unit_dir_end(dir);
	dir = NULL;
	return 0;
}

static void needs_loops(void)
{
	if (!dir)
		skip();
}

static void test_each_filesystem_is_the_one_that_was_decided(void **state)
{
	static const char *const types[] = { "btrfs", "ext4", "xfs", "swap", "vfat" };
	size_t i;

	(void)state;
	needs_loops();
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		struct fixture f = step_begin("mkfs", dir, "device", a.path, "type", types[i], "label", "HERE", NULL);
		CLEANUP(blk_free) struct blk x = { 0 };

		step_ok(&f);
		assert_int_equal(blk_get(a.path, &x, &f.e), 0);
		assert_string_equal(x.fs_type, types[i]);
		assert_int_equal(strcasecmp(x.uuid, step_fact(f.io, "uuid")), 0);
		assert_string_equal(x.label, "HERE");
		assert_false(x.ambivalent);
		step_end(&f);
	}
}

static void test_a_second_attempt_keeps_the_uuid(void **state)
{
	AUTO_FREE char *first = NULL;
	struct fixture f;

	(void)state;
	needs_loops();
	f = step_begin("mkfs", dir, "device", a.path, "type", "ext4", NULL);
	step_ok(&f);
	first = xstrdup(step_fact(f.io, "uuid"));
	shell("dd if=/dev/urandom of=%s bs=1k count=3 seek=1 conv=notrunc status=none", a.path);
	assert_int_equal(step_do(&f, "verify"), 0);
	step_ok(&f);
	assert_string_equal(step_fact(f.io, "uuid"), first);
	step_end(&f);
}

static void test_btrfs_over_two_devices(void **state)
{
	struct fixture f;
	char uuid[37];

	(void)state;
	needs_loops();
	assert_int_equal(guid_random(uuid, NULL), 0);
	f = step_begin("mkfs", dir, "device", a.path, "devices", b.path, "type", "btrfs", "metadata", "raid1", "data", "raid0", "uuid", uuid, NULL);
	step_ok(&f);
	shell("wipefs -qa %s", b.path);
	step_refused(&f, "verify", 0, "content is '', not 'btrfs'");
	step_end(&f);
}

static void test_T61_leftovers_of_every_kind_are_gone(void **state)
{
	struct fixture f;

	(void)state;
	needs_loops();
	/* a btrfs, over it a partition table with a copy at the end: ext4 alone would leave some of that where it is */
	shell("mkfs.btrfs -qf %s >/dev/null; echo 'label: gpt' | sfdisk -q --no-reread --wipe never %s", a.path, a.path);
	shell("wipefs -n --noheadings --output TYPE %s | sort | tr '\\n' ' ' | grep -qx 'PMBR btrfs gpt gpt '", a.path);
	f = step_begin("mkfs", dir, "device", a.path, "type", "ext4", NULL);
	step_ok(&f);
	shell("test \"$(wipefs -n --noheadings --output TYPE %s)\" = ext4", a.path);
	shell("test -z \"$(dd if=%s bs=1 skip=$(( 65536 + 64 )) count=8 status=none | grep -a BHRfS)\"", a.path);
	step_end(&f);
}

static void test_T62_a_uuid_that_is_taken_is_refused(void **state)
{
	struct fixture f;
	char uuid[37];

	(void)state;
	needs_loops();
	assert_int_equal(guid_random(uuid, NULL), 0);
	shell("wipefs -qa %s; mke2fs -qFU %s %s", a.path, uuid, b.path);
	f = step_begin("mkfs", dir, "device", a.path, "type", "xfs", "uuid", uuid, NULL);
	assert_int_equal(step_do(&f, "decide"), 0);
	step_refused(&f, "preflight", -EEXIST, "is the UUID of '/dev/loop");
	step_end(&f);
	shell("wipefs -qa %s", b.path);
}

static void test_T65_a_suspended_system_is_not_lost_by_accident(void **state)
{
	AUTO_FREE char *before = NULL, *after = NULL;
	struct fixture f;

	(void)state;
	needs_loops();
	shell("wipefs -qa %s; mkswap -q %s >/dev/null; printf S1SUSPEND | dd of=%s bs=1 seek=4086 conv=notrunc status=none; sync %s", a.path, a.path,
	      a.path, a.path);
	before = digest_of(a.file);
	f = step_begin("mkfs", dir, "device", a.path, "type", "swap", NULL);
	assert_int_equal(step_do(&f, "decide"), 0);
	step_refused(&f, "preflight", -EBUSY, "holds a suspended system");
	step_refused(&f, "run", -EBUSY, "'discard-hibernation: yes'");
	after = digest_of(a.file);
	assert_string_equal(before, after);
	step_end(&f);
	f = step_begin("mkfs", dir, "device", a.path, "type", "swap", "discard-hibernation", "yes", NULL);
	step_ok(&f);
	assert_non_null(strstr(step_io_test_log(f.io), "holds a suspended system, which is lost now, going on"));
	step_end(&f);
}

static void test_a_target_in_use_or_too_small_is_refused(void **state)
{
	AUTO_FREE char *at = NULL;
	struct fixture f;
	struct err e = ERR_INIT;
	struct loop s;

	(void)state;
	needs_loops();
	at = fs_join(dir, "m");
	shell("mkfs.ext4 -qF %s", a.path);
	assert_int_equal(mnt_mount(a.path, at, NULL, NULL, MNT_F_MKDIR, &e), 0);
	f = step_begin("mkfs", dir, "device", a.path, "type", "ext4", NULL);
	assert_int_equal(step_do(&f, "decide"), 0);
	step_refused(&f, "preflight", -EBUSY, "is mounted at '");
	step_refused(&f, "run", -EBUSY, "is mounted at '");
	assert_int_equal(mnt_umount(at, 0, &e), 0);
	step_end(&f);
	s = loop_new(dir, "small.img", 100 * MIB);
	f = step_begin("mkfs", dir, "device", s.path, "type", "btrfs", NULL);
	step_refused(&f, "preflight", -ENOSPC, "100 MiB is too small for btrfs, which needs at least 109 MiB");
	step_end(&f);
	f = step_begin("mkfs", dir, "device", s.path, "type", "xfs", NULL);
	step_refused(&f, "preflight", -ENOSPC, "is too small for xfs, which needs at least 300 MiB");
	step_end(&f);
	loop_end(&s);
	f = step_begin("mkfs", dir, "device", "", "type", "xfs", NULL);
	assert_int_equal(step_do(&f, "preflight"), STEP_LATER);
	step_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_fat32_has_enough_clusters_to_be_one),
		cmocka_unit_test(test_what_does_not_fit_together_is_refused),
		cmocka_unit_test(test_each_filesystem_is_the_one_that_was_decided),
		cmocka_unit_test(test_a_second_attempt_keeps_the_uuid),
		cmocka_unit_test(test_btrfs_over_two_devices),
		cmocka_unit_test(test_T61_leftovers_of_every_kind_are_gone),
		cmocka_unit_test(test_T62_a_uuid_that_is_taken_is_refused),
		cmocka_unit_test(test_T65_a_suspended_system_is_not_lost_by_accident),
		cmocka_unit_test(test_a_target_in_use_or_too_small_is_refused),
	};

	return cmocka_run_group_tests(tests, loops_begin, loops_end);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block devices as they are: loop devices of this test, made and undone here. Wants root. */
#include "unit.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "blk.h"
#include "child.h"

static char *dir, *file, *node;

static char *attach(const char *path)
{
	const char *const argv[] = { "losetup", "--find", "--show", path, NULL };
	char *out = NULL;

	for (int i = 0; i < 10 && !out; i++)
		(void)child_output(argv, &out, NULL);
	assert_non_null(out);
	return out;
}

static int setup(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	dir = unit_dir();
	file = fs_join(dir, "disk.img");
	assert_int_equal(close(open(file, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(truncate(file, 200 * (off_t)MIB), 0);
	node = attach(file);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (!node)
		return 0;
	(void)child_runl(NULL, "losetup", "-d", node, NULL);
	free(TAKE_PTR(node));
	free(TAKE_PTR(file));
	unit_dir_end(TAKE_PTR(dir));
	return 0;
}

static struct blk get(const char *path)
{
	struct err e = ERR_INIT;
	struct blk b;

	if (blk_get(path, &b, &e) < 0)
		fail_msg("%s", e.msg);
	return b;
}

static void test_an_empty_loop_device_is_known_by_its_file(void **state)
{
	struct blk b;
	AUTO_FREE char *id = NULL;

	(void)state;
	if (!node)
		skip();
	b = get(node);
	id = blk_identity(&b);
	assert_string_equal(b.loop_file, file);
	assert_true(str_starts(id, "loop file "));
	assert_true(b.size == 200 * MIB);
	assert_null(b.fs_type);
	assert_int_equal(blk_unused(node, NULL), 0);
	blk_free(&b);
}

static void test_content_is_seen_and_wiped_with_every_copy(void **state)
{
	struct err e = ERR_INIT;
	struct blk b;
	char magic[9] = "";
	int fd;

	(void)state;
	if (!node)
		skip();
	assert_int_equal(child_runl(NULL, "mkfs.btrfs", "-q", "-f", "-L", "one", node, NULL), 0);
	b = get(node);
	assert_string_equal(b.fs_type, "btrfs");
	assert_string_equal(b.label, "one");
	assert_non_null(b.uuid);
	blk_free(&b);
	fd = open(node, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, magic, 8, 64 * (off_t)MIB + 64), 8);
	assert_string_equal(magic, "_BHRfS_M");
	if (blk_wipe(node, &e) < 0)
		fail_msg("%s", e.msg);
	b = get(node);
	assert_null(b.fs_type);
	blk_free(&b);
	assert_int_equal(pread(fd, magic, 8, 64 * (off_t)MIB + 64), 8);       /* T61: the copy that would bring the old one back */
	assert_int_equal(magic[0], 0);
	close(fd);
}

static void test_a_gpt_is_wiped_at_both_ends(void **state)
{
	struct blk b;
	char sig[9] = "";
	int fd;

	(void)state;
	if (!node)
		skip();
	assert_int_equal(child_runl(NULL, "sgdisk", "-n", "1:2048:40959", "-n", "3:40960:81919", node, NULL), 0);
	b = get(node);
	assert_string_equal(b.pttype, "gpt");
	blk_free(&b);
	assert_int_equal(blk_wipe(node, NULL), 0);
	fd = open(node, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, sig, 8, 200 * (off_t)MIB - 512), 8);
	assert_true(memcmp(sig, "EFI PART", 8) != 0);
	close(fd);
}

static void test_partitions_appear_and_go(void **state)
{
	AUTO_FREE char *three = NULL, *none = NULL;
	struct err e = ERR_INIT;
	struct blk b;

	(void)state;
	if (!node)
		skip();
	assert_int_equal(child_runl(NULL, "sgdisk", "-n", "1:2048:40959", "-n", "3:40960:81919", "-c", "3:data", node, NULL), 0);
	if (blk_reread(node, &e) < 0)
		fail_msg("%s", e.msg);
	three = blk_partition_path(node, 3);
	none = blk_partition_path(node, 2);
	assert_non_null(three);                 /* T29: asked of sysfs */
	assert_null(none);
	b = get(three);
	assert_true(b.partition == 3 && b.start == 40960 * 512 && b.size == 40960 * 512);
	assert_string_equal(b.part_label, "data");
	assert_string_equal(b.loop_file, file);
	blk_free(&b);
	assert_int_equal(child_runl(NULL, "sgdisk", "-d", "3", node, NULL), 0);
	assert_int_equal(blk_reread(node, &e), 0);
	free(TAKE_PTR(three));
	three = blk_partition_path(node, 3);
	assert_null(three);
	assert_int_equal(child_runl(NULL, "sgdisk", "-Z", node, NULL), 0);
	assert_int_equal(blk_reread(node, &e), 0);
}

static void test_who_uses_it_is_named(void **state)
{
	AUTO_FREE char *at = NULL;
	struct err e = ERR_INIT;

	(void)state;
	if (!node)
		skip();
	at = fs_join(dir, "mnt");
	assert_int_equal(mkdir(at, 0700), 0);
	assert_int_equal(child_runl(NULL, "mkfs.ext4", "-q", "-F", node, NULL), 0);
	assert_int_equal(mount(node, at, "ext4", 0, NULL), 0);
	assert_int_equal(blk_unused(node, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "is mounted at '"));
	assert_non_null(strstr(e.msg, at));
	assert_int_equal(blk_wipe(node, &e), -EBUSY);
	assert_int_equal(umount(at), 0);
	assert_int_equal(rmdir(at), 0);
	assert_int_equal(blk_unused(node, &e), 0);
}

static void test_read_only_is_set_and_remembered(void **state)
{
	struct blk b;
	bool was = true;

	(void)state;
	if (!node)
		skip();
	assert_int_equal(blk_set_read_only(node, true, &was, NULL), 0);
	assert_false(was);
	b = get(node);
	assert_true(b.read_only);
	blk_free(&b);
	assert_int_equal(blk_wipe(node, NULL) < 0, 1);
	assert_int_equal(blk_set_read_only(node, false, &was, NULL), 0);
	assert_true(was);
}

static void test_what_is_no_device_is_refused(void **state)
{
	struct err e = ERR_INIT;
	struct blk b;

	(void)state;
	assert_int_equal(blk_get("/dev/null", &b, &e), -ENOTBLK);
	assert_string_equal(e.msg, "'/dev/null' is not a block device");
	assert_int_equal(blk_get("/dev/no-such-thing", &b, &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_loop_device_is_known_by_its_file), cmocka_unit_test(test_content_is_seen_and_wiped_with_every_copy),
		cmocka_unit_test(test_a_gpt_is_wiped_at_both_ends), cmocka_unit_test(test_partitions_appear_and_go),
		cmocka_unit_test(test_who_uses_it_is_named), cmocka_unit_test(test_read_only_is_set_and_remembered),
		cmocka_unit_test(test_what_is_no_device_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

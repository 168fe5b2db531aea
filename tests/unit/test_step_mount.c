/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps subvolumes and mount on loop devices. */
#include "unit_loop.h"
#include "unit_step.h"

#include "blk.h"
#include "btrfs.h"
#include "mnt.h"

static char *dir, *target;
static struct loop a, b;

static int loops_begin(void **state)
{
	(void)state;
	if (!loop_allowed())
		return 0;
	dir = unit_dir();
	target = fs_join(dir, "target");
	a = loop_new(dir, "a.img", 160 * MIB);
	b = loop_new(dir, "b.img", 160 * MIB);
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
	free(target);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	if (dir)
		shell("blockdev --setrw %s; blockdev --setrw %s; wipefs -qa %s; wipefs -qa %s; mkfs.btrfs -qf %s >/dev/null", a.path, b.path, a.path, b.path,
		      a.path);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	if (dir)
		assert_int_equal(mnt_umount_tree(target, 0, NULL), 0);
	return 0;
}

static void needs_loops(void)
{
	if (!dir)
		skip();
}

static void test_T66_subvolumes_and_the_default_one_by_path(void **state)
{
	AUTO_FREE char *etc = NULL;
	struct fixture f;

	(void)state;
	needs_loops();
	f = step_begin("subvolumes", dir, "device", a.path, "create", "@/var/log", "create", "@home", "create", "@", "create", "@/srv/x", "create", "keep",
		       "default", "@", "read-only", "keep", NULL);
	step_ok(&f);
	step_ok(&f);            /* again: nothing to do is no failure */
	assert_string_equal(step_fact(f.io, "ids"), "@/var/log=258 @home=259 @=256 @/srv/x=257 keep=260");
	assert_string_equal(step_fact(f.io, "default_id"), "256");
	assert_int_equal(mnt_is_mounted(target, NULL), 0);
	assert_int_equal(mnt_mount(a.path, target, "btrfs", NULL, MNT_F_MKDIR, &f.e), 0);
	etc = fs_join(target, "srv/x");
	assert_int_equal(btrfs_is_subvolume(etc, &f.e), 1);
	step_end(&f);
	f = step_begin("subvolumes", dir, "device", a.path, "create", "@/new", "default", "@/new", NULL);
	step_refused(&f, "verify", 0, "'@/new' is not a subvolume");
	step_end(&f);
}

static void test_subvolumes_on_a_mounted_path(void **state)
{
	struct fixture f;

	(void)state;
	needs_loops();
	assert_int_equal(mnt_mount(a.path, target, "btrfs", NULL, MNT_F_MKDIR, NULL), 0);
	f = step_begin("subvolumes", dir, "path", target, "create", "one", "create", "two", NULL);
	step_ok(&f);
	step_end(&f);
	shell("mkdir %s/folder", target);
	f = step_begin("subvolumes", dir, "path", target, "create", "folder", NULL);
	step_refused(&f, "run", -EEXIST, "create subvolume 'folder': something else has that name already");
	step_end(&f);
	f = step_begin("subvolumes", dir, "path", target, "create", "../out", NULL);
	step_refused(&f, "preflight", -EINVAL, "subvolume '../out': '..' cannot be part of its path");
	step_end(&f);
	f = step_begin("subvolumes", dir, "path", "/proc", "create", "x", NULL);
	step_refused(&f, "run", -EMEDIUMTYPE, "it is not on btrfs");
	step_end(&f);
}

static void test_a_tree_is_mounted_parents_first(void **state)
{
	CLEANUP(mnt_info_free) struct mnt_info i = { 0 };
	AUTO_FREE char *home = NULL, *bind = NULL, *tmp = NULL;
	struct fixture f;

	(void)state;
	needs_loops();
	f = step_begin("subvolumes", dir, "device", a.path, "create", "@", "create", "@home", NULL);
	step_ok(&f);
	step_end(&f);
	f = step_begin("mount", dir, "at", target, NULL);
	step_row(&f, "tree", "device", a.path, "at", "/home", "options", "subvol=@home", NULL);
	step_row(&f, "tree", "type", "tmpfs", "at", "/home/tmp", "options", "size=1m", NULL);
	step_row(&f, "tree", "source", "/proc", "at", "/proc", NULL);
	step_row(&f, "tree", "device", a.path, "at", "/", "options", "noatime,subvol=/@", NULL);
	step_ok(&f);
	step_ok(&f);            /* again: what holds is left alone */
	home = fs_join(target, "home");
	tmp = fs_join(target, "home/tmp");
	bind = fs_join(target, "proc/self");
	assert_int_equal(mnt_find(home, &i, NULL), 1);
	assert_string_equal(i.root, "/@home");
	assert_int_equal(mnt_is_mounted(tmp, NULL), 1);
	assert_true(fs_exists(bind));
	assert_int_equal(mnt_umount(tmp, 0, NULL), 0);
	step_refused(&f, "verify", 0, "/home/tmp': nothing is mounted there");
	step_end(&f);
	f = step_begin("mount", dir, "at", home, "device", a.path, "options", "subvol=@", NULL);
	step_refused(&f, "run", -EBUSY, "is a mount point already, of something else");
	step_end(&f);
}

static void test_T63_read_only_devices_are_mounted_without_a_write(void **state)
{
	AUTO_FREE char *before = NULL, *after = NULL;
	struct fixture f;
	bool was;

	(void)state;
	needs_loops();
	shell("sync %s", a.path);
	before = digest_of(a.file);
	f = step_begin("mount", dir, "at", target, "device", a.path, "read-only", "yes", NULL);
	step_ok(&f);
	assert_int_equal(blk_set_read_only(a.path, true, &was, NULL), 0);
	assert_true(was);
	assert_int_equal(mnt_umount(target, 0, NULL), 0);
	step_end(&f);
	/* the plan may only read it: the node is read-only already, nobody said so in the step */
	f = step_begin("mount", dir, "at", target, "device", a.path, NULL);
	step_ok(&f);
	assert_non_null(strstr(step_io_test_log(f.io), "is read-only, so it is mounted read-only"));
	step_end(&f);
	after = digest_of(a.file);
	assert_string_equal(before, after);
}

static void test_T62_a_copy_beside_its_original_is_not_mounted(void **state)
{
	struct fixture f;

	(void)state;
	needs_loops();
	shell("sync %s; cp --sparse=always %s %s.copy; dd if=%s.copy of=%s bs=1M status=none; sync %s; rm %s.copy", a.path, a.file, a.file, a.file, b.path, b.path, a.file);
	f = step_begin("mount", dir, "at", target, "device", b.path, NULL);
	step_refused(&f, "run", -ENOTUNIQ, "(a copy beside its original)");
	step_end(&f);
	shell("mke2fs -qF -t ext4 %s; dd if=%s of=%s bs=1M status=none; sync %s", a.path, a.path, b.path, b.path);
	f = step_begin("mount", dir, "at", target, "device", a.path, NULL);
	step_refused(&f, "run", -ENOTUNIQ, "(a copy beside its original)");
	assert_int_equal(mnt_is_mounted(target, NULL), 0);
	step_end(&f);
}

static void test_T65_nothing_of_a_suspended_system_is_mounted_for_writing(void **state)
{
	struct fixture f;
	struct loop disk;
	AUTO_FREE char *root = NULL;

	(void)state;
	needs_loops();
	disk = loop_new(dir, "disk.img", 64 * MIB);
	shell("printf 'label: gpt\\nsize=16M\\nsize=16M\\n' | sfdisk -q --no-reread --no-tell-kernel %s", disk.path);
	assert_int_equal(blk_reread(disk.path, NULL), 0);
	root = blk_partition_path(disk.path, 1);
	shell("mke2fs -qF %s; mkswap -q %sp2 >/dev/null; printf S1SUSPEND | dd of=%sp2 bs=1 seek=4086 conv=notrunc status=none", root, disk.path, disk.path);
	f = step_begin("mount", dir, "at", target, "device", root, NULL);
	step_refused(&f, "run", -EBUSY, "on the same disk holds a suspended system");
	step_end(&f);
	f = step_begin("mount", dir, "at", target, "device", root, "discard-hibernation", "yes", NULL);
	step_ok(&f);
	assert_int_equal(mnt_umount(target, 0, NULL), 0);
	step_end(&f);
	f = step_begin("mount", dir, "at", target, "device", root, "read-only", "yes", NULL);
	step_ok(&f);
	assert_int_equal(mnt_umount(target, 0, NULL), 0);
	step_end(&f);
	shell("blockdev --setrw %s", root);
	loop_forget_partitions(disk.fd);
	loop_end(&disk);
}

static void test_all_devices_of_a_btrfs_are_found(void **state)
{
	struct fixture f;

	(void)state;
	needs_loops();
	shell("mkfs.btrfs -qf -d raid0 -m raid1 %s %s >/dev/null; btrfs device scan --forget >/dev/null 2>&1 || true", a.path, b.path);
	f = step_begin("mount", dir, "at", target, "device", b.path, NULL);
	step_ok(&f);
	step_end(&f);
}

static void test_wrong_words_are_refused(void **state)
{
	struct fixture f;

	(void)state;
	f = step_begin("mount", "/tmp", "at", "/x", NULL);
	step_refused(&f, "preflight", -EINVAL, "'/x': device, source or type is needed");
	step_end(&f);
	f = step_begin("mount", "/tmp", "at", "/x", NULL);
	step_row(&f, "tree", "type", "tmpfs", "at", "home", NULL);
	step_refused(&f, "preflight", -EINVAL, "tree: 'home': a path that starts with '/' and has no '..' is needed");
	step_end(&f);
	f = step_begin("mount", "/tmp", "at", "/x", "device", "", NULL);
	assert_int_equal(step_do(&f, "preflight"), STEP_LATER);
	step_end(&f);
	f = step_begin("subvolumes", "/tmp", "path", "/", NULL);
	step_refused(&f, "preflight", -EINVAL, "nothing to do: say create, default or read-only");
	step_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_T66_subvolumes_and_the_default_one_by_path, fresh, clean),
		cmocka_unit_test_setup_teardown(test_subvolumes_on_a_mounted_path, fresh, clean),
		cmocka_unit_test_setup_teardown(test_a_tree_is_mounted_parents_first, fresh, clean),
		cmocka_unit_test_setup_teardown(test_T63_read_only_devices_are_mounted_without_a_write, fresh, clean),
		cmocka_unit_test_setup_teardown(test_T62_a_copy_beside_its_original_is_not_mounted, fresh, clean),
		cmocka_unit_test_setup_teardown(test_T65_nothing_of_a_suspended_system_is_mounted_for_writing, fresh, clean),
		cmocka_unit_test_setup_teardown(test_all_devices_of_a_btrfs_are_found, fresh, clean),
		cmocka_unit_test(test_wrong_words_are_refused),
	};

	return cmocka_run_group_tests(tests, loops_begin, loops_end);
}

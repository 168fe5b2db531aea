/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_loop.h"

#include "mnt.h"

static void test_options_are_whole_words(void **state)
{
	(void)state;
	assert_true(mnt_has_option("rw,subvol=/@,noatime", "subvol=/@"));
	assert_true(mnt_has_option("ro", "ro"));
	assert_true(mnt_has_option("a,ro", "ro"));
	assert_false(mnt_has_option("errors=remount-ro,rom", "ro"));
	assert_false(mnt_has_option("", "ro"));
	assert_false(mnt_has_option(NULL, "ro"));
}

static void test_mounts_come_and_go(void **state)
{
	CLEANUP(mnt_info_free) struct mnt_info i = { 0 };
	struct err e = ERR_INIT;
	char *dir = unit_dir();
	AUTO_FREE char *at = fs_join(dir, "a/b"), *sub = fs_join(dir, "a/b/c"), *none = fs_join(dir, "none"), *source = NULL;

	(void)state;
	if (!loop_allowed()) {
		unit_dir_end(dir);
		skip();
	}
	assert_int_equal(mnt_is_mounted(at, &e), 0);
	assert_int_equal(mnt_mount("tmpfs", at, "tmpfs", "size=1m,mode=700", MNT_F_MKDIR, &e), 0);
	assert_int_equal(mnt_find(at, &i, &e), 1);
	assert_string_equal(i.type, "tmpfs");
	assert_string_equal(i.target, at);
	assert_true(mnt_has_option(i.options, "size=1024k"));
	assert_int_equal(mnt_mount(dir, sub, NULL, NULL, MNT_F_BIND | MNT_F_MKDIR | MNT_F_READ_ONLY, &e), 0);
	mnt_info_free(&i);
	assert_int_equal(mnt_of(sub, &i, &e), 0);
	assert_true(i.read_only);
	source = mnt_source_of(at);
	assert_string_equal(source, "tmpfs");
	assert_int_equal(mnt_umount_tree(at, 0, &e), 0);
	assert_int_equal(mnt_is_mounted(at, &e), 0);
	assert_int_equal(mnt_umount(at, 0, &e), 0);
	assert_int_equal(mnt_mount("tmpfs", none, "tmpfs", NULL, 0, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "mount 'tmpfs' at '"));
	assert_int_equal(mnt_mount("tmpfs", at, "no-such-type", NULL, 0, &e), -ENODEV);
	assert_non_null(strstr(e.msg, "unknown filesystem type"));
	unit_dir_end(dir);
}

/* Copies the image of a mounted filesystem, so that the copy's journal is dirty, and mounts the copy read-only. */
static void one_dirty(const char *dir, const char *type, uint64_t size)
{
	AUTO_FREE char *at = fs_join(dir, "m"), *copy = fs_join(dir, "copy.img"), *before = NULL, *after = NULL, *extra = NULL;
	struct loop l = loop_new(dir, "src.img", size), c;
	struct err e = ERR_INIT;

	shell("mkfs.%s -q %s && mkdir -p %s && mount %s %s && sync -f %s && for i in $(seq 40); do echo $i >%s/f$i; sync %s/f$i; done && "
	      "cp --sparse=always %s %s && umount %s", type, l.path, at, l.path, at, at, at, at, l.file, copy, at);
	loop_end(&l);
	before = digest_of(copy);
	c = loop_file(copy, 0);
	if (mnt_mount_read_only(c.path, at, NULL, NULL, 0, &extra, &e) < 0)
		fail_msg("%s: %s", type, e.msg);
	shell("test -e %s/lost+found || ls %s >/dev/null", at, at);
	assert_int_equal(mnt_umount(at, 0, &e), 0);
	loop_end(&c);
	after = digest_of(copy);
	assert_string_equal(before, after);
	if (!extra)
		fail_msg("%s: the journal was not dirty, this test proves nothing", type);
	shell("rm -f %s/*.img", dir);
}

static void test_T63_read_only_mounts_never_replay_a_journal(void **state)
{
	char *dir;

	(void)state;
	if (!loop_allowed())
		skip();
	dir = unit_dir();
	one_dirty(dir, "ext4", 64 * MIB);
	one_dirty(dir, "xfs", 320 * MIB);
	one_dirty(dir, "btrfs", 128 * MIB);
	unit_dir_end(dir);
}

static void test_devices_of_a_path(void **state)
{
	CLEANUP(strv_free) struct strv devs = STRV_INIT, at = STRV_INIT;
	struct err e = ERR_INIT;
	char *dir = unit_dir();
	AUTO_FREE char *m = fs_join(dir, "m"), *deep = fs_join(dir, "m/d/e"), *real = NULL;
	struct loop a, b;

	(void)state;
	if (!loop_allowed()) {
		unit_dir_end(dir);
		skip();
	}
	a = loop_new(dir, "a", 128 * MIB);
	b = loop_new(dir, "b", 128 * MIB);
	shell("mkfs.btrfs -q -d raid0 -m raid1 %s %s", a.path, b.path);
	assert_int_equal(mnt_mount(a.path, m, "btrfs", NULL, MNT_F_MKDIR, &e), 0);
	assert_int_equal(fs_mkdir_p(deep, 0755, &e), 0);
	assert_int_equal(mnt_devices_of(deep, &devs, &e), 0);
	assert_int_equal(devs.n, 2);
	assert_true(strv_has(&devs, a.path) && strv_has(&devs, b.path));
	assert_int_equal(mnt_targets_of(a.path, &at, &e), 0);
	real = realpath(m, NULL);
	assert_true(at.n == 1 && str_eq(at.v[0], real));
	assert_int_equal(mnt_umount(m, 0, &e), 0);
	loop_end(&a);
	loop_end(&b);
	unit_dir_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_are_whole_words),
		cmocka_unit_test(test_mounts_come_and_go),
		cmocka_unit_test(test_T63_read_only_mounts_never_replay_a_journal),
		cmocka_unit_test(test_devices_of_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>

#include "hash.h"

static void test_atomic_write_replaces_or_leaves(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *path = fs_join(dir, "f"), *missing = fs_join(dir, "no/f"), *text = NULL;
	struct err e = ERR_INIT;
	struct stat st;
	size_t len;

	(void)state;
	assert_int_equal(fs_write_atomic(path, "one", 3, 0640, &e), 0);
	assert_int_equal(fs_write_atomic(path, "second", 6, 0600, &e), 0);
	assert_int_equal(fs_read(path, 100, &text, &len, &e), 0);
	assert_string_equal(text, "second");
	assert_int_equal(len, 6);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fs_write_atomic(missing, "x", 1, 0600, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "create '"));
	free(TAKE_PTR(text));
	assert_int_equal(fs_read(path, 5, &text, &len, &e), -EFBIG);
	unit_dir_end(dir);
}

static void test_folders_are_made_and_removed_whole(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *deep = fs_join(dir, "a/b/c"), *top = fs_join(dir, "a"), *file = fs_join(dir, "a/b/f"), *link = fs_join(dir, "a/l");
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(fs_mkdir_p(deep, 0755, &e), 0);
	assert_int_equal(fs_mkdir_p(deep, 0755, &e), 0);
	assert_int_equal(fs_write_atomic(file, "", 0, 0600, &e), 0);
	assert_int_equal(fs_mkdir_p(file, 0755, &e), -ENOTDIR);
	assert_int_equal(symlink("/etc", link), 0);
	assert_int_equal(fs_remove_tree(top, &e), 0);
	assert_false(fs_exists(top));
	assert_true(fs_exists("/etc/passwd"));
	unit_dir_end(dir);
}

/* T49: an absolute link of the target leads inside the target. */
static void test_links_stay_inside_the_root(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *etc = fs_join(dir, "etc"), *file = fs_join(dir, "etc/fstab"), *link = fs_join(dir, "l"), *up = fs_join(dir, "up");
	AUTO_CLOSE int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char buf[8] = "";
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(fs_mkdir_p(etc, 0755, &e), 0);
	assert_int_equal(fs_write_atomic(file, "ours", 4, 0600, &e), 0);
	assert_int_equal(symlink("/etc/fstab", link), 0);
	assert_int_equal(symlink("../../../../etc/fstab", up), 0);
	for (int i = 0; i < 2; i++) {
		AUTO_CLOSE int fd = fs_open_in_root(root, i ? "up" : "l", O_RDONLY, 0, &e);

		assert_true(fd >= 0);
		assert_int_equal(read(fd, buf, 4), 4);
		assert_memory_equal(buf, "ours", 4);
	}
	assert_int_equal(fs_open_in_root(root, "etc/none", O_RDONLY, 0, &e), -ENOENT);
	unit_dir_end(dir);
}

/* By openat2 and by hand: the same answers. */
static void test_the_walk_by_hand_agrees(void **state)
{
	static const struct { const char *path; int flags, r; const char *text; } cases[] = {
		{ "etc/fstab", O_RDONLY, 0, "ours" }, { "/etc/fstab", O_RDONLY, 0, "ours" }, { "l", O_RDONLY, 0, "ours" }, { "up", O_RDONLY, 0, "ours" },
		{ "dir/fstab", O_RDONLY, 0, "ours" }, { "dir/../etc/./fstab", O_RDONLY, 0, "ours" }, { "chain", O_RDONLY, 0, "ours" },
		{ "l", O_RDONLY | O_NOFOLLOW, -ELOOP, NULL }, { "loop", O_RDONLY, -ELOOP, NULL }, { "etc/none", O_RDONLY, -ENOENT, NULL },
		{ "none/x", O_RDONLY, -ENOENT, NULL }, { "etc/fstab/x", O_RDONLY, -ENOTDIR, NULL }, { "", O_RDONLY, -ENOENT, NULL },
		{ "/", O_PATH | O_DIRECTORY, 0, NULL }, { "..", O_PATH | O_DIRECTORY, 0, NULL }, { "dir", O_PATH | O_DIRECTORY, 0, NULL },
		{ "etc/fstab", O_PATH | O_DIRECTORY, -ENOTDIR, NULL },
	};
	char *dir = unit_dir();
	AUTO_FREE char *etc = fs_join(dir, "etc"), *file = fs_join(dir, "etc/fstab");
	AUTO_CLOSE int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char buf[8] = "";

	(void)state;
	assert_int_equal(fs_mkdir_p(etc, 0755, NULL), 0);
	assert_int_equal(fs_write_atomic(file, "ours", 4, 0600, NULL), 0);
	assert_int_equal(symlinkat("/etc/fstab", root, "l"), 0);
	assert_int_equal(symlinkat("../../../../etc/fstab", root, "up"), 0);
	assert_int_equal(symlinkat("/etc", root, "dir"), 0);
	assert_int_equal(symlinkat("dir/../l", root, "chain"), 0);
	assert_int_equal(symlinkat("loop", root, "loop"), 0);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		size_t k = i / 2;
		AUTO_CLOSE int fd = i % 2 ? fs_walk_in_root(root, cases[k].path, cases[k].flags, 0)
					  : fs_open_in_root(root, cases[k].path, cases[k].flags, 0, NULL);

		if ((fd < 0 ? fd : 0) != cases[k].r)
			fail_msg("'%s' %s: %d, wanted %d", cases[k].path, i % 2 ? "by hand" : "by openat2", fd, cases[k].r);
		if (cases[k].text) {
			assert_int_equal(read(fd, buf, 4), 4);
			assert_memory_equal(buf, cases[k].text, 4);
		}
	}
	unit_dir_end(dir);
}

static void test_volatile_filesystems_are_known(void **state)
{
	(void)state;
	assert_int_equal(fs_is_volatile("/dev/shm", NULL), 1);
	assert_true(fs_is_volatile("/no/such/path", NULL) < 0);
}

static void test_digests_match_published_vectors(void **state)
{
	static const struct { enum hash_type t; const char *hex; } cases[] = {   /* of "abc"; XXH*: of "" */
		{ HASH_MD5, "900150983cd24fb0d6963f7d28e17f72" },
		{ HASH_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ HASH_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ HASH_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
		{ HASH_XXH64, "ef46db3751d8e999" }, { HASH_XXH3_64, "2d06800538d394c2" }, { HASH_XXH3_128, "99aa06d3014798d86001c324468d497f" },
	};
	uint8_t d[HASH_MAX];
	char hex[2 * HASH_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hash *h = hash_new(cases[i].t);

		assert_non_null(h);
		for (int k = 0; k < 2; k++) {           /* the second message: the state was reset */
			if (cases[i].t < HASH_XXH64) {
				hash_add(h, "a", 1);
				hash_add(h, "bc", 2);
			}
			hash_hex(d, hash_end(h, d), hex);
			assert_string_equal(hex, cases[i].hex);
		}
		hash_free(h);
	}
	assert_int_equal(hash_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(hash_crc32c(hash_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	for (size_t n = 0; n <= 60; n++) {      /* with the processor's instruction and without */
		const uint8_t *p = (const uint8_t *)"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

		assert_int_equal(hash_crc32c(0x1234567, p + n % 3, n), ~hash_crc32c_tables(~0x1234567u, p + n % 3, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_atomic_write_replaces_or_leaves), cmocka_unit_test(test_folders_are_made_and_removed_whole),
		cmocka_unit_test(test_links_stay_inside_the_root), cmocka_unit_test(test_the_walk_by_hand_agrees), cmocka_unit_test(test_volatile_filesystems_are_known),
		cmocka_unit_test(test_digests_match_published_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

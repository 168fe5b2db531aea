/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "copy.h"
#include "manifest.h"

static char last_mark[256];
static uint64_t told_bytes;

static int on_mark(void *arg, const char *text, struct err *e)
{
	(void)arg;
	(void)e;
	snprintf(last_mark, sizeof(last_mark), "%s", text);
	return 0;
}

static void on_progress(void *arg, const struct copy_result *now, const char *current)
{
	(void)arg;
	(void)current;
	told_bytes = now->bytes;
}

static char *tree_text(const char *dir)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct err e = ERR_INIT;

	assert_int_equal(manifest_tree(dir, f, false, NULL, &e), 0);
	fclose(f);
	return text;
}

static void put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = fs_join(dir, name);

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0640, NULL), 0);
}

static void make_source(const char *src)
{
	AUTO_FREE char *sub = fs_join(src, "a/b"), *one = fs_join(src, "one"), *two = fs_join(src, "a/two"), *link = fs_join(src, "a/link");

	assert_int_equal(fs_mkdir_p(sub, 0755, NULL), 0);
	put(src, "one", "1");
	put(src, "a/b/new\nline", "2");
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "a/b/f%d", i);
		put(src, name, name);
	}
	assert_int_equal(linkat(AT_FDCWD, one, AT_FDCWD, two, 0), 0);
	assert_int_equal(symlink("../nowhere", link), 0);
}

static int run(const char *src, const char *dst, const char *logs, const char *resume, struct copy_result *res, struct err *e)
{
	AUTO_CLOSE int from = open(src, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to = -1;
	struct copy_opts o = { .src = from, .src_name = src, .dst_name = dst, .logs = logs, .since = INT64_MIN, .threads = 3, .resume = resume,
			       .mark = on_mark, .progress = on_progress };

	assert_int_equal(fs_mkdir_p(dst, 0755, e), 0);
	assert_int_equal(fs_mkdir_p(logs, 0755, e), 0);
	to = open(dst, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	o.dst = to;
	return copy_tree(&o, res, e);
}

static void expect_same(const char *a, const char *b)
{
	AUTO_FREE char *x = tree_text(a), *y = tree_text(b);

	assert_string_equal(x, y);
}

/* T68: what was safe at the mark stays, what came later or is half-written is copied again. */
static void test_copies_all_and_resumes_from_a_mark(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *src = fs_join(dir, "src"), *dst = fs_join(dir, "dst"), *logs = fs_join(dir, "logs"), *mark = NULL;
	struct copy_result res;
	struct err e = ERR_INIT;
	struct timespec now;

	(void)state;
	make_source(src);
	assert_int_equal(run(src, dst, logs, NULL, &res, &e), 0);
	assert_int_equal(res.files, 303);
	assert_int_equal(res.lost + res.partial + res.meta, 0);
	assert_int_equal(told_bytes, res.bytes);
	expect_same(src, dst);
	assert_true(str_starts(last_mark, "trust "));
	usleep(100000);
	clock_gettime(CLOCK_REALTIME, &now);
	mark = xasprintf("trust %lld%09ld manifest 0 losses 0 text 0", (long long)now.tv_sec, now.tv_nsec);
	usleep(100000);
	put(dst, "a/b/f7", "half");
	assert_int_equal(run(src, dst, logs, mark, &res, &e), 0);
	assert_int_equal(res.present, 301);     /* all but the half-written one and the two names of one inode */
	assert_int_equal(res.files, 3);
	expect_same(src, dst);
	assert_int_equal(run(src, dst, logs, NULL, &res, &e), 0);
	assert_int_equal(res.present, 0);
	expect_same(src, dst);
	unit_dir_end(dir);
}

static void test_the_second_look_finds_a_changed_byte(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *src = fs_join(dir, "src"), *dst = fs_join(dir, "dst"), *logs = fs_join(dir, "logs"), *manifest = fs_join(logs, "manifest");
	AUTO_CLOSE int to = -1;
	struct copy_result res;
	struct err e = ERR_INIT;

	(void)state;
	make_source(src);
	assert_int_equal(run(src, dst, logs, NULL, &res, &e), 0);
	to = open(dst, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(copy_verify(manifest, to, NULL, NULL, &e), 1);
	put(dst, "a/b/f9", "a/b/f8");
	assert_int_equal(copy_verify(manifest, to, NULL, NULL, &e), 0);
	assert_string_equal(e.msg, "'/a/b/f9': its content is not what was read from the source");
	unit_dir_end(dir);
}

/* PATH.sparse: the same size, nothing but its last 4 KiB is data. */
static void sparse_twin(const char *path, size_t size)
{
	AUTO_FREE char *twin = xasprintf("%s.sparse", path);
	AUTO_CLOSE int fd = open(twin, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (size > 8192)
		assert_int_equal(pwrite(fd, "data", 4, (off_t)size - 4096), 4);
}

/* Sizes on both sides of where reading, then writing, goes past the page cache, and where a second thread writes. */
static void make_sizes(const char *src)
{
	static const size_t sizes[] = { 1, 4095, 131071, 131072, 131073, 1048575, 1048576, 1048577, 1052672, 8388607, 8388608, 12587009 };
	AUTO_FREE char *text = xmalloc(sizes[ARRAY_SIZE(sizes) - 1]);
	uint32_t x = 2463534242U;

	for (size_t i = 0; i < sizes[ARRAY_SIZE(sizes) - 1]; i++) {
		x = x * 1664525U + 1013904223U;
		text[i] = (char)(x >> 24);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char name[32];
		AUTO_FREE char *path = NULL;

		snprintf(name, sizeof(name), "%zu", sizes[i]);
		path = fs_join(src, name);
		assert_int_equal(fs_write_atomic(path, text, sizes[i], 0640, NULL), 0);
		sparse_twin(path, sizes[i]);
	}
}

static void test_every_size_arrives(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *src = fs_join(dir, "src"), *dst = fs_join(dir, "dst"), *logs = fs_join(dir, "logs");
	struct copy_result res;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(fs_mkdir_p(src, 0755, NULL), 0);
	make_sizes(src);
	assert_int_equal(run(src, dst, logs, NULL, &res, &e), 0);
	assert_int_equal(res.lost + res.partial + res.meta, 0);
	assert_int_equal(res.bytes, told_bytes);
	expect_same(src, dst);
	unit_dir_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size_arrives),
		cmocka_unit_test(test_copies_all_and_resumes_from_a_mark), cmocka_unit_test(test_the_second_look_finds_a_changed_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

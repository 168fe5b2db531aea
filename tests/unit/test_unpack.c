/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>

#include "beneath.h"
#include "hash.h"
#include "unpack.h"

static void test_foreign_paths_are_cleaned_or_refused(void **state)
{
	static const struct { const char *in, *out; int r; bool absolute; } t[] = {
		{ "a", "a", 0, false }, { "./a//b/", "a/b", 0, false }, { "/etc/x", "etc/x", 0, true }, { "//", "", 0, true }, { ".", "", 0, false },
		{ "", "", 0, false }, { "a/./b", "a/b", 0, false }, { "..", NULL, -EXDEV, false }, { "a/../b", NULL, -EXDEV, false },
		{ "/../x", NULL, -EXDEV, true }, { "..a/b..", "..a/b..", 0, false }, { "a/..", NULL, -EXDEV, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		AUTO_FREE char *s = xstrdup(t[i].in);
		bool absolute;

		assert_int_equal(beneath_clean(s, &absolute), t[i].r);
		assert_int_equal(absolute, t[i].absolute);
		if (t[i].r == 0)
			assert_string_equal(s, t[i].out);
	}
}

static void test_nothing_opens_through_a_link(void **state)
{
	char *dir = unit_dir();
	AUTO_CLOSE int root = open(dir, O_RDONLY | O_DIRECTORY), fd = -1;
	const char *name;

	(void)state;
	assert_int_equal(mkdirat(root, "d", 0755), 0);
	assert_int_equal(symlinkat("/etc", root, "l"), 0);
	assert_int_equal(beneath_open(root, "l/passwd", O_RDONLY, NULL), -ELOOP);
	assert_int_equal(beneath_open(root, "l", O_RDONLY, NULL), -ELOOP);
	assert_int_equal(beneath_open(root, "d/../../etc", O_RDONLY, NULL), -EXDEV);
	assert_int_equal(beneath_parent(root, "l/x/y", true, &name, NULL), -ELOOP);
	assert_int_equal(beneath_parent(root, "d/../../x", true, &name, NULL), -EXDEV);
	fd = beneath_parent(root, "d/e/f/g", true, &name, NULL);
	assert_true(fd >= 0);
	assert_string_equal(name, "g");
	unit_dir_end(dir);
}

/* ---- archives ---- */

struct entry {
	const char *path;
	mode_t mode;
	const char *data, *link, *hard;
};

static char *build(const char *dir, const struct entry *t, size_t n)
{
	char *path = xasprintf("%s/a.tar", dir);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct arc_out *out;
	struct err e = ERR_INIT;

	assert_int_equal(arc_out_open(&out, fd, ARC_PLAIN, 1, &e), 0);
	for (size_t i = 0; i < n; i++) {
		size_t len = t[i].data ? strlen(t[i].data) : 0;
		struct arc_item it = { .path = (char *)(uintptr_t)t[i].path, .mode = t[i].mode, .link = (char *)(uintptr_t)t[i].link,
				       .hard = (char *)(uintptr_t)t[i].hard, .uid = geteuid(), .gid = getegid(), .size = len, .has_mtime = true,
				       .mtime = { 1000000000 + (time_t)i, 123456789 } };

		assert_int_equal(arc_out_item(out, &it, &e), 0);
		if (len)
			assert_int_equal(arc_out_data(out, t[i].data, len, &e), 0);
	}
	assert_int_equal(arc_out_close(out, &e), 0);
	return path;
}

static int last_code;
static char last_mark[256];

static int on_mark(void *arg, const char *text, struct err *e)
{
	(void)arg;
	(void)e;
	snprintf(last_mark, sizeof(last_mark), "%s", text);
	return 0;
}

static struct unpack_result run(const char *archive, const char *to, const char *resume, struct err *e)
{
	AUTO_FREE char *logs = xasprintf("%s.logs", to);
	AUTO_CLOSE int root = -1;
	struct unpack_opts o = { .root_name = to, .logs = logs, .resume = resume, .mark = on_mark, .mark_s = 3600 };
	struct unpack_result res;

	assert_int_equal(fs_mkdir_p(to, 0755, e), 0);
	assert_int_equal(fs_mkdir_p(logs, 0755, e), 0);
	root = open(to, O_RDONLY | O_DIRECTORY);
	o.root = root;
	assert_int_equal(arc_in_open(&o.in, archive, e), 0);
	last_code = unpack(&o, &res, e);
	arc_in_close(o.in);
	return res;
}

static void expect_text(const char *to, const char *name, const char *text)
{
	AUTO_FREE char *path = fs_join(to, name), *have = NULL;

	if (fs_read(path, 1000, &have, NULL, NULL) < 0)
		have = xstrdup("(missing)");
	assert_string_equal(have, text);
}

#define F (S_IFREG | 0644)

/* Every way that an archive can try to leave the folder. */
static void test_nothing_lands_outside(void **state)
{
	static const struct entry t[] = {
		{ "../evil1", F, "x", NULL, NULL }, { "a/../../evil2", F, "x", NULL, NULL }, { "/absolute", F, "in", NULL, NULL },
		{ "up", S_IFLNK | 0777, NULL, "..", NULL }, { "up/evil3", F, "x", NULL, NULL }, { "up/evil4", S_IFDIR | 0755, NULL, NULL, NULL },
		{ "h1", F, NULL, NULL, "../outside" }, { "h2", F, NULL, NULL, "up/outside" }, { "up", F, "replaced", NULL, NULL },
		{ "last", F, "good", NULL, NULL },
	};
	char *dir = unit_dir();
	AUTO_FREE char *to = fs_join(dir, "to"), *archive = build(dir, t, ARRAY_SIZE(t)), *outside = fs_join(dir, "outside"),
		       *list = fs_join(dir, "to.logs/losses.txt"), *losses = NULL;
	struct err e = ERR_INIT;
	struct unpack_result res;

	(void)state;
	assert_int_equal(fs_write_atomic(outside, "mine", 4, 0644, &e), 0);
	res = run(archive, to, NULL, &e);
	assert_int_equal(last_code, 0);
	expect_text(dir, "outside", "mine");
	for (int i = 1; i <= 4; i++) {
		AUTO_FREE char *evil = xasprintf("%s/evil%d", dir, i);

		assert_false(fs_exists(evil));
	}
	expect_text(to, "absolute", "in");
	expect_text(to, "up", "replaced");
	expect_text(to, "last", "good");
	assert_int_equal(res.refused, 6);
	assert_int_equal(fs_read(list, 10000, &losses, NULL, &e), 0);
	assert_non_null(strstr(losses, "refused: ../evil1: its name contains '..'\n"));
	assert_non_null(strstr(losses, "refused: up/evil3: a symbolic link or a file lies on its way\n"));
	assert_non_null(strstr(losses, "refused: h1: a hard link that leads out of the archive\n"));
	unit_dir_end(dir);
}

static void test_a_cut_archive_names_the_last_good_entry(void **state)
{
	static const struct entry t[] = { { "one", F, "1", NULL, NULL }, { "two", F, "2222222222", NULL, NULL } };
	char *dir = unit_dir();
	AUTO_FREE char *to = fs_join(dir, "to"), *archive = build(dir, t, ARRAY_SIZE(t)), *two = fs_join(to, "two");
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(stat(archive, &st), 0);
	for (off_t at = 511; at > 0; at -= 102) {
		/* the last 1024 bytes are the end mark, the 512 before are content of "two" */
		assert_int_equal(truncate(archive, st.st_size / 512 * 512 - 1536 + at - 505), 0);
		run(archive, to, NULL, &e);
		if (last_code == 0)
			continue;
		assert_int_equal(last_code, -EBADMSG);
		assert_non_null(strstr(e.msg, "the last good entry is 'one'"));
		assert_false(fs_exists(two));
		expect_text(to, "one", "1");
		unit_dir_end(dir);
		return;
	}
	fail_msg("no cut was noticed");
}

/* Hard links right after a resume, and what comes after the mark replaces what is there. */
static void test_resumes_from_a_mark(void **state)
{
	static const struct entry t[] = {
		{ "d", S_IFDIR | 0750, NULL, NULL, NULL }, { "d/one", F, "1", NULL, NULL }, { "d/two", F, NULL, NULL, "d/one" },
		{ "d/three", F, "3", NULL, NULL },
	};
	char *dir = unit_dir();
	AUTO_FREE char *to = fs_join(dir, "to"), *archive = build(dir, t, ARRAY_SIZE(t)), *three = fs_join(to, "d/three"),
		       *two = fs_join(to, "d/two"), *d = fs_join(to, "d"), *mark = NULL, *full = NULL;
	struct err e = ERR_INIT;
	struct unpack_result res;
	unsigned long long n, h, len;
	struct stat st;

	(void)state;
	run(archive, to, NULL, &e);
	assert_int_equal(last_code, 0);
	full = xstrdup(last_mark);
	assert_int_equal(sscanf(full, "entry %llu %llx folders %llu", &n, &h, &len), 3);
	assert_int_equal(n, 4);
	mark = xasprintf("entry 2 %x folders %llu losses 0 text 0 bad 1 2 3", hash_crc32c(0, "d/one", 5), len);
	assert_int_equal(fs_write_atomic(three, "half", 4, 0600, &e), 0);
	unlink(two);
	res = run(archive, to, mark, &e);
	assert_int_equal(last_code, 0);
	assert_int_equal(res.skipped, 2);
	assert_int_equal(res.refused, 1);       /* what earlier runs counted stays counted */
	assert_int_equal(res.lost, 2);
	assert_int_equal(res.meta, 3);
	expect_text(to, "d/three", "3");
	assert_int_equal(stat(two, &st), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(stat(d, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(st.st_mode & 07777, 0750);
	run(archive, to, "entry 2 1 folders 0 losses 0 text 0 bad 0 0 0", &e);
	assert_int_equal(last_code, -EINVAL);
	assert_non_null(strstr(e.msg, "this is not the archive that the restore was begun from"));
	unit_dir_end(dir);
}

static void test_the_second_look_finds_a_changed_byte(void **state)
{
	static const struct entry t[] = { { "f", F, "content", NULL, NULL }, { "l", S_IFLNK | 0777, NULL, "f", NULL } };
	char *dir = unit_dir();
	AUTO_FREE char *to = fs_join(dir, "to"), *archive = build(dir, t, ARRAY_SIZE(t)), *f = fs_join(to, "f");
	AUTO_CLOSE int root = -1, fd = -1;
	struct timespec ts[2] = { { 1000000000, 123456789 }, { 1000000000, 123456789 } };
	struct err e = ERR_INIT;
	struct arc_in *in;

	(void)state;
	run(archive, to, NULL, &e);
	assert_int_equal(last_code, 0);
	root = open(to, O_RDONLY | O_DIRECTORY);
	assert_int_equal(arc_in_open(&in, archive, &e), 0);
	assert_int_equal(unpack_compare(in, root, &e), 1);
	arc_in_close(in);
	fd = open(f, O_WRONLY);
	assert_int_equal(pwrite(fd, "C", 1, 0), 1);
	assert_int_equal(futimens(fd, ts), 0);
	assert_int_equal(arc_in_open(&in, archive, &e), 0);
	assert_int_equal(unpack_compare(in, root, &e), 0);
	assert_string_equal(e.msg, "'f' differs from the archive: content");
	arc_in_close(in);
	unit_dir_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_foreign_paths_are_cleaned_or_refused), cmocka_unit_test(test_nothing_opens_through_a_link),
		cmocka_unit_test(test_nothing_lands_outside),                cmocka_unit_test(test_a_cut_archive_names_the_last_good_entry),
		cmocka_unit_test(test_resumes_from_a_mark),                  cmocka_unit_test(test_the_second_look_finds_a_changed_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_unit.h"

#include "step_io.h"

extern const struct step_type step_pstore_collect;

/* The step's private struct, filled as a plan would. */
static void *filled(const char *from, const char *efivars, const char *to)
{
	struct opt_val kids[3] = {
		{ .kind = OPT_SCALAR, .key = (char *)(uintptr_t)"from", .text = (char *)(uintptr_t)from },
		{ .kind = OPT_SCALAR, .key = (char *)(uintptr_t)"efivars", .text = (char *)(uintptr_t)efivars },
		{ .kind = OPT_SCALAR, .key = (char *)(uintptr_t)"to", .text = (char *)(uintptr_t)to },
	};
	struct opt_val map = { .kind = OPT_MAP, .kids = kids, .n_kids = to ? 3 : 2 };
	void *self = xcalloc(1, step_pstore_collect.size);
	struct err e = ERR_INIT;

	if (opt_apply(step_pstore_collect.opts, self, &map, "plan.yaml", "pstore-collect", &e) < 0)
		fail_msg("%s", e.msg);
	return self;
}

static int set_real(const struct opt *row, struct opt_device *dev, struct opt_path *path, void *arg)
{
	(void)row;
	(void)dev;
	(void)arg;
	if (path && path->path && !path->real)
		path->real = xstrdup(path->path);
	return 0;
}

static void test_collects_says_what_happened_and_proves_it(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *p = sub_dir(dir, "p"), *v = sub_dir(dir, "v"), *to = fs_join(dir, "store");
	struct step_io *io = step_io_new_test(dir);
	struct err e = ERR_INIT;
	void *self = filled(p, v, to);

	(void)state;
	put_text(p, "dmesg-efi-179588234401001", "Panic#1 Part1\n<0>[    1.0] Kernel panic - not syncing: no more\n");
	assert_int_equal(step_pstore_collect.preflight(self, io, &e), STEP_LATER);      /* its devices are not mounted yet */
	opt_each_ref(step_pstore_collect.opts, self, set_real, NULL);
	assert_int_equal(step_pstore_collect.preflight(self, io, &e), 0);
	assert_int_equal(step_pstore_collect.verify(self, io, &e), 0);
	assert_string_equal(e.msg, "it did not come to its end");
	if (fs_is_volatile(dir, NULL) == 1)
		goto end;       /* there it must not erase: test_pstore_collect */
	assert_int_equal(step_pstore_collect.run(self, io, &e), 0);
	assert_int_equal(step_pstore_collect.verify(self, io, &e), 1);
	assert_string_equal(step_fact(io, "dumps"), "1");
	assert_string_equal(step_fact(io, "records"), "1");
	assert_string_equal(step_fact(io, "left"), "0");
	assert_string_equal(step_fact(io, "newest"), "panic 'no more'");
	assert_non_null(strstr(step_io_test_log(io), "panic 'no more'"));
	/* a record that turns up behind its back: it does not hold any more */
	put_text(p, "dmesg-efi-179588299901001", "Panic#1 Part1\nx\n");
	assert_int_equal(step_pstore_collect.verify(self, io, &e), 0);
	assert_string_equal(e.msg, "1 crash records are still there");
	/* run again: both dumps in the store, once */
	assert_int_equal(step_pstore_collect.run(self, io, &e), 0);
	assert_int_equal(step_pstore_collect.verify(self, io, &e), 1);
end:
	opt_release(step_pstore_collect.opts, self);
	free(self);
	step_io_free(io);
	unit_dir_end(dir);
}

static void test_a_store_that_cannot_be_used_fails_with_a_sentence_T18(void **state)
{
	char *dir = unit_dir();
	AUTO_FREE char *p = sub_dir(dir, "p"), *v = sub_dir(dir, "v"), *to = fs_join(dir, "store");
	struct step_io *io = step_io_new_test(dir);
	struct err e = ERR_INIT;
	void *self = filled(p, v, to);

	(void)state;
	opt_each_ref(step_pstore_collect.opts, self, set_real, NULL);
	put_text(p, "dmesg-efi-179588234401001", "Panic#1 Part1\nx\n");
	put_text(dir, "store", "a file where the folder should be\n");
	assert_true(step_pstore_collect.run(self, io, &e) < 0);
	assert_non_null(strstr(e.msg, "1 crash records stay where they are: "));
	assert_true(fs_exists(p));
	opt_release(step_pstore_collect.opts, self);
	free(self);
	step_io_free(io);
	unit_dir_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_collects_says_what_happened_and_proves_it),
		cmocka_unit_test(test_a_store_that_cannot_be_used_fails_with_a_sentence_T18),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

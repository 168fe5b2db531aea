/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "opt.h"
#include "plan_device.h"
#include "step.h"

struct row { char *name; uint64_t size; };
struct all {
	char *str, *uuid;
	bool flag;
	uint64_t num, size, time;
	int word;
	struct strv list;
	struct opt_device dev;
	struct opt_devices devs;
	struct opt_path path;
	struct opt_rows rows;
};

static const struct opt row_opts[] = {
	{ "name", OPT_STR, OPT_FIELD(struct row, name), .flags = OPT_REQUIRED, .help = "Name." },
	{ "size", OPT_SIZE, OPT_FIELD(struct row, size), .help = "Size." },
	OPT_END
};

static const struct opt opts[] = {
	{ "str", OPT_STR, OPT_FIELD(struct all, str), .min = 2, .max = 4, .help = "Text." },
	{ "uuid", OPT_UUID, OPT_FIELD(struct all, uuid), .help = "UUID." },
	{ "flag", OPT_BOOL, OPT_FIELD(struct all, flag), .def = "yes", .help = "Flag." },
	{ "num", OPT_U64, OPT_FIELD(struct all, num), .min = 1, .max = 9, .def = "3", .help = "Number." },
	{ "size", OPT_SIZE, OPT_FIELD(struct all, size), .excl = "num", .help = "Size." },
	{ "time", OPT_SECONDS, OPT_FIELD(struct all, time), .help = "Time." },
	{ "word", OPT_ENUM, OPT_FIELD(struct all, word), .choices = "btrfs ext4 xfs", .def = "xfs", .help = "Word." },
	{ "list", OPT_LIST, OPT_FIELD(struct all, list), .flags = OPT_NOT_EMPTY, .help = "List." },
	{ "dev", OPT_DEVICE, OPT_FIELD(struct all, dev), .help = "Device." },
	{ "devs", OPT_DEVICES, OPT_FIELD(struct all, devs), .help = "Devices." },
	{ "path", OPT_PATH, OPT_FIELD(struct all, path), .flags = OPT_BARE_DEVICE | OPT_STDIN, .help = "Path." },
	{ "rows", OPT_ROWS, OPT_FIELD(struct all, rows), .sub = row_opts, .sub_size = sizeof(struct row), .help = "Rows." },
	OPT_END
};

static struct opt_val scalar(const char *key, const char *text)
{
	return (struct opt_val){ .kind = OPT_SCALAR, .key = (char *)(uintptr_t)key, .text = (char *)(uintptr_t)text,
				 .line = 2, .col = 9, .key_line = 2, .key_col = 3 };
}

static int apply(struct all *a, struct opt_val *kids, size_t n, struct err *e)
{
	struct opt_val map = { .kind = OPT_MAP, .kids = kids, .n_kids = n, .line = 1, .col = 1 };

	*a = (struct all){ 0 };
	return opt_apply(opts, a, &map, "f", "all", e);
}

static void test_one_wrong_value_one_sentence(void **state)
{
	static const struct { const char *key, *text, *sentence; } cases[] = {
		{ "str", "x", "f:2:9: all: str: 'x' is too short, at least 2 bytes" },
		{ "str", "xxxxx", "f:2:9: all: str: 'xxxxx' is 5 bytes long, at most 4 fit" },
		{ "uuid", "12", "f:2:9: all: uuid: '12' is not a UUID" },
		{ "flag", "maybe", "f:2:9: all: flag: 'maybe' is neither yes nor no" },
		{ "num", "0", "f:2:9: all: num: 0 is less than the least allowed, 1" },
		{ "num", "10", "f:2:9: all: num: 10 is more than the most allowed, 9" },
		{ "num", "99999999999999999999", "f:2:9: all: num: 99999999999999999999 is too large for a 64-bit number" },
		{ "num", "x", "f:2:9: all: num: 'x' is not a whole number" },
		{ "size", "5 G", "f:2:9: all: size: '5 G' is not a size in bytes, write for example 512M or 10G" },
		{ "word", "brtfs", "f:2:9: all: word: 'brtfs' is not one of: btrfs ext4 xfs; did you mean 'btrfs'?" },
		{ "word", "zfs-on-root", "f:2:9: all: word: 'zfs-on-root' is not one of: btrfs ext4 xfs" },
		{ "dev", "/dev/sda", "f:2:9: all: dev: '/dev/sda' is not a device of this plan, write \"${name}\" with a name from 'devices'" },
		{ "path", "${a}x", "f:2:9: all: path: '${a}x': a path inside a device is written \"${name}:/path\"" },
		{ "rows", "x", "f:2:9: all: rows: a list of maps is needed here, one '- {...}' a row" },
		{ "strr", "x", "f:2:3: all: strr: unknown option, did you mean 'str'?" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct opt_val v = scalar(cases[i].key, cases[i].text);
		struct err e = ERR_INIT;
		struct all a;

		assert_int_equal(apply(&a, &v, 1, &e), -EINVAL);
		assert_string_equal(e.msg, cases[i].sentence);
		opt_release(opts, &a);
	}
}

static void test_values_reach_their_fields(void **state)
{
	struct opt_val elements[2] = { scalar(NULL, "${a}"), scalar(NULL, "${b}") };
	struct opt_val row_kids[2] = { scalar("name", "esp"), scalar("size", "1M") };
	struct opt_val row = { .kind = OPT_MAP, .kids = row_kids, .n_kids = 2 };
	struct opt_val v[8] = { scalar("str", "abc"), scalar("uuid", "0FC63DAF-8483-4772-8E79-3D69D8477DE4"), scalar("flag", "OFF"),
				scalar("size", "2K"), scalar("list", "one"), { .kind = OPT_SEQ, .key = (char *)"devs", .kids = elements, .n_kids = 2 },
				scalar("path", "${usb}:/a b"), { .kind = OPT_SEQ, .key = (char *)"rows", .kids = &row, .n_kids = 1 } };
	struct err e = ERR_INIT;
	struct all a;

	(void)state;
	if (apply(&a, v, 8, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(a.str, "abc");
	assert_string_equal(a.uuid, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	assert_false(a.flag);
	assert_true(a.size == 2048 && a.num == 3 && a.word == 2);
	assert_string_equal(a.list.v[0], "one");
	assert_int_equal(a.devs.n, 2);
	assert_string_equal(a.devs.v[1].name, "b");
	assert_string_equal(a.path.device, "usb");
	assert_string_equal(a.path.path, "/a b");
	assert_int_equal(a.rows.n, 1);
	assert_true(((struct row *)a.rows.v)->size == MIB);
	opt_release(opts, &a);
	assert_null(a.str);
}

static void test_exclusion_requirement_and_empty_lists(void **state)
{
	struct opt_val both[2] = { scalar("size", "1"), scalar("num", "1") }, empty = { .kind = OPT_SEQ, .key = (char *)"list", .line = 3, .col = 4 };
	struct opt_val row = { .kind = OPT_MAP, .line = 7, .col = 5 }, rows = { .kind = OPT_SEQ, .key = (char *)"rows", .kids = &row, .n_kids = 1 };
	struct err e = ERR_INIT;
	struct all a;

	(void)state;
	assert_int_equal(apply(&a, both, 2, &e), -EINVAL);
	assert_string_equal(e.msg, "f:2:3: all: size: cannot be given together with 'num'");
	opt_release(opts, &a);
	assert_int_equal(apply(&a, &empty, 1, &e), -EINVAL);
	assert_string_equal(e.msg, "f:3:4: all: list: the list is empty, at least one is needed");
	opt_release(opts, &a);
	assert_int_equal(apply(&a, &rows, 1, &e), -EINVAL);
	assert_string_equal(e.msg, "f:7:5: rows: name is missing: Name.");
	opt_release(opts, &a);
}

static int count(const struct opt *row, struct opt_device *dev, struct opt_path *path, void *arg)
{
	(void)row;
	assert_true((dev != NULL) != (path != NULL));
	++*(int *)arg;
	return 0;
}

static void test_references_are_all_visited(void **state)
{
	struct opt_val v[3] = { scalar("dev", "${a}"), scalar("devs", "${b}"), scalar("path", "${c}") };
	struct err e = ERR_INIT;
	struct all a;
	int n = 0;

	(void)state;
	assert_int_equal(apply(&a, v, 3, &e), 0);
	assert_int_equal(opt_each_ref(opts, &a, count, &n), 0);
	assert_int_equal(n, 3);
	opt_release(opts, &a);
}

static void test_a_broken_table_is_noticed(void **state)
{
	struct opt broken[3] = { opts[0], opts[0], OPT_END };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(opt_table_check(opts, sizeof(struct all), &e), 0);
	assert_int_equal(opt_table_check(broken, sizeof(struct all), &e), -EINVAL);
	assert_string_equal(e.msg, "str: the key is there twice");
	broken[1] = opts[3];
	broken[1].def = "99";
	assert_int_equal(opt_table_check(broken, sizeof(struct all), &e), -EINVAL);
	assert_string_equal(e.msg, "num: default: 99 is more than the most allowed, 9");
	broken[1] = opts[3];
	broken[1].help = "no sentence";
	assert_int_equal(opt_table_check(broken, sizeof(struct all), &e), -EINVAL);
	assert_string_equal(e.msg, "num: help is not a sentence");
	broken[1] = opts[3];
	broken[1].field_size = 1;
	assert_int_equal(opt_table_check(broken, sizeof(struct all), &e), -EINVAL);
	assert_int_equal(opt_table_check(opts, 8, &e), -EINVAL);
}

static void test_every_step_type_has_a_sound_table(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_non_null(step_types[0]);
	for (size_t i = 0; step_types[i]; i++) {
		const struct step_type *t = step_types[i];

		if (opt_table_check(t->opts, t->size, &e) < 0)
			fail_msg("%s: %s", t->name, e.msg);
		for (const struct opt *c = plan_common_opts(); c->key; c++)
			assert_null(opt_row(t->opts, c->key));          /* would hide the common option */
		assert_true(t->summary && str_ends(t->summary, "."));
		assert_non_null(t->run);
		assert_ptr_equal(step_type_find(t->name), t);
	}
	assert_int_equal(opt_table_check(plan_device_opts(), sizeof(struct plan_device), &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_wrong_value_one_sentence), cmocka_unit_test(test_values_reach_their_fields),
		cmocka_unit_test(test_exclusion_requirement_and_empty_lists), cmocka_unit_test(test_references_are_all_visited),
		cmocka_unit_test(test_a_broken_table_is_noticed), cmocka_unit_test(test_every_step_type_has_a_sound_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* luks-open, lvm-activate and md-assemble as far as they can be judged without their devices; the rest is tests/vm/stacked.sh. */
#include "unit.h"
#include "unit_step.h"

#include "child.h"
#include "stack.h"

static bool have(const char *tool)
{
	AUTO_FREE char *path = child_find(tool);

	return path != NULL;
}

static void one(const char *type, const char *key, const char *value, const char *more, const char *text, int code)
{
	struct fixture f = step_begin(type, "/tmp", more, "", key, value, NULL);

	if (code == STEP_LATER)
		assert_int_equal(step_do(&f, "preflight"), STEP_LATER);
	else
		step_refused(&f, "preflight", code, text);
	step_end(&f);
}

static void test_luks_wants_a_key_and_a_name(void **state)
{
	struct fixture f;

	(void)state;
	if (!have("cryptsetup"))
		skip();
	one("luks-open", "name", "x", "device", "key-file or passphrase is needed: nobody is asked", -EINVAL);
	f = step_begin("luks-open", "/tmp", "device", "", "name", "a/b", "passphrase", "p", NULL);
	step_refused(&f, "preflight", -EINVAL, "name: 'a/b' cannot be the name of a mapping");
	step_end(&f);
	f = step_begin("luks-open", "/tmp", "device", "", "name", "control", "passphrase", "p", NULL);
	step_refused(&f, "preflight", -EINVAL, "name: 'control' cannot be the name of a mapping");
	step_end(&f);
	f = step_begin("luks-open", "/tmp", "device", "", "name", "ok", "passphrase", "p", NULL);
	assert_int_equal(step_do(&f, "preflight"), STEP_LATER);
	step_refused(&f, "run", -ENODEV, "device 'device' is not there");
	step_refused(&f, "verify", 0, "'/dev/mapper/ok' is not there");
	step_end(&f);
	f = step_begin("luks-open", "/tmp", "device", "/dev/null", "name", "ok", "passphrase", "p", NULL);
	assert_true(step_do(&f, "preflight") < 0);
	step_end(&f);
}

static void test_lvm_and_md_want_names_that_are_some(void **state)
{
	struct fixture f;

	(void)state;
	if (!have("lvm") || !have("mdadm"))
		skip();
	f = step_begin("lvm-activate", "/tmp", "group", "-vg", NULL);
	step_refused(&f, "preflight", -EINVAL, "group: '-vg' is no name of a volume group");
	step_end(&f);
	f = step_begin("lvm-activate", "/tmp", "group", "vg", "volumes", "a/b", NULL);
	step_refused(&f, "preflight", -EINVAL, "volumes: 'a/b' is no name of a logical volume");
	step_end(&f);
	f = step_begin("md-assemble", "/tmp", "name", "../x", NULL);
	step_refused(&f, "preflight", -EINVAL, "name: '../x' cannot be the name of an array");
	step_end(&f);
}

static void test_new_volumes_want_a_key_and_names(void **state)
{
	static const struct { const char *type, *key, *value, *key2, *value2, *text; } cases[] = {
		{ "luks-format", "label", "x", NULL, NULL, "key-file or passphrase is needed: nobody is asked" },
		{ "luks-format", "passphrase", "p", "uuid", "1A2B-3C4D", "uuid: '1A2B-3C4D' is not a UUID" },
		{ "lvm-create", "group", "a/b", NULL, NULL, "group: 'a/b' is no name of a volume group" },
	};
	struct fixture f;

	(void)state;
	if (!have("cryptsetup") || !have("lvm"))
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f = step_begin(cases[i].type, "/tmp", cases[i].key, cases[i].value, cases[i].key2, cases[i].value2, NULL);
		step_refused(&f, "preflight", -EINVAL, cases[i].text);
		step_end(&f);
	}
	f = step_begin("luks-format", "/tmp", "device", "", "passphrase", "p", NULL);
	assert_int_equal(step_do(&f, "decide"), 0);
	assert_int_equal(strlen(step_fact(f.io, "uuid")), 36);
	assert_int_equal(step_do(&f, "preflight"), STEP_LATER);
	step_refused(&f, "run", -ENODEV, "device 'device' or the key is not there");
	step_refused(&f, "verify", 0, "'device' is not the LUKS volume with UUID");
	step_end(&f);
	f = step_begin("luks-format", "/tmp", "passphrase", "p", "type", "luks1", "label", "x", NULL);
	step_refused(&f, "preflight", -EINVAL, "luks1 has no label and derives keys with pbkdf2 only: take luks2");
	step_end(&f);
}

static void test_lvm_names_and_keys(void **state)
{
	AUTO_FREE char *key = NULL;
	size_t len = 0;
	struct err e = ERR_INIT;

	(void)state;
	assert_true(stack_lvm_name("vg-one") && stack_lvm_name("a") && stack_lvm_name("a+b_c.d"));
	assert_false(stack_lvm_name("") || stack_lvm_name("..") || stack_lvm_name("-a") || stack_lvm_name("a b") || stack_lvm_name("a/b"));
	assert_int_equal(stack_read_key(NULL, "secret", &key, &len, &e), 0);
	assert_int_equal(len, 6);
	assert_int_equal(stack_read_key("/no/such/key", NULL, &key, &len, &e), -ENOENT);
	assert_int_equal(stack_read_key(NULL, NULL, &key, &len, &e), -ENOENT);
	assert_string_equal(e.msg, "the key is not there");
}

static void test_what_is_not_stacked_is_not_found(void **state)
{
	AUTO_FREE char *dm = stack_dm_node("no-such-mapping"), *md = stack_md_on("/dev/null");

	(void)state;
	assert_null(dm);
	assert_null(md);
	assert_false(stack_on("/dev/null", "/dev/zero"));
	assert_int_equal(stack_need("no-such-tool", "some-package", NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_luks_wants_a_key_and_a_name),
		cmocka_unit_test(test_lvm_and_md_want_names_that_are_some),
		cmocka_unit_test(test_new_volumes_want_a_key_and_names),
		cmocka_unit_test(test_lvm_names_and_keys),
		cmocka_unit_test(test_what_is_not_stacked_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

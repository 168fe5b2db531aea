/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans as people write them: what is accepted, and the exact sentence for what is not. */
#include "unit.h"

#include "plan.h"

#define DEV "devices:\n  root: {serial: S1, size: 10G, partition: 2, access: erase}\n  usb: {label: SALVAGE, access: write}\n"
#define STEP "steps:\n  - write-file: {path: /x, content: y}\n"

static struct plan *parse(const char *text, struct err *e)
{
	struct plan *p = NULL;

	return plan_parse("p.yaml", text, strlen(text), &p, e) == 0 ? p : NULL;
}

static void test_refusals_have_a_place_and_a_reason(void **state)
{
	static const struct { const char *plan, *sentence; } cases[] = {
		{ "", "p.yaml:1:1: the plan is empty" },
		{ "hello", "p.yaml:1:1: a plan is a map that begins with 'plan: 1'" },
		{ "name: x\n" STEP, "p.yaml:1:1: 'plan: 1' is missing: this may be some other YAML file" },
		{ "plan: 2\n" STEP, "p.yaml:1:7: plan: this program reads plans of version 1 only" },
		{ "plan: 1\n", "p.yaml:1:1: 'steps' is missing: the list of what to do" },
		{ "plan: 1\nsteps: []\n", "p.yaml:2:8: steps: a list of at least one step is needed" },
		{ "plan: 1\nsteps: {}\n", "p.yaml:2:8: steps: a list of at least one step is needed" },
		{ "plan: 1\ndevice: {}\n" STEP, "p.yaml:2:1: device: unknown key, did you mean 'devices'?" },
		{ "plan: 1\nplan: 1\n" STEP, "p.yaml:2:1: 'plan' is there twice" },
		{ "plan: 1\nfinish: halt\n" STEP, "p.yaml:2:9: finish: must be one of: stay reboot poweroff" },
		{ "plan: &a 1\n" STEP, "p.yaml:1:7: anchors (&name) are not allowed in a plan" },
		{ "plan: 1\nname: *a\n" STEP, "p.yaml:2:7: aliases (*name) are not allowed in a plan, write the value again" },
		{ "plan: !!int 1\n" STEP, "p.yaml:1:7: tags (!name) are not allowed in a plan" },
		{ "plan: 1\n" STEP "---\nplan: 1\n", "p.yaml:4:1: a second document begins: a plan is one document" },
		{ "plan: 1\nsteps:\n  - wriet-file: {path: /x, content: y}\n", "p.yaml:3:5: there is no step type 'wriet-file', did you mean 'write-file'?" },
		{ "plan: 1\nsteps:\n  - zebra: {}\n", "p.yaml:3:5: there is no step type 'zebra'; 'rescue explain' lists them" },
		{ "plan: 1\nsteps:\n  - write-file\n", "p.yaml:3:5: a step is written '- type: {options}', one type in each '-'" },
		{ "plan: 1\nsteps:\n  - write-file: [1]\n", "p.yaml:3:17: write-file: options are needed here, written {key: value}" },
		{ "plan: 1\nsteps:\n  - write-file: {paht: /x, content: y}\n", "p.yaml:3:18: write-file: paht: unknown option, did you mean 'path'?" },
		{ "plan: 1\nsteps:\n  - write-file: {path: x, content: y}\n", "p.yaml:3:24: write-file: path: 'x' is not an absolute path" },
		{ "plan: 1\nsteps:\n  - write-file: {path: /a/../b, content: y}\n",
		  "p.yaml:3:24: write-file: path: '/a/../b' contains '..', write the path without it" },
		{ "plan: 1\nsteps:\n  - write-file: {path: /x, content: y, timeout: soon}\n",
		  "p.yaml:3:49: write-file: timeout: 'soon' is not a time, write for example 90, 5m or 2h" },
		{ "plan: 1\nsteps:\n  - write-file: {path: /x, content: y, stall: 99999999}\n",
		  "p.yaml:3:47: write-file: stall: 99999999 is more than the most allowed, 2592000" },
		{ "plan: 1\nsteps:\n  - write-file: {path: /x, content: y, id: A}\n",
		  "p.yaml:3:5: write-file: id 'A': only lower case letters, digits, '-' and '_' are allowed" },
		{ "plan: 1\nsteps:\n  - write-file: {path: /x, content: y}\n  - write-file: {path: /y, content: y}\n",
		  "p.yaml:4:5: two steps have the id 'write-file' (the other is in line 3): give one another 'id:'" },
		{ "plan: 1\ndevices:\n  a: {size: 10G}\n" STEP,
		  "p.yaml:3:3: device 'a': a size alone is no identity, two disks can have it: add serial, wwn or loop" },      /* T57 */
		{ "plan: 1\ndevices:\n  a: {}\n" STEP, "p.yaml:3:3: device 'a': no identity is given: name it by serial, wwn, loop, partuuid, uuid, label, mapper or array" },
		{ "plan: 1\ndevices:\n  a: {mapper: vg/root, access: erase}\n" STEP,
		  "p.yaml:3:3: device 'a': 'mapper' is a name that a volume on another disk can have too: add serial, wwn or loop of a disk that it lies on" },
		{ "plan: 1\ndevices:\n  a: {serial: x, mapper: vg/root, partition: 1}\n" STEP, "p.yaml:3:18: device 'a': mapper: cannot be given together with 'partition'" },
		{ "plan: 1\ndevices:\n  a: {array: 0a1b2c3d:00001111:22223333:4444555g}\n" STEP,
		  "p.yaml:3:3: device 'a': array: 32 hexadecimal digits are needed, as 'mdadm --examine' or 'blkid' show them for a member" },
		{ "plan: 1\ndevices:\n  a: {uuid: x, access: erase}\n" STEP,
		  "p.yaml:3:3: device 'a': an 'erase' device cannot be named by uuid, label or type, which are gone after erasing: use serial, wwn, loop or partuuid" },
		{ "plan: 1\ndevices:\n  a: {label: x, partition: 1}\n" STEP, "p.yaml:3:3: device 'a': 'partition' needs the disk it is on: add serial, wwn or loop" },
		{ "plan: 1\ndevices:\n  a: {label: x, consent: x}\n" STEP, "p.yaml:3:3: device 'a': 'consent' is only for access: erase" },
		{ "plan: 1\ndevices:\n  a: {serail: x}\n" STEP, "p.yaml:3:7: device 'a': serail: unknown option, did you mean 'serial'?" },
		{ "plan: 1\ndevices:\n  a: {label: x, access: wirte}\n" STEP,
		  "p.yaml:3:25: device 'a': access: 'wirte' is not one of: read write erase; did you mean 'write'?" },
		{ "plan: 1\n" DEV "steps:\n  - write-file: {path: \"${rot}:/x\", content: y}\n",
		  "p.yaml:6:24: write-file: path: there is no device 'rot' under 'devices', did you mean 'root'?" },
		{ "plan: 1\n" DEV "steps:\n  - write-file: {path: \"${root}:/x\", content: y}\n",
		  "p.yaml:6:24: write-file: path: device 'root' has access erase: what is on it now will be gone, use the path where it is mounted later" },
		{ "plan: 1\n" DEV "steps:\n  - write-file: {path: \"${usb}\", content: y}\n",
		  "p.yaml:6:24: write-file: path: '${usb}' is a whole device where a path is needed, write \"${usb}:/path\"" },
		{ "plan: 1\n" DEV "steps:\n  - write-file: {path: /x, content: \"${usb}\"}\n",
		  "p.yaml:6:37: write-file: content: '${usb}' is a device, and this option takes text" },
		{ "plan: 1\n" DEV "steps:\n  - exec: {command: [ls, \"${usb}\"]}\n",
		  "p.yaml:6:26: exec: command: '${usb}' is a device, and this option takes texts" },
		{ "plan: 1\n" DEV "steps:\n  - write-file: {path: /x, content: \"${a.b}\"}\n",
		  "p.yaml:6:37: write-file: content: '${a.b}': no earlier step has the id 'a'" },
		{ "plan: 1\n" DEV "steps:\n  - write-file: {path: /x, content: \"${write-file.b}\"}\n",
		  "p.yaml:6:37: write-file: content: '${write-file.b}': step 'write-file' comes later, a fact can only be used behind the step that sets it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;
		struct plan *p = parse(cases[i].plan, &e);

		assert_string_equal(p ? "accepted" : e.msg, cases[i].sentence);
		plan_free(p);
	}
}

static void test_what_is_not_text_is_refused(void **state)
{
	static const char zero[] = "plan: 1\n\0x", bytes[] = "plan: \xff\xfe\n";
	struct plan *p = NULL;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(plan_parse("p", zero, sizeof(zero), &p, &e), -EINVAL);
	assert_string_equal(e.msg, "p: not a plan: the file is not text");
	assert_int_equal(plan_parse("p", bytes, sizeof(bytes) - 1, &p, &e), -EINVAL);
	assert_true(str_starts(e.msg, "p: not text: "));
	assert_int_equal(plan_load("/no/such/plan.yaml", &p, &e), -ENOENT);
	assert_string_equal(e.msg, "plan: open '/no/such/plan.yaml': No such file or directory");
	assert_int_equal(plan_load("/proc/kallsyms", &p, &e) < 0, 1);
}

static void test_a_plan_becomes_devices_and_steps(void **state)
{
	struct err e = ERR_INIT;
	struct plan *p = parse("plan: 1\nname: web-01\nfinish: reboot\n" DEV
			       "steps:\n  - write-file: {id: one, path: \"${usb}:/x\", content: y, stall: 5m, on-stall: cancel}\n", &e);

	(void)state;
	if (!p)
		fail_msg("%s", e.msg);
	assert_string_equal(p->name, "web-01");
	assert_int_equal(p->finish, 1);
	assert_int_equal(p->n_devices, 2);
	assert_int_equal(plan_device(p, "root")->access, ACCESS_ERASE);
	assert_true(plan_device(p, "root")->size == 10 * GIB);
	assert_true(plan_device(p, "root")->partition == 2);
	assert_null(plan_device(p, "nobody"));
	assert_string_equal(plan_step(p, "one")->type->name, "write-file");
	assert_true(plan_step(p, "one")->stall_s == 300 && plan_step(p, "one")->stall_cancel);
	assert_int_equal(strlen(p->digest), 64);
	plan_free(p);
}

static const char *facts(const char *fact, void *arg)
{
	(void)arg;
	return str_eq(fact, "one.uuid") ? "1234" : NULL;
}

#include "plan_impl.h"

static void test_facts_are_replaced_when_known(void **state)
{
	static const struct { const char *text, *out; size_t pending; } cases[] = {
		{ "plain", "plain", 0 }, { "UUID=${one.uuid} x", "UUID=1234 x", 0 }, { "${one.uuid}${one.uuid}", "12341234", 0 },
		{ "${two.uuid}", "${two.uuid}", 1 }, { "$${one.uuid}", "${one.uuid}", 0 }, { "${HOME} ${x", "${HOME} ${x", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct opt_val v = { .kind = OPT_SCALAR, .text = (char *)(uintptr_t)cases[i].text }, out;
		size_t pending = 0;

		plan_substitute(&v, facts, NULL, &out, &pending);
		assert_string_equal(out.text, cases[i].out);
		assert_int_equal(pending, cases[i].pending);
		opt_val_free(&out);
	}
}

static void test_deep_nesting_and_many_errors_do_not_hurt(void **state)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	struct err e = ERR_INIT;

	(void)state;
	str_add(&s, "plan: ");
	for (int i = 0; i < 5000; i++)
		str_addc(&s, '[');
	assert_null(parse(str_cstr(&s), &e));
	assert_non_null(strstr(e.msg, "nested too deeply"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals_have_a_place_and_a_reason), cmocka_unit_test(test_what_is_not_text_is_refused),
		cmocka_unit_test(test_a_plan_becomes_devices_and_steps), cmocka_unit_test(test_facts_are_replaced_when_known),
		cmocka_unit_test(test_deep_nesting_and_many_errors_do_not_hurt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

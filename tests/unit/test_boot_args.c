/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "boot_args.h"

static void test_command_line_words(void **state)
{
	CLEANUP(boot_args_free) struct boot_args a;

	(void)state;
	boot_args_parse("quiet rescue.auto console=ttyS0 rescue.plan=\"LABEL=MY DATA:/p.yaml\" ip=dhcp rescue.shell=0 rescue.typo=1 rescue.wait=1m "
			"-- rescue.volatile", &a);
	assert_true(a.automatic);
	assert_false(a.shell);
	assert_false(a.volatile_state);
	assert_string_equal(a.plan, "LABEL=MY DATA:/p.yaml");
	assert_string_equal(a.ip, "dhcp");
	assert_int_equal(a.wait_s, 60);
	assert_int_equal(a.unknown.n, 1);
	assert_string_equal(a.unknown.v[0], "rescue.typo");
}

static void test_waiting_defaults_to_more_when_nobody_is_there(void **state)
{
	static const struct { const char *line; uint64_t wait; } cases[] = {
		{ "", 2 }, { "rescue.auto", 20 }, { "rescue.wait=0", 0 }, { "rescue.wait=x", 20 }, { "rescue.auto rescue.wait=2h", 20 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(boot_args_free) struct boot_args a;

		boot_args_parse(cases[i].line, &a);
		assert_int_equal(a.wait_s, cases[i].wait);
	}
}

static void test_what_becomes_of_crash_records(void **state)
{
	static const struct { const char *line; enum boot_pstore want; size_t unknown; } cases[] = {
		{ "quiet", BOOT_PSTORE_COLLECT, 0 }, { "rescue.pstore=collect", BOOT_PSTORE_COLLECT, 0 }, { "rescue.pstore=keep", BOOT_PSTORE_KEEP, 0 },
		{ "rescue.pstore=off", BOOT_PSTORE_OFF, 0 }, { "rescue.pstore=kep", BOOT_PSTORE_KEEP, 1 }, { "rescue.pstore=0", BOOT_PSTORE_KEEP, 1 },
		{ "rescue.pstore=keep rescue.pstore=collect", BOOT_PSTORE_COLLECT, 0 }, { "rescue.pstore", BOOT_PSTORE_COLLECT, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(boot_args_free) struct boot_args a;

		boot_args_parse(cases[i].line, &a);
		assert_int_equal(a.pstore, cases[i].want);
		assert_int_equal(a.unknown.n, cases[i].unknown);
	}
	assert_true(boot_plan_has("steps:\n  - pstore-collect: {to: \"${usb}:/x\"}\n", "pstore-collect"));
	assert_false(boot_plan_has("steps:\n  - pstore-collector: {}\n# - pstore-collect\n", "pstore-collect"));
}

static void test_where_the_plan_is(void **state)
{
	static const struct { const char *text; int r; enum boot_plan_kind kind; const char *a, *b; } cases[] = {
		{ "builtin", 0, BOOT_PLAN_BUILTIN, NULL, NULL }, { "smbios", 0, BOOT_PLAN_SMBIOS, NULL, NULL },
		{ "/plans/a.yaml", 0, BOOT_PLAN_STATE, NULL, "/plans/a.yaml" }, { "LABEL=USB:/a", 0, BOOT_PLAN_LABEL, "USB", "/a" },
		{ "http://10.0.2.2:8000/p", 0, BOOT_PLAN_HTTP, "10.0.2.2", "/p" }, { "https://h.example", 0, BOOT_PLAN_HTTPS, "h.example", "/" },
		{ "LABEL=USB", -EINVAL, 0, NULL, NULL }, { "LABEL=:/x", -EINVAL, 0, NULL, NULL }, { "ftp://x/y", -EINVAL, 0, NULL, NULL },
		{ "http://", -EINVAL, 0, NULL, NULL }, { "http://h:0/", -EINVAL, 0, NULL, NULL }, { "http://-h/", -EINVAL, 0, NULL, NULL },
		{ "http://h/a\nb", -EINVAL, 0, NULL, NULL }, { "", -EINVAL, 0, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(boot_plan_free) struct boot_plan p;
		struct err e = ERR_INIT;

		assert_int_equal(boot_plan_parse(cases[i].text, &p, &e), cases[i].r);
		if (cases[i].r < 0) {
			assert_non_null(strstr(e.msg, "rescue.plan="));
			continue;
		}
		assert_int_equal(p.kind, cases[i].kind);
		if (cases[i].a)
			assert_string_equal(p.label ? p.label : p.host, cases[i].a);
		if (cases[i].b)
			assert_string_equal(p.path, cases[i].b);
	}
}

static void test_finish_and_reboot_are_read_from_the_plan(void **state)
{
	static const struct { const char *text, *finish; bool reboots; } cases[] = {
		{ "plan: 1\nfinish: reboot # x\n", "reboot", false }, { "finish: \"poweroff\"\n", "poweroff", false }, { "steps:\n  finish: reboot\n", "stay", false },
		{ "steps:\n  - reboot:\n", "stay", true }, { "steps:\n  - {reboot: {}}\n", "stay", true }, { "steps:\n- reboot\n", "stay", true },
		{ "steps:\n  - rebooter: {}\n", "stay", false }, { "# - reboot\n", "stay", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_string_equal(boot_plan_finish(cases[i].text), cases[i].finish);
		assert_int_equal(boot_plan_has(cases[i].text, "reboot"), cases[i].reboots);
	}
}

static void test_network_words(void **state)
{
	static const struct { const char *text; int r; bool dhcp; const char *device, *address; unsigned int prefix; } cases[] = {
		{ "dhcp", 0, true, NULL, NULL, 0 }, { "eth0:dhcp", 0, true, "eth0", NULL, 0 },
		{ "10.0.0.2::10.0.0.1:255.255.255.0:box:eth1:none:1.1.1.1", 0, false, "eth1", "10.0.0.2", 24 },
		{ "10.0.0.2:::16", 0, false, NULL, "10.0.0.2", 16 }, { ":::::eth0:dhcp", 0, true, "eth0", NULL, 0 },
		{ "10.0.0.2", -EINVAL, 0, NULL, NULL, 0 }, { "10.0.0.300:::24", -EINVAL, 0, NULL, NULL, 0 },
		{ "10.0.0.2:::255.0.255.0", -EINVAL, 0, NULL, NULL, 0 }, { "1.1.1.1:::24::../x", -EINVAL, 0, NULL, NULL, 0 },
		{ "a:b:c:d:e:f:g:h:i:j", -EINVAL, 0, NULL, NULL, 0 }, { "", -EINVAL, 0, NULL, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(boot_net_free) struct boot_net n;

		assert_int_equal(boot_net_parse(cases[i].text, &n, NULL), cases[i].r);
		if (cases[i].r < 0)
			continue;
		assert_int_equal(n.dhcp, cases[i].dhcp);
		assert_int_equal(n.prefix, cases[i].prefix);
		assert_true(cases[i].device ? n.device && str_eq(n.device, cases[i].device) : !n.device);
		assert_true(cases[i].address ? n.address && str_eq(n.address, cases[i].address) : !n.address);
	}
}

static void test_plan_from_firmware_and_from_a_server(void **state)
{
	static const uint8_t smbios[] = "\x0b\x05\x00\x01\x02hello\0rescue.plan:cGxhbjogMQo=\0";
	static const struct { const char *text; int r; const char *word; } answers[] = {
		{ "HTTP/1.0 200 OK\r\nContent-Length: 8\r\n\r\nplan: 1\n", 0, NULL }, { "HTTP/1.1 200 OK\r\n\r\nplan: 1\n", 0, NULL },
		{ "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nplan: 1\n", -EBADMSG, "cut off: 8 bytes came, it announced 9" },
		{ "HTTP/1.0 404 Not Found\r\n\r\n", -EBADMSG, "'HTTP/1.0 404 Not Found'" }, { "SSH-2.0-x\r\n", -EBADMSG, "not HTTP" },
		{ "", -EBADMSG, "no answer" }, { "HTTP/1.0 200 OK\r\nContent-", -EBADMSG, "ends in its headers" },
	};
	AUTO_FREE char *text = NULL;
	size_t n;

	(void)state;
	assert_int_equal(boot_smbios(smbios, sizeof(smbios), "rescue.plan:", &text, &n, NULL), 0);
	assert_int_equal(n, 8);
	assert_memory_equal(text, "plan: 1\n", 8);
	assert_int_equal(boot_smbios(smbios, sizeof(smbios), "other:", &text, &n, NULL), -ENOENT);
	assert_int_equal(boot_smbios(smbios, 9, "rescue.plan:", &text, &n, NULL), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct err e = ERR_INIT;
		const char *body;

		assert_int_equal(boot_http_body(answers[i].text, strlen(answers[i].text), &body, &n, &e), answers[i].r);
		if (answers[i].r < 0)
			assert_non_null(strstr(e.msg, answers[i].word));
		else
			assert_memory_equal(body, "plan: 1\n", 8);
	}
}

static void test_label_of_an_ext_filesystem(void **state)
{
	uint8_t d[2048] = { 0 };
	char buf[17];

	(void)state;
	assert_null(boot_ext_label(d, sizeof(d), buf));
	d[1024 + 56] = 0x53;
	d[1024 + 57] = 0xef;
	memcpy(d + 1024 + 120, "SIXTEEN-BYTES-XX", 16);
	assert_string_equal(boot_ext_label(d, sizeof(d), buf), "SIXTEEN-BYTES-XX");
	assert_null(boot_ext_label(d, 2047, buf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_line_words),
		cmocka_unit_test(test_waiting_defaults_to_more_when_nobody_is_there),
		cmocka_unit_test(test_what_becomes_of_crash_records),
		cmocka_unit_test(test_where_the_plan_is),
		cmocka_unit_test(test_finish_and_reboot_are_read_from_the_plan),
		cmocka_unit_test(test_network_words),
		cmocka_unit_test(test_plan_from_firmware_and_from_a_server),
		cmocka_unit_test(test_label_of_an_ext_filesystem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

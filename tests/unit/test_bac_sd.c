/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Storage Daemon's configuration: autochangers and their drives, and whose the volumes are (T92). Running daemons: tests/bacula/step.sh. */
#include "unit.h"

#include "bac_sd.h"

static const char config[] =
	"# Device { Name = commented; Archive Device = /vol/disk }\n"
	"Storage { Name = test-sd; WorkingDirectory = \"/var/lib/bacula\" }\n"
	"Autochanger {\n  Name = Robot; Device = Drive-0\n  Device=\"Drive-1\"  # two\n  Changer Device = /dev/tape/by-id/robot ; Changer Command = \"mtx {\" }\n"
	"Autochanger { Name = Virtual; Device = V-1, V-2; Changer Device = /dev/null }\n"
	"Device { Name = Drive-0; ARCHIVE device = /dev/test-nst0; Drive Index = 0 }\n"
	"Device { Name = Drive-1\n  ArchiveDevice = \"/dev/test-nst1\" }\n"
	"Device { Name = V-1; Archive Device = /test-vol/a b }\n"
	"Device { Name = V-2; Archive Device = \"/test-vol/disk/\" }\n";

static void test_a_changer_is_no_drive(void **state)
{
	static const struct {
		const char *path, *want;        /* NULL: it is none */
	} cases[] = {
		{ "Robot", "'Robot' is an autochanger, and data is read from a drive: name what one of its drives reads: /dev/test-nst0 (Drive-0), "
		  "/dev/test-nst1 (Drive-1)" },
		{ "/mnt/no/Virtual", "'/mnt/no/Virtual' is an autochanger, and data is read from a drive: name what one of its drives reads: "
		  "/test-vol/a b (V-1), /test-vol/disk/ (V-2)" },
		{ "/dev/tape/by-id/robot", "'/dev/tape/by-id/robot' is an autochanger, and data is read from a drive: name what one of its drives "
		  "reads: /dev/test-nst0 (Drive-0), /dev/test-nst1 (Drive-1)" },
		{ "Drive-0", NULL }, { "/dev/null", NULL }, { "/dev/test-nst0", NULL }, { "commented", NULL }, { "test-sd", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(bac_sd_no_changer_in(config, cases[i].path, &e), cases[i].want ? -EMEDIUMTYPE : 0);
		assert_string_equal(e.msg, cases[i].want ? cases[i].want : "");
	}
}

static void test_whose_volumes_they_are(void **state)
{
	static const struct {
		const char *volumes, *device;
	} cases[] = {
		{ "/test-vol/disk", "V-2" }, { "/test-vol/disk/Vol-0001", "V-2" }, { "/test-vol", "V-1" }, { "/test-vol/a b", "V-1" },
		{ "/dev/test-nst1", "Drive-1" }, { "/test-vol/disk2", NULL }, { "/vol/disk", NULL }, { "/dev/test-nst", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_FREE char *device = bac_sd_device_of(config, cases[i].volumes);

		assert_string_equal(device ? device : "none", cases[i].device ? cases[i].device : "none");
	}
}

static void test_a_broken_configuration_says_nothing(void **state)
{
	static const char *const broken[] = { "", "}", "{{{", "Device {", "\"", "Autochanger { Name = Robot", "Autochanger { Name = \"Robot }", "#", "= = =" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(bac_sd_no_changer_in(broken[i], "Robot", &e), 0);
		assert_null(bac_sd_device_of(broken[i], "/vol"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_changer_is_no_drive),
		cmocka_unit_test(test_whose_volumes_they_are),
		cmocka_unit_test(test_a_broken_configuration_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labels of volumes: one of a real daemon, and synthetic ones of the other versions and of Bareos (bac_gen.h says what that proves). */
#include "unit.h"

#include <sys/mman.h>

#include "bac_gen.h"

/* The first block of a volume that Bacula 9.6.7 wrote. */
static const uint8_t real_label[] = {
	0x78, 0x6a, 0xb7, 0x3a, 0x00, 0x00, 0x00, 0xce, 0x00, 0x00, 0x00, 0x00, 0x42, 0x42, 0x30, 0x32, 0x00, 0x00, 0x00, 0x01,
	0x6b, 0x0c, 0x27, 0x2a, 0xff, 0xff, 0xff, 0xfe, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xaa, 0x42, 0x61, 0x63, 0x75,
	0x6c, 0x61, 0x20, 0x31, 0x2e, 0x30, 0x20, 0x69, 0x6d, 0x6d, 0x6f, 0x72, 0x74, 0x61, 0x6c, 0x0a, 0x00, 0x00, 0x00, 0x00,
	0x0b, 0x00, 0x06, 0x61, 0x6a, 0x31, 0x13, 0x68, 0x82, 0x00, 0x06, 0x61, 0x6a, 0x31, 0x14, 0x89, 0x88, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x56, 0x6f, 0x6c, 0x2d, 0x30, 0x30, 0x30,
	0x31, 0x00, 0x00, 0x50, 0x00, 0x42, 0x61, 0x63, 0x6b, 0x75, 0x70, 0x00, 0x46, 0x69, 0x6c, 0x65, 0x00, 0x76, 0x6d, 0x00,
	0x74, 0x65, 0x73, 0x74, 0x2d, 0x73, 0x64, 0x00, 0x56, 0x65, 0x72, 0x2e, 0x20, 0x39, 0x2e, 0x36, 0x2e, 0x37, 0x20, 0x31,
	0x30, 0x20, 0x44, 0x65, 0x63, 0x65, 0x6d, 0x62, 0x65, 0x72, 0x20, 0x32, 0x30, 0x32, 0x30, 0x20, 0x00, 0x42, 0x75, 0x69,
	0x6c, 0x64, 0x20, 0x46, 0x65, 0x62, 0x20, 0x20, 0x37, 0x20, 0x32, 0x30, 0x32, 0x33, 0x20, 0x32, 0x30, 0x3a, 0x35, 0x31,
	0x3a, 0x35, 0x32, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static int read_label(const void *data, size_t n, struct bac_vol_label *ret, struct err *e)
{
	int fd = memfd_create("vol", MFD_CLOEXEC);
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", fd);
	int r;

	assert_int_equal(write(fd, data, n), (ssize_t)n);
	r = bac_label_read(path, ret, e);
	close(fd);
	return r;
}

/* Whatever version a label has among those that are known (T81); of another one it is said. */
static void test_label_versions(void **state)
{
	static const struct {
		bool bareos;
		uint32_t version;
		const char *refused;
	} cases[] = {
		{ false, 10, NULL }, { false, 11, NULL }, { true, 11, NULL }, { true, 20, NULL },
		{ false, 12, "its label has version 12, and of Bacula's the versions 9 to 11 are known here" },
		{ false, 20, "its label has version 20, and of Bacula's" }, { false, 8, "its label has version 8, " },
		{ true, 21, "its label has version 21, and of Bareos's the versions 9 to 20 are known here: read it with the tools of the Bareos that wrote it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gen g = GEN_INIT;
		struct bac_vol_label l;
		struct err e = ERR_INIT;

		g.bareos = cases[i].bareos;
		g.label = cases[i].version;
		gen_vol_label(&g, "Vol-1", 5000000);
		assert_int_equal(read_label(g.vol.s, g.vol.len, &l, &e), cases[i].refused ? -EOPNOTSUPP : 0);
		if (cases[i].refused) {
			assert_non_null(strstr(e.msg, cases[i].refused));
		} else {
			assert_int_equal(l.version, cases[i].version);
			assert_int_equal(l.write_time, cases[i].version >= 11 ? 5000000 : 0);   /* before: days, which nobody needs */
			assert_string_equal(l.name, "Vol-1");
			bac_label_vol_free(&l);
		}
		gen_free(&g);
	}
}

static void test_a_label_of_a_real_daemon(void **state)
{
	static const uint32_t versions[] = { 10, 11, 12 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		uint8_t b[sizeof(real_label)];
		struct bac_vol_label l;
		struct err e = ERR_INIT;
		int r;

		memcpy(b, real_label, sizeof(b));
		assert_int_equal(b[60], 11);            /* the lowest byte of its version */
		b[60] = (uint8_t)versions[i];
		if (versions[i] != 11)
			gen_put32((char *)b, libdeflate_crc32(0, b + 4, sizeof(b) - 4));
		r = read_label(b, sizeof(b), &l, &e);
		assert_int_equal(r, versions[i] == 12 ? -EOPNOTSUPP : 0);
		if (r < 0)
			continue;
		assert_false(l.bareos);
		assert_string_equal(l.name, "Vol-0001");
		assert_string_equal(l.pool, "P");
		assert_string_equal(l.media, "File");
		bac_label_vol_free(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_label_versions),
		cmocka_unit_test(test_a_label_of_a_real_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

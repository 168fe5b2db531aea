/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "bigsort.h"

/* The same numbers in an order that nobody chose, each twice with its place, come back in order, whatever the window. */
static void sorts(size_t n, size_t window)
{
	struct bigsort *s = bigsort_new("/tmp", window);
	struct bigsort_rec r, last = { { 0 } };
	uint64_t sum = 0, seen = 0, x = 88172645463325252ULL;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		r = (struct bigsort_rec){ { x % (n / 2 + 1), i, ~x, x } };
		sum += x;
		assert_int_equal(bigsort_add(s, &r, &e), 0);
	}
	while (bigsort_next(s, &r, &e) == 1) {
		assert_true(!seen++ || r.v[0] > last.v[0] || (r.v[0] == last.v[0] && r.v[1] > last.v[1]));
		assert_true(r.v[2] == ~r.v[3]);
		sum -= r.v[3];
		last = r;
	}
	assert_int_equal(e.code, 0);
	assert_int_equal(seen, n);
	assert_int_equal(sum, 0);
	bigsort_free(s);
}

static void test_any_number_of_records(void **state)
{
	static const size_t windows[] = { 1, 7, 256, 1000, 1001, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		sorts(0, windows[i]);
		sorts(1, windows[i]);
		sorts(windows[i] == 1 ? 100 : 1000, windows[i]);
		sorts(20000, windows[i] && windows[i] < 256 ? 256 : windows[i]);      /* smaller ones only make many runs */
	}
}

static void test_a_folder_that_is_not_there(void **state)
{
	struct bigsort *s = bigsort_new("/no/such/folder", 2);
	struct bigsort_rec r = { { 1 } };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(bigsort_add(s, &r, &e), 0);
	assert_int_equal(bigsort_add(s, &r, &e), -ENOENT);
	assert_string_equal(e.msg, "make a file in '/no/such/folder': No such file or directory");
	bigsort_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_any_number_of_records), cmocka_unit_test(test_a_folder_that_is_not_there) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

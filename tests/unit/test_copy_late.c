/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "copy_int.h"

/* A worker in the middle of a batch of ten, which is at the entry `at`. */
struct stand {
	struct copy c;
	struct copy_dir dir;
	struct copy_batch *batch;
	struct copy_worker w;
};

static void set_up(struct stand *s, uint32_t at, uint32_t end)
{
	static const char *const names[10] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };

	*s = (struct stand){ .batch = copy_batch_new(names, 10) };
	atomic_init(&s->dir.refs, 1);
	s->w = (struct copy_worker){ .c = &s->c, .bulk_at = at };
	s->w.task = (struct copy_task){ .type = TASK_FILES, .dir = &s->dir, .batch = s->batch, .to = end };
	atomic_init(&s->w.span, (uint64_t)(at + 1) << 32 | end);
}

static void assert_task(struct stand *s, const struct copy_task *t, uint32_t from, uint32_t to)
{
	assert_int_equal(t->type, TASK_FILES);
	assert_ptr_equal(t->batch, s->batch);
	assert_int_equal(t->from, from);
	assert_int_equal(t->to, to);
	assert_int_equal(atomic_load(&s->batch->refs), 2);
	assert_int_equal(atomic_load(&s->dir.refs), 2);
}

/* The read is for the entry at hand alone: others go on behind it. */
static void test_the_rest_is_handed_back(void **state)
{
	struct copy_task t;
	struct stand s;
	uint32_t next;

	(void)state;
	set_up(&s, 3, 10);
	assert_true(copy_take_rest(&s.w, &t));
	assert_task(&s, &t, 4, 10);
	assert_false(s.w.handed_back);
	assert_false(copy_next(&s.w, &next));
	free(s.batch);
}

/* It is for several files, and any of them may be the one that hangs: the entry at hand is tried once more, by itself. */
static void test_a_read_for_several_is_handed_back_whole(void **state)
{
	struct copy_task t;
	struct stand s;
	uint32_t next;

	(void)state;
	set_up(&s, 3, 10);
	s.w.bulk_asks = true;
	assert_true(copy_take_rest(&s.w, &t));
	assert_task(&s, &t, 3, 10);
	assert_true(s.c.bulk_off);
	assert_false(copy_next(&s.w, &next));
	assert_true(copy_bulk_gone(&s.w));
	assert_false(copy_bulk_gone(&s.w));
	free(s.batch);
}

static void test_the_last_entry_is_handed_back_too(void **state)
{
	struct copy_task t;
	struct stand s;

	(void)state;
	set_up(&s, 7, 8);               /* somebody else has the last two */
	s.w.bulk_asks = true;
	assert_true(copy_take_rest(&s.w, &t));
	assert_task(&s, &t, 7, 8);
	free(s.batch);
	set_up(&s, 7, 8);
	assert_false(copy_take_rest(&s.w, &t));
	assert_int_equal(atomic_load(&s.batch->refs), 1);
	free(s.batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_rest_is_handed_back),
		cmocka_unit_test(test_a_read_for_several_is_handed_back_whole),
		cmocka_unit_test(test_the_last_entry_is_handed_back_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

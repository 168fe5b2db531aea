/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "copy_int.h"

#define QUICK_NS 100000
#define BETWEEN_NS 500000
#define SLOW_NS 5000000

static struct copy *watched(void)
{
	struct copy *c = xcalloc(1, sizeof(*c));

	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->more, NULL);
	c->pool.most = 6;
	c->pool.limit = 1;
	c->pool.rotates = true;
	c->pool.hold_ms = 5000;
	return c;
}

static void end(struct copy *c)
{
	pthread_cond_destroy(&c->more);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* What the pool makes of n answers with this mean. */
static unsigned int look(struct copy *c, int64_t now, int64_t n, int64_t mean)
{
	c->pool.answers = n;
	c->pool.waited_ns = n * mean;
	copy_pool_look(c, now);
	return c->pool.limit;
}

static void test_quick_answers_let_more_work(void **state)
{
	struct copy *c = watched();

	(void)state;
	assert_int_equal(look(c, 1000, 500, QUICK_NS), 2);
	assert_int_equal(look(c, 2000, 500, QUICK_NS), 4);
	assert_int_equal(look(c, 3000, 500, QUICK_NS), 6);
	assert_int_equal(look(c, 9000, 500, QUICK_NS), 6);
	end(c);
}

static void test_a_moving_head_has_one_thread(void **state)
{
	struct copy *c = watched();

	(void)state;
	assert_int_equal(look(c, 1000, 500, SLOW_NS), 1);
	assert_int_equal(look(c, 2000, 500, BETWEEN_NS), 1);
	end(c);
}

/* Files in a row look like flash: it is tried, taken back, and not tried again for twice as long each time. */
static void test_a_mistake_is_taken_back(void **state)
{
	struct copy *c = watched();

	(void)state;
	assert_int_equal(look(c, 1000, 500, QUICK_NS), 2);
	assert_int_equal(look(c, 2000, 500, SLOW_NS), 1);
	assert_int_equal(look(c, 6900, 500, QUICK_NS), 1);
	assert_int_equal(look(c, 7300, 500, QUICK_NS), 2);
	assert_int_equal(look(c, 8000, 500, SLOW_NS), 1);
	assert_int_equal(look(c, 17900, 500, QUICK_NS), 1);
	assert_int_equal(look(c, 18300, 500, QUICK_NS), 2);
	end(c);
}

/* A flash disk that is busy makes six threads wait longer than two. */
static void test_what_is_slow_depends_on_who_waits(void **state)
{
	struct copy *c = watched();

	(void)state;
	c->pool.limit = 6;
	assert_int_equal(look(c, 1000, 500, SLOW_NS), 6);
	assert_int_equal(look(c, 2000, 500, 2 * SLOW_NS), 1);
	end(c);
}

static void test_few_answers_say_nothing(void **state)
{
	struct copy *c = watched();

	(void)state;
	assert_int_equal(look(c, 1000, 99, QUICK_NS), 1);
	c->pool.looked = 2000;
	assert_int_equal(look(c, 2050, 500, QUICK_NS), 1);
	c->pool.rotates = false;
	assert_int_equal(look(c, 9000, 500, QUICK_NS), 1);
	end(c);
}

static int places(struct copy *c)
{
	int n;

	assert_int_equal(sem_getvalue(&c->pool.makers, &n), 0);
	return n;
}

/* A place among those who make files is free while its owner waits for the source, which may be for ever. */
static void test_who_waits_for_the_source_makes_no_file(void **state)
{
	const struct copy_opts o = { .patience_s = 3600 };
	struct copy *c = watched();
	struct copy_worker w = { .c = c };

	(void)state;
	c->o = &o;
	c->pool.few = true;
	sem_init(&c->pool.makers, 0, 3);
	copy_make_begin(&w);
	assert_int_equal(places(c), 2);
	copy_ask(&w);
	assert_int_equal(places(c), 3);
	errno = EIO;
	copy_answered(&w);
	assert_int_equal(errno, EIO);
	assert_int_equal(places(c), 2);
	copy_make_end(&w);
	copy_ask(&w);
	copy_answered(&w);
	assert_int_equal(places(c), 3);
	c->pool.few = false;
	copy_make_begin(&w);
	assert_int_equal(places(c), 3);
	copy_make_end(&w);
	end(c);
}

/* One worker with a task: the limit keeps a second one from the tasks that are left. */
static void test_the_limit_holds_workers_back(void **state)
{
	struct copy *c = watched();
	struct copy_dir *d = copy_dir_new(NULL, "");
	struct copy_task t[2] = { { .type = TASK_SCAN, .dir = d }, { .type = TASK_SCAN, .dir = d } };

	(void)state;
	c->workers = xcalloc(2, sizeof(*c->workers));
	c->n_workers = 2;
	c->workers[0].c = c->workers[1].c = c;
	copy_push(c, t, 2);
	assert_true(copy_pop(&c->workers[0]));
	assert_int_equal(c->active, 1);
	assert_false(copy_pool_room(c));
	c->pool.limit = 2;
	assert_true(copy_pool_room(c));
	free(c->stack);
	free(c->workers);
	free(d->name);
	free(d);
	end(c);
}

static void push_file(struct copy *c, uint64_t ino)
{
	struct copy_batch *b = xcalloc(1, sizeof(*b) + sizeof(*b->ent));
	struct copy_task t = { .type = TASK_FILES, .batch = b, .to = 1 };

	b->ent[0].ino = ino;
	copy_push(c, &t, 1);
}

/* The inode of the next task, 0: a folder. */
static uint64_t pop(struct copy *c)
{
	struct copy_worker *w = &c->workers[0];
	uint64_t ino;

	c->active = 0;
	assert_true(copy_pop(w));
	ino = w->task.batch ? w->task.batch->ent[0].ino : 0;
	free(w->task.batch);
	return ino;
}

/* Folders first, then what lies behind what was read last, then from the beginning; with many threads the newest is the next. */
static void test_one_head_goes_in_one_direction(void **state)
{
	static const uint64_t inos[] = { 700, 20, 400, 30 };
	struct copy_task folder = { .type = TASK_SCAN };
	struct copy *c = watched();

	(void)state;
	c->workers = xcalloc(1, sizeof(*c->workers));
	c->n_workers = 1;
	c->workers[0].c = c;
	c->pool.head = 100;
	for (int round = 0; round < 3; round++) {
		static const uint64_t one[] = { 0, 400, 700, 20, 30 }, many[] = { 30, 400, 20, 0, 700 };

		c->main_walk = round != 1;      /* round 1: the paths of `first`, in their order */
		push_file(c, inos[0]);
		copy_push(c, &folder, 1);
		for (size_t i = 1; i < ARRAY_SIZE(inos); i++)
			push_file(c, inos[i]);
		for (size_t i = 0; i < ARRAY_SIZE(one); i++)
			assert_int_equal(pop(c), round ? many[i] : one[i]);
		c->pool.limit = round ? 6 : 1;
	}
	for (unsigned int i = 0; i < 300; i++)
		push_file(c, 1000 + i);
	copy_push(c, &folder, 1);
	c->pool.limit = 1;
	assert_int_not_equal(pop(c), 0);        /* enough files wait: one folder more would only take memory */
	for (; c->n; c->n--)
		free(c->stack[c->n - 1].batch);
	free(c->stack);
	free(c->workers);
	end(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quick_answers_let_more_work), cmocka_unit_test(test_a_moving_head_has_one_thread),
		cmocka_unit_test(test_a_mistake_is_taken_back), cmocka_unit_test(test_what_is_slow_depends_on_who_waits),
		cmocka_unit_test(test_few_answers_say_nothing),
		cmocka_unit_test(test_who_waits_for_the_source_makes_no_file), cmocka_unit_test(test_the_limit_holds_workers_back),
		cmocka_unit_test(test_one_head_goes_in_one_direction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

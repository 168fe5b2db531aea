/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who does what: a stack of tasks, newest first, so that a folder is finished before the next is begun and memory stays flat. Workers take
 * different folders as long as there are some (two that create files in one folder wait for each other); one that finds the stack empty
 * takes half of what another one still has to do.
 *
 * Where one thread has a rotating disk for itself, it looks into many folders before it reads any file, and then reads the files in the order in
 * which the inodes lie: the head goes over the disk in one direction, and to the folders' blocks and inodes not for each of them anew.
 */
#include "copy_int.h"

#define AHEAD 256               /* folders looked into before their files are read */
#define MANY 64                 /* files; a larger folder counts as several, for the memory's sake */
#define LOOK 4096               /* tasks among which is chosen: the newest */

void copy_push(struct copy *c, const struct copy_task *t, size_t n)
{
	pthread_mutex_lock(&c->lock);
	if (c->n + n > c->cap) {
		c->cap = (c->n + n) * 2;
		c->stack = xrealloc(c->stack, c->cap * sizeof(*c->stack));
	}
	memcpy(c->stack + c->n, t, n * sizeof(*t));
	c->n += n;
	if (copy_pool_room(c))
		pthread_cond_broadcast(&c->more);
	pthread_mutex_unlock(&c->lock);
}

static uint64_t make_span(uint32_t next, uint32_t end)
{
	return (uint64_t)next << 32 | end;
}

static uint32_t span_left(uint64_t span)
{
	return (uint32_t)span - (uint32_t)(span >> 32);
}

/* The owner's side: the next entry of its task. */
bool copy_next(struct copy_worker *w, uint32_t *ret)
{
	uint64_t s = atomic_load(&w->span);

	while (span_left(s))
		if (atomic_compare_exchange_weak(&w->span, &s, s + make_span(1, 0))) {
			*ret = (uint32_t)(s >> 32);
			return true;
		}
	return false;
}

static void share(struct copy_worker *w, uint32_t from, uint32_t to, struct copy_task *ret)
{
	*ret = w->task;
	ret->from = from;
	ret->to = to;
	(void)copy_dir_ref(ret->dir);
	atomic_fetch_add(&ret->batch->refs, 1);
}

/* Takes what w has left, or half of it, off the end. */
static bool take(struct copy_worker *w, bool all, struct copy_task *ret)
{
	uint64_t s = atomic_load(&w->span);
	uint32_t n;

	do {
		n = all ? span_left(s) : span_left(s) / 2;
		if (!n)
			return false;
	} while (!atomic_compare_exchange_weak(&w->span, &s, s - n));
	share(w, (uint32_t)s - n, (uint32_t)s, ret);
	return true;
}

bool copy_take_rest(struct copy_worker *w, struct copy_task *ret)
{
	bool more = take(w, true, ret);

	if (!w->bulk_asks)
		return more;
	w->handed_back = true;
	atomic_store(&w->c->bulk_off, true);
	if (more)
		ret->from = w->bulk_at;
	else
		share(w, w->bulk_at, w->bulk_at + 1, ret);
	return true;
}

static bool steal(struct copy *c, struct copy_task *ret)
{
	struct copy_worker *most = NULL;

	for (unsigned int i = 0; i < c->n_workers; i++)
		if (!most || span_left(atomic_load(&c->workers[i].span)) > span_left(atomic_load(&most->span)))
			most = &c->workers[i];
	return most && take(most, false, ret);
}

/* Not for the paths of `first`: they come in their own order. A second thread is a trial. */
static bool one_head(const struct copy *c)
{
	return c->pool.rotates && c->pool.limit <= 2 && c->main_walk;
}

/* With one head: the newest folder while few files wait, then the files behind those that were read last, and from the beginning again. */
static size_t choose(const struct copy *c)
{
	size_t folder = SIZE_MAX, files = 0, best = c->n - 1;
	uint64_t nearest = UINT64_MAX;

	for (size_t i = c->n; i > 0 && c->n - i < LOOK; i--) {
		const struct copy_task *t = &c->stack[i - 1];
		uint64_t away = t->type == TASK_FILES ? t->batch->ent[t->from].ino - c->pool.head : 0;

		if (t->type != TASK_FILES) {
			folder = folder == SIZE_MAX ? i - 1 : folder;
			continue;
		}
		files += 1 + t->batch->n / MANY;
		if (away <= nearest) {
			nearest = away;
			best = i - 1;
		}
	}
	return folder != SIZE_MAX && files < AHEAD ? folder : best;
}

/* Takes one off the stack. */
static void take_task(struct copy *c, struct copy_task *ret)
{
	size_t i = one_head(c) ? choose(c) : c->n - 1;

	*ret = c->stack[i];
	c->n--;
	memmove(&c->stack[i], &c->stack[i + 1], (c->n - i) * sizeof(*c->stack));
	if (ret->type == TASK_FILES)
		c->pool.head = ret->batch->ent[ret->to - 1].ino;
}

/* False when nothing is left and nobody can add any more. */
bool copy_pop(struct copy_worker *w)
{
	struct copy *c = w->c;
	bool got;

	pthread_mutex_lock(&c->lock);
	while (!(got = copy_pool_room(c) && (c->n > 0 || steal(c, &w->task))) && (c->active || (c->late && !c->given_up)))
		pthread_cond_wait(&c->more, &c->lock);
	if (got) {
		if (c->n)
			take_task(c, &w->task);
		c->active++;
		if (w->task.batch)
			atomic_store(&w->span, make_span(w->task.from, w->task.to));
	} else {
		c->over = true;
		pthread_cond_broadcast(&c->more);
		pthread_cond_broadcast(&c->end);
	}
	pthread_mutex_unlock(&c->lock);
	return got;
}

/* The folder may be finished here, which reads the source once more: so the worker counts as active until that is done. */
void copy_task_done(struct copy_worker *w)
{
	struct copy *c = w->c;
	struct copy_task t = w->task;

	pthread_mutex_lock(&c->lock);
	atomic_store(&w->span, 0);      /* from here on nobody else takes a part of the task */
	w->asked_for = NULL;
	pthread_mutex_unlock(&c->lock);
	if (t.batch && atomic_fetch_sub(&t.batch->refs, 1) == 1)
		free(t.batch);
	copy_dir_put(w, t.dir);
	pthread_mutex_lock(&c->lock);
	if (--c->active == 0 && !c->n)
		pthread_cond_broadcast(&c->more);
	pthread_mutex_unlock(&c->lock);
}

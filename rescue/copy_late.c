/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads that hang. A thread in the kernel cannot be called back, so it is left waiting, and a spare one takes its place; what it had not
 * begun yet is handed back. The hanging read is its own second try: an answer that comes before everything else is done, or within the
 * same time after that, is taken as if nothing had happened. Then its file is listed as lost. When so many hang that no thread is left, the copy
 * ends with an error.
 */
#include "copy_int.h"

#include <time.h>

int64_t copy_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + 1;
}

void copy_ask_bytes(struct copy_worker *w, size_t n)
{
	copy_make_pause(w);
	copy_pool_ask(w, n);
	if (w->c->o->patience_s)
		atomic_store_explicit(&w->asked_ms, copy_now_ms(), memory_order_release);
}

void copy_ask(struct copy_worker *w)
{
	copy_ask_bytes(w, 0);
}

/* Nobody wants the answer any more: the thread must touch nothing, and ends with the process. */
static void park(struct copy *c)
{
	pthread_mutex_unlock(&c->lock);
	for (;;)
		pause();
}

static void come_back(struct copy_worker *w)
{
	struct copy *c = w->c;

	pthread_mutex_lock(&c->lock);
	if (w->dead)
		park(c);
	w->late = false;
	c->late--;
	c->active++;
	pthread_mutex_unlock(&c->lock);
}

void copy_answered(struct copy_worker *w)
{
	int keep = errno;

	copy_pool_answered(w);
	if (w->c->o->patience_s && atomic_exchange(&w->asked_ms, 0) == -1)
		come_back(w);
	copy_make_go_on(w);
	errno = keep;
}

/* asked_ms becomes -1 exactly when the worker is late, so that an answer at the same moment is on one side or the other. */
static bool is_late(struct copy_worker *w, int64_t now)
{
	int64_t asked = atomic_load(&w->asked_ms);

	return asked > 0 && now - asked >= (int64_t)w->c->o->patience_s * 1000 && atomic_compare_exchange_strong(&w->asked_ms, &asked, -1);
}

/* Under c->lock. */
static bool leave_alone(struct copy_worker *w, struct copy_task *ret_rest)
{
	w->late = true;
	w->c->late++;
	w->c->active--;
	pthread_cond_broadcast(&w->c->more);
	return copy_take_rest(w, ret_rest);
}

/*
 * Only late ones are left: they get the same time once more, or none when everything stops anyway. Where so many are late that no thread is left for
 * what there is to do, the source does not answer at all: then the number of these reads is returned.
 */
static unsigned int look_for_the_end(struct copy *c, int64_t now)
{
	bool nobody = c->exhausted && !c->active;

	if (c->active || !c->late || (c->n && !nobody))
		c->alone_ms = 0;
	else if (!c->alone_ms)
		c->alone_ms = now;
	if (!c->alone_ms || (!copy_stopped(c) && now - c->alone_ms < (int64_t)c->o->patience_s * 1000))
		return 0;
	c->given_up = true;
	c->over = c->over || nobody;
	pthread_cond_broadcast(&c->more);
	return nobody && c->n ? c->late : 0;
}

static void replace(struct copy *c)
{
	if (copy_start_thread(c) == 0)
		return;
	pthread_mutex_lock(&c->lock);
	c->exhausted = true;
	pthread_mutex_unlock(&c->lock);
}

void copy_late_look(struct copy *c, int64_t now)
{
	unsigned int dead;

	for (unsigned int i = c->first_slot; c->o->patience_s && i < c->n_threads; i++) {
		struct copy_worker *w = &c->workers[i];
		struct copy_task rest;
		bool more, late;

		pthread_mutex_lock(&c->lock);
		late = !c->over && is_late(w, now);
		more = late && leave_alone(w, &rest);
		pthread_mutex_unlock(&c->lock);
		if (more)
			copy_push(c, &rest, 1);
		if (late)
			replace(c);
	}
	pthread_mutex_lock(&c->lock);
	dead = look_for_the_end(c, now);
	pthread_mutex_unlock(&c->lock);
	if (dead)
		copy_fatal(c, -ETIMEDOUT, "read '%s': %u reads got no answer within %llu s, and there is more to read. Turn the disk off and on, "
			   "then run this again", c->o->src_name, dead, (unsigned long long)c->o->patience_s);
}

static void bury(struct copy_worker *as, struct copy_worker *w)
{
	struct copy_dir *d = w->task.dir;

	if (w->closing) {
		copy_dir_dead(as, w->closing);
		return;
	}
	if (w->task.type != TASK_LINKS && !w->handed_back && !copy_feed_dead(as, w))    /* the walk comes to the links once more */
		copy_lost(as, d, w->asked_for, "lost", ETIMEDOUT, "read: no answer");
	if (w->half && d->dst >= 0)
		(void)unlinkat(d->dst, w->asked_for, 0);
	copy_dir_put(as, d);
}

/* Joins what answers; then does in the name of the others what they will never do. */
void copy_late_end(struct copy *c)
{
	struct copy_worker *as = &c->workers[c->n_workers - 1];

	pthread_mutex_lock(&c->lock);
	for (unsigned int i = c->first_slot; i < c->n_threads; i++)
		c->workers[i].dead = c->workers[i].late;
	c->n_dead += c->late;
	c->late = 0;
	c->given_up = false;
	pthread_mutex_unlock(&c->lock);
	for (unsigned int i = c->first_slot; i < c->n_threads; i++)
		if (!c->workers[i].dead)
			pthread_join(c->workers[i].thread, NULL);
	for (unsigned int i = c->first_slot; i < c->n_threads; i++) {
		struct copy_worker *w = &c->workers[i];

		if (w->dead)
			bury(as, w);
	}
}

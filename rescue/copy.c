/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_int.h"

#include <stdarg.h>
#include <sys/xattr.h>
#include <time.h>

bool copy_stopped(struct copy *c)
{
	return atomic_load_explicit(&c->stop, memory_order_relaxed);
}

int copy_fatal(struct copy *c, int code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&c->lock);
	if (!c->fatal.code)
		err_code(&c->fatal, code, "%s", text);
	atomic_store(&c->stop, true);
	pthread_cond_broadcast(&c->more);
	pthread_cond_broadcast(&c->end);
	pthread_mutex_unlock(&c->lock);
	return code;
}

static void set_current(struct copy_worker *w, const struct copy_dir *d)
{
	CLEANUP(str_free) struct str path = STR_INIT;

	copy_dir_path(d, NULL, &path);
	pthread_mutex_lock(&w->lock);
	snprintf(w->current, sizeof(w->current), "%s", str_cstr(&path));
	pthread_mutex_unlock(&w->lock);
}

static void do_batch(struct copy_worker *w, const struct copy_task *t)
{
	uint32_t i;

	set_current(w, t->dir);
	copy_bulk_forget(w);
	while (copy_next(w, &i)) {
		if (copy_stopped(w->c))
			continue;
		if (t->type == TASK_LINKS)
			copy_link_look(w, t->batch->ent[i].name);
		else
			copy_entry(w, t->dir, &t->batch->ent[i]);
	}
}

/* After a stop the tasks are still taken off the stack, so that what they hold is given back. */
static void *worker_main(void *arg)
{
	struct copy_worker *w = arg;

	w->buf = copy_buffer_get(w->c);
	w->hash = w->c->o->no_hash ? NULL : hash_new(HASH_XXH3_128);
	while (copy_pop(w)) {
		struct copy_task *t = &w->task;

		if (t->type == TASK_DIR)
			copy_walk_dir(w, t);
		else if (t->type == TASK_SCAN)
			copy_walk_scan(w, t->dir);
		else if (t->type == TASK_FIRST)
			copy_walk_first(w, t);
		else
			do_batch(w, t);
		copy_task_done(w);
	}
	return NULL;
}

/* ---- the thread that called: progress, cancel, marks ---- */

static void add(struct copy_result *sum, const struct copy_result *r)
{
	sum->files += r->files;
	sum->dirs += r->dirs;
	sum->others += r->others;
	sum->bytes += r->bytes;
	sum->present += r->present;
	sum->lost += r->lost;
	sum->partial += r->partial;
	sum->meta += r->meta;
	sum->unproven += r->unproven;
	sum->good += r->good;
	sum->older += r->older;
	sum->bulk += r->bulk;
}

static void sum_up(struct copy *c, struct copy_result *ret, char current[256])
{
	*ret = (struct copy_result){ 0 };
	for (unsigned int i = 0; i < c->n_workers; i++) {
		struct copy_worker *w = &c->workers[i];

		pthread_mutex_lock(&w->lock);
		add(ret, &w->res);
		ret->bytes += __atomic_load_n(&w->written, __ATOMIC_RELAXED);
		if (current && *w->current)
			memcpy(current, w->current, 256);
		pthread_mutex_unlock(&w->lock);
	}
}

static void tell(struct copy *c)
{
	struct copy_result now;
	char current[256] = "";

	sum_up(c, &now, current);
	pthread_mutex_lock(&c->call_lock);
	if (c->o->progress && memcmp(&now, &c->told, sizeof(now)) != 0)         /* silence is how a stall is found */
		c->o->progress(c->o->arg, &now, *current ? current : NULL);
	c->told = now;
	if (c->o->cancelled && c->o->cancelled(c->o->arg) && !copy_stopped(c))
		copy_fatal(c, -ECANCELED, "copy");
	pthread_mutex_unlock(&c->call_lock);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void copy_wait_a_moment(pthread_cond_t *change, pthread_mutex_t *lock)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(change, lock, &until);
}

/* Waits at most 100 ms; true when no task is left. */
static bool wait_over(struct copy *c)
{
	bool over;

	pthread_mutex_lock(&c->lock);
	if (!c->over)
		copy_wait_a_moment(&c->end, &c->lock);
	over = c->over;
	pthread_mutex_unlock(&c->lock);
	return over;
}

/* A mark costs a sync of the destination: where that is slow, half of the time is left for other things. */
static void *marker_main(void *arg)
{
	struct copy *c = arg;
	double next = seconds() + (double)c->o->mark_s;

	while (!wait_over(c)) {
		double t0 = seconds(), took;
		struct err e = ERR_INIT;
		int r;

		if (t0 < next || copy_stopped(c))
			continue;
		r = copy_log_mark(c, &e);
		if (r < 0)
			copy_fatal(c, r, "%s", e.msg);
		took = seconds() - t0;
		next = seconds() + (took > (double)c->o->mark_s ? took : (double)c->o->mark_s);
	}
	return NULL;
}

int copy_start_thread(struct copy *c)
{
	struct copy_worker *w = &c->workers[c->n_threads];

	if (c->n_threads + 1 >= c->n_workers || pthread_create(&w->thread, NULL, worker_main, w) != 0)
		return -EAGAIN;
	c->n_threads++;
	return 0;
}

static int start_threads(struct copy *c)
{
	unsigned int n = 0;

	c->over = false;
	c->first_slot = c->n_threads;
	while (n < c->pool.most && copy_start_thread(c) == 0)
		n++;
	return n ? 0 : copy_fatal(c, -EAGAIN, "start a thread");
}

/* Works until the stack is empty. */
static int run_phase(struct copy *c)
{
	pthread_t marker;
	bool marking = false;

	if (start_threads(c) < 0)
		return c->fatal.code;
	if (c->o->mark && c->o->mark_s)
		marking = pthread_create(&marker, NULL, marker_main, c) == 0;
	while (!wait_over(c)) {
		int64_t now = copy_now_ms();

		tell(c);
		copy_late_look(c, now);
		copy_pool_look(c, now);
	}
	copy_late_end(c);
	if (marking)
		pthread_join(marker, NULL);
	tell(c);
	return c->fatal.code;
}

/* ---- the walk ---- */

/* What the calling thread does is done as the last one, which no other thread ever is. */
static struct copy_worker *own_worker(struct copy *c)
{
	return &c->workers[c->n_workers - 1];
}

static struct copy_dir *root_dir(struct copy *c)
{
	struct copy_dir *d = copy_dir_new(NULL, "");

	d->src = fcntl(c->o->src, F_DUPFD_CLOEXEC, 0);
	d->dst = c->o->dst >= 0 ? fcntl(c->o->dst, F_DUPFD_CLOEXEC, 0) : -1;
	if (statx(c->o->src, "", AT_EMPTY_PATH, COPY_STATX, &d->st) < 0)
		d->foreign = true;
	if (d->dst >= 0 && c->o->keep_ns)
		copy_dir_keep(d, d->dst);
	else if (d->dst >= 0)
		(void)fremovexattr(d->dst, XATTR_ACL_DEFAULT);
	return d;
}

/* What an archive of an earlier run has under several names. */
static int run_links(struct copy *c)
{
	struct copy_dir *root;
	struct err e = ERR_INIT;
	int r;

	if (!c->have)
		return 0;
	root = root_dir(c);
	root->foreign = true;
	r = copy_link_again(c, root, &e);
	copy_dir_put(own_worker(c), root);
	return r < 0 ? copy_fatal(c, r, "%s", e.msg) : run_phase(c);
}

/* One path of `first` after the other, last one pushed first. */
static int run_first(struct copy *c)
{
	struct copy_dir *root;

	if (!c->first.n)
		return 0;
	root = root_dir(c);
	root->foreign = true;
	for (size_t i = c->first.n; i-- > 0;) {
		struct copy_task t = { .type = TASK_FIRST, .dir = copy_dir_ref(root), .name = xstrdup(c->first.v[i]) };

		copy_push(c, &t, 1);
	}
	copy_dir_put(own_worker(c), root);
	return run_phase(c);
}

static int run_all(struct copy *c)
{
	struct copy_dir *root = root_dir(c);
	struct copy_task t = { .type = TASK_SCAN, .dir = root };

	c->main_walk = true;
	if (c->o->archive)
		(void)copy_archive_entry(own_worker(c), root, NULL, root->src, &root->st, NULL, NULL);
	root->all = !c->o->include || !c->o->include->n;
	copy_push(c, &t, 1);
	return run_phase(c);
}

static int finish(struct copy *c, struct err *e)
{
	int r = copy_flags_apply(c);

	if (r == 0)
		r = c->o->archive ? 0 : copy_log_mark(c, e);
	return r;
}

int copy_tree(const struct copy_opts *o, struct copy_result *ret, struct err *e)
{
	struct copy *c = xcalloc(1, sizeof(*c));
	int r;

	c->opts = *o;
	c->o = &c->opts;
	r = copy_set_up(c, e);

	if (r == 0)
		r = copy_link_init(c, e);
	if (r == 0) {
		r = run_links(c);
		if (r == 0)
			r = run_first(c);
		if (r == 0)
			r = run_all(c);
		if (r < 0)
			*e = c->fatal;
	}
	if (r == -ECANCELED && (!o->archive || (o->mark && o->mark_s)))
		(void)copy_log_mark(c, NULL);
	if (r == 0)
		r = finish(c, e);
	sum_up(c, ret, NULL);
	copy_tear_down(c);
	if (!c->n_dead)
		free(c);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many threads copy. A flash disk answers faster the more is asked at once. A rotating one reads fastest what lies beside what it read
 * last: one thread has it for itself, in the order of the inodes, and the kernel reads ahead; a second one already sends its head to and fro
 * for every file. The kernel calls a disk rotating unless it knows better, and so every virtual one: where the answers come at once, more
 * threads are let to work, and where that was wrong, it is taken back for longer and longer.
 *
 * The destination has a say, too: who makes files in one btrfs subvolume waits for others at the root of its tree. All threads read, but of those
 * that have read only one more than there are processors makes files at the same time; one that waits for the source meanwhile is none of them.
 *
 * Whether a disk rotates: /sys/dev/block/MAJOR:MINOR/queue/rotational (Documentation/ABI/stable/sysfs-block); a partition has it one
 * folder up, and what lies on others (device mapper, md, loop) takes it over from them.
 */
#include "copy_int.h"

#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "fs.h"
#include "mnt.h"

#define SMALL (64 * KIB)        /* more than that says how fast the disk is, not how fast it answers */
#define WINDOW_MS 100
#define ENOUGH 100              /* answers, to say something about a window */
#define QUICK_NS 250000         /* a mean that no moving head reaches, unless files lie in a row */
#define SLOW_NS 1500000         /* the same for each thread that waits: the disk itself took that long, and only a moving head does */
#define HOLD_MS 5000            /* after the first mistake; then twice as long each time */

static bool rotates(const char *node)
{
	static const char *const where[] = { "queue", "../queue" };
	bool yes = false;
	struct stat st;

	if (stat(node, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(where) && !yes; i++) {
		AUTO_FREE char *path = xasprintf("/sys/dev/block/%u:%u/%s/rotational", major(st.st_rdev), minor(st.st_rdev), where[i]);
		AUTO_FREE char *word = fs_read_word(path);

		yes = word && str_eq(word, "1");
	}
	return yes;
}

static bool any_rotates(const char *dir)
{
	AUTO_FREE char *real = realpath(dir, NULL);
	CLEANUP(strv_free) struct strv nodes = STRV_INIT;

	if (!real || mnt_devices_of(real, &nodes, NULL) < 0)
		return false;
	for (size_t i = 0; i < nodes.n; i++)
		if (rotates(nodes.v[i]))
			return true;
	return false;
}

static unsigned int processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : (unsigned int)n;
}

static unsigned int most(const struct copy_opts *o, unsigned int cpus)
{
	if (o->threads)
		return o->threads;
	return cpus > 16 ? 32 : cpus * 2 + 2;
}

void copy_pool_init(struct copy *c)
{
	AUTO_FREE char *src = xasprintf("/proc/self/fd/%d", c->o->src);
	unsigned int cpus = processors();
	struct copy_pool *p = &c->pool;

	p->most = most(c->o, cpus);
	p->rotates = !c->o->threads && any_rotates(src);
	p->limit = p->rotates ? 1 : p->most;
	p->hold_ms = HOLD_MS;
	p->few = c->dst_type == BTRFS_SUPER_MAGIC;
	sem_init(&p->makers, 0, cpus + 1);
}

bool copy_pool_room(const struct copy *c)
{
	return c->active < c->pool.limit;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void copy_pool_ask(struct copy_worker *w, size_t n)
{
	w->asked_ns = w->c->pool.rotates && n <= SMALL ? now_ns() : 0;
}

void copy_pool_answered(struct copy_worker *w)
{
	if (!w->asked_ns)
		return;
	atomic_fetch_add_explicit(&w->c->pool.waited_ns, now_ns() - w->asked_ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->c->pool.answers, 1, memory_order_relaxed);
}

/* Under c->lock. */
static void judge(struct copy *c, int64_t mean, int64_t now)
{
	struct copy_pool *p = &c->pool;

	if (p->limit > 1 && mean > SLOW_NS * (int64_t)p->limit) {
		p->limit = 1;
		p->not_before = now + p->hold_ms;
		p->hold_ms *= 2;
	} else if (mean < QUICK_NS && p->limit < p->most && now >= p->not_before) {
		p->limit = 2 * p->limit < p->most ? 2 * p->limit : p->most;
		pthread_cond_broadcast(&c->more);
	}
}

void copy_pool_look(struct copy *c, int64_t now)
{
	struct copy_pool *p = &c->pool;
	int64_t n = atomic_load(&p->answers), waited;

	if (!p->rotates || now - p->looked < WINDOW_MS || n < ENOUGH)
		return;
	p->looked = now;
	(void)atomic_fetch_sub(&p->answers, n);
	waited = atomic_exchange(&p->waited_ns, 0);
	pthread_mutex_lock(&c->lock);
	judge(c, waited / n, now);
	pthread_mutex_unlock(&c->lock);
}

/* ---- who makes files ---- */

void copy_make_begin(struct copy_worker *w)
{
	w->makes = w->c->pool.few;
	copy_make_go_on(w);
}

void copy_make_end(struct copy_worker *w)
{
	copy_make_pause(w);
	w->makes = false;
}

void copy_make_pause(struct copy_worker *w)
{
	if (w->makes)
		sem_post(&w->c->pool.makers);
}

void copy_make_go_on(struct copy_worker *w)
{
	while (w->makes && sem_wait(&w->c->pool.makers) < 0)
		;               /* a signal */
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing behind the reading of one big file: the worker fills one buffer after the other, a second thread writes them, so that both disks
 * are busy although neither read nor write goes through the cache. The worker alone decides what is written, and waits for all of it before
 * it goes on to anything else.
 */
#include "copy_int.h"

#define DEPTH (COPY_FLIGHT + 2)  /* two being read, one written, one that waits */
#define FLUSH (16 * MIB)        /* what is in the cache goes to the disk in pieces of this */

struct copy_behind {
	struct copy_worker *w;
	int dst;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	char *buf[DEPTH];
	struct { size_t n; uint64_t off; } q[DEPTH];
	unsigned int filled, written;   /* counts; buffer of number i is i % DEPTH */
	bool end;
	uint64_t unflushed;
	int err;                        /* the first error: nothing is written after it */
};

/* Where the cache cannot be passed by: nobody else would begin to write for some seconds, and the disk would have nothing to do until the next mark. */
static void flush(struct copy_behind *b, size_t n, uint64_t off)
{
	if (b->w->direct_dst)
		return;
	b->unflushed += n;
	if (b->unflushed < FLUSH)
		return;
	(void)sync_file_range(b->dst, (off64_t)(off + n - b->unflushed), (off64_t)b->unflushed, SYNC_FILE_RANGE_WRITE);
	b->unflushed = 0;
}

static void *behind_main(void *arg)
{
	struct copy_behind *b = arg;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		unsigned int i = b->written % DEPTH;
		int r = 0;

		while (b->written == b->filled && !b->end)
			pthread_cond_wait(&b->change, &b->lock);
		if (b->written == b->filled)
			break;
		pthread_mutex_unlock(&b->lock);
		if (!b->err)
			r = copy_write_at(b->w, b->dst, b->buf[i], b->q[i].n, b->q[i].off);
		if (r == 0 && !b->err)
			flush(b, b->q[i].n, b->q[i].off);
		pthread_mutex_lock(&b->lock);
		if (r < 0)
			b->err = r;
		b->written++;
		pthread_cond_broadcast(&b->change);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

static void behind_free(struct copy_behind *b)
{
	for (int i = 0; i < DEPTH; i++)
		copy_buffer_put(b->w->c, b->buf[i]);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->change);
	free(b);
}

struct copy_behind *copy_behind_new(struct copy_worker *w, int dst)
{
	struct copy_behind *b = xcalloc(1, sizeof(*b));

	b->w = w;
	b->dst = dst;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->change, NULL);
	for (int i = 0; i < DEPTH; i++)
		b->buf[i] = copy_buffer_get(w->c);
	if (pthread_create(&b->thread, NULL, behind_main, b) == 0)
		return b;
	behind_free(b);
	return NULL;
}

char *copy_behind_buffer(struct copy_behind *b, unsigned int k)
{
	unsigned int i;

	pthread_mutex_lock(&b->lock);
	i = b->filled + k;
	while (i - b->written >= DEPTH)
		pthread_cond_wait(&b->change, &b->lock);
	pthread_mutex_unlock(&b->lock);
	return b->buf[i % DEPTH];
}

int copy_behind_put(struct copy_behind *b, size_t n, uint64_t off)
{
	int r;

	pthread_mutex_lock(&b->lock);
	b->q[b->filled % DEPTH].n = n;
	b->q[b->filled++ % DEPTH].off = off;
	r = b->err;
	pthread_cond_broadcast(&b->change);
	pthread_mutex_unlock(&b->lock);
	return r;
}

int copy_behind_wait(struct copy_behind *b)
{
	int r;

	pthread_mutex_lock(&b->lock);
	while (b->written != b->filled)
		pthread_cond_wait(&b->change, &b->lock);
	r = b->err;
	pthread_mutex_unlock(&b->lock);
	return r;
}

int copy_behind_end(struct copy_behind *b)
{
	int r;

	pthread_mutex_lock(&b->lock);
	b->end = true;
	pthread_cond_broadcast(&b->change);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	r = b->err;
	behind_free(b);
	return r;
}

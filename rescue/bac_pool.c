/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_engine.h"

#include <inttypes.h>

/* ---- chunks ---- */

/* As much address space as it will need, memory as it is used: growing would copy. */
static struct bac_chunk *chunk_new(void)
{
	struct bac_chunk *c = xcalloc(1, sizeof(*c));

	c->in.cap = BAC_CHUNK_BYTES + 64 * KIB;
	c->in.s = xmalloc(c->in.cap);
	c->out.cap = BAC_CHUNK_RECS * 68 * KIB;
	c->out.s = xmalloc(c->out.cap);
	return c;
}

static bool room(const struct bac_eng *g, size_t chunks, uint64_t bytes)
{
	return g->n_flight < chunks && g->flight <= bytes;
}

/* Waits while workers have too much; then until half of it is done, so that threads do not wake each other for every chunk. */
struct bac_chunk *bac_chunk_get(struct bac_eng *g)
{
	struct bac_chunk *c;

	pthread_mutex_lock(&g->lock);
	if (!room(g, BAC_CHUNKS, BAC_FLIGHT))
		do
			pthread_cond_wait(&g->room, &g->lock);
		while (!room(g, BAC_CHUNKS / 2, BAC_FLIGHT / 2));
	c = g->pool;
	if (c)
		g->pool = c->next;
	pthread_mutex_unlock(&g->lock);
	if (!c)
		c = chunk_new();
	c->next = NULL;
	c->n_recs = c->n_pieces = 0;
	c->r = 0;
	str_reset(&c->in);
	str_reset(&c->out);
	return c;
}

static void chunk_put(struct bac_eng *g, struct bac_chunk *c)
{
	g->flight -= c->in.len;
	g->n_flight--;
	if (c->in.cap > 4 * BAC_CHUNK_BYTES)
		str_free(&c->in);
	if (c->out.cap > 4 * BAC_CHUNK_BYTES)
		str_free(&c->out);
	c->next = g->pool;
	g->pool = c;
	if (room(g, BAC_CHUNKS / 2, BAC_FLIGHT / 2))
		pthread_cond_signal(&g->room);
}

void bac_chunk_send(struct bac_eng *g, struct bac_chunk *c)
{
	pthread_mutex_lock(&g->lock);
	c->next = NULL;
	g->flight += c->in.len;
	g->n_flight++;
	*g->queue_end = c;
	g->queue_end = &c->next;
	pthread_cond_signal(&g->work);
	pthread_mutex_unlock(&g->lock);
}

/* ---- workers ---- */

static int decode_record(struct bac_chunk *c, size_t i)
{
	const struct bac_stream *st = &c->recs[i].st;
	struct bac_piece *p = &c->pieces[c->n_pieces];
	const uint8_t *data = (const uint8_t *)c->in.s + c->recs[i].at;
	size_t n = c->recs[i].len;

	*p = (struct bac_piece){ .has_off = st->sparse, .at = c->out.len, .plain = st->coding == BAC_PLAIN };
	if (st->sparse) {
		struct bac_cur cur = { data, n, false };

		p->off = bac_u64(&cur);
		if (cur.bad)
			return err_set(&c->why, -EBADMSG, "sparse data without its offset");
		data = cur.p;
		n = cur.left;
	}
	if (p->plain)
		p->at = (size_t)(data - (const uint8_t *)c->in.s);
	else if (bac_stream_decode(st->coding, data, n, &c->out, &c->why) < 0)
		return c->why.code;
	p->len = p->plain ? n : c->out.len - p->at;
	c->n_pieces++;
	return 0;
}

/* Encrypted data depends on what came before it: it is decoded while it is written. */
static void decode(struct bac_chunk *c)
{
	for (size_t i = 0; i < c->n_recs && c->r == 0; i++)
		if (!c->recs[i].st.encrypted)
			c->r = decode_record(c, i);
}

/* With the lock held: gives the chunk to its file and, unless another worker has the file, writes what is next in its order. */
static void deliver(struct bac_worker *w, struct bac_chunk *c)
{
	struct bac_eng *g = w->g;
	struct bac_file *f = c->file;
	struct bac_chunk **at = &f->ready;

	while (*at && (*at)->seq < c->seq)
		at = &(*at)->next;
	c->next = *at;
	*at = c;
	if (f->busy)
		return;
	while (f->ready && f->ready->seq == f->next_seq) {
		bool last;

		c = f->ready;
		f->ready = c->next;
		f->busy = true;
		pthread_mutex_unlock(&g->lock);
		bac_write_chunk(w, f, c);
		pthread_mutex_lock(&g->lock);
		f->busy = false;
		f->next_seq++;
		last = c->last;
		chunk_put(g, c);
		if (last) {
			f->done = true;
			pthread_cond_signal(&g->done);
			return;
		}
	}
}

static void *work(void *arg)
{
	struct bac_worker *w = arg;
	struct bac_eng *g = w->g;
	struct bac_chunk *c;

	pthread_mutex_lock(&g->lock);
	for (;;) {
		while (!g->queue && !g->quit)
			pthread_cond_wait(&g->work, &g->lock);
		if (!g->queue)
			break;
		c = g->queue;
		g->queue = c->next;
		if (!g->queue)
			g->queue_end = &g->queue;
		pthread_mutex_unlock(&g->lock);
		decode(c);
		pthread_mutex_lock(&g->lock);
		deliver(w, c);
	}
	pthread_mutex_unlock(&g->lock);
	bac_worker_forget(w);
	return NULL;
}

int bac_pool_start(struct bac_eng *g, struct err *e)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int want = g->o->threads ? g->o->threads : cpus > 1 ? (unsigned int)cpus : 1;

	if (want > 16)
		want = 16;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->work, NULL);
	pthread_cond_init(&g->done, NULL);
	pthread_cond_init(&g->room, NULL);
	g->queue_end = &g->queue;
	g->files_end = &g->files;
	g->workers = xcalloc(want, sizeof(*g->workers));
	for (; g->n_workers < want; g->n_workers++) {
		struct bac_worker *w = &g->workers[g->n_workers];
		int r;

		w->g = g;
		w->dir_fd = -1;
		r = pthread_create(&w->thread, NULL, work, w);
		if (r && !g->n_workers)
			return err_set(e, -r, "start a thread: %s", strerror(r));
		if (r)
			break;
	}
	return 0;
}

static void free_chunks(struct bac_chunk *c)
{
	while (c) {
		struct bac_chunk *next = c->next;

		str_free(&c->in);
		str_free(&c->out);
		free(c);
		c = next;
	}
}

void bac_pool_stop(struct bac_eng *g)
{
	if (!g->workers)
		return;
	pthread_mutex_lock(&g->lock);
	g->quit = true;
	pthread_cond_broadcast(&g->work);
	pthread_mutex_unlock(&g->lock);
	for (unsigned int i = 0; i < g->n_workers; i++)
		pthread_join(g->workers[i].thread, NULL);
	free(g->workers);
	g->workers = NULL;
	free_chunks(g->pool);
	free_chunks(g->chunk);
	g->pool = g->chunk = NULL;
	while (g->files) {
		struct bac_file *f = g->files;

		g->files = f->next;
		free_chunks(f->ready);
		bac_file_free(f);
	}
}

void bac_pool_fatal(struct bac_eng *g, const struct err *e)
{
	pthread_mutex_lock(&g->lock);
	if (!g->fatal)
		g->fatal_err = *e;
	g->fatal = true;
	pthread_cond_signal(&g->done);
	pthread_mutex_unlock(&g->lock);
}

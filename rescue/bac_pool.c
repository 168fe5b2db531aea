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

/* ---- the list in volume order ---- */

void bac_file_queue(struct bac_eng *g, struct bac_file *f)
{
	*g->files_end = f;
	g->files_end = &f->next;
	g->n_files++;
}

static void put_u64(struct str *s, uint64_t v)
{
	str_addn(s, &v, sizeof(v));
}

static void put_blob(struct str *s, const struct str *b)
{
	put_u64(s, b->len);
	str_addn(s, b->len ? b->s : "", b->len);
}

static void put_z(struct str *s, const char *t)
{
	str_addn(s, t, strlen(t) + 1);
}

/* Directories get their owner, mode and times when everything in them is made; ACLs with names when the target's passwd is there. */
static int keep_for_later(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	bool names = (f->acl.len && bac_acl_needs_names(f->acl.s)) || (f->acl_default.len && bac_acl_needs_names(f->acl_default.s));
	bool later = f->kind == BAC_K_DIR || ((f->kind == BAC_K_FILE || f->kind == BAC_K_SPECIAL) && names);

	if (!later)
		return 0;
	put_u64(&s, f->a.mode);
	put_u64(&s, f->a.uid);
	put_u64(&s, f->a.gid);
	put_u64(&s, (uint64_t)f->a.atime);
	put_u64(&s, (uint64_t)f->a.mtime);
	put_u64(&s, f->fi);
	put_blob(&s, &f->acl);
	put_blob(&s, &f->acl_default);
	put_blob(&s, &f->xattr);
	put_z(&s, f->path);
	return bac_spill_put(f->kind == BAC_K_DIR ? &g->list[BAC_L_DIRS] : &g->list[BAC_L_ACLS], s.s, s.len, e);
}

/* Also for symlinks and special files with several names: the daemon stores each name as a file of its own, but with the inode's number. */
static int keep_link(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	AUTO_FREE char *first = bac_map_path(g, f->a.link);

	put_u64(&s, f->fi);
	put_u64(&s, f->a.link_fi);
	put_u64(&s, f->kind == BAC_K_HARDLINK ? 0 : f->a.dev);
	put_u64(&s, f->kind == BAC_K_HARDLINK ? 0 : f->a.ino);
	put_z(&s, f->path);
	put_z(&s, first && f->kind == BAC_K_HARDLINK ? first : "");
	put_z(&s, f->a.link);
	return bac_spill_put(&g->list[BAC_L_LINKS], s.s, s.len, e);
}

static int keep_deleted(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	size_t n = strlen(f->a.name);

	str_addc(&s, n && f->a.name[n - 1] == '/' ? 'd' : 'f');
	put_z(&s, f->path);
	return bac_spill_put(&g->list[BAC_L_DELS], s.s, s.len, e);
}

static void remember_lost(struct bac_eng *g, const struct bac_file *f)
{
	if (f->kind != BAC_K_FILE)
		return;
	if ((g->n_lost_fis & (g->n_lost_fis + 1)) == 0)
		g->lost_fis = xrealloc(g->lost_fis, (2 * g->n_lost_fis + 2) * sizeof(*g->lost_fis));
	g->lost_fis[g->n_lost_fis++] = f->fi;
}

static int account_made(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	g->n.restored += f->kind != BAC_K_DELETE && (f->kind != BAC_K_HARDLINK || g->o->mode != BAC_RESTORE);
	g->n.deletions += f->kind == BAC_K_DELETE;
	g->n.bytes += f->bytes;
	g->n.verified += f->verified;
	g->n.unverified += f->kind == BAC_K_FILE && f->data_seen && !f->verified;
	g->n.doubtful += f->doubtful;
	g->n.metadata += f->problems.len > 0;
	g->n.skipped += f->skipped_streams.len > 0;
	if (g->o->mode != BAC_RESTORE || f->fate == BAC_F_KEPT)
		return 0;
	if (f->kind == BAC_K_DELETE)
		return keep_deleted(g, f, e);
	if (f->kind == BAC_K_HARDLINK || ((f->kind == BAC_K_SYMLINK || f->kind == BAC_K_SPECIAL) && f->a.nlink > 1))
		return keep_link(g, f, e);
	return keep_for_later(g, f, e);
}

static int account(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	int r = 0;

	if (f->kind == BAC_K_IGNORE)
		return 0;
	if (f->kind == BAC_K_BASE && f->fate == BAC_F_OK)
		return bac_base_note(g, f, e);
	if (g->bases && !g->second)
		r = bac_base_found(g, f, e);
	g->n.entries += !g->second;
	if (g->o->list && f->a.name)
		g->o->list(g->o->arg, g->sess, &f->a);
	if (f->fate == BAC_F_LOST) {
		g->n.lost += f->a.type == -1 ? f->a.fi - f->fi + 1 : 1;
		g->n.entries += f->a.type == -1 ? f->a.fi - f->fi : 0;
		remember_lost(g, f);
	} else if (f->fate == BAC_F_SKIPPED) {
		g->n.skipped++;
	} else if (r == 0) {
		r = account_made(g, f, e);
	}
	return r < 0 ? r : bac_report_file(g, f, e);
}

int bac_harvest(struct bac_eng *g, bool all, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&g->lock);
	while (g->files && r == 0 && !g->fatal) {
		struct bac_file *f = g->files;

		if (!f->done && !all)
			break;
		if (!f->done) {
			pthread_cond_wait(&g->done, &g->lock);
			continue;
		}
		g->files = f->next;
		if (!g->files)
			g->files_end = &g->files;
		g->n_files--;
		pthread_mutex_unlock(&g->lock);
		r = account(g, f, e);
		g->pos.fi = f->a.type == -1 ? f->a.fi : f->fi;
		g->pos.seg = g->files ? g->files->seg : g->seg;
		g->pos.off = g->files ? g->files->off : g->block_off;
		bac_file_free(f);
		pthread_mutex_lock(&g->lock);
	}
	if (g->fatal && r == 0)
		r = err_set(e, g->fatal_err.code, "%s", g->fatal_err.msg);
	pthread_mutex_unlock(&g->lock);
	return r;
}

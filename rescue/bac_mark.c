/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks: a place in the volumes before which everything is on stable storage. The text is taken when all files up to there are finished; a
 * thread syncs while the restore goes on; only then is the mark given to the caller.
 */
#include "bac_engine.h"

#include <time.h>

#include "fault.h"
#include "rootmap.h"

struct bac_mark {
	pthread_t thread;
	char *text;
	int fds[BAC_LISTS];
	const char *to;                 /* the target, or NULL */
	pthread_mutex_t lock;
	bool finished;
	int code;
};

static uint64_t *counter(struct bac_eng *g, size_t i)
{
	uint64_t *const all[] = { &g->n.entries, &g->n.restored, &g->n.verified, &g->n.unverified, &g->n.lost, &g->n.doubtful, &g->n.skipped,
				  &g->n.metadata, &g->n.deletions, &g->n.deleted, &g->n.bytes, &g->n.repaired, &g->n.missing_volumes, &g->n_report };

	return i < ARRAY_SIZE(all) ? all[i] : NULL;
}

static char *text_of(struct bac_eng *g)
{
	struct str s = STR_INIT;

	str_addf(&s, "v2 %zu %zu %zu %llu %u", g->pos.sess, g->pos.base, g->pos.seg, (unsigned long long)g->pos.off, g->pos.fi);
	for (int i = 0; i < BAC_LISTS; i++)
		str_addf(&s, " %llu %llu", (unsigned long long)g->list[i].from, (unsigned long long)g->list[i].len);
	for (size_t i = 0; counter(g, i); i++)
		str_addf(&s, " %llu", (unsigned long long)*counter(g, i));
	return str_take(&s);
}

static bool number(const char **p, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(*p, &end, 10);
	if (end == *p || errno)
		return false;
	*p = end;
	return true;
}

int bac_mark_parse(struct bac_eng *g, const char *text, struct bac_pos *ret, uint64_t spill[2 * BAC_LISTS], struct err *e)
{
	uint64_t v[5];
	const char *p = text + 2;
	bool ok = str_starts(text, "v2 ");

	for (int i = 0; i < 5 && ok; i++)
		ok = number(&p, &v[i]);
	for (int i = 0; i < 2 * BAC_LISTS && ok; i++)
		ok = number(&p, &spill[i]);
	for (size_t i = 0; counter(g, i) && ok; i++)
		ok = number(&p, counter(g, i));
	if (!ok || v[0] > g->plan->n || v[4] > UINT32_MAX)
		return err_set(e, -EBADMSG, "resume: the mark '%s' is not one of this restore", text);
	*ret = (struct bac_pos){ v[0], v[1], v[2], v[3], (uint32_t)v[4] };
	return 0;
}

static void *sync_all(void *arg)
{
	struct bac_mark *m = arg;
	int code = 0;

	for (int i = 0; i < BAC_LISTS; i++)
		if (fdatasync(m->fds[i]) < 0 && errno != EINVAL)
			code = -errno;
	if (m->to)
		code = rootmap_sync(m->to, NULL) < 0 ? -EIO : code;
	pthread_mutex_lock(&m->lock);
	m->finished = true;
	m->code = code;
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int start(struct bac_eng *g, struct err *e)
{
	struct bac_mark *m;
	int r = 0;

	for (int i = 0; i < BAC_LISTS && r == 0; i++)
		r = bac_spill_flush(&g->list[i], e);
	if (r < 0)
		return r;
	m = xcalloc(1, sizeof(*m));
	for (int i = 0; i < BAC_LISTS; i++)
		m->fds[i] = g->list[i].fd;
	m->to = g->root >= 0 ? g->o->to : NULL;
	m->text = text_of(g);
	pthread_mutex_init(&m->lock, NULL);
	r = pthread_create(&m->thread, NULL, sync_all, m);
	if (r) {
		free(m->text);
		free(m);
		return err_set(e, -r, "start a thread: %s", strerror(r));
	}
	g->mark = m;
	return 0;
}

static int collect(struct bac_eng *g, struct err *e)
{
	struct bac_mark *m = g->mark;
	int r;

	pthread_join(m->thread, NULL);
	g->mark = NULL;
	g->mark_time = now_ms();
	r = m->code < 0 ? err_code(e, m->code, "sync the target") : 0;
	fault_point("bacula.synced");
	if (r == 0)
		r = g->o->mark(g->o->arg, m->text, e);
	fault_point("bacula.marked");
	free(m->text);
	free(m);
	return r;
}

static bool finished(struct bac_mark *m)
{
	bool f;

	pthread_mutex_lock(&m->lock);
	f = m->finished;
	pthread_mutex_unlock(&m->lock);
	return f;
}

int bac_mark_poll(struct bac_eng *g, bool now, struct err *e)
{
	int r = 0;

	if (!g->o->mark || g->o->mode != BAC_RESTORE)
		return 0;
	if (!g->mark_time)
		g->mark_time = now_ms();
	if (g->mark && (now || finished(g->mark)))
		r = collect(g, e);
	if (r == 0 && !g->mark && (now || now_ms() - g->mark_time >= 1000ULL * (g->o->mark_every_s ? g->o->mark_every_s : 3)))
		r = bac_harvest(g, false, e) < 0 ? e->code : start(g, e);
	if (r == 0 && now && g->mark)
		r = collect(g, e);
	return r;
}

void bac_mark_drop(struct bac_eng *g)
{
	if (!g->mark)
		return;
	pthread_join(g->mark->thread, NULL);
	free(g->mark->text);
	free(g->mark);
	g->mark = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_int.h"

#include <sys/syscall.h>
#include <time.h>

#include "arc.h"
#include "fault.h"
#include "fs.h"
#include "manifest_set.h"

#define LOG_FLUSH 65536
#define TRUST_MARGIN_NS 50000000        /* the kernel's clock for ctime ticks in milliseconds */

/* Mark: "trust NS manifest LEN losses LEN text LEN", or for an archive "archive OFFSET manifest ...". */
static int parse_mark(const char *text, bool archive, int64_t *ret, uint64_t len[3])
{
	const char *format = archive ? "archive %lld manifest %llu losses %llu text %llu" : "trust %lld manifest %llu losses %llu text %llu";
	long long t;
	unsigned long long a, b, d;

	if (!text || sscanf(text, format, &t, &a, &b, &d) != 4)
		return -EINVAL;
	*ret = t;
	len[0] = a;
	len[1] = b;
	len[2] = d;
	return 0;
}

char *copy_mark_text(bool archive, int64_t what, const uint64_t len[3])
{
	return xasprintf("%s %lld manifest %llu losses %llu text %llu", archive ? "archive" : "trust", (long long)what, (unsigned long long)len[0],
			 (unsigned long long)len[1], (unsigned long long)len[2]);
}

int64_t copy_archive_mark(const char *text)
{
	uint64_t len[3];
	int64_t at;

	return parse_mark(text, true, &at, len) < 0 ? -1 : at;
}

/* What was lost is looked at again, and listed again. */
static int open_losses(struct copy *c, uint64_t len[2], bool resumed, struct err *e)
{
	int r = loss_open(&c->losses, c->o->logs, len, e);

	if (r < 0 || !resumed)
		return r;
	loss_close(&c->losses);
	r = loss_drop(c->o->logs, "lost", len, e);
	return r < 0 ? r : loss_open(&c->losses, c->o->logs, len, e);
}

int copy_log_open(struct copy *c, struct err *e)
{
	uint64_t len[3] = { 0, 0, 0 };
	int64_t what = INT64_MIN;
	bool resumed = parse_mark(c->o->resume, c->o->archive, &what, len) == 0;
	AUTO_FREE char *path = NULL;
	int r;

	if (!c->o->archive)
		c->trust_ns = what;
	if (!c->o->logs)
		return 0;
	c->manifest = loss_open_log(c->o->logs, "manifest", len[0], e);
	r = c->manifest < 0 ? c->manifest : open_losses(c, len + 1, resumed, e);
	if (r < 0 || !resumed || !c->o->archive)
		return r;
	path = fs_join(c->o->logs, "manifest");
	return manifest_set_read(&c->have, path, true, e);
}

static void flush(struct copy_worker *w)
{
	struct err e = ERR_INIT;

	if (w->c->manifest >= 0 && w->log.len && !w->c->fatal.code && fs_write_all(w->c->manifest, w->log.s, w->log.len, &e) < 0)
		copy_fatal(w->c, e.code, "write '%s/manifest'", w->c->o->logs);
	str_reset(&w->log);
}

void copy_log_close(struct copy *c)
{
	for (unsigned int i = 0; i < c->n_workers; i++)
		flush(&c->workers[i]);
	base_close(&c->manifest);
	loss_close(&c->losses);
	if (c->flags)
		fclose(c->flags);
}

static uint64_t flush_logs(struct copy *c)
{
	for (unsigned int i = 0; i < c->n_workers; i++) {
		pthread_mutex_lock(&c->workers[i].lock);
		flush(&c->workers[i]);
		pthread_mutex_unlock(&c->workers[i].lock);
	}
	return c->manifest >= 0 ? (uint64_t)lseek(c->manifest, 0, SEEK_END) : 0;
}

/*
 * Between two members: what the manifest knows is in the archive up to *ret_at. A member that is written and not yet in the manifest is
 * written again after a resume: one a thread at most.
 */
static int flush_archive(struct copy *c, int64_t *ret_at, uint64_t *ret_len, struct err *e)
{
	uint64_t at = 0;
	int r;

	pthread_mutex_lock(&c->archive_lock);
	r = copy_stopped(c) ? -ECANCELED : arc_out_flush(c->o->archive, &at, e);
	*ret_len = flush_logs(c);
	pthread_mutex_unlock(&c->archive_lock);
	*ret_at = (int64_t)at;
	return r;
}

static int sync_all(struct copy *c, uint64_t ret_len[2], struct err *e)
{
	int r = loss_sync(&c->losses, ret_len, e);

	if (r < 0)
		return r;
	if (c->manifest >= 0 && fdatasync(c->manifest) < 0)
		return err_errno(e, "sync the manifest in '%s'", c->o->logs);
	fault_point("copy.mark.before-sync");
	if (c->o->archive)
		r = arc_out_sync(c->o->archive, e);
	else if (syncfs(c->o->dst) < 0)
		r = err_errno(e, "sync '%s'", c->o->dst_name);
	if (r == 0)
		fault_point("copy.mark.synced");
	return r;
}

/*
 * Everything that had its last change before `trust` is in the logs when they have been flushed after that moment, because a worker
 * changes and logs under its lock; then logs and destination are synced; then the mark may say so.
 */
int copy_log_mark(struct copy *c, struct err *e)
{
	AUTO_FREE char *text = NULL;
	struct timespec now;
	int64_t what;
	uint64_t len[3];
	int r = 0;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	what = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - TRUST_MARGIN_NS;
	if (c->o->archive)
		r = flush_archive(c, &what, &len[0], e);
	else
		len[0] = flush_logs(c);
	if (r == 0)
		r = sync_all(c, len + 1, e);
	if (r < 0 || !c->o->mark)
		return r;
	text = copy_mark_text(c->o->archive != NULL, what, len);
	pthread_mutex_lock(&c->call_lock);
	r = c->o->mark(c->o->arg, text, e);
	pthread_mutex_unlock(&c->call_lock);
	return r;
}

/* The caller holds w->lock. */
void copy_log_file(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, const char *status, const char *hash,
		   struct xattrs *x, const char *target)
{
	CLEANUP(str_free) struct str path = STR_INIT;
	char link[40] = "";

	if (w->c->manifest < 0)
		return;
	copy_dir_path(d, name, &path);
	if (st->stx_nlink > 1 && !S_ISDIR(st->stx_mode))
		snprintf(link, sizeof(link), "inode:%llu", (unsigned long long)st->stx_ino);
	str_add(&w->log, status);
	str_addc(&w->log, ' ');
	manifest_add(&w->log, &(struct manifest_line){ .st = st, .hash = hash, .xattrs = x, .holes = w->holes, .link = *link ? link : NULL,
						       .path = str_cstr(&path), .target = target });
	if (w->log.len >= LOG_FLUSH)
		flush(w);
}

/* ---- losses ---- */

void copy_lost(struct copy_worker *w, struct copy_dir *d, const char *name, const char *what, int err, const char *why)
{
	CLEANUP(str_free) struct str path = STR_INIT;
	AUTO_FREE char *sentence = xasprintf("%s: %s", why ? why : "?", strerror(err));

	if (copy_stopped(w->c))
		return;
	copy_dir_path(d, name, &path);
	loss_add(&w->c->losses, str_cstr(&path), what, NULL, 0, sentence);
	if (str_eq(what, "attributes"))
		__atomic_fetch_add(&w->res.meta, 1, __ATOMIC_RELAXED);
	else
		__atomic_fetch_add(&w->res.lost, 1, __ATOMIC_RELAXED);
}

void copy_lost_ranges(struct copy_worker *w, struct copy_dir *d, const char *name)
{
	CLEANUP(str_free) struct str path = STR_INIT;

	copy_dir_path(d, name, &path);
	loss_add(&w->c->losses, str_cstr(&path), "partial", w->bad, w->n_bad, strerror(w->bad_errno));
}

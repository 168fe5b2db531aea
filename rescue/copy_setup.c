/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a copy needs before its first file, and what is given back after its last. */
#include "copy_int.h"

#include <sys/resource.h>
#include <sys/vfs.h>
#include <time.h>

#include "btrfs_disk.h"
#include "manifest_set.h"

#define SPARE 32                /* threads that can replace hanging ones */

static void workers_init(struct copy *c)
{
	c->n_workers = 3 * c->pool.most + SPARE + 1;    /* three phases: links, first, all */
	c->workers = xcalloc(c->n_workers, sizeof(*c->workers));
	for (unsigned int i = 0; i < c->n_workers; i++) {
		struct copy_worker *w = &c->workers[i];

		w->c = c;
		pthread_mutex_init(&w->lock, NULL);
	}
}

static void workers_free(struct copy *c)
{
	for (unsigned int i = 0; i < c->n_workers; i++) {
		free(c->workers[i].buf);
		free(c->workers[i].bad);
		hash_free(c->workers[i].hash);
		copy_bulk_free(&c->workers[i]);
		str_free(&c->workers[i].log);
		pthread_mutex_destroy(&c->workers[i].lock);
	}
	free(c->workers);
	copy_buffers_free(c);
}

/* What the destination does with owners and clocks, asked from a file of our own. */
static int probe_dst(struct copy *c, struct err *e)
{
	AUTO_CLOSE int fd = openat(c->o->dst, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	struct timespec now;
	struct stat dir, st, src;
	struct statfs fs;

	if (fstat(c->o->dst, &dir) < 0 || fstat(c->o->src, &src) < 0)
		return err_errno(e, "look at '%s'", c->o->dst_name);
	c->dst_dev = dir.st_dev;
	c->dst_ino = dir.st_ino;
	if (fstatfs(c->o->dst, &fs) == 0)       /* not every server behind FUSE answers */
		c->dst_type = (unsigned long)fs.f_type;
	c->same_fs = dir.st_dev == src.st_dev;
	c->bsd_groups = true;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		clock_gettime(CLOCK_REALTIME, &now);
		c->bsd_groups = st.st_gid != c->gid;
		c->clock_ok = st.st_ctim.tv_sec >= now.tv_sec - 2 && st.st_ctim.tv_sec <= now.tv_sec + 2;
	}
	return 0;
}

static int set_first(struct copy *c, struct err *e)
{
	const struct strv *l = c->o->first;

	for (size_t i = 0; l && i < l->n; i++) {
		AUTO_FREE char *path = str_path(l->v[i]);

		if (!path)
			return err_set(e, -EINVAL, "first '%s': write the path without '.' and '..'", l->v[i]);
		strv_addf(&c->first, "/%s", path);
	}
	return 0;
}

int copy_set_up(struct copy *c, struct err *e)
{
	struct rlimit lim;
	struct statx st;

	c->uid = geteuid();
	c->gid = getegid();
	c->manifest = c->nursery = -1;
	c->losses = (struct loss)LOSS_INIT;
	c->trust_ns = INT64_MIN;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->more, NULL);
	pthread_cond_init(&c->end, NULL);
	pthread_mutex_init(&c->spare.lock, NULL);
	pthread_mutex_init(&c->log_lock, NULL);
	pthread_mutex_init(&c->call_lock, NULL);
	pthread_mutex_init(&c->link_lock, NULL);
	pthread_cond_init(&c->link_done, NULL);
	pthread_mutex_init(&c->archive_lock, NULL);
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max = lim.rlim_max > 1048576 ? lim.rlim_max : 1048576;
		if (setrlimit(RLIMIT_NOFILE, &lim) < 0 && getrlimit(RLIMIT_NOFILE, &lim) == 0) {
			lim.rlim_cur = lim.rlim_max;
			(void)setrlimit(RLIMIT_NOFILE, &lim);
		}
	}
	if (statx(c->o->src, "", AT_EMPTY_PATH, COPY_STATX, &st) < 0)
		return err_errno(e, "look at '%s'", c->o->src_name);
	c->mnt_id = st.stx_mnt_id;
	if ((c->o->dst >= 0 && probe_dst(c, e) < 0) || set_first(c, e) < 0)
		return e->code;
	copy_pool_init(c);
	copy_bulk_open(c);
	workers_init(c);
	return copy_log_open(c, e);
}

void copy_tear_down(struct copy *c)
{
	copy_log_close(c);
	if (c->n_dead)
		return;         /* they still hold it */
	copy_link_free(c);
	manifest_set_free(c->have);
	workers_free(c);
	strv_free(&c->first);
	btrfs_disk_close(c->bulk);
	free(c->stack);
}

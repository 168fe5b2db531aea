/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running it, with two places for its map: what was rescued must be known whatever runs full. */
#include "ddrescue.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "blk.h"
#include "child.h"
#include "fs.h"

#define MAP_MAX (256 * MIB)
#define ROOM (256 * KIB)        /* what the folder of a map must have left */
#define SECONDS 5               /* between two copies of the map */

static char *second_of(const struct ddrescue *d)
{
	return xasprintf("%s.map", d->to);
}

/* Bytes that the map says were rescued; -1: it is none. */
static int64_t rescued(const char *path)
{
	CLEANUP(ddrescue_map_free) struct ddrescue_map m = { 0 };

	if (!fs_exists(path) || ddrescue_map_read(path, &m, NULL) < 0 || m.good + m.lost == 0)
		return -1;
	return (int64_t)m.good;
}

/* What is rescued never gets less, so the newer map of one image is the one that knows of more. */
char *ddrescue_map_best(const struct ddrescue *d)
{
	AUTO_FREE char *second = second_of(d);
	int64_t a = rescued(d->map), b = fs_exists(d->to) ? rescued(second) : -1;

	if (a < 0 && b < 0)
		return NULL;
	return xstrdup(a >= b ? d->map : second);
}

static int copy_map(const char *from, const char *to, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read(from, MAP_MAX, &text, &n, e);

	return r < 0 ? r : fs_write_atomic(to, text, n, 0600, e);
}

/* Is there room for a map in the folder of this file? */
static bool has_room(const char *path)
{
	AUTO_FREE char *probe = xasprintf("%s.room", path);
	AUTO_CLOSE int fd = open(probe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool room = fd >= 0 && posix_fallocate(fd, 0, (off_t)ROOM) == 0;

	(void)unlink(probe);
	return room;
}

/* ---- the second map, while it runs ---- */

struct keeper {
	const char *from, *to;
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool over;
};

static void *keeper_main(void *arg)
{
	struct keeper *k = arg;
	struct timespec until;
	int64_t have = -1, now;

	pthread_mutex_lock(&k->lock);
	while (!k->over) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += SECONDS;
		pthread_cond_timedwait(&k->change, &k->lock, &until);
		now = rescued(k->from);
		if (now > have && copy_map(k->from, k->to, NULL) == 0)
			have = now;
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

/* Answers for ddrescue's questions: quit. Without any it would ask again and again. */
static int answers(void)
{
	int fd = memfd_create("answers", MFD_CLOEXEC);

	for (int i = 0; fd >= 0 && i < 100; i++)
		if (write(fd, "q\n", 2) != 2)
			break;
	if (fd >= 0)
		(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static int run(const struct ddrescue *d, const char *map, struct err *e)
{
	AUTO_FREE char *retries = xasprintf("-r%llu", (unsigned long long)d->retries),
		       *give_up = xasprintf("--timeout=%llus", (unsigned long long)d->timeout_s);
	AUTO_CLOSE int in = answers();
	const char *argv[] = { "ddrescue", "-d", "-S", retries, d->from, d->to, map, d->timeout_s ? give_up : NULL, NULL };
	struct child c = { .argv = argv, .stdin_fd = in };
	int r = in < 0 ? err_errno(e, "make a file in memory") : child_run(&c, e);

	if (r < 0 && d->timeout_s && c.exit_code >= 0 && rescued(map) >= 0) {
		err_clear(e);
		return 0;
	}
	return r;
}

static int run_kept(const struct ddrescue *d, const char *second, struct err *e)
{
	struct keeper k = { .from = d->map, .to = second, .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };
	pthread_t thread;
	bool keeps = pthread_create(&thread, NULL, keeper_main, &k) == 0;
	int r = run(d, d->map, e);

	pthread_mutex_lock(&k.lock);
	k.over = true;
	pthread_cond_signal(&k.change);
	pthread_mutex_unlock(&k.lock);
	if (keeps)
		pthread_join(thread, NULL);
	return r;
}

/* The newest of the maps lies at `map` from now on, none when there is none. */
static int put(const struct ddrescue *d, const char *map, struct err *e)
{
	AUTO_FREE char *best = ddrescue_map_best(d);

	if (best && str_eq(best, map))
		return 0;
	if (best)
		return copy_map(best, map, e);
	(void)unlink(map);
	return 0;
}

static int run_second(const struct ddrescue *d, const char *second, struct err *e)
{
	int r = put(d, second, e);

	if (r < 0)
		return r;
	(void)unlink(d->map);           /* what is left of it was cut off */
	if (d->moved)
		d->moved(d->arg, second);
	return run(d, second, e);
}

int ddrescue_run(const struct ddrescue *d, struct err *e)
{
	AUTO_FREE char *second = second_of(d);
	bool was;
	int r = blk_set_read_only(d->from, true, &was, e);

	if (r < 0)
		return r;
	if (!d->resume && unlink(second) < 0 && errno != ENOENT)        /* of another image that had this name */
		return err_errno(e, "remove '%s'", second);
	if (has_room(d->map) && put(d, d->map, NULL) == 0) {
		r = run_kept(d, second, e);
		if (r == 0 || has_room(d->map))
			return r;
		err_clear(e);
	}
	return run_second(d, second, e);
}

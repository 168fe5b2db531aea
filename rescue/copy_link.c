/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hard links without a table in memory: the first name of an inode is made as NURSERY/KEY in the destination and linked from there; every
 * further name is linked from there too. When all names have been seen, or at the end, the nursery's own name goes.
 */
#include "copy_int.h"

#include <sys/sysmacros.h>
#include <time.h>

#define NURSERY ".rescue-hard-links"

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static void wipe(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (de->d_name[0] != '.')
			(void)unlinkat(dir, de->d_name, 0);
	if (d)
		closedir(d);
}

int copy_link_init(struct copy *c, struct err *e)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	c->start_ns = ns_of(&now);
	if (c->o->archive)
		return 0;
	if (mkdirat(c->o->dst, NURSERY, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "make '%s/%s'", c->o->dst_name, NURSERY);
	c->nursery = openat(c->o->dst, NURSERY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->nursery < 0)
		return err_errno(e, "open '%s/%s'", c->o->dst_name, NURSERY);
	if (c->trust_ns == INT64_MIN || !c->clock_ok)
		wipe(c->nursery);
	return 0;
}

void copy_link_finish(struct copy *c)
{
	if (c->nursery < 0)
		return;
	wipe(c->nursery);
	(void)unlinkat(c->o->dst, NURSERY, AT_REMOVEDIR);
}

/* An interrupted run keeps the nursery for the next one. */
void copy_link_free(struct copy *c)
{
	base_close(&c->nursery);
	copy_linkmap_free(c);
}

bool copy_link_is_nursery(const struct copy_dir *d, const char *name)
{
	return !d->up && str_eq(name, NURSERY);
}

static void make_key(const struct statx *st, char key[48])
{
	uint64_t fs = makedev(st->stx_dev_major, st->stx_dev_minor);

#ifdef STATX_SUBVOL
	if (st->stx_mask & STATX_SUBVOL)
		memcpy(&fs, (const char *)st + 0xa0, sizeof(fs));       /* stx_subvol: libc may not have the field yet */
#endif
	snprintf(key, 48, "%llx-%llx", (unsigned long long)fs, (unsigned long long)st->stx_ino);
}

static int busy_slot(struct copy *c, const char *key)
{
	for (int i = 0; i < COPY_LINK_BUSY; i++)
		if (str_eq(c->busy[i], key))
			return i;
	return -1;
}

/* The nursery has this inode, whole: made in this run, or safe since an earlier one. */
static bool is_whole(struct copy *c, const char *key, const struct statx *st)
{
	struct stat have;

	if (fstatat(c->nursery, key, &have, AT_SYMLINK_NOFOLLOW) < 0 || (uint64_t)have.st_size != st->stx_size)
		return false;
	if (have.st_mtim.tv_sec != st->stx_mtime.tv_sec || (uint32_t)have.st_mtim.tv_nsec != st->stx_mtime.tv_nsec)
		return false;
	return c->trust_ns == INT64_MIN || ns_of(&have.st_ctim) >= c->start_ns || ns_of(&have.st_ctim) < c->trust_ns;
}

/* Gives the inode its name. Names left by an earlier run are replaced. */
static int give_name(struct copy *c, int dst, const char *name, const char *key)
{
	struct stat a, b;

	if (linkat(c->nursery, key, dst, name, 0) == 0)
		return 0;
	if (errno != EEXIST || fstatat(c->nursery, key, &a, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (fstatat(dst, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
		return 0;
	if (copy_unlink(dst, name) < 0 || linkat(c->nursery, key, dst, name, 0) < 0)
		return -errno;
	return 0;
}

/* Not in a resumed run: names of an earlier run count too, although they have not been seen yet in this one. */
static void forget_when_complete(struct copy *c, const char *key, const struct statx *st)
{
	struct stat have;

	if (c->trust_ns == INT64_MIN && fstatat(c->nursery, key, &have, AT_SYMLINK_NOFOLLOW) == 0 && have.st_nlink > st->stx_nlink)
		(void)unlinkat(c->nursery, key, 0);
}

static enum copy_link name_it(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, const char *key)
{
	int r = give_name(w->c, d->dst, name, key);

	if (r == 0) {
		forget_when_complete(w->c, key, st);
		return LINK_MADE;
	}
	if (copy_write_is_fatal(-r))
		copy_fatal(w->c, r, "make a hard link in '%s'", w->c->o->dst_name);
	else
		copy_lost(w, d, name, "lost", -r, "make the hard link");
	return LINK_FAILED;
}

/* A complete group of an earlier run has left the nursery: its first safe name brings the inode back. */
static bool adopt(struct copy *c, int dst, const char *name, const struct statx *st, const char *key)
{
	return copy_trusted(c, dst, name, st) && linkat(dst, name, c->nursery, key, 0) == 0;
}

/* Its first name is being written; when that read hangs, this one is late too. */
static void wait_for_first(struct copy_worker *w)
{
	copy_ask(w);
	pthread_cond_wait(&w->c->link_done, &w->c->link_lock);
	copy_answered(w);
}

enum copy_link copy_link_begin(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, char key[48])
{
	struct copy *c = w->c;
	enum copy_link r = LINK_WRITE;
	int slot;

	make_key(st, key);
	pthread_mutex_lock(&c->link_lock);
	while (busy_slot(c, key) >= 0 || busy_slot(c, "") < 0)
		wait_for_first(w);
	if (is_whole(c, key, st) || adopt(c, d->dst, name, st, key)) {
		r = name_it(w, d, name, st, key);
	} else {
		slot = busy_slot(c, "");
		strcpy(c->busy[slot], key);
	}
	pthread_mutex_unlock(&c->link_lock);
	return r;
}

void copy_link_end(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, const char *key, bool written)
{
	struct copy *c = w->c;

	pthread_mutex_lock(&c->link_lock);
	if (written)
		(void)name_it(w, d, name, st, key);
	else
		(void)unlinkat(c->nursery, key, 0);
	c->busy[busy_slot(c, key)][0] = '\0';
	pthread_cond_broadcast(&c->link_done);
	pthread_mutex_unlock(&c->link_lock);
}

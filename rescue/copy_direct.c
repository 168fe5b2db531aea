/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Past the page cache. A copy reads every byte once and writes it once, so the cache only costs: two more passes through memory for each byte
 * (a third of the time on a machine whose disks are fast), and what other programs had in it. Small files stay with the cache: there the
 * kernel gathers many into one write, and reading them directly gains nothing; but they leave it at once, because memory that was used a
 * moment ago is quicker to use again than memory that nobody touched for long. Where one thread has a rotating disk for itself, files go through
 * it, too: the kernel reads ahead while we write; but not the big ones, where another thread writes meanwhile. open(2), O_DIRECT; a filesystem
 * that does not want it says EINVAL, and is asked the usual way.
 */
#include "copy_int.h"

#include <linux/magic.h>

#define READ_MIN (16 * KIB)
#define WRITE_MIN (1 * MIB)
#define UNIT 4096               /* no block device in use wants more */
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

static bool set_direct(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/* A buffer that was used before costs no page faults: with many files of some MiB they were a twentieth of the time. */
char *copy_buffer_get(struct copy *c)
{
	void *p = NULL;

	pthread_mutex_lock(&c->spare.lock);
	if (c->spare.n)
		p = c->spare.v[--c->spare.n];
	pthread_mutex_unlock(&c->spare.lock);
	if (!p && posix_memalign(&p, UNIT, COPY_BUF) != 0)
		abort();
	return p;
}

void copy_buffer_put(struct copy *c, char *buf)
{
	pthread_mutex_lock(&c->spare.lock);
	if (buf && c->spare.n < ARRAY_SIZE(c->spare.v)) {
		c->spare.v[c->spare.n++] = buf;
		buf = NULL;
	}
	pthread_mutex_unlock(&c->spare.lock);
	free(buf);
}

void copy_buffers_free(struct copy *c)
{
	while (c->spare.n)
		free(c->spare.v[--c->spare.n]);
	pthread_mutex_destroy(&c->spare.lock);
}

/* btrfs would write it through the cache all the same, because of its checksums, and not compressed. */
static bool writes_directly(const struct copy *c)
{
	return c->dst_type == EXT4_SUPER_MAGIC || c->dst_type == XFS_SUPER_MAGIC;
}

/* All blocks at once and in one piece: nothing else knows how long the file becomes. */
static bool reserve(int dst, uint64_t size)
{
	return fallocate(dst, 0, 0, (off_t)size) == 0;
}

void copy_direct_from(struct copy_worker *w, int src, uint64_t size)
{
	bool alone = w->c->pool.rotates && w->c->pool.limit == 1;

	w->direct_src = size >= (alone ? COPY_BEHIND_MIN : READ_MIN) && set_direct(src, true);
}

void copy_direct_to(struct copy_worker *w, int dst, uint64_t size)
{
	w->direct_dst = dst >= 0 && size >= WRITE_MIN && writes_directly(w->c) && reserve(dst, size) && set_direct(dst, true);
}

void copy_direct_end(struct copy_worker *w, int src, uint64_t size)
{
	if (src >= 0 && !w->direct_src && size <= COPY_BUF)
		(void)posix_fadvise(src, 0, 0, POSIX_FADV_DONTNEED);
}

/* Reads up to n bytes; buf has room for n rounded up to UNIT. */
ssize_t copy_direct_read(struct copy_worker *w, int fd, char *buf, size_t n, uint64_t off)
{
	ssize_t got;

	if (w->direct_src) {
		got = pread(fd, buf, (n + UNIT - 1) / UNIT * UNIT, (off_t)off);
		if (got >= 0 || errno != EINVAL)
			return got > (ssize_t)n ? (ssize_t)n : got;
		w->direct_src = false;
		(void)set_direct(fd, false);
	}
	return pread(fd, buf, n, (off_t)off);
}

/* The last bytes of a file are less than a block: they, and what the filesystem does not want directly, go through the cache. */
ssize_t copy_direct_write(struct copy_worker *w, int fd, const char *buf, size_t n, uint64_t off)
{
	ssize_t done;

	if (w->direct_dst && n >= UNIT) {
		done = pwrite(fd, buf, n / UNIT * UNIT, (off_t)off);
		if (done >= 0 || errno != EINVAL)
			return done;
	}
	if (w->direct_dst) {
		w->direct_dst = false;
		(void)set_direct(fd, false);
	}
	return pwrite(fd, buf, n, (off_t)off);
}

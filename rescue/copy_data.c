/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_int.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

#define PIECE 4096              /* what is given up at once when reading fails */
#define CLONE_MIN (128 * KIB)
#define AHEAD (8 * MIB)

void copy_data_begin(struct copy_worker *w)
{
	w->n_bad = 0;
	w->bad_errno = 0;
	__atomic_store_n(&w->written, 0, __ATOMIC_RELAXED);
	w->holes = 0;
	w->ahead = 0;
	w->direct_src = w->direct_dst = false;
}

/* Errors of the destination after which no other file can be written either. */
bool copy_write_is_fatal(int err)
{
	return err == ENOSPC || err == EDQUOT || err == EROFS || err == EIO || err == ENODEV || err == ESHUTDOWN || err == EMFILE ||
	       err == ENFILE || err == ENOMEM || err == ESTALE;
}

void copy_bad_range(struct copy_worker *w, uint64_t off, uint64_t len, int err)
{
	w->bad_errno = err;
	if (w->n_bad && w->bad[w->n_bad - 1].off + w->bad[w->n_bad - 1].len == off) {
		w->bad[w->n_bad - 1].len += len;
		return;
	}
	w->bad = xrealloc(w->bad, (w->n_bad + 1) * sizeof(*w->bad));
	w->bad[w->n_bad++] = (struct loss_range){ off, len };
}

static ssize_t ask(struct copy_worker *w, int fd, char *buf, size_t n, uint64_t off)
{
	ssize_t got;

	copy_ask_bytes(w, n);
	got = copy_direct_read(w, fd, buf, n, off);
	copy_answered(w);
	return got;
}

/* Piece by piece, so that one bad block costs one block. */
static ssize_t read_pieces(struct copy_worker *w, int fd, char *buf, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		size_t want = PIECE - (size_t)((off + done) % PIECE);
		ssize_t got;

		want = want > n - done ? n - done : want;
		got = ask(w, fd, buf + done, want, off + done);
		if (got == 0)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			copy_bad_range(w, off + done, want, errno);
			memset(buf + done, 0, want);
			got = (ssize_t)want;
		}
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t copy_read(struct copy_worker *w, int fd, char *buf, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = ask(w, fd, buf + done, n - done, off + done);

		if (got == 0)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			got = read_pieces(w, fd, buf + done, n - done, off + done);
			return (ssize_t)done + got;
		}
		done += (size_t)got;
	}
	return (ssize_t)done;
}

int copy_write_at(struct copy_worker *w, int dst, const char *buf, size_t n, uint64_t off)
{
	while (n) {
		ssize_t done = copy_direct_write(w, dst, buf, n, off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		buf += done;
		n -= (size_t)done;
		off += (uint64_t)done;
		__atomic_fetch_add(&w->written, (uint64_t)done, __ATOMIC_RELAXED);
	}
	return 0;
}

/* Writes buf, but not what could not be read: that stays a hole. */
static int emit(struct copy_worker *w, int dst, const char *buf, size_t n, uint64_t off, size_t first_bad)
{
	uint64_t at = off, end = off + n;
	int r;

	for (size_t i = first_bad; i < w->n_bad; i++) {
		uint64_t from = w->bad[i].off > at ? w->bad[i].off : at, to = w->bad[i].off + w->bad[i].len;

		r = copy_write_at(w, dst, buf + (at - off), (size_t)(from - at), at);
		if (r < 0)
			return r;
		at = to > end ? end : to;
	}
	return copy_write_at(w, dst, buf + (at - off), (size_t)(end - at), at);
}

/* The first range that could not be read of a piece that begins at `at`, before it is read. */
static size_t first_bad(const struct copy_worker *w, uint64_t at)
{
	bool joins = w->n_bad && w->bad[w->n_bad - 1].off + w->bad[w->n_bad - 1].len == at;

	return w->n_bad - joins;
}

/* Reads a piece and hashes it, or takes the one that is there. *ret_bad is its first range that could not be read. */
static ssize_t get_piece(struct copy_worker *w, int src, char *buf, size_t want, uint64_t at, size_t *ret_bad)
{
	ssize_t got = (ssize_t)w->ahead;

	*ret_bad = got ? 0 : first_bad(w, at);
	w->ahead = 0;
	if (got)
		return got;
	got = copy_read(w, src, buf, want, at);
	if (w->hash && got > 0)
		hash_add(w->hash, buf, (size_t)got);
	return got;
}

static int put_piece(struct copy_worker *w, int dst, const char *buf, size_t n, uint64_t at, size_t bad)
{
	int r;

	if (!w->behind)
		return emit(w, dst, buf, n, at, bad);
	if (bad == w->n_bad)
		return copy_behind_put(w->behind, n, at);
	r = copy_behind_wait(w->behind);
	if (r == 0)
		r = emit(w, dst, buf, n, at, bad);
	return r < 0 ? r : copy_behind_put(w->behind, 0, at);   /* its buffer is used up */
}

/* One buffer full: read, hashed, written. Bytes, 0 at the end, or -errno of the destination. */
static ssize_t copy_piece(struct copy_worker *w, int src, int dst, size_t want, uint64_t at)
{
	char *buf = w->behind ? copy_behind_buffer(w->behind, 0) : w->buf;
	size_t bad;
	ssize_t got = get_piece(w, src, buf, want, at, &bad);
	int r;

	if (got <= 0)
		return 0;
	r = dst < 0 ? 0 : put_piece(w, dst, buf, (size_t)got, at, bad);
	return r < 0 ? r : got;
}

static size_t piece(uint64_t at, uint64_t to)
{
	return at >= to ? 0 : to - at > COPY_BUF ? COPY_BUF : (size_t)(to - at);
}

/* copy_piece where the next pieces are asked for already. What did not come as it should is read again, with care. */
static ssize_t copy_landed(struct copy_worker *w, struct copy_flight *f, int src, int dst, size_t want, uint64_t at)
{
	char *buf = copy_behind_buffer(w->behind, 0);
	ssize_t got = copy_flight_take(w, f);
	size_t bad = first_bad(w, at);
	int r;

	if (got < (ssize_t)want)
		got = copy_read(w, src, buf, want, at);
	if (got <= 0)
		return 0;
	got = got > (ssize_t)want ? (ssize_t)want : got;
	if (w->hash)
		hash_add(w->hash, buf, (size_t)got);
	r = put_piece(w, dst, buf, (size_t)got, at, bad);
	return r < 0 ? r : got;
}

/* copy_stretch of a big file, all of it, that does not go through the page cache. */
static int copy_in_flight(struct copy_worker *w, struct copy_flight *f, int src, int dst, uint64_t to, uint64_t *ret_end)
{
	uint64_t asked = 0, at = 0;
	ssize_t got;

	while (at < to && !copy_stopped(w->c)) {
		while (w->direct_src && asked < to && copy_flight_count(f) < COPY_FLIGHT &&
		       copy_flight_send(w, f, src, copy_behind_buffer(w->behind, copy_flight_count(f)), COPY_BUF, asked))
			asked += piece(asked, to);
		got = copy_flight_count(f) ? copy_landed(w, f, src, dst, piece(at, to), at) : copy_piece(w, src, dst, piece(at, to), at);
		if (got < 0)
			return (int)got;
		at += (uint64_t)got;
		if (got == 0 || (at < to && at % COPY_BUF))
			break;          /* the file ends here by now */
		asked = asked > at ? asked : at;
	}
	*ret_end = at;
	return 0;
}

/* It reads where the blocks are before it returns. */
static void read_ahead(struct copy_worker *w, int src, uint64_t at)
{
	copy_ask_bytes(w, AHEAD);
	(void)readahead(src, (off64_t)at, AHEAD);
	copy_answered(w);
}

/* One stretch of data. *ret_end is less than `to` when the file ends earlier than it said. */
static int copy_stretch(struct copy_worker *w, int src, int dst, uint64_t from, uint64_t to, uint64_t *ret_end)
{
	uint64_t at = from;

	while (at < to && !copy_stopped(w->c)) {
		ssize_t got;

		if (!w->direct_src && to - at > AHEAD && at % AHEAD == 0)
			read_ahead(w, src, at + AHEAD);
		got = copy_piece(w, src, dst, piece(at, to), at);
		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		at += (uint64_t)got;
	}
	*ret_end = at;
	return 0;
}

static off_t seek(struct copy_worker *w, int src, off_t from, int what)
{
	off_t at;

	copy_ask(w);
	at = lseek(src, from, what);
	copy_answered(w);
	return at;
}

static int copy_sparse(struct copy_worker *w, int src, int dst, uint64_t size)
{
	uint64_t at = 0, end;
	int r;

	while (at < size && !copy_stopped(w->c)) {
		off_t data = seek(w, src, (off_t)at, SEEK_DATA), hole;

		if (data < 0 && errno != ENXIO)
			data = (off_t)at;       /* no map: all of it is data */
		if (data < 0 || (uint64_t)data > size)
			data = (off_t)size;
		if (w->hash)
			hash_add_zeros(w->hash, (uint64_t)data - at);
		w->holes += (uint64_t)data - at;
		at = (uint64_t)data;
		if (at == size)
			break;
		hole = seek(w, src, data, SEEK_HOLE);
		if (hole <= data || (uint64_t)hole > size)
			hole = (off_t)size;
		r = copy_stretch(w, src, dst, at, (uint64_t)hole, &end);
		if (r < 0)
			return r;
		if (end < (uint64_t)hole)
			break;
		at = end;
	}
	return at < size && !copy_stopped(w->c) ? -ENODATA : 0;
}

/* The same filesystem: blocks are shared, and read only to be checked and hashed. */
static bool clone_data(struct copy_worker *w, int src, int dst, uint64_t size)
{
	return w->c->same_fs && size >= CLONE_MIN && ioctl(dst, FICLONE, src) == 0;
}

bool copy_is_sparse(const struct statx *st)
{
	return st->stx_blocks * 512 < st->stx_size;
}

static int copy_content(struct copy_worker *w, int src, int dst, const struct statx *st, bool sparse)
{
	struct copy_flight *f = NULL;
	uint64_t end = 0;
	int r, late = 0;

	if (dst >= 0 && st->stx_size >= COPY_BEHIND_MIN)
		w->behind = copy_behind_new(w, dst);
	if (w->behind && w->direct_src && !w->direct_dst && !sparse)
		f = copy_flight_new();
	if (f)
		r = copy_in_flight(w, f, src, dst, st->stx_size, &end);
	else
		r = sparse ? copy_sparse(w, src, dst, st->stx_size) : copy_stretch(w, src, dst, 0, st->stx_size, &end);
	copy_flight_end(w, f);          /* into buffers of behind */
	if (w->behind)
		late = copy_behind_end(w->behind);
	w->behind = NULL;
	if (late < 0)
		return late;
	return r == 0 && !sparse && end < st->stx_size && !copy_stopped(w->c) ? -ENODATA : r;
}

/* What could not be read has no blocks, also where they had been reserved; at the end of the file that goes for the whole last block. */
static void punch_bad(struct copy_worker *w, int dst, uint64_t size)
{
	for (size_t i = 0; i < w->n_bad; i++) {
		uint64_t off = w->bad[i].off, len = w->bad[i].len;

		if (off + len == size)
			len += PIECE;
		(void)fallocate(dst, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len);
	}
}

static int copy_any(struct copy_worker *w, int src, int dst, const struct statx *st)
{
	bool sparse = copy_is_sparse(st);
	int r;

	if (st->stx_size > COPY_BUF)
		(void)posix_fadvise(src, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (clone_data(w, src, dst, st->stx_size))
		dst = -1;
	if (!sparse && !w->ahead)
		copy_direct_from(w, src, st->stx_size);
	if (!sparse)
		copy_direct_to(w, dst, st->stx_size);
	r = copy_content(w, src, dst, st, sparse);
	copy_direct_end(w, src, st->stx_size);
	if (dst >= 0 && w->n_bad)
		punch_bad(w, dst, st->stx_size);
	if (dst >= 0 && (r == 0 || r == -ENODATA) && (sparse || w->n_bad) && ftruncate(dst, (off_t)st->stx_size) < 0)
		return -errno;
	return r;
}

void copy_data_ahead(struct copy_worker *w, int src, const struct statx *st)
{
	size_t bad;
	ssize_t got;

	if (st->stx_size > COPY_BUF || copy_is_sparse(st))
		return;
	copy_direct_from(w, src, st->stx_size);
	got = get_piece(w, src, w->buf, (size_t)st->stx_size, 0, &bad);
	w->ahead = got > 0 ? (size_t)got : 0;
}

int copy_data(struct copy_worker *w, int src, int dst, const struct statx *st)
{
	int r = st->stx_size ? copy_any(w, src, dst, st) : 0;

	if (r == -ENODATA) {            /* shorter than it said: what is missing is a range like any other */
		copy_bad_range(w, st->stx_size, 0, ENODATA);
		return 0;
	}
	return r < 0 && copy_write_is_fatal(-r) ? copy_fatal(w->c, r, "write to '%s'", w->c->o->dst_name) : r;
}

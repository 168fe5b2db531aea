/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "fs.h"

#define HEADER 32               /* of the longest kind */
#define SHORTEST 16
#define PAGE 4096

struct header {
	uint32_t sum, len, number, sess_id, sess_time;
	uint64_t sum64;
	int version;
	size_t size;
};

enum { BB03_CHECKSUM = 1, BB03_VOLUME_ENCRYPTED = 2, BB03_ENCRYPTED = 4 };

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int bac_vol_open_fd(struct bac_vol *v, int fd, const char *name, size_t window, struct err *e)
{
	off_t end = lseek(fd, 0, SEEK_END);

	*v = (struct bac_vol)BAC_VOL_INIT;
	v->fd = fd;
	v->path = xstrdup(name);
	if (end < 0)
		return err_errno(e, "volume '%s': size", name);
	v->size = (uint64_t)end;
	v->window = window;
	(void)posix_fadvise(fd, 0, 0, window >= MIB ? POSIX_FADV_SEQUENTIAL : POSIX_FADV_RANDOM);
	return 0;
}

int bac_vol_open(struct bac_vol *v, const char *path, size_t window, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*v = (struct bac_vol)BAC_VOL_INIT;
	if (fd < 0)
		return err_errno(e, "open volume '%s'", path);
	return bac_vol_open_fd(v, fd, path, window, e);
}

void bac_vol_close(struct bac_vol *v)
{
	if (v->fd >= 0)
		close(v->fd);
	free(v->path);
	free(v->buf);
	free(v->patched);
	*v = (struct bac_vol)BAC_VOL_INIT;
}

/* A bad sector must not cost the blocks beside it: page by page, unreadable pages are zeros (their block's checksum will tell). */
static size_t read_pieces(struct bac_vol *v, uint64_t off, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t want = PAGE - (off + done) % PAGE;
		ssize_t r;

		if (want > n - done)
			want = n - done;
		r = pread(v->fd, v->buf + done, want, (off_t)(off + done));
		if (r == 0)
			break;
		if (r < 0) {
			memset(v->buf + done, 0, want);
			v->n_unreadable += want;
			r = (ssize_t)want;
		}
		done += (size_t)r;
	}
	return done;
}

static void fill(struct bac_vol *v, uint64_t off, size_t n)
{
	ssize_t r = 0;

	if (n > v->buf_cap) {
		free(v->buf);
		v->buf = xmalloc(n);
		v->buf_cap = n;
	}
	v->buf_off = off;
	v->buf_len = 0;
	while (v->buf_len < n && (r = pread(v->fd, v->buf + v->buf_len, n - v->buf_len, (off_t)(off + v->buf_len))) > 0)
		v->buf_len += (size_t)r;
	if (r < 0)
		v->buf_len = read_pieces(v, off, n);
	if (v->window >= MIB)
		(void)posix_fadvise(v->fd, (off_t)(off + n), (off_t)v->window, POSIX_FADV_WILLNEED);
}

/* n bytes at off, or NULL when the volume ends before. Valid until the next call. */
static const uint8_t *peek(struct bac_vol *v, uint64_t off, size_t n)
{
	size_t want = n > v->window ? n : v->window;

	if (off > v->size || n > v->size - off)
		return NULL;
	if (off >= v->buf_off && off - v->buf_off + n <= v->buf_len)
		return v->buf + (off - v->buf_off);
	if (want > v->size - off)
		want = (size_t)(v->size - off);
	fill(v, off, want);
	return v->buf_len >= n ? v->buf : NULL;
}

static bool parse(const uint8_t *p, size_t n, struct header *h)
{
	if (n < SHORTEST || memcmp(p + 12, "BB0", 3) != 0 || p[15] < '1' || p[15] > '3')
		return false;
	*h = (struct header){ .sum = be32(p), .len = be32(p + 4), .number = be32(p + 8), .version = p[15] - '0' };
	h->size = (size_t[]){ 0, 16, 24, 32 }[h->version];
	if (n < h->size || h->len < h->size || h->len > BAC_MAX_BLOCK)
		return false;
	if (h->version >= 2) {
		h->sess_id = be32(p + 16);
		h->sess_time = be32(p + 20);
	}
	if (h->version == 3)
		h->sum64 = (uint64_t)be32(p + 24) << 32 | be32(p + 28);
	return true;
}

static bool header_at(struct bac_vol *v, uint64_t off, struct header *h)
{
	size_t n = off < v->size && v->size - off < HEADER ? (size_t)(v->size - off) : HEADER;
	const uint8_t *p = peek(v, off, n);

	return p && parse(p, n, h) && h->len <= v->size - off;
}

/* XXH3 of the whole block with the field itself as zeros (T78). */
static uint64_t sum_bb03(const uint8_t *p, size_t n)
{
	static const uint8_t zero[8];
	XXH3_state_t *s = XXH3_createState();
	uint64_t sum;

	XXH3_64bits_reset(s);
	XXH3_64bits_update(s, p, 24);
	XXH3_64bits_update(s, zero, 8);
	XXH3_64bits_update(s, p + 32, n - 32);
	sum = XXH3_64bits_digest(s);
	XXH3_freeState(s);
	return sum;
}

static bool sum_is_good(const struct bac_vol *v, const struct header *h, const uint8_t *p)
{
	if (h->version == 3)
		return !(h->sum & BB03_CHECKSUM) || sum_bb03(p, h->len) == h->sum64;
	return bac_crc32(p + 4, h->len - 4) == h->sum || (v->no_checksum && h->sum == 0);
}

static void give(struct bac_vol *v, struct bac_block *b, const struct header *h, const uint8_t *p, bool repaired)
{
	*b = (struct bac_block){ .off = v->pos, .len = h->len, .number = h->number, .sess_id = h->sess_id, .sess_time = h->sess_time,
				 .version = h->version, .repaired = repaired, .data = p ? p + h->size : NULL, .data_len = p ? h->len - h->size : 0 };
	v->n_repaired += repaired;
	v->pos += h->len;
}

/* One wrong byte: put right in a copy. */
static bool repair(struct bac_vol *v, const uint8_t *p, size_t n, struct header *h)
{
	uint8_t *c = xmalloc(n), x;
	size_t pos;

	memcpy(c, p, n);
	free(v->patched);
	v->patched = c;
	if (!bac_crc32_locate(c + 4, n - 4, be32(c), &pos, &x))
		return false;
	if (pos < n - 4)
		c[4 + pos] ^= x;
	return parse(c, n, h) && h->len == n && h->version < 3;
}

/* Looks like the start of a block: so does what follows it, or its checksum is right. */
static bool starts_block(struct bac_vol *v, uint64_t off)
{
	struct header h, next;
	const uint8_t *p;

	if (!header_at(v, off, &h))
		return false;
	if (off + h.len == v->size || header_at(v, off + h.len, &next))
		return true;
	p = peek(v, off, h.len);
	return p && sum_is_good(v, &h, p) && !(h.version == 3 && !(h.sum & BB03_CHECKSUM));
}

/* First block that starts at off or later; the volume's size when there is none. */
static uint64_t scan(struct bac_vol *v, uint64_t off)
{
	while (off + SHORTEST <= v->size) {
		size_t n = v->size - off < 256 * KIB ? (size_t)(v->size - off) : 256 * KIB;
		const uint8_t *p = peek(v, off, n), *hit = p ? memmem(p + 12, n - 12, "BB0", 3) : NULL;

		if (!p)
			break;
		if (!hit) {
			if (n < 256 * KIB)
				break;
			off += n - 15;
			continue;
		}
		off += (uint64_t)(hit - p) - 12;
		if (starts_block(v, off))
			return off;
		off++;
	}
	return v->size;
}

/* The header is damaged, but where the next block starts says how long this one is. */
static bool repair_header(struct bac_vol *v, uint64_t end, struct header *h)
{
	size_t n = (size_t)(end - v->pos);
	const uint8_t *p;

	if (end - v->pos < SHORTEST || end - v->pos > BAC_MAX_BLOCK || !(p = peek(v, v->pos, n)))
		return false;
	return repair(v, p, n, h);
}

static int damage(struct bac_vol *v, uint64_t end)
{
	v->bad_from = v->pos;
	v->bad_to = end;
	v->pos = end;
	return BAC_DAMAGE;
}

static int bad_block(struct bac_vol *v, struct bac_block *b, const struct header *h)
{
	struct header fixed;
	uint64_t end = h && starts_block(v, v->pos + h->len) ? v->pos + h->len : 0;

	if (h && v->pos + h->len == v->size)
		end = v->size;
	if (!end)
		end = scan(v, v->pos + 1);
	if (end == v->size && !h)
		v->truncated = true;
	if (!repair_header(v, end, &fixed))
		return damage(v, end);
	give(v, b, &fixed, v->patched, true);
	return 1;
}

static int check_options(const struct bac_vol *v, const struct header *h, struct err *e)
{
	if (h->version == 3 && (h->sum & BB03_ENCRYPTED))
		return err_set(e, -EOPNOTSUPP, "volume '%s': block at %llu: encrypted by the Storage Daemon: only that daemon with its key can read it",
			       v->path, (unsigned long long)v->pos);
	return 0;
}

int bac_vol_next(struct bac_vol *v, struct bac_block *b, struct err *e)
{
	struct header h;
	const uint8_t *p;
	int r;

	if (v->pos >= v->size)
		return 0;
	if (!header_at(v, v->pos, &h) || !(p = peek(v, v->pos, h.len)))
		return bad_block(v, b, NULL);
	if (v->pos == 0 && h.version < 3 && h.sum == 0)
		v->no_checksum = true;
	if (!sum_is_good(v, &h, p))
		return bad_block(v, b, &h);
	r = check_options(v, &h, e);
	if (r < 0)
		return r;
	give(v, b, &h, p, false);
	return 1;
}

int bac_vol_skip(struct bac_vol *v, struct bac_block *b, struct err *e)
{
	struct header h, next;

	if (v->pos == 0 || !header_at(v, v->pos, &h) || (v->pos + h.len < v->size && !header_at(v, v->pos + h.len, &next)))
		return bac_vol_next(v, b, e);
	give(v, b, &h, NULL, false);

	return 1;
}

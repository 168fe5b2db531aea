/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LZO1X, unpacked with copies of 16 bytes where both buffers have room for them: a volume's data is the one place where liblzo2's careful
 * loop would take most of the time of a restore.
 */
#include "lzo1x.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
	W = 16,                         /* bytes copied at a time; what a copy may write behind its end */
	FAR = 16384,                    /* where the distances of the farthest matches begin */
};

struct lzo {
	const uint8_t *in, *in_end;
	uint8_t *out, *out_begin, *out_end;
	int r;                          /* the first error; nothing is copied after it */
};

static inline bool failed(struct lzo *z, int r)
{
	z->r = r;
	return false;
}

/* The length in an instruction's low bits; zero there: 255 for each zero byte that follows, and the first byte that is none. */
static inline bool length(struct lzo *z, size_t low, size_t most, size_t *len)
{
	*len = low;
	if (low)
		return true;
	for (*len = most; z->in < z->in_end && *z->in == 0; z->in++)
		*len += 255;
	if (z->in == z->in_end)
		return failed(z, -EBADMSG);
	*len += *z->in++;
	return true;
}

static inline bool literals(struct lzo *z, size_t n)
{
	size_t in_room = (size_t)(z->in_end - z->in), out_room = (size_t)(z->out_end - z->out);

	if (n > in_room)
		return failed(z, -EBADMSG);
	if (n > out_room)
		return failed(z, -ENOBUFS);
	if (in_room >= n + W && out_room >= n + W)
		for (size_t i = 0; i < n; i += W)
			memcpy(z->out + i, z->in + i, W);
	else
		memcpy(z->out, z->in, n);
	z->in += n;
	z->out += n;
	return true;
}

/* The 0 to 3 literals behind a match: four bytes are copied whatever their number, which spares a branch that nobody can foretell. */
static inline bool few_literals(struct lzo *z, size_t n)
{
	if (z->in_end - z->in < 4 || z->out_end - z->out < 4)
		return literals(z, n);
	memcpy(z->out, z->in, 4);
	z->in += n;
	z->out += n;
	return true;
}

/* What lies `distance` bytes back, which may reach into what is being written: then it repeats. */
static inline bool match(struct lzo *z, size_t distance, size_t n)
{
	size_t out_room = (size_t)(z->out_end - z->out), i;
	const uint8_t *from;

	if (distance > (size_t)(z->out - z->out_begin))
		return failed(z, -EBADMSG);
	if (n > out_room)
		return failed(z, -ENOBUFS);
	from = z->out - distance;
	if (distance >= W && out_room >= n + W)
		for (i = 0; i < n; i += W)
			memcpy(z->out + i, from + i, W);
	else if (distance >= 8 && out_room >= n + W)
		for (i = 0; i < n; i += 8)
			memcpy(z->out + i, from + i, 8);
	else if (distance == 1)
		memset(z->out, *from, n);
	else
		for (i = 0; i < n; i++)
			z->out[i] = from[i];
	z->out += n;
	return true;
}

/* One of at most eight bytes. */
static inline bool short_match(struct lzo *z, size_t distance, size_t n)
{
	if (distance < 8 || distance > (size_t)(z->out - z->out_begin) || z->out_end - z->out < 8)
		return match(z, distance, n);
	memcpy(z->out, z->out - distance, 8);
	z->out += n;
	return true;
}

/*
 * A match whose distance stands in two bytes (le16 >> 2, plus `far`), their low bits saying how many literals follow. `none`: the distance that
 * is no match but the end.
 */
static inline bool far_match(struct lzo *z, size_t far, size_t none, size_t n, size_t *after, bool *end)
{
	size_t word, distance;

	if (z->in_end - z->in < 2)
		return failed(z, -EBADMSG);
	word = (size_t)(z->in[0] | z->in[1] << 8);
	z->in += 2;
	*after = word & 3;
	distance = far + (word >> 2);
	if (distance == none) {
		*end = true;
		return n == 3 || failed(z, -EBADMSG);
	}
	return match(z, distance, n) && few_literals(z, *after);
}

/* A match whose distance stands in the instruction and one more byte. */
static inline bool near_match(struct lzo *z, size_t op, size_t state, size_t *after)
{
	size_t high;

	if (z->in == z->in_end)
		return failed(z, -EBADMSG);
	high = *z->in++;
	*after = op & 3;
	if (op >= 128)
		return short_match(z, (high << 3) + ((op >> 2) & 7) + 1, 5 + ((op >> 5) & 3)) && few_literals(z, *after);
	if (op >= 64)
		return short_match(z, (high << 3) + ((op >> 2) & 7) + 1, 3 + ((op >> 5) & 1)) && few_literals(z, *after);
	if (state == 4)
		return short_match(z, (high << 2) + (op >> 2) + 2049, 3) && few_literals(z, *after);
	return short_match(z, (high << 2) + (op >> 2) + 1, 2) && few_literals(z, *after);
}

/* One instruction. *state: how many literals came before it (4: a run of them). */
static inline bool instruction(struct lzo *z, size_t *state, bool *end)
{
	size_t op, n;

	if (z->in == z->in_end)
		return failed(z, -EBADMSG);
	op = *z->in++;
	if (op >= 64 || (op < 16 && *state))
		return near_match(z, op, *state, state);
	if (op >= 32)
		return length(z, op & 31, 31, &n) && far_match(z, 1, 0, n + 2, state, end);
	if (op >= 16)
		return length(z, op & 7, 7, &n) && far_match(z, FAR + ((op & 8) << 11), FAR, n + 2, state, end);
	*state = 4;
	return length(z, op, 15, &n) && literals(z, n + 3);
}

int lzo1x_unpack(const uint8_t *data, size_t n, uint8_t *out, size_t *size)
{
	struct lzo z = { .in = data, .in_end = data + n, .out = out, .out_begin = out, .out_end = out + *size };
	size_t state = 0;
	bool end = false;

	if (n && data[0] > 17) {        /* only here: literals at once */
		size_t first = data[0] - 17u;

		z.in++;
		literals(&z, first);
		state = first < 4 ? first : 4;
	}
	while (!z.r && !end)
		instruction(&z, &state, &end);
	if (!z.r && z.in != z.in_end)
		return -EBADMSG;
	*size = (size_t)(z.out - out);
	return z.r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where partitions go on a disk of a given size. Arithmetic only. */
#include "parttable.h"

struct space {
	uint64_t first, end;            /* bytes that may belong to partitions */
	unsigned int sector;
};

/* GPT keeps a header and 128 entries of 128 bytes at both ends, and the protective MBR; MBR counts sectors in 32 bits. */
static struct space space_of(enum part_scheme s, uint64_t disk, unsigned int sector)
{
	uint64_t entries = 16384 / sector * sector + (16384 % sector ? sector : 0), most = (uint64_t)UINT32_MAX * sector;

	if (s == PART_GPT)
		return (struct space) { 2 * sector + entries, disk > sector + entries ? disk - sector - entries : 0, sector };
	return (struct space) { sector, disk < most ? disk : most, sector };
}

static bool is_extended(const struct part_layout *l, const struct part *p)
{
	return l->scheme == PART_MBR && (str_eq(p->type, "05") || str_eq(p->type, "0f") || str_eq(p->type, "85"));
}

static bool is_logical(const struct part_layout *l, const struct part *p)
{
	return l->scheme == PART_MBR && p->number > 4;
}

static bool number_taken(const struct part_layout *l, uint64_t number, size_t but)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (i != but && l->parts[i].number == number)
			return true;
	return false;
}

static int number_parts(struct part_layout *l, struct err *e)
{
	uint64_t most = l->scheme == PART_GPT ? PART_MAX : 4, k;
	size_t i;

	for (i = 0; i < l->n; i++) {
		struct part *p = &l->parts[i];

		for (k = 1; p->number == 0 && k <= most; k++)
			if (!number_taken(l, k, i))
				p->number = k;
		if (p->number == 0)
			return err_set(e, -EINVAL, "no partition number is left: %s", l->scheme == PART_MBR ? "an MBR has four, and logical ones "
				       "from 5 on whose number must be given" : "a GPT has 128");
		if (p->number > PART_MAX || number_taken(l, p->number, i))
			return err_set(e, -EINVAL, "partition %llu is named twice or above 128", (unsigned long long)p->number);
	}
	return 0;
}

static struct part *extended_of(const struct part_layout *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (is_extended(l, &l->parts[i]))
			return &l->parts[i];
	return NULL;
}

static uint64_t align_up(uint64_t v)
{
	return (v + MIB - 1) / MIB * MIB;
}

/* End of the free space at `start`: the nearest partition with a start behind it, or the end of the space. */
static uint64_t room_end(const struct part_layout *l, const struct part *p, uint64_t end)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct part *o = &l->parts[i];

		if (o != p && is_logical(l, o) == is_logical(l, p) && o->start > p->start && o->start < end)
			end = o->start - (is_logical(l, p) ? MIB : 0);
	}
	return end;
}

static int place_one(const struct part_layout *l, struct part *p, uint64_t *cursor, const struct space *s, bool last, struct err *e)
{
	unsigned long long number = p->number;
	uint64_t end;

	if (p->start == 0)
		p->start = align_up(*cursor);
	if (p->start % s->sector || p->size % s->sector)
		return err_set(e, -EINVAL, "partition %llu: start and size must be multiples of the sector size, %u", number, s->sector);
	if (p->size == 0) {
		end = room_end(l, p, s->end);
		if (!last && end == s->end)
			return err_set(e, -EINVAL, "partition %llu: size is missing, and another one without a start follows", number);
		end = end > p->start + MIB ? end / MIB * MIB : end / s->sector * s->sector;
		if (end <= p->start)
			return err_set(e, -ENOSPC, "partition %llu: no space is left for it", number);
		p->size = end - p->start;
	}
	if (p->start > UINT64_MAX - p->size)
		return err_set(e, -EINVAL, "partition %llu: start and size are no places of a disk", number);
	*cursor = p->start + p->size + (is_logical(l, p) ? MIB : 0);
	return 0;
}

/* True when no partition of the same kind behind number i leaves its start open. */
static bool is_last(const struct part_layout *l, size_t i)
{
	size_t k;

	for (k = i + 1; k < l->n; k++)
		if (is_logical(l, &l->parts[k]) == is_logical(l, &l->parts[i]) && l->parts[k].start == 0)
			return false;
	return true;
}

static int place_kind(struct part_layout *l, bool logical, const struct space *s, struct err *e)
{
	uint64_t cursor = s->first < MIB ? MIB : s->first;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < l->n; i++)
		if (is_logical(l, &l->parts[i]) == logical)
			r = place_one(l, &l->parts[i], &cursor, s, is_last(l, i), e);
	return r;
}

static int check_inside(const struct part *p, const struct space *s, struct err *e)
{
	char end[16], over[16];

	if (p->start < s->first)
		return err_set(e, -EINVAL, "partition %llu: starts at byte %llu, where the table itself is", (unsigned long long)p->number,
			       (unsigned long long)p->start);
	if (p->start + p->size <= s->end)
		return 0;
	return err_set(e, -ENOSPC, "partition %llu: ends at %s, %s behind the space for partitions: the disk is too small for this layout",
		       (unsigned long long)p->number, str_human_size(end, sizeof(end), p->start + p->size),
		       str_human_size(over, sizeof(over), p->start + p->size - s->end));
}

static int check_overlap(const struct part_layout *l, size_t i, struct err *e)
{
	const struct part *p = &l->parts[i], *o;
	size_t k;

	for (k = 0; k < i; k++) {
		o = &l->parts[k];
		if (is_logical(l, o) == is_logical(l, p) && p->start < o->start + o->size && o->start < p->start + p->size)
			return err_set(e, -EINVAL, "partitions %llu and %llu overlap", (unsigned long long)o->number, (unsigned long long)p->number);
	}
	return 0;
}

/* Logical partitions are numbered 5, 6, 7 ... without a gap, in the one extended partition. */
static int check_logical(const struct part_layout *l, struct err *e)
{
	const struct part *x = extended_of(l);
	uint64_t top = 4;
	size_t i, n = 0, extended = 0;

	for (i = 0; i < l->n; i++) {
		const struct part *p = &l->parts[i];

		extended += is_extended(l, p) && !is_logical(l, p);
		if (!is_logical(l, p))
			continue;
		n++;
		top = p->number > top ? p->number : top;
		if (!x || is_extended(l, p) || p->start <= x->start || p->start + p->size > x->start + x->size)
			return err_set(e, -EINVAL, "partition %llu: a logical one must lie inside an extended one", (unsigned long long)p->number);
	}
	if (extended > 1)
		return err_set(e, -EINVAL, "more than one extended partition");
	if (top != 4 + n)
		return err_set(e, -EINVAL, "logical partitions must be numbered from 5 on without a gap");
	return 0;
}

static int check_all(const struct part_layout *l, const struct space *s, struct err *e)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < l->n; i++) {
		r = check_inside(&l->parts[i], s, e);
		if (r == 0)
			r = check_overlap(l, i, e);
	}
	return r < 0 || l->scheme == PART_GPT ? r : check_logical(l, e);
}

int part_place(struct part_layout *l, uint64_t disk, unsigned int sector, struct err *e)
{
	struct space s = space_of(l->scheme, disk, sector);
	const struct part *x;
	int r = number_parts(l, e);

	if (r == 0)
		r = place_kind(l, false, &s, e);
	x = extended_of(l);
	if (r == 0 && x) {
		struct space inside = { x->start + sector, x->start + x->size, sector };

		if (inside.first < x->start + MIB && x->size > 2 * MIB)
			inside.first = x->start + MIB;
		r = place_kind(l, true, &inside, e);
	} else if (r == 0) {
		r = place_kind(l, true, &s, e);
	}
	return r < 0 ? r : check_all(l, &s, e);
}

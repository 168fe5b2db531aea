/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small files of a btrfs, many with one read. Asked for one file after the other, the kernel makes an inode of each, looks for its extents and
 * checksums, and asks the disk for a few KiB, each time in another thread: half of what reading costs, for files of less than 64 KiB. Here a run of
 * files (in the order of their inodes, as they lie in a folder) is looked up with one search of the tree, and what lies close together is read
 * from the device in one piece, compared with its checksums.
 *
 * Nothing depends on it: what is not quite ordinary, or does not match, is opened and read the usual way. After the first error of the device, and
 * the first answer that does not come, that goes for everything: a dying disk is asked for one file at a time.
 */
#include "copy_int.h"

#include "btrfs_disk.h"

#define ITEMS_BUF (128 * KIB)
#define RUN 96                  /* files looked up together */
#define APART 8                 /* inodes between two of them */
#define GAP (64 * KIB)          /* read along when it lies between what is wanted */
#define TOO_BAD 100             /* files that do not match: a mirror that is out of date, blocks that lie elsewhere; it only costs time */
#define NOT_TIMED SIZE_MAX      /* says nothing about how fast the disk answers */

struct copy_bulk {
	const struct copy_batch *batch; /* whose files these are */
	uint64_t covered;               /* nothing is missing up to this inode */
	size_t n, next;
	struct btrfs_small file[RUN];
	char *window;                   /* COPY_BUF bytes, of the addresses from..to */
	uint64_t from, to;
	struct btrfs_sums *sums;
	char items[ITEMS_BUF];
};

void copy_bulk_open(struct copy *c)
{
	const struct copy_opts *o = c->o;

	if (o->dst >= 0 && !c->same_fs && o->proof != COPY_PROOF_IGNORED)
		c->bulk = btrfs_disk_open(o->src);
}

static struct copy_bulk *bulk_of(struct copy_worker *w)
{
	if (!w->bulk) {
		w->bulk = xmalloc(sizeof(*w->bulk));
		w->bulk->batch = NULL;
		w->bulk->from = w->bulk->to = 0;
		w->bulk->window = copy_buffer_get(w->c);
		w->bulk->sums = btrfs_sums_new();
	}
	return w->bulk;
}

void copy_bulk_free(struct copy_worker *w)
{
	if (!w->bulk)
		return;
	free(w->bulk->window);
	free(w->bulk->sums);
	free(w->bulk);
}

void copy_bulk_forget(struct copy_worker *w)
{
	if (w->bulk)
		w->bulk->batch = NULL;
}

/* Around what reads for several files at once. */
static void ask(struct copy_worker *w, const struct copy_ent *ent, size_t n)
{
	w->bulk_at = (uint32_t)(ent - w->task.batch->ent);
	w->bulk_asks = true;
	copy_ask_bytes(w, n);
}

/* False: another worker has this file again by now. */
static bool answered(struct copy_worker *w, int r)
{
	copy_answered(w);
	w->bulk_asks = false;
	if (r < 0 && r != -ERANGE && r != -ENODATA)
		atomic_store(&w->c->bulk_off, true);
	return !w->handed_back;
}

/* ---- which files ---- */

/* The last inode of a run that begins with ent. */
static uint64_t run_end(const struct copy_batch *b, const struct copy_ent *ent)
{
	const struct copy_ent *end = b->ent + b->n, *last = ent;

	for (const struct copy_ent *i = ent + 1; i < end && i - ent < RUN && i->ino - last->ino <= APART; i++)
		last = i;
	return last->ino;
}

/* Of what lies between these inodes, only the batch's own. When the answer was cut off, its last file may be, too. */
static void take(struct copy_worker *w, const struct copy_ent *ent, uint64_t last, struct btrfs_items *l)
{
	const struct copy_ent *end = w->task.batch->ent + w->task.batch->n;
	uint32_t sector = btrfs_disk_sector(w->c->bulk);
	struct copy_bulk *b = w->bulk;
	uint64_t seen = last;

	b->n = b->next = 0;
	while (b->n < RUN && btrfs_small_next(l, sector, &b->file[b->n])) {
		seen = b->file[b->n].ino;
		while (ent < end && ent->ino < seen)
			ent++;
		b->n += ent < end && ent->ino == seen;
	}
	if (b->n == RUN)
		b->covered = seen;
	else if (!btrfs_disk_cut_off(w->c->bulk, l))
		b->covered = last;
	else
		b->covered = b->n ? b->file[--b->n].ino - 1 : seen;
}

static bool look_up(struct copy_worker *w, const struct copy_ent *ent)
{
	uint64_t last = run_end(w->task.batch, ent);
	struct copy_bulk *b = w->bulk;
	struct btrfs_items l = { 0 };
	int r;

	b->batch = NULL;
	ask(w, ent, NOT_TIMED);
	r = btrfs_disk_inodes(w->task.dir->src, ent->ino, last, b->items, sizeof(b->items), &l);
	if (!answered(w, r) || r < 0)
		return false;
	take(w, ent, last, &l);
	b->batch = w->task.batch;
	return true;
}

static bool is_usable(const struct btrfs_small *f)
{
	return f->plain && f->st.stx_nlink == 1 && f->st.stx_size <= COPY_BUF && !copy_is_sparse(&f->st);
}

const struct btrfs_small *copy_bulk_find(struct copy_worker *w, const struct copy_ent *ent, struct statx *ret)
{
	const struct copy_dir *d = w->task.dir;
	struct copy_bulk *b = bulk_of(w);

	if ((b->batch != w->task.batch || ent->ino > b->covered) && !look_up(w, ent))
		return NULL;
	while (b->next < b->n && b->file[b->next].ino < ent->ino)
		b->next++;
	if (b->next == b->n || b->file[b->next].ino != ent->ino || !is_usable(&b->file[b->next]))
		return NULL;
	*ret = b->file[b->next].st;
	ret->stx_dev_major = d->st.stx_dev_major;
	ret->stx_dev_minor = d->st.stx_dev_minor;
	ret->stx_mnt_id = d->st.stx_mnt_id;
	return &b->file[b->next];
}

/* ---- what is in them ---- */

/* How far one read goes that begins at `from`: over this file and what lies close behind. */
static uint64_t window_end(const struct copy_worker *w, uint64_t from)
{
	const struct copy_bulk *b = w->bulk;
	uint64_t end = from;

	for (size_t i = b->next; i < b->n; i++)
		for (size_t k = 0; is_usable(&b->file[i]) && k < b->file[i].n; k++) {
			const struct btrfs_extent *x = &b->file[i].extent[k];

			if (x->at + x->len <= end)
				continue;
			if (x->at < from || x->at > end + GAP || x->at + x->len - from > COPY_BUF ||
			    !btrfs_disk_in_one(w->c->bulk, from, x->at + x->len - from))
				return end;
			end = x->at + x->len;
		}
	return end;
}

static bool load_window(struct copy_worker *w, const struct copy_ent *ent, uint64_t from)
{
	uint64_t end = window_end(w, from);
	struct copy_bulk *b = w->bulk;
	int r;

	b->from = b->to = 0;
	if (end == from)
		return false;
	ask(w, ent, end - from);
	r = btrfs_sums_load(w->c->bulk, b->sums, from, end - from);
	if (r == 0)
		r = btrfs_disk_read(w->c->bulk, from, end - from, b->window);
	if (!answered(w, r) || r < 0)
		return false;
	b->from = from;
	b->to = end;
	return true;
}

static bool get_extent(struct copy_worker *w, const struct copy_ent *ent, const struct btrfs_extent *x, char *to, uint64_t n)
{
	struct copy_bulk *b = w->bulk;
	const char *p;

	if ((x->at < b->from || x->at + x->len > b->to) && !load_window(w, ent, x->at))
		return false;
	if (x->at + x->len > b->to)
		return false;
	p = b->window + (x->at - b->from);
	if (!btrfs_sums_match(w->c->bulk, b->sums, x->at, x->len, p)) {
		if (atomic_fetch_add(&w->c->bulk_bad, 1) == TOO_BAD)
			atomic_store(&w->c->bulk_off, true);
		return false;
	}
	memcpy(to, p, n < x->len ? n : x->len);
	return true;
}

bool copy_bulk_read(struct copy_worker *w, const struct copy_ent *ent, const struct btrfs_small *f, struct xattrs *x)
{
	uint64_t size = f->st.stx_size, done = 0;

	for (size_t i = 0; i < f->n; done += f->extent[i++].len)
		if (!get_extent(w, ent, &f->extent[i], w->buf + done, size - done))
			return false;
	if (f->inlined)
		memcpy(w->buf, f->inlined, size);
	if (btrfs_small_xattrs(f, x) < 0)
		return false;
	if (w->hash)
		hash_add(w->hash, w->buf, size);
	w->ahead = size;
	return true;
}

bool copy_bulk_gone(struct copy_worker *w)
{
	bool gone = w->handed_back;

	w->handed_back = false;
	return gone;
}

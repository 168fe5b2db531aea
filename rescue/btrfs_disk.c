/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "btrfs_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "btrfs_sum.h"
#include "mnt.h"

#define DEVICES 16              /* with a higher number: read by the kernel alone */
#define CHUNKS_BUF (256 * KIB)
#define SUMS_BUF (128 * KIB)
#define SUMS_AHEAD (4 * MIB)    /* of data whose checksums are fetched together */
#define SUMS_ITEMS 2048

struct btrfs_disk {
	int fd;                         /* any folder of it, for checksums */
	int device[DEVICES + 1];        /* by devid, or -1 */
	struct btrfs_chunk_map *chunk;  /* by address */
	size_t n;
	uint32_t sector, node;
	unsigned int sum_type, sum_size;
};

struct btrfs_sums {
	size_t n;
	struct { uint64_t at, end; const uint8_t *sum; } item[SUMS_ITEMS];
	char buf[SUMS_BUF];
};

struct range {
	uint64_t tree, objectid, objectid_end, type, offset, offset_end;
};

static int search(int fd, const struct range *k, void *buf, size_t n, struct btrfs_items *ret)
{
	struct btrfs_ioctl_search_args_v2 *a = buf;

	a->key = (struct btrfs_ioctl_search_key){ .tree_id = k->tree, .min_objectid = k->objectid, .max_objectid = k->objectid_end,
		.min_offset = k->offset, .max_offset = k->offset_end, .max_transid = UINT64_MAX, .min_type = (uint32_t)k->type,
		.max_type = k->type ? (uint32_t)k->type : 255, .nr_items = UINT32_MAX };
	a->buf_size = n - sizeof(*a);
	if (ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, a) < 0)
		return -errno;
	ret->at = (const uint8_t *)buf + sizeof(*a);
	ret->end = (const uint8_t *)buf + n;
	ret->left = a->key.nr_items;
	return 0;
}

int btrfs_disk_inodes(int fd, uint64_t first, uint64_t last, void *buf, size_t n, struct btrfs_items *ret)
{
	return search(fd, &(struct range){ .objectid = first, .objectid_end = last, .offset_end = UINT64_MAX }, buf, n, ret);
}

/* No item is larger than a tree block. */
bool btrfs_disk_cut_off(const struct btrfs_disk *d, const struct btrfs_items *rest)
{
	return (size_t)(rest->end - rest->at) < d->node;
}

/* ---- where things lie ---- */

static int read_chunks(struct btrfs_disk *d)
{
	struct range k = { .tree = BTRFS_CHUNK_TREE_OBJECTID, .objectid = BTRFS_FIRST_CHUNK_TREE_OBJECTID,
			   .objectid_end = BTRFS_FIRST_CHUNK_TREE_OBJECTID, .type = BTRFS_CHUNK_ITEM_KEY, .offset_end = UINT64_MAX };
	AUTO_FREE void *buf = xmalloc(CHUNKS_BUF);
	struct btrfs_items l;
	struct btrfs_item i;

	for (;;) {
		int r = search(d->fd, &k, buf, CHUNKS_BUF, &l);

		if (r < 0 || !l.left)
			return r;
		while (btrfs_item_next(&l, &i)) {
			d->chunk = xrealloc(d->chunk, (d->n + 1) * sizeof(*d->chunk));
			d->n += btrfs_chunk_parse(&i, &d->chunk[d->n]);
			k.offset = i.offset + 1;
		}
	}
}

static void open_devices(struct btrfs_disk *d, uint64_t max_id)
{
	for (uint64_t id = 1; id <= max_id && id <= DEVICES; id++) {
		struct btrfs_ioctl_dev_info_args a = { .devid = id };
		AUTO_CLOSE int dev = -1;
		struct stat st;

		if (ioctl(d->fd, BTRFS_IOC_DEV_INFO, &a) < 0 || !a.path[0])
			continue;
		dev = open((const char *)a.path, O_RDONLY | O_DIRECT | O_CLOEXEC);
		if (dev >= 0 && fstat(dev, &st) == 0 && S_ISBLK(st.st_mode))
			d->device[id] = take_fd(&dev);
	}
}

/* A mount may be read-only while another one of the same filesystem is not. */
static bool nothing_changes(int fd)
{
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", fd);
	CLEANUP(mnt_info_free) struct mnt_info m = { 0 };

	return mnt_of(path, &m, NULL) == 0 && m.filesystem_read_only;
}

static bool set_up(struct btrfs_disk *d, int fd)
{
	struct btrfs_ioctl_fs_info_args a = { .flags = BTRFS_FS_INFO_FLAG_CSUM_INFO };
	uint8_t sum[BTRFS_SUM];

	d->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	for (size_t i = 0; i <= DEVICES; i++)
		d->device[i] = -1;
	if (d->fd < 0 || ioctl(d->fd, BTRFS_IOC_FS_INFO, &a) < 0 || !(a.flags & BTRFS_FS_INFO_FLAG_CSUM_INFO))
		return false;
	d->sector = a.sectorsize;
	d->node = a.nodesize;
	d->sum_type = a.csum_type;
	d->sum_size = a.csum_size;
	if (!btrfs_sum(d->sum_type, "", 0, sum) || !d->sum_size || d->sum_size > BTRFS_SUM || d->sector < 512 || d->sector & (d->sector - 1))
		return false;
	open_devices(d, a.max_id);
	return read_chunks(d) == 0 && d->n;
}

struct btrfs_disk *btrfs_disk_open(int fd)
{
	struct btrfs_disk *d;
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0 || (unsigned long)fs.f_type != BTRFS_SUPER_MAGIC || !nothing_changes(fd))
		return NULL;
	d = xcalloc(1, sizeof(*d));
	if (set_up(d, fd))
		return d;
	btrfs_disk_close(d);
	return NULL;
}

void btrfs_disk_close(struct btrfs_disk *d)
{
	if (!d)
		return;
	for (size_t i = 0; i <= DEVICES; i++)
		base_close(&d->device[i]);
	base_close(&d->fd);
	free(d->chunk);
	free(d);
}

uint32_t btrfs_disk_sector(const struct btrfs_disk *d)
{
	return d->sector;
}

/* The device and the place on it; -1: not in one piece. */
static int locate(const struct btrfs_disk *d, uint64_t at, uint64_t len, uint64_t *ret)
{
	size_t lo = 0, hi = d->n;
	const struct btrfs_chunk_map *m;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (d->chunk[mid].at <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	m = lo ? &d->chunk[lo - 1] : NULL;
	if (!m || at - m->at >= m->len || m->len - (at - m->at) < len)
		return -1;
	for (size_t i = 0; i < m->n; i++)
		if (m->copy[i].devid <= DEVICES && d->device[m->copy[i].devid] >= 0) {
			*ret = m->copy[i].offset + (at - m->at);
			return d->device[m->copy[i].devid];
		}
	return -1;
}

bool btrfs_disk_in_one(const struct btrfs_disk *d, uint64_t at, uint64_t len)
{
	uint64_t place;

	return locate(d, at, len, &place) >= 0;
}

int btrfs_disk_read(const struct btrfs_disk *d, uint64_t at, uint64_t len, void *buf)
{
	uint64_t place = 0, done = 0;
	int fd = locate(d, at, len, &place);

	if (fd < 0)
		return -ERANGE;
	while (done < len) {
		ssize_t got = pread(fd, (char *)buf + done, (size_t)(len - done), (off_t)(place + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		done += (uint64_t)got;
	}
	return 0;
}

/* ---- checksums ---- */

struct btrfs_sums *btrfs_sums_new(void)
{
	return xcalloc(1, sizeof(struct btrfs_sums));
}

/* Of this sector, or NULL. */
static const uint8_t *sum_of(const struct btrfs_disk *d, const struct btrfs_sums *s, uint64_t at)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->item[mid].end <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->item[lo].at <= at ? s->item[lo].sum + (at - s->item[lo].at) / d->sector * d->sum_size : NULL;
}

/* What was fetched is one stretch: with both ends, all between them that has any is there. */
static bool has_ends(const struct btrfs_disk *d, const struct btrfs_sums *s, uint64_t at, uint64_t len)
{
	return sum_of(d, s, at) && sum_of(d, s, at + len - d->sector);
}

/* What there is from `from` on, up to a little behind `to`. 0 or -errno. */
static int fetch(const struct btrfs_disk *d, struct btrfs_sums *s, uint64_t from, uint64_t to)
{
	struct range k = { .tree = BTRFS_CSUM_TREE_OBJECTID, .objectid = BTRFS_EXTENT_CSUM_OBJECTID, .objectid_end = BTRFS_EXTENT_CSUM_OBJECTID,
			   .type = BTRFS_EXTENT_CSUM_KEY, .offset = from, .offset_end = to + SUMS_AHEAD };
	struct btrfs_items l;
	struct btrfs_item i;
	int r = search(d->fd, &k, s->buf, sizeof(s->buf), &l);

	s->n = 0;
	while (r == 0 && s->n < SUMS_ITEMS && btrfs_item_next(&l, &i)) {
		s->item[s->n].at = i.offset;
		s->item[s->n].end = i.offset + i.len / d->sum_size * d->sector;
		s->item[s->n++].sum = i.data;
	}
	return r;
}

/* The item that has an address may begin as far before it as one tree block has checksums; what comes before it may fill the answer alone. */
int btrfs_sums_load(const struct btrfs_disk *d, struct btrfs_sums *s, uint64_t at, uint64_t len)
{
	uint64_t before = (uint64_t)d->node / d->sum_size * d->sector, from = at > before ? at - before : 0, last;
	int r = 0;

	while (!has_ends(d, s, at, len)) {
		r = fetch(d, s, from, at + len);
		if (r < 0 || has_ends(d, s, at, len))
			return r;
		last = s->n ? s->item[s->n - 1].at : 0;
		if (last <= from || last >= at + len)
			return -ENODATA;
		from = last;
	}
	return 0;
}

bool btrfs_sums_match(const struct btrfs_disk *d, const struct btrfs_sums *s, uint64_t at, uint64_t len, const void *buf)
{
	const char *p = buf;
	uint8_t sum[BTRFS_SUM];

	for (uint64_t done = 0; done < len; done += d->sector) {
		const uint8_t *right = sum_of(d, s, at + done);

		if (!right || !btrfs_sum(d->sum_type, p + done, d->sector, sum) || memcmp(sum, right, d->sum_size) != 0)
			return false;
	}
	return true;
}

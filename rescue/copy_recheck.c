/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_recheck.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "arc.h"
#include "bigsort.h"
#include "copy_line.h"
#include "fs.h"
#include "hash.h"
#include "loss.h"
#include "manifest.h"

/* A record: v[0] path, v[1] what follows, v[2] shape << 32 | meta, v[3] content. Members in their order come before the line of their path. */
#define IS_LINE (1ULL << 63)            /* of the manifest: its offset * 2; else a member: its number * 2 */
#define LINK 1ULL                       /* the line has other names; the member is another name */
#define NO_HASH 0                       /* content that was not read as a whole */

struct recheck {
	struct copy_recheck *c;
	struct bigsort *sort;
	struct hash *hash, *content;
	FILE *manifest;
	struct loss losses;
	uint64_t members;
};

static uint64_t hash64(struct recheck *k, const void *data, size_t n)
{
	uint8_t out[HASH_MAX];
	uint64_t r;

	hash_add(k->hash, data, n);
	hash_end(k->hash, out);
	memcpy(&r, out, sizeof(r));
	return r;
}

static uint64_t text64(struct recheck *k, const char *text)
{
	return hash64(k, text, strlen(text));
}

/* Kind, size and link target are the one half, everything else that is no content the other. */
static uint64_t digest_of(struct recheck *k, char *const f[F_MAX])
{
	AUTO_FREE char *shape = xasprintf("%s %s %s", f[F_TYPE], f[F_SIZE], f[F_TARGET] ? f[F_TARGET] : "-"),
		       *meta = xasprintf("%s %s %s %s %s %s", f[F_MODE], f[F_UID], f[F_GID], f[F_MTIME], f[F_XATTRS], f[F_FLAGS]);

	return text64(k, shape) << 32 | (text64(k, meta) & UINT32_MAX);
}

static uint64_t content_of(struct recheck *k, const char *hex)
{
	return str_eq(hex, "-") ? NO_HASH : text64(k, hex) | 1;
}

/* ---- the archive ---- */

static bool go_on(const struct recheck *k, struct arc_in *in)
{
	return !k->c->go_on || k->c->go_on(k->c->arg, k->members, arc_in_offset(in));
}

/* 0, -ECANCELED, or -errno: the archive is damaged. */
static int read_content(struct recheck *k, struct arc_in *in, uint64_t size, char hex[2 * HASH_MAX + 1], struct err *e)
{
	uint8_t digest[HASH_MAX];
	uint64_t at = 0, off;
	const void *buf;
	size_t n;
	int r;

	while ((r = arc_in_data(in, &buf, &n, &off, e)) == 1) {
		if (!go_on(k, in))
			return -ECANCELED;
		if (off < at || off + n > size)
			return err_set(e, -EBADMSG, "read the content: a piece of it lies where none can be");
		hash_add_zeros(k->content, off - at);
		hash_add(k->content, buf, n);
		at = off + n;
	}
	if (r < 0)
		return r;
	hash_add_zeros(k->content, size - at);
	hash_hex(digest, hash_end(k->content, digest), hex);
	return 0;
}

/*
 * An ACL's mask is what stat(2) shows as the group's bits; a tar has the owning group's own there. Entries: xattr.h.
 */
static mode_t mode_of(const struct arc_item *it)
{
	const struct xattr *acl = xattrs_find(&it->xattrs, XATTR_ACL_ACCESS);
	const uint8_t *p = acl ? acl->value : NULL;

	for (size_t at = 4; acl && at + 8 <= acl->len; at += 8)
		if (p[at] == 0x10 && p[at + 1] == 0)
			return (it->mode & ~(mode_t)070) | (mode_t)(p[at + 2] & 7) << 3;
	return it->mode;
}

/* The line that the manifest would have for it, without its hash. */
static void line_of(struct arc_item *it, const char *path, struct str *ret)
{
	struct statx st = { .stx_mode = (uint16_t)mode_of(it), .stx_uid = it->uid, .stx_gid = it->gid, .stx_rdev_major = major(it->rdev),
			    .stx_rdev_minor = minor(it->rdev), .stx_size = S_ISLNK(it->mode) && it->link ? strlen(it->link) : it->size,
			    .stx_mtime = { .tv_sec = it->mtime.tv_sec, .tv_nsec = (uint32_t)it->mtime.tv_nsec },
			    .stx_attributes = (it->flags & FS_IMMUTABLE_FL ? STATX_ATTR_IMMUTABLE : 0U) | (it->flags & FS_APPEND_FL ? STATX_ATTR_APPEND : 0U) |
					      (it->flags & FS_NODUMP_FL ? STATX_ATTR_NODUMP : 0U) };

	str_add(ret, "member ");
	manifest_add(ret, &(struct manifest_line){ .st = &st, .xattrs = &it->xattrs, .path = path, .target = it->link });
}

static int member(struct recheck *k, struct arc_in *in, struct arc_item *it, struct err *e)
{
	CLEANUP(str_free) struct str line = STR_INIT;
	const char *path = *it->path == '.' ? it->path + 1 : it->path;
	struct bigsort_rec rec = { { text64(k, path), 2 * k->members++, 0, NO_HASH } };
	char hex[2 * HASH_MAX + 1] = "-", *f[F_MAX];
	int r = 0;

	if (it->hard) {
		rec.v[1] |= LINK;
		return bigsort_add(k->sort, &rec, e);
	}
	if (S_ISDIR(it->mode))
		return 0;
	if (S_ISREG(it->mode))
		r = read_content(k, in, it->size, hex, &k->c->damage);
	if (r < 0)
		return r;
	line_of(it, path, &line);
	if (copy_line_split(line.s, f) < 0)
		return 0;
	rec.v[2] = digest_of(k, f);
	rec.v[3] = content_of(k, hex);
	return bigsort_add(k->sort, &rec, e);
}

/* From its disk, not from memory. */
static int forget_cached(const char *path, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fdatasync(fd) < 0)
		return err_errno(e, "open archive '%s'", path);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

/* Up to where it can be read. */
static int read_archive(struct recheck *k, struct err *e)
{
	struct err *damage = &k->c->damage;
	struct arc_in *in;
	struct arc_item it;
	int r = forget_cached(k->c->archive, e), next;

	if (r < 0)
		return r;
	r = arc_in_open(&in, k->c->archive, damage);
	if (r < 0)
		return 0;
	while (r == 0 && (next = arc_in_next(in, &it, damage)) == 1)
		r = go_on(k, in) ? member(k, in, &it, e) : -ECANCELED;
	arc_in_close(in);
	if (r == -ECANCELED)
		return err_code(e, r, "verify '%s'", k->c->archive);
	return damage->code ? 0 : r;
}

/* ---- the manifest ---- */

static int read_manifest(struct recheck *k, struct err *e)
{
	AUTO_FREE char *line = NULL;
	char *f[F_MAX];
	size_t cap = 0;
	uint64_t at = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&line, &cap, k->manifest)) > 0) {
		struct bigsort_rec rec = { { 0, IS_LINE | 2 * at, 0, 0 } };

		if (copy_line_split(line, f) < 0)
			return err_set(e, -EBADMSG, "'%s/manifest': the line at byte %llu makes no sense", k->c->logs, (unsigned long long)at);
		at += (uint64_t)n;
		if (str_eq(f[F_TYPE], "d"))
			continue;
		rec.v[0] = text64(k, f[F_PATH]);
		rec.v[1] |= str_eq(f[F_LINK], "-") ? 0 : LINK;
		rec.v[2] = digest_of(k, f);
		rec.v[3] = content_of(k, f[F_HASH]);
		r = bigsort_add(k->sort, &rec, e);
	}
	return r;
}

/* ---- both ---- */

static int list(struct recheck *k, uint64_t offset, const char *what, const char *why, struct err *e)
{
	AUTO_FREE char *line = NULL, *all = xasprintf("verify: %s", why);
	char *f[F_MAX];
	size_t cap = 0;

	if (fseeko(k->manifest, (off_t)offset, SEEK_SET) < 0 || getline(&line, &cap, k->manifest) <= 0 || copy_line_split(line, f) < 0)
		return err_set(e, -EIO, "read '%s/manifest' again", k->c->logs);
	loss_add(&k->losses, f[F_PATH], what, NULL, 0, all);
	*(str_eq(what, "lost") ? &k->c->lost : &k->c->meta) += 1;
	return 0;
}

static int missing(struct recheck *k, uint64_t offset, struct err *e)
{
	AUTO_FREE char *cut = k->c->damage.code ? xasprintf("the archive cannot be read up to this file: %s", k->c->damage.msg) : NULL;

	return list(k, offset, "lost", cut ? cut : "is not in the archive", e);
}

/* m: the last member of the line's path, or NULL. */
static int judge(struct recheck *k, const struct bigsort_rec *line, const struct bigsort_rec *m, struct err *e)
{
	uint64_t at = (line->v[1] & ~IS_LINE) / 2;
	bool link = m && m->v[1] & LINK;

	if (!m)
		return missing(k, at, e);
	if (link ? !(line->v[1] & LINK) : m->v[2] >> 32 != line->v[2] >> 32)
		return list(k, at, "lost", "what the archive gives back has another type, size or target", e);
	if (!link && line->v[3] != NO_HASH && m->v[3] != line->v[3])
		return list(k, at, "lost", "the archive gives back another content than was read from the source", e);
	if (!link && m->v[2] != line->v[2])
		return list(k, at, "attributes", "the archive gives back another mode, owner, time or attribute", e);
	k->c->equal++;
	return 0;
}

static int compare(struct recheck *k, struct err *e)
{
	struct bigsort_rec rec, last = { { 0 } };
	bool have = false;
	int r;

	while ((r = bigsort_next(k->sort, &rec, e)) == 1) {
		if (rec.v[1] & IS_LINE) {
			r = judge(k, &rec, have && last.v[0] == rec.v[0] ? &last : NULL, e);
			if (r < 0)
				return r;
			continue;
		}
		last = rec;
		have = true;
	}
	return r;
}

int copy_recheck(struct copy_recheck *c, struct err *e)
{
	AUTO_FREE char *manifest = fs_join(c->logs, "manifest");
	AUTO_FCLOSE FILE *in = fopen(manifest, "re");
	struct recheck k = { .c = c, .manifest = in, .losses = LOSS_INIT };
	int r;

	if (!in)
		return err_errno(e, "open '%s'", manifest);
	k.sort = bigsort_new(c->logs, 0);
	k.hash = hash_new(HASH_XXH3_64);
	k.content = hash_new(HASH_XXH3_128);
	r = read_archive(&k, e);
	if (r == 0)
		r = read_manifest(&k, e);
	if (r == 0)
		r = loss_open(&k.losses, c->logs, c->keep, e);
	if (r == 0)
		r = compare(&k, e);
	loss_close(&k.losses);
	bigsort_free(k.sort);
	hash_free(k.hash);
	hash_free(k.content);
	return r;
}

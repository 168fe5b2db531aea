/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unpack_int.h"

#include <fcntl.h>
#include <time.h>

#include "fault.h"
#include "hash.h"
#include "rootmap.h"

int unpack_refuse(struct unpack *u, const char *path, const char *what, int err, const char *why)
{
	AUTO_FREE char *sentence = err ? xasprintf("%s: %s", why, strerror(err)) : xstrdup(why);

	if (str_eq(what, "refused"))
		u->res.refused++;
	else if (str_eq(what, "attributes"))
		u->res.meta++;
	else
		u->res.lost++;
	loss_add(&u->losses, path, what, NULL, 0, sentence);
	return 0;
}

static uint64_t name_hash(const char *s)
{
	return hash_crc32c(0, s, strlen(s));
}

/* Mark: "entry N HASH folders LEN losses LEN text LEN bad REFUSED LOST ATTRIBUTES": what is in the list up to there counts to the end. */
static int parse_mark(struct unpack *u, uint64_t len[3])
{
	unsigned long long n, h, a, b, c, refused, lost, meta;

	if (!u->o->resume || sscanf(u->o->resume, "entry %llu %llx folders %llu losses %llu text %llu bad %llu %llu %llu", &n, &h, &a, &b, &c,
				    &refused, &lost, &meta) != 8)
		return -EINVAL;
	u->skip = n;
	u->skip_hash = h;
	u->res.refused = refused;
	u->res.lost = lost;
	u->res.meta = meta;
	len[0] = a;
	len[1] = b;
	len[2] = c;
	return 0;
}

static char *mark_text(const struct unpack *u, const uint64_t len[3])
{
	return xasprintf("entry %llu %llx folders %llu losses %llu text %llu bad %llu %llu %llu", (unsigned long long)u->res.entries,
			 (unsigned long long)name_hash(u->last ? u->last : ""), (unsigned long long)len[0], (unsigned long long)len[1],
			 (unsigned long long)len[2], (unsigned long long)u->res.refused, (unsigned long long)u->res.lost,
			 (unsigned long long)u->res.meta);
}

static int mark(struct unpack *u, struct err *e)
{
	AUTO_FREE char *text = NULL;
	uint64_t len[3];
	int r;

	if (!u->o->mark || u->res.entries <= u->skip)
		return 0;
	len[0] = (uint64_t)lseek(u->late, 0, SEEK_END);
	r = loss_sync(&u->losses, len + 1, e);
	if (r < 0)
		return r;
	fault_point("unpack.mark.before-sync");
	if (fdatasync(u->late) < 0)
		return err_errno(e, "sync the list of '%s'", u->o->root_name);
	r = rootmap_sync(u->o->root_name, e);
	if (r < 0)
		return r;
	fault_point("unpack.mark.synced");
	text = mark_text(u, len);
	return u->o->mark(u->o->arg, text, e);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int skip(struct unpack *u, const struct arc_item *it, struct err *e)
{
	u->res.skipped++;
	if (u->res.entries == u->skip && name_hash(it->path) != u->skip_hash)
		return err_set(e, -EINVAL, "entry %llu is '%s' now: this is not the archive that the restore was begun from",
			       (unsigned long long)u->skip, it->path);
	return 0;
}

static int one(struct unpack *u, const struct arc_item *it, struct err *e)
{
	int r;

	u->res.entries++;
	if (u->res.entries <= u->skip)
		r = skip(u, it, e);
	else if (u->o->max_entries && u->res.entries > u->o->max_entries)
		r = err_set(e, -EFBIG, "more than %llu entries", (unsigned long long)u->o->max_entries);
	else
		r = unpack_entry(u, it, e);
	if (r < 0)
		return r;
	free(u->last);
	u->last = xstrdup(it->path);
	return 0;
}

static int after(struct unpack *u, double *next, struct err *e)
{
	double t;
	int r;

	if (u->o->progress)
		u->o->progress(u->o->arg, &u->res, arc_in_offset(u->o->in), u->last);
	if (u->o->cancelled && u->o->cancelled(u->o->arg)) {
		r = mark(u, e);
		return r < 0 ? r : err_code(e, -ECANCELED, "restore");
	}
	if (!u->o->mark_s)
		return 0;
	t = seconds();
	if (t < *next)
		return 0;
	r = mark(u, e);
	*next = seconds() + (double)u->o->mark_s + 4 * (seconds() - t);
	return r;
}

/* An entry whose content could not be read was counted, but it is not a good one. */
static int cut_off(struct unpack *u, struct err *e)
{
	AUTO_FREE char *why = xstrdup(e ? e->msg : "");

	return err_set(e, -EBADMSG, "damaged or cut off: %s; the last good entry is %s%s%s", why, u->last ? "'" : "none", u->last ? u->last : "",
		       u->last ? "'" : "");
}

static int all(struct unpack *u, struct err *e)
{
	double next = seconds() + (double)u->o->mark_s;
	struct arc_item it;
	int r;

	while ((r = arc_in_next(u->o->in, &it, e)) == 1) {
		fault_point("unpack.entry");
		r = one(u, &it, e);
		if (r == 0)
			r = after(u, &next, e);
		if (r < 0)
			break;
	}
	if (r == 0 && u->res.entries < u->skip)
		return err_set(e, -EBADMSG, "ends after entry %llu, but entry %llu was restored from it before: it is not the same archive or cut off",
			       (unsigned long long)u->res.entries, (unsigned long long)u->skip);
	return r == -EBADMSG ? cut_off(u, e) : r;
}

int unpack(const struct unpack_opts *o, struct unpack_result *ret, struct err *e)
{
	struct unpack u = { .o = o, .late = -1, .parent_fd = -1, .losses = LOSS_INIT, .uid = geteuid(), .gid = getegid() };
	uint64_t len[3] = { 0, 0, 0 };
	int r, late;

	(void)parse_mark(&u, len);
	arc_in_users(o->in, faccessat(o->root, "etc/passwd", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? o->root : -1);
	r = unpack_late_open(&u, len[0], e);
	if (r == 0)
		r = loss_open(&u.losses, o->logs, len + 1, e);
	if (r == 0)
		r = all(&u, e);
	if (r == 0 || r == -EBADMSG) {
		late = unpack_late_apply(&u, r == 0 ? e : NULL);
		r = r == 0 ? late : r;
	}
	if (r == 0)
		r = mark(&u, e);
	*ret = u.res;
	loss_close(&u.losses);
	base_close(&u.late);
	base_close(&u.parent_fd);
	free(u.parent);
	free(u.last);
	return r;
}

int unpack_measure(struct arc_in *in, uint64_t *ret_entries, uint64_t *ret_bytes, struct err *e)
{
	struct arc_item it;
	uint64_t n = 0, bytes = 0;
	int r;

	while ((r = arc_in_next(in, &it, e)) == 1) {
		n++;
		bytes += it.hard ? 0 : it.size;
	}
	if (r < 0)
		return r;
	*ret_entries = n;
	*ret_bytes = bytes;
	return 0;
}

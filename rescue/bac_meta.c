/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owner, mode, ACLs, extended attributes, times; in this order, because chown clears capabilities and chmod changes an ACL's mask. */
#include "bac_engine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define XATTR_MAGIC 0x005c5884u

struct what {
	int fd, dir;
	const char *name;
	char *path;                     /* below /proc, when there is no descriptor */
	struct str *problems;
};

static void problem(struct what *w, const char *what)
{
	str_addf(w->problems, "%s%s: %s", w->problems->len ? "; " : "", what, strerror(errno));
}

static int set_xattr(struct what *w, const char *name, const void *v, size_t n)
{
	if (w->fd >= 0)
		return fsetxattr(w->fd, name, v, n, 0);
	if (!w->path)
		w->path = xasprintf("/proc/self/fd/%d/%s", w->dir, w->name);
	return lsetxattr(w->path, name, v, n, 0);
}

static void set_acl(struct bac_eng *g, struct what *w, const char *attr, const char *text)
{
	CLEANUP(str_free) struct str v = STR_INIT;
	char who[64] = "";
	int r;

	if (!text || !*text)
		return;
	r = bac_acl_parse(text, g, &v, who, sizeof(who));
	if (r == -ESRCH)
		str_addf(w->problems, "%sACL not set: the target's passwd and group do not know '%s'", w->problems->len ? "; " : "", who);
	else if (r < 0)
		str_addf(w->problems, "%sACL not set: malformed", w->problems->len ? "; " : "");
	else if (set_xattr(w, attr, v.s, v.len) < 0)
		problem(w, "ACL not set");
}

/* Repeated: magic, length, name, length, value. */
static void set_xattrs(struct what *w, const uint8_t *data, size_t n)
{
	struct bac_cur c = { data, n, false };

	while (c.left && !c.bad) {
		uint32_t magic = bac_u32(&c), name_len = bac_u32(&c), len;
		AUTO_FREE char *name = NULL;
		AUTO_FREE char *what = NULL;

		if (c.bad || magic != XATTR_MAGIC || name_len > c.left || name_len > 255)
			break;
		name = xstrndup((const char *)c.p, name_len);
		c.p += name_len;
		c.left -= name_len;
		len = bac_u32(&c);
		if (c.bad || len > c.left)
			break;
		what = xasprintf("attribute %s not set", name);
		if (set_xattr(w, name, c.p, len) < 0)
			problem(w, what);
		c.p += len;
		c.left -= len;
	}
	if (c.left)
		str_addf(w->problems, "%sextended attributes are malformed", w->problems->len ? "; " : "");
}

static void set_owner(struct what *w, const struct bac_meta *m)
{
	int r = w->fd >= 0 ? fchown(w->fd, (uid_t)m->uid, (gid_t)m->gid) :
			     fchownat(w->dir, w->name, (uid_t)m->uid, (gid_t)m->gid, AT_SYMLINK_NOFOLLOW);

	if (r < 0)
		problem(w, "owner not set");
}

static void set_mode(struct what *w, const struct bac_meta *m)
{
	if (S_ISLNK(m->mode))
		return;
	if ((w->fd >= 0 ? fchmod(w->fd, (mode_t)m->mode & 07777) : fchmodat(w->dir, w->name, (mode_t)m->mode & 07777, 0)) < 0)
		problem(w, "mode not set");
}

static void set_times(struct what *w, const struct bac_meta *m)
{
	const struct timespec t[2] = { { .tv_sec = m->atime }, { .tv_sec = m->mtime } };

	if ((w->fd >= 0 ? futimens(w->fd, t) : utimensat(w->dir, w->name, t, AT_SYMLINK_NOFOLLOW)) < 0)
		problem(w, "times not set");
}

void bac_meta_apply(struct bac_eng *g, int fd, int dir, const char *name, const struct bac_meta *m, struct str *problems)
{
	struct what w = { fd, dir, name, NULL, problems };

	set_owner(&w, m);
	set_mode(&w, m);
	if (!S_ISLNK(m->mode)) {
		set_acl(g, &w, "system.posix_acl_access", m->acl);
		set_acl(g, &w, "system.posix_acl_default", m->acl_default);
	}
	set_xattrs(&w, m->xattr, m->xattr_len);
	set_times(&w, m);
	free(w.path);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After the files of a session: its deletions and hard links. After all sessions: folders' metadata, ACLs with names. All can be repeated. */
#include "bac_engine.h"

#include <fcntl.h>
#include <search.h>
#include <sys/stat.h>

#include "fs.h"

/* ---- deletions ---- */

struct deletions {
	struct bac_eng *g;
	struct strv dirs;
};

/* Types must agree: "x" deleted does not mean the folder x/ that the same job brought, and the reverse. */
static int del_one(void *arg, char *data, size_t n, struct err *e)
{
	struct deletions *d = arg;
	const char *path = data + 1, *base;
	struct stat st;
	AUTO_CLOSE int dir = -1;

	(void)n;
	(void)e;
	if (*data == 'd') {
		strv_add(&d->dirs, path);
		return 0;
	}
	dir = *path ? bac_open_parent(d->g, path, false, &base, NULL) : -1;
	if (dir >= 0 && fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) && unlinkat(dir, base, 0) == 0)
		d->g->n.deleted++;
	return 0;
}

static int deletions(struct bac_eng *g, struct err *e)
{
	struct deletions d = { g, STRV_INIT };
	int r = bac_spill_each(&g->list[BAC_L_DELS], del_one, &d, e);

	strv_sort(&d.dirs);
	for (size_t i = d.dirs.n; i-- > 0 && r == 0;) {         /* deeper ones first */
		const char *base;
		AUTO_CLOSE int dir = *d.dirs.v[i] ? bac_open_parent(g, d.dirs.v[i], false, &base, NULL) : -1;

		if (dir >= 0 && unlinkat(dir, base, AT_REMOVEDIR) == 0)
			g->n.deleted++;
	}
	strv_free(&d.dirs);
	if (r == 0)
		bac_spill_clear(&g->list[BAC_L_DELS]);
	return r;
}

/* ---- hard links ---- */

struct link {
	uint64_t fi, link_fi, dev, ino; /* dev and ino: of symlinks and special files with several names */
	const char *path, *first, *first_name;
};

struct links {
	struct bac_eng *g;
	void *twins;                    /* tsearch(3) tree of struct twin */
};

static bool link_parse(char *data, size_t n, struct link *l)
{
	struct bac_cur c = { (uint8_t *)data + 32, n - 32, false };

	if (n < 32)
		return false;
	memcpy(&l->fi, data, 8);
	memcpy(&l->link_fi, data + 8, 8);
	memcpy(&l->dev, data + 16, 8);
	memcpy(&l->ino, data + 24, 8);
	l->path = bac_str(&c);
	l->first = bac_str(&c);
	l->first_name = bac_str(&c);
	return !c.bad;
}

static bool was_lost(const struct bac_eng *g, uint64_t fi)
{
	for (size_t i = 0; i < g->n_lost_fis; i++)
		if (g->lost_fis[i] == fi)
			return true;
	return false;
}

/* The first name is not among what was asked for: its content is fetched under this name instead (T87). */
static bool is_orphan(const struct bac_eng *g, const struct link *l)
{
	return !l->ino && l->link_fi && (!bac_wanted_path(g, l->first_name) || !bac_session_wants(g->sess, (uint32_t)l->link_fi) ||
					 (g->bases && !bac_base_took(g, (uint32_t)l->link_fi)));
}

static int find_orphans(void *arg, char *data, size_t n, struct err *e)
{
	struct bac_eng *g = arg;
	struct link l;

	(void)e;
	if (!link_parse(data, n, &l) || !is_orphan(g, &l))
		return 0;
	for (size_t i = 0; i < g->n_orphans; i++)
		if (g->orphans[i].fi == l.link_fi)
			return 0;
	g->orphans = xrealloc(g->orphans, (g->n_orphans + 1) * sizeof(*g->orphans));
	g->orphans[g->n_orphans++] = (struct bac_orphan){ (uint32_t)l.link_fi, xstrdup(l.path) };
	return 0;
}

static const char *stand_in(const struct bac_eng *g, const struct link *l)
{
	for (size_t i = 0; i < g->n_orphans; i++)
		if (g->orphans[i].fi == l->link_fi)
			return g->orphans[i].path;
	return l->first;
}

static int make_link(struct bac_eng *g, const char *from, const char *to, struct err *e)
{
	const char *fbase, *tbase;
	AUTO_CLOSE int fdir = bac_open_parent(g, from, false, &fbase, e);
	AUTO_CLOSE int tdir = fdir < 0 ? -1 : bac_open_parent(g, to, true, &tbase, e);
	struct stat a, b;

	if (fdir < 0 || tdir < 0)
		return e ? e->code : -ENOENT;
	if (fstatat(fdir, fbase, &a, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "its first name '%s'", from);
	if (fstatat(tdir, tbase, &b, AT_SYMLINK_NOFOLLOW) == 0) {
		if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return 0;
		if (S_ISDIR(b.st_mode)) {
			AUTO_FREE char *p = xasprintf("/proc/self/fd/%d/%s", tdir, tbase);

			(void)fs_remove_tree(p, NULL);
		} else {
			(void)unlinkat(tdir, tbase, 0);
		}
	}
	if (linkat(fdir, fbase, tdir, tbase, 0) < 0)
		return err_errno(e, "link to '%s'", from);
	return 0;
}

/* One inode's first name. */
struct twin {
	uint64_t dev, ino;
	char *path;
};

static int twin_cmp(const void *a, const void *b)
{
	const struct twin *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static void twin_free(void *p)
{
	free(((struct twin *)p)->path);
	free(p);
}

/* Both names were made already, as two files: the second becomes a link to the first. */
static void join_twin(struct links *ls, const struct link *l)
{
	struct twin *t = xmalloc(sizeof(*t)), **at;

	*t = (struct twin){ l->dev, l->ino, xstrdup(l->path) };
	at = tsearch(t, &ls->twins, twin_cmp);
	if (at && *at != t) {
		(void)make_link(ls->g, (*at)->path, l->path, NULL);
		twin_free(t);
	}
}

static int link_one(void *arg, char *data, size_t n, struct err *e)
{
	struct links *ls = arg;
	struct bac_eng *g = ls->g;
	struct err why = ERR_INIT;
	struct link l;
	const char *from;

	if (!link_parse(data, n, &l))
		return 0;
	if (l.ino) {
		join_twin(ls, &l);
		return 0;
	}
	from = stand_in(g, &l);
	if (str_eq(from, l.path)) {
		return 0;               /* counted when its content was fetched */
	} else if (was_lost(g, l.link_fi)) {
		err_set(&why, -ENOENT, "hard link: the content, under the name '%s', was lost", from);
	} else if (!*from || make_link(g, from, l.path, &why) < 0) {
		if (!why.code)
			err_set(&why, -ENOENT, "hard link: the backup does not say where its first name is");
	} else {
		g->n.restored++;
		return 0;
	}
	g->n.lost++;
	return bac_report_add(g, "lost", (uint32_t)l.fi, (uint32_t)l.fi, l.path, why.msg, e);
}

static int fetch_orphans(struct bac_eng *g, struct err *e)
{
	struct bac_session s = bac_session_copy(g->sess);
	const struct bac_session *keep = g->sess;
	struct bac_pos start = { 0 };
	int r;

	free(s.ranges);
	s.ranges = NULL;
	s.n_ranges = 0;
	for (size_t i = 0; i < g->n_orphans; i++)
		bac_session_add_range(&s, g->orphans[i].fi, g->orphans[i].fi);
	g->second = true;
	r = bac_feed_session(g, &s, &start, e);
	g->second = false;
	g->sess = keep;
	bac_session_free(&s);
	return r;
}

static void forget_orphans(struct bac_eng *g)
{
	for (size_t i = 0; i < g->n_orphans; i++)
		free(g->orphans[i].path);
	free(g->orphans);
	g->orphans = NULL;
	g->n_orphans = 0;
}

int bac_finish_session(struct bac_eng *g, struct err *e)
{
	struct links ls = { g, NULL };
	int r = deletions(g, e);

	g->generation++;
	if (r == 0)
		r = bac_spill_each(&g->list[BAC_L_LINKS], find_orphans, g, e);
	if (r == 0 && g->n_orphans)
		r = fetch_orphans(g, e);
	if (r == 0)
		r = bac_spill_each(&g->list[BAC_L_LINKS], link_one, &ls, e);
	tdestroy(ls.twins, twin_free);
	forget_orphans(g);
	free(g->lost_fis);
	g->lost_fis = NULL;
	g->n_lost_fis = 0;
	if (r == 0)
		bac_spill_clear(&g->list[BAC_L_LINKS]);
	return r;
}

/* ---- metadata that waited ---- */

struct waiting {
	struct bac_meta m;
	uint64_t fi;
	const char *path;
	char *acl, *acl_default;
};

static const uint8_t *blob(struct bac_cur *c, size_t *ret_n)
{
	uint64_t n = 0;
	const uint8_t *p;

	if (c->left < 8) {
		c->bad = true;
	} else {
		memcpy(&n, c->p, 8);
		c->p += 8;
		c->left -= 8;
	}
	if (c->bad || n > c->left) {
		c->bad = true;
		*ret_n = 0;
		return c->p;
	}
	p = c->p;
	c->p += n;
	c->left -= n;
	*ret_n = n;
	return p;
}

static bool waiting_parse(const char *data, size_t n, struct waiting *w)
{
	struct bac_cur c = { (const uint8_t *)data, n, false };
	uint64_t v[6];
	const uint8_t *p;
	size_t len;

	if (n < sizeof(v))
		return false;
	memcpy(v, data, sizeof(v));
	c.p += sizeof(v);
	c.left -= sizeof(v);
	w->m = (struct bac_meta){ .mode = v[0], .uid = v[1], .gid = v[2], .atime = (int64_t)v[3], .mtime = (int64_t)v[4] };
	w->fi = v[5];
	p = blob(&c, &len);
	w->acl = xstrndup((const char *)p, len);
	p = blob(&c, &len);
	w->acl_default = xstrndup((const char *)p, len);
	w->m.xattr = blob(&c, &w->m.xattr_len);
	w->m.acl = w->acl;
	w->m.acl_default = w->acl_default;
	w->path = bac_str(&c);
	return !c.bad;
}

static int say_problems(struct bac_eng *g, const struct waiting *w, struct str *problems, struct err *e)
{
	if (!problems->len)
		return 0;
	g->n.metadata++;
	return bac_report_add(g, "metadata", (uint32_t)w->fi, (uint32_t)w->fi, w->path, problems->s, e);
}

/* What is no longer there was deleted or replaced by a later job. */
static int dir_one(void *arg, char *data, size_t n, struct err *e)
{
	struct bac_eng *g = arg;
	CLEANUP(str_free) struct str problems = STR_INIT;
	struct waiting w = { 0 };
	const char *base;
	int r = 0;

	if (waiting_parse(data, n, &w)) {
		AUTO_CLOSE int dir = bac_open_parent(g, w.path, false, &base, NULL);
		AUTO_CLOSE int fd = dir < 0 ? -1 : openat(dir, *base ? base : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0) {
			bac_meta_apply(g, fd, -1, NULL, &w.m, &problems);
			r = say_problems(g, &w, &problems, e);
		}
	}
	free(w.acl);
	free(w.acl_default);
	return r;
}

static int acl_one(void *arg, char *data, size_t n, struct err *e)
{
	struct bac_eng *g = arg;
	CLEANUP(str_free) struct str problems = STR_INIT;
	struct waiting w = { 0 };
	const char *base;
	struct stat st;
	int r = 0;

	if (waiting_parse(data, n, &w)) {
		AUTO_CLOSE int dir = bac_open_parent(g, w.path, false, &base, NULL);

		if (dir >= 0 && fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == (w.m.mode & S_IFMT) &&
		    st.st_mtime == w.m.mtime) {
			bac_meta_apply(g, -1, dir, base, &w.m, &problems);
			r = say_problems(g, &w, &problems, e);
		}
	}
	free(w.acl);
	free(w.acl_default);
	return r;
}

int bac_finish_all(struct bac_eng *g, struct err *e)
{
	int r = bac_spill_each(&g->list[BAC_L_ACLS], acl_one, g, e);

	if (r == 0 && g->o->skeleton)
		r = bac_skeleton(g, e);
	return r < 0 ? r : bac_spill_each(&g->list[BAC_L_DIRS], dir_one, g, e);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which filesystems a loader could see, and where their files are on this system. */
#include "bootchk_int.h"

#include <fcntl.h>

#include "esp.h"
#include "fs.h"

static const struct blk *device(const struct bootctx *c, const char *path)
{
	AUTO_FREE char *real = realpath(path, NULL);

	for (size_t i = 0; i < c->n_blk; i++)
		if (str_eq(c->blk[i].path, path) || (real && str_eq(c->blk[i].path, real)))
			return &c->blk[i];
	return NULL;
}

static struct bootfs *add(struct bootctx *c, const char *dir, const char *sub, const char *at, const char *type)
{
	c->fs = xrealloc(c->fs, (c->n_fs + 1) * sizeof(*c->fs));
	c->fs[c->n_fs] = (struct bootfs){ .dir = xstrdup(dir), .sub = xstrdup(sub), .at = at ? xstrdup(at) : NULL, .type = type ? xstrdup(type) : NULL };
	return &c->fs[c->n_fs++];
}

static int add_given(struct bootctx *c, const char *text, struct err *e)
{
	const char *eq = strchr(text, '=');
	struct bootfs *f;

	if (!eq || eq == text || !fs_is_dir(eq + 1))
		return err_set(e, -EINVAL, "'%s' is not UUID=FOLDER", text);
	f = add(c, eq + 1, "/", NULL, eq - text == 9 ? "vfat" : NULL);
	f->uuid = xstrndup(text, (size_t)(eq - text));
	f->esp = c->q->esp && str_eq(c->q->esp, f->dir);
	if (f->esp)
		return 0;
	/* a folder inside the target stands for the mount that belongs there */
	if (str_starts(f->dir, c->q->root) && f->dir[strlen(c->q->root)] == '/')
		f->at = xstrdup(f->dir + strlen(c->q->root));
	return 0;
}

int bootfs_collect(struct bootctx *c, struct err *e)
{
	int r = rootmap_read(c->q->root, NULL, &c->mounts, e);

	if (r == 0)
		r = blk_list(&c->blk, &c->n_blk, e);
	for (size_t i = 0; r == 0 && i < c->q->fs.n; i++)
		r = add_given(c, c->q->fs.v[i], e);
	for (size_t i = 0; r == 0 && i < c->mounts.n; i++) {
		const struct rootmnt *m = &c->mounts.v[i];
		struct bootfs *f = add(c, m->real, m->fsroot, m->at, m->fstype);

		if (str_eq(m->at, "/")) {       /* the root may be a folder inside a mount */
			free(f->dir);
			f->dir = xstrdup(c->q->root);
		}
		f->blk = device(c, m->source);
		f->uuid = f->blk && f->blk->uuid ? xstrdup(f->blk->uuid) : NULL;
	}
	if (r == 0 && c->q->esp) {
		bool known = false;

		for (size_t i = 0; i < c->n_fs; i++)
			known |= str_eq(c->fs[i].dir, c->q->esp);
		if (!known)
			add(c, c->q->esp, "/", NULL, "vfat")->esp = true;
	}
	return r;
}

void bootfs_release(struct bootctx *c)
{
	for (size_t i = 0; i < c->n_fs; i++) {
		free(c->fs[i].dir);
		free(c->fs[i].sub);
		free(c->fs[i].at);
		free(c->fs[i].type);
		free(c->fs[i].uuid);
	}
	free(c->fs);
	rootmap_free(&c->mounts);
	blk_list_free(c->blk, c->n_blk);
}

const struct bootfs *bootfs_at(const struct bootctx *c, const char *at)
{
	for (size_t i = c->n_fs; i-- > 0;)
		if (c->fs[i].at && str_eq(c->fs[i].at, at))
			return &c->fs[i];
	return NULL;
}

const struct bootfs *bootfs_by(const struct bootctx *c, const char *by, const char *what)
{
	for (size_t i = 0; i < c->n_fs; i++) {
		const struct bootfs *f = &c->fs[i];
		AUTO_FREE char *path = NULL;

		if (str_eq(by, "uuid") && f->uuid && strcasecmp(f->uuid, what) == 0)
			return f;
		if (str_eq(by, "label") && f->blk && f->blk->label && str_eq(f->blk->label, what))
			return f;
		if (str_eq(by, "file"))
			path = bootfs_path(c, f, what);
		if (path)
			return f;
	}
	return NULL;
}

char *bootfs_name(const struct bootctx *c, const struct bootfs *f)
{
	return xasprintf("fs%td", f - c->fs);
}

/* `disk` is the one that root lies on, or one of those below a stacked root. */
static bool carries_root(const struct bootfs *root, const char *disk)
{
	if (!root || !root->blk || str_eq(disk, root->blk->disk))
		return true;
	for (size_t i = 0; i < root->blk->n_under; i++)
		if (str_eq(root->blk->under[i].name, disk))
			return true;
	return false;
}

/* GRUB's own names: the partition number counts, on the disk that carries the target. */
static const struct bootfs *by_number(const struct bootctx *c, const char *dev)
{
	const struct bootfs *root = bootfs_at(c, "/");
	const char *comma = strchr(dev, ','), *digits = comma ? comma + strcspn(comma, "0123456789") : NULL;
	uint64_t n;

	if (!digits || str_to_u64(digits, &n) < 0)
		return NULL;
	for (size_t i = 0; i < c->n_fs; i++) {
		const struct blk *b = c->fs[i].blk;

		if (b && b->partition == n && carries_root(root, b->disk))
			return &c->fs[i];
	}
	for (size_t i = 0; i < c->n_fs; i++)
		if (c->fs[i].esp && !c->fs[i].blk && n == 1)
			return &c->fs[i];       /* a folder instead of the ESP: it is the first partition */
	return NULL;
}

const struct bootfs *bootfs_by_device(const struct bootctx *c, const char *dev)
{
	uint64_t i;

	if (str_starts(dev, "fs") && str_to_u64(dev + 2, &i) == 0 && i < c->n_fs)
		return &c->fs[i];
	if (str_starts(dev, "hd"))
		return by_number(c, dev);
	if (str_starts(dev, "lvm") || str_starts(dev, "md") || str_starts(dev, "crypto")) {
		const struct bootfs *boot = bootfs_at(c, "/boot");

		return boot ? boot : bootfs_at(c, "/");
	}
	return NULL;
}

static bool same_fs(const struct bootfs *a, const struct bootfs *b)
{
	return a == b || (a->uuid && b->uuid && strcasecmp(a->uuid, b->uuid) == 0);
}

/* Rest of `path` below the folder that this mount shows, or NULL. */
static const char *inside(const char *path, const char *sub)
{
	size_t n = strlen(sub);

	if (str_eq(sub, "/"))
		return path;
	return strncmp(path, sub, n) == 0 && (path[n] == '/' || !path[n]) ? path + n : NULL;
}

static char *look(const struct bootfs *f, const char *rest)
{
	AUTO_CLOSE int dir = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = dir < 0 ? -1 : fs_open_in_root(dir, *rest ? rest : "/", O_PATH, 0, NULL);
	AUTO_FREE char *proc = fd < 0 ? NULL : xasprintf("/proc/self/fd/%d", fd);

	if (proc)
		return realpath(proc, NULL);
	return f->esp || (f->type && str_starts(f->type, "vfat")) ? esp_find(f->dir, rest) : NULL;
}

char *bootfs_path(const struct bootctx *c, const struct bootfs *f, const char *path)
{
	CLEANUP(str_free) struct str clean = STR_INIT;
	size_t best_len = 0;
	char *best = NULL;

	for (const char *p = path; *p; p++)
		if (!(*p == '/' && clean.len && clean.s[clean.len - 1] == '/'))
			str_addc(&clean, *p);
	for (size_t i = 0; i < c->n_fs; i++) {
		const char *rest = same_fs(&c->fs[i], f) ? inside(str_cstr(&clean), c->fs[i].sub) : NULL;
		char *real = rest && (!best || strlen(c->fs[i].sub) > best_len) ? look(&c->fs[i], rest) : NULL;

		if (!real)
			continue;
		free(best);
		best = real;
		best_len = strlen(c->fs[i].sub);
	}
	return best;
}

/* ---- names of devices in fstab and root= ---- */

static const char *field(const struct blk *b, const char *tag)
{
	return str_eq(tag, "UUID") ? b->uuid : str_eq(tag, "PARTUUID") ? b->part_uuid : str_eq(tag, "LABEL") ? b->label : b->part_label;
}

static int by_tag(const struct bootctx *c, const char *tag, const char *value, const struct blk **ret_blk, const struct bootfs **ret_fs)
{
	size_t n = strlen(value);
	AUTO_FREE char *v = n >= 2 && value[0] == '"' && value[n - 1] == '"' ? xstrndup(value + 1, n - 2) : xstrdup(value);

	for (size_t i = 0; i < c->n_fs; i++)
		if (str_eq(tag, "UUID") && !c->fs[i].blk && c->fs[i].uuid && strcasecmp(c->fs[i].uuid, v) == 0) {
			*ret_fs = &c->fs[i];
			return 1;
		}
	for (size_t i = 0; i < c->n_blk; i++) {
		const char *have = field(&c->blk[i], tag);

		if (have && (str_eq(tag, "UUID") || str_eq(tag, "PARTUUID") ? strcasecmp(have, v) == 0 : str_eq(have, v))) {
			*ret_blk = &c->blk[i];
			return 1;
		}
	}
	return 0;
}

int bootfs_spec(const struct bootctx *c, const char *spec, const struct blk **ret_blk, const struct bootfs **ret_fs)
{
	static const char *const forms[][3] = {
		{ "UUID", "UUID=", "/dev/disk/by-uuid/" }, { "PARTUUID", "PARTUUID=", "/dev/disk/by-partuuid/" },
		{ "LABEL", "LABEL=", "/dev/disk/by-label/" }, { "PARTLABEL", "PARTLABEL=", "/dev/disk/by-partlabel/" },
	};

	*ret_blk = NULL;
	*ret_fs = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		for (int k = 1; k < 3; k++)
			if (str_starts(spec, forms[i][k]))
				return by_tag(c, forms[i][0], spec + strlen(forms[i][k]), ret_blk, ret_fs);
	*ret_blk = device(c, spec);
	return *ret_blk != NULL;
}

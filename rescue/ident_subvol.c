/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ident.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <sys/ioctl.h>

#include "fs.h"
#include "fstab.h"
#include "rootmap.h"

/* Id of the subvolume that holds a folder; 0 when it is not btrfs. */
static uint64_t subvolume_id(const char *path)
{
	struct btrfs_ioctl_ino_lookup_args a = { .objectid = BTRFS_FIRST_FREE_OBJECTID };
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && ioctl(fd, BTRFS_IOC_INO_LOOKUP, &a) == 0 ? a.treeid : 0;
}

/* New options of one line, or NULL when they may stay. The caller frees. */
static char *corrected(const struct rootmap *mounts, const struct fstab_line *l)
{
	AUTO_FREE char *id = fstab_option(l->f[FSTAB_OPTIONS].text, "subvolid"), *sub = fstab_option(l->f[FSTAB_OPTIONS].text, "subvol");
	const struct rootmnt *m = rootmap_at(mounts, l->f[FSTAB_TARGET].text);
	char text[24];
	uint64_t now;

	if (!id || !str_eq(l->f[FSTAB_TYPE].text, "btrfs"))
		return NULL;
	now = m ? subvolume_id(m->real) : 0;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)now);
	if (str_eq(id, text))
		return NULL;
	if (now)
		return fstab_set_option(l->f[FSTAB_OPTIONS].text, "subvolid", text);
	return sub && *sub ? fstab_set_option(l->f[FSTAB_OPTIONS].text, "subvolid", NULL) : NULL;
}

static size_t edit(const struct rootmap *mounts, const char *text, size_t n, struct str *out)
{
	struct fstab_line *v;
	size_t lines, from = 0, count = 0;

	fstab_parse(text, n, 2, &v, &lines);
	for (size_t i = 0; i < lines; i++) {
		AUTO_FREE char *opts = corrected(mounts, &v[i]);
		const struct fstab_field *f = &v[i].f[FSTAB_OPTIONS];

		if (!opts)
			continue;
		str_addn(out, text + from, f->at - from);
		str_add(out, opts);
		from = f->at + f->len;
		count++;
	}
	if (n > from)
		str_addn(out, text + from, n - from);
	fstab_free(v, lines);
	return count;
}

int ident_subvolids(const char *root, bool write, struct ident_report *rep, size_t *ret_changed, struct err *e)
{
	CLEANUP(rootmap_free) struct rootmap mounts = { 0 };
	CLEANUP(str_free) struct str out = STR_INIT;
	AUTO_CLOSE int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	AUTO_FREE char *text = NULL, *proc = NULL, *path = NULL;
	struct stat st;
	size_t n;
	int r;

	fd = rootfd < 0 ? -1 : fs_open_in_root(rootfd, "/etc/fstab", O_RDONLY, 0, NULL);
	*ret_changed = 0;
	if (fd < 0)
		return 0;
	proc = xasprintf("/proc/self/fd/%d", fd);
	r = rootmap_read(root, NULL, &mounts, e);
	if (r == 0)
		r = fs_read(proc, 4 * MIB, &text, &n, e);
	if (r < 0)
		return r;
	*ret_changed = edit(&mounts, text, n, &out);
	if (!*ret_changed || !write)
		return 0;
	path = realpath(proc, NULL);
	if (!path || fstat(fd, &st) < 0)
		return err_errno(e, "fstab of '%s'", root);
	if (rep->keep)
		r = rep->keep(rep->arg, "/etc/fstab", text, n, e);
	if (r == 0)
		r = fs_write_atomic(path, out.s, out.len, st.st_mode & 07777, e);
	if (r == 0 && rep->rewritten)
		rep->rewritten(rep->arg, "/etc/fstab", *ret_changed);
	return r;
}

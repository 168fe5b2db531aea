/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mnt.h"

#include <dirent.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fs.h"

static void table_unref(struct libmnt_table **t)
{
	mnt_unref_table(*t);
}

static void iter_free(struct libmnt_iter **i)
{
	mnt_free_iter(*i);
}

#define AUTO_TABLE CLEANUP(table_unref) struct libmnt_table *
#define AUTO_ITER CLEANUP(iter_free) struct libmnt_iter *

static int read_table(struct libmnt_table **ret, struct err *e)
{
	struct libmnt_table *t = mnt_new_table();
	int r;

	if (!t)
		return err_set(e, -ENOMEM, "read /proc/self/mountinfo: out of memory");
	r = mnt_table_parse_file(t, "/proc/self/mountinfo");
	if (r != 0) {
		mnt_unref_table(t);
		return err_set(e, r < 0 ? r : -EIO, "read /proc/self/mountinfo: is /proc mounted?");
	}
	*ret = t;
	return 0;
}

static char *text_of(const char *s)
{
	return xstrdup(s ? s : "");
}

static void fill(struct mnt_info *ret, struct libmnt_fs *fs)
{
	const char *vfs = mnt_fs_get_vfs_options(fs), *own = mnt_fs_get_fs_options(fs);

	*ret = (struct mnt_info) {
		.id = (uint64_t)mnt_fs_get_id(fs),
		.source = text_of(mnt_fs_get_source(fs)),
		.type = text_of(mnt_fs_get_fstype(fs)),
		.target = text_of(mnt_fs_get_target(fs)),
		.root = text_of(mnt_fs_get_root(fs)),
		.options = xasprintf("%s,%s", vfs ? vfs : "", own ? own : ""),
		.dev = mnt_fs_get_devno(fs),
	};
	ret->read_only = mnt_has_option(ret->options, "ro");
	ret->filesystem_read_only = mnt_has_option(own, "ro");
}

void mnt_info_free(struct mnt_info *i)
{
	free(i->source);
	free(i->type);
	free(i->target);
	free(i->root);
	free(i->options);
	*i = (struct mnt_info) { 0 };
}

bool mnt_has_option(const char *options, const char *name)
{
	size_t n = strlen(name);
	const char *p = options;

	while (p && *p) {
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
		p = strchr(p, ',');
		p += p ? 1 : 0;
	}
	return false;
}

int mnt_find(const char *target, struct mnt_info *ret, struct err *e)
{
	AUTO_TABLE t = NULL;
	AUTO_ITER it = NULL;
	AUTO_FREE char *real = realpath(target, NULL);
	struct libmnt_fs *fs;
	int r;

	if (!real)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(e, "look at '%s'", target);
	r = read_table(&t, e);
	if (r < 0)
		return r;
	it = mnt_new_iter(MNT_ITER_BACKWARD);
	while (mnt_table_next_fs(t, it, &fs) == 0) {
		if (!mnt_fs_get_target(fs) || !str_eq(mnt_fs_get_target(fs), real))
			continue;
		if (ret)
			fill(ret, fs);
		return 1;
	}
	return 0;
}

int mnt_is_mounted(const char *target, struct err *e)
{
	return mnt_find(target, NULL, e);
}

int mnt_of(const char *path, struct mnt_info *ret, struct err *e)
{
	AUTO_TABLE t = NULL;
	AUTO_ITER it = NULL;
	struct statx sx = { 0 };
	struct libmnt_fs *fs;
	int r;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_MNT_ID, &sx) < 0)
		return err_errno(e, "look at '%s'", path);
	if (!(sx.stx_mask & STATX_MNT_ID))
		return err_set(e, -ENOSYS, "look at '%s': this kernel does not tell the mount of a path", path);
	r = read_table(&t, e);
	if (r < 0)
		return r;
	it = mnt_new_iter(MNT_ITER_BACKWARD);
	while (mnt_table_next_fs(t, it, &fs) == 0) {
		if ((uint64_t)mnt_fs_get_id(fs) != sx.stx_mnt_id)
			continue;
		fill(ret, fs);
		return 0;
	}
	return err_set(e, -ENOENT, "look at '%s': its mount is not in /proc/self/mountinfo", path);
}

char *mnt_source_of(const char *path)
{
	CLEANUP(mnt_info_free) struct mnt_info i = { 0 };

	return mnt_of(path, &i, NULL) == 0 && *i.source ? TAKE_PTR(i.source) : NULL;
}

static bool is_block(const char *path, dev_t *ret)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return false;
	*ret = st.st_rdev;
	return true;
}

/* Adds the devices of the btrfs filesystem that has `name` among its devices; false when none has. */
static bool btrfs_members(const char *name, struct strv *ret)
{
	DIR *d = opendir("/sys/fs/btrfs");
	struct dirent *f;
	bool found = false;

	while (d && !found && (f = readdir(d))) {
		AUTO_FREE char *folder = xasprintf("/sys/fs/btrfs/%s/devices", f->d_name);
		AUTO_FREE char *member = fs_join(folder, name);
		DIR *m = fs_exists(member) ? opendir(folder) : NULL;
		struct dirent *g;

		while (m && (g = readdir(m)))
			if (g->d_name[0] != '.')
				strv_addf(ret, "/dev/%s", g->d_name);
		found = m != NULL;
		if (m)
			closedir(m);
	}
	if (d)
		closedir(d);
	return found;
}

static char *kernel_name(dev_t dev)
{
	AUTO_FREE char *link = xasprintf("/sys/dev/block/%u:%u", major(dev), minor(dev));
	AUTO_FREE char *real = realpath(link, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;

	return slash ? xstrdup(slash + 1) : NULL;
}

int mnt_devices_of(const char *path, struct strv *ret, struct err *e)
{
	CLEANUP(mnt_info_free) struct mnt_info i = { 0 };
	int r = mnt_of(path, &i, e);
	AUTO_FREE char *name = NULL;
	dev_t dev = 0;

	if (r < 0)
		return r;
	if (!is_block(i.source, &dev)) {
		dev = i.dev;            /* "/dev/root" and other names that are no nodes */
		if (major(dev) == 0)
			return 0;
	}
	name = kernel_name(dev);
	if (!name)
		return err_set(e, -ENODEV, "look at '%s': device %u:%u is not in /sys", path, major(dev), minor(dev));
	if (!str_eq(i.type, "btrfs") || !btrfs_members(name, ret))
		strv_addf(ret, "/dev/%s", name);
	return 0;
}

int mnt_targets_of(const char *device, struct strv *ret, struct err *e)
{
	AUTO_TABLE t = NULL;
	AUTO_ITER it = NULL;
	struct libmnt_fs *fs;
	dev_t want, have;
	int r;

	if (!is_block(device, &want))
		return err_set(e, -ENOTBLK, "'%s' is not a block device", device);
	r = read_table(&t, e);
	if (r < 0)
		return r;
	it = mnt_new_iter(MNT_ITER_FORWARD);
	while (mnt_table_next_fs(t, it, &fs) == 0) {
		const char *source = mnt_fs_get_source(fs);

		have = mnt_fs_get_devno(fs);
		if (have == want || (source && source[0] == '/' && is_block(source, &have) && have == want))
			strv_add(ret, mnt_fs_get_target(fs));
	}
	return 0;
}

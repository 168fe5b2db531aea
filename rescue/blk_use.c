/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who uses a block device: mounts, swap, devices stacked on it; and the guard before writing. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "blk_impl.h"
#include "fs.h"

/* /proc writes space, tab, newline and backslash in names as \ooo (proc(5)). In place. */
static void undo_octal(char *s)
{
	char *out = s;

	for (; *s; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	*out = '\0';
}

/* One line of mountinfo (proc(5)): fields 3 device, 5 mount point, and behind " - ": type, source. */
static bool line_is_ours(const struct blk *b, const char *dev, char *line, char **ret_point)
{
	AUTO_FREE char *real = NULL;
	char *save = NULL, *sep = strstr(line, " - "), *source, *numbers;

	if (!sep)
		return false;
	*sep = '\0';
	strtok_r(sep + 3, " ", &save);
	source = strtok_r(NULL, " ", &save);
	strtok_r(line, " ", &save);
	strtok_r(NULL, " ", &save);
	numbers = strtok_r(NULL, " ", &save);
	strtok_r(NULL, " ", &save);
	*ret_point = strtok_r(NULL, " ", &save);
	if (!numbers || !*ret_point || !source)
		return false;
	undo_octal(*ret_point);
	undo_octal(source);
	real = source[0] == '/' ? realpath(source, NULL) : NULL;
	return (dev && str_eq(numbers, dev)) || (real && str_eq(real, b->path));
}

static void mounts_in(const struct blk *b, const char *mountinfo, struct strv *ret)
{
	AUTO_FREE char *text = NULL, *dev = blk_sys(b->name, "dev");
	char *line, *save = NULL, *point;

	if (fs_read(mountinfo, 64 * MIB, &text, NULL, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (line_is_ours(b, dev, line, &point) && !strv_has(ret, point))
			strv_add(ret, point);
}

/* A device of a mounted multi-device btrfs appears in no mountinfo, but in /sys/fs/btrfs/UUID/devices. */
static bool in_mounted_btrfs(const struct blk *b)
{
	DIR *d = opendir("/sys/fs/btrfs");
	struct dirent *ent;
	bool found = false;

	while (d && !found && (ent = readdir(d))) {
		AUTO_FREE char *path = xasprintf("/sys/fs/btrfs/%s/devices/%s", ent->d_name, b->name);

		found = ent->d_name[0] != '.' && fs_exists(path);
	}
	if (d)
		closedir(d);
	return found;
}

void blk_use_mounts(const struct blk *b, struct strv *ret)
{
	mounts_in(b, "/proc/self/mountinfo", ret);
	if (ret->n == 0 && in_mounted_btrfs(b))
		strv_add(ret, "(part of a mounted btrfs)");
}

static void stacked_on(const struct blk *b, struct strv *ret)
{
	AUTO_FREE char *dir = xasprintf(SYS_BLOCK "/%s/holders", b->name);
	DIR *d = opendir(dir);
	struct dirent *ent;

	while (d && (ent = readdir(d)))
		if (ent->d_name[0] != '.')
			strv_add(ret, ent->d_name);
	if (d)
		closedir(d);
}

/* A loop device whose backing "file" is this device claims nothing: the kernel shows no holder for it. */
static void looped_on(const struct blk *b, struct strv *ret)
{
	DIR *d = opendir(SYS_BLOCK);
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		AUTO_FREE char *file = str_starts(ent->d_name, "loop") ? blk_sys(ent->d_name, "loop/backing_file") : NULL;

		if (file && str_eq(file, b->path))
			strv_add(ret, ent->d_name);
	}
	if (d)
		closedir(d);
}

void blk_use_holders(const struct blk *b, struct strv *ret)
{
	stacked_on(b, ret);
	looped_on(b, ret);
}

bool blk_use_swap(const struct blk *b)
{
	AUTO_FREE char *text = NULL;
	char *line, *save = NULL;

	if (fs_read("/proc/swaps", MIB, &text, NULL, NULL) < 0)
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		AUTO_FREE char *real = NULL;

		line[strcspn(line, " \t")] = '\0';
		undo_octal(line);
		real = realpath(line, NULL);
		if (real && str_eq(real, b->path))
			return true;
	}
	return false;
}

/* Mounts in the namespaces of other processes: for the sentence; O_EXCL has found out already. */
static void mounts_elsewhere(const struct blk *b, struct strv *ret)
{
	DIR *d = opendir("/proc");
	struct dirent *ent;

	while (d && ret->n == 0 && (ent = readdir(d))) {
		AUTO_FREE char *path = NULL;

		if (ent->d_name[0] < '0' || ent->d_name[0] > '9')
			continue;
		path = xasprintf("/proc/%s/mountinfo", ent->d_name);
		mounts_in(b, path, ret);
		if (ret->n)
			strv_addf(ret, "of process %s", ent->d_name);
	}
	if (d)
		closedir(d);
}

/* Says who uses the device, -EBUSY; 0 when nobody does. */
static int used_by(const struct blk *b, struct err *e)
{
	if (b->mounts.n)
		return err_set(e, -EBUSY, "'%s' is mounted at '%s': unmount it first", b->path, b->mounts.v[0]);
	if (b->swap)
		return err_set(e, -EBUSY, "'%s' is in use as swap: 'swapoff %s' first", b->path, b->path);
	if (b->holders.n)
		return err_set(e, -EBUSY, "'%s' is held by '%s': close that first", b->path, b->holders.v[0]);
	return 0;
}

static int parts_used_by(const struct blk *disk, struct err *e)
{
	struct blk *l;
	size_t n;
	int r = blk_list(&l, &n, e);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (l[i].partition && str_eq(l[i].disk, disk->name))
			r = used_by(&l[i], e);
	blk_list_free(l, n);
	return r;
}

static int claim(const struct blk *b, struct err *e)
{
	AUTO_CLOSE int fd = open(b->path, O_RDONLY | O_EXCL | O_CLOEXEC);
	CLEANUP(strv_free) struct strv where = STRV_INIT;

	if (fd >= 0)
		return 0;
	if (errno != EBUSY)
		return err_errno(e, "open '%s'", b->path);
	mounts_elsewhere(b, &where);
	if (where.n > 1)
		return err_set(e, -EBUSY, "'%s' is mounted at '%s' in the mount namespace %s: unmount it there first",
			       b->path, where.v[0], where.v[where.n - 1]);
	return err_set(e, -EBUSY, "'%s' is in use: the kernel gives it to somebody else exclusively", b->path);
}

int blk_unused(const char *path, struct err *e)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	int r = blk_get(path, &b, e);

	if (r == 0)
		r = used_by(&b, e);
	if (r == 0 && !b.partition)
		r = parts_used_by(&b, e);
	return r < 0 ? r : claim(&b, e);
}

int blk_set_read_only(const char *path, bool on, bool *ret_was, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int was = 0, want = on;

	if (fd < 0)
		return err_errno(e, "open '%s'", path);
	if (ioctl(fd, BLKROGET, &was) < 0)
		return err_errno(e, "ask whether '%s' is read-only", path);
	if (was != want && ioctl(fd, BLKROSET, &want) < 0)
		return err_errno(e, "set '%s' %s", path, on ? "read-only" : "writable");
	if (ret_was)
		*ret_was = was != 0;
	return 0;
}

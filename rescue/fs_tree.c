/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

int fs_open_in_root(int rootfd, const char *path, int flags, mode_t mode, struct err *e)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do                              /* EAGAIN: a concurrent rename made ".." ambiguous, openat2(2) */
		fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	if (fd < 0 && errno == ENOSYS) {
		fd = fs_walk_in_root(rootfd, path, flags, how.mode);
		errno = fd < 0 ? (int)-fd : 0;
	}
	return fd < 0 ? err_errno(e, "open '%s'", path) : (int)fd;
}

static int remove_in(int dirfd, const char *name, dev_t dev, const char *shown, struct err *e);

static int remove_entries(int fd, dev_t dev, const char *shown, struct err *e)
{
	DIR *d = fdopendir(fd);
	struct dirent *ent;
	int r = 0;

	if (!d) {
		r = err_errno(e, "read folder '%s'", shown);
		close(fd);
		return r;
	}
	while (r == 0 && (ent = readdir(d))) {
		AUTO_FREE char *below = NULL;

		if (str_eq(ent->d_name, ".") || str_eq(ent->d_name, ".."))
			continue;
		below = fs_join(shown, ent->d_name);
		r = remove_in(dirfd(d), ent->d_name, dev, below, e);
	}
	closedir(d);
	return r;
}

static int remove_in(int dirfd, const char *name, dev_t dev, const char *shown, struct err *e)
{
	struct stat st;
	int fd, r;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(e, "look at '%s'", shown);
	if (!S_ISDIR(st.st_mode))
		return unlinkat(dirfd, name, 0) < 0 ? err_errno(e, "remove '%s'", shown) : 0;
	if (dev && st.st_dev != dev)
		return err_set(e, -EXDEV, "remove '%s': another filesystem is mounted there", shown);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "open folder '%s'", shown);
	r = remove_entries(fd, st.st_dev, shown, e);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? err_errno(e, "remove folder '%s'", shown) : 0;
}

int fs_remove_tree(const char *path, struct err *e)
{
	return remove_in(AT_FDCWD, path, 0, path, e);
}

/* An overlay is as volatile as its upper layer: asks for the filesystem below upperdir= in the mount options. */
static int overlay_is_volatile(const char *path, struct err *e)
{
	AUTO_FREE char *text = NULL;
	char *line, *save = NULL;
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "look at '%s'", path);
	if (fs_read("/proc/self/mountinfo", 16 * MIB, &text, NULL, e) < 0)
		return -EIO;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned int major, minor;
		char *upper = strstr(line, "upperdir=");

		if (sscanf(line, "%*d %*d %u:%u", &major, &minor) != 2 || !upper ||
		    st.st_dev != (dev_t)((minor & 0xff) | (major << 8) | ((dev_t)(minor & ~0xffu) << 12)))
			continue;
		upper += strlen("upperdir=");
		upper[strcspn(upper, ",")] = '\0';
		return str_eq(upper, path) ? 0 : fs_is_volatile(upper, e);
	}
	return 0;
}

int fs_is_volatile(const char *path, struct err *e)
{
	struct statfs sf;

	if (statfs(path, &sf) < 0)
		return err_errno(e, "look at the filesystem of '%s'", path);
	if (sf.f_type == TMPFS_MAGIC || sf.f_type == RAMFS_MAGIC)
		return 1;
	if (sf.f_type == OVERLAYFS_SUPER_MAGIC)
		return overlay_is_volatile(path, e);
	return 0;
}

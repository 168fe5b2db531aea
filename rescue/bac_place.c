/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders below the target, and what stands in the way there. No link is followed: what a backup holds cannot lead out of the target. */
#include "bac_engine.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fs.h"

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

static int open_beneath(int root, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = BENEATH };

	return (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
}

/* One folder of a path: made when it is missing; what is no folder gives way (an older job's file, a link). */
int bac_enter(int at, const char *name)
{
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || (errno != ENOENT && errno != ENOTDIR && errno != ELOOP))
		return fd;
	if (errno != ENOENT && unlinkat(at, name, 0) < 0 && errno != ENOENT && errno != EISDIR)
		return -1;
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int make_path(int root, const char *path, size_t len)
{
	int fd = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *p = path, *end = path + len;

	while (fd >= 0 && p < end) {
		size_t n = strcspn(p, "/");
		char name[NAME_MAX + 1];
		int next;

		if (n > (size_t)(end - p))
			n = (size_t)(end - p);
		if (n > NAME_MAX) {
			close(fd);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, p, n);
		name[n] = '\0';
		next = bac_enter(fd, name);
		close(fd);
		fd = next;
		p += n + (p + n < end);
	}
	return fd;
}

int bac_open_parent(struct bac_eng *g, const char *path, bool make, const char **ret_base, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	AUTO_FREE char *parent = xstrndup(path, len);
	int fd = open_beneath(g->root, parent, O_PATH | O_DIRECTORY);

	*ret_base = slash ? slash + 1 : path;
	if (fd < 0 && make && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		fd = make_path(g->root, path, len);
	return fd >= 0 ? fd : err_errno(e, "folder of '%s'", path);
}

void bac_worker_forget(struct bac_worker *w)
{
	if (w->dir_fd >= 0)
		close(w->dir_fd);
	w->dir_fd = -1;
	free(w->dir_path);
	w->dir_path = NULL;
}

/* The folder of the file, as a descriptor that the worker keeps: the next file is usually in it, too. */
int bac_parent_of(struct bac_worker *w, const char *path, const char **ret_base)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	struct err e = ERR_INIT;

	*ret_base = slash ? slash + 1 : path;
	if (w->dir_fd >= 0 && w->dir_generation == w->g->generation && strlen(w->dir_path) == len && memcmp(w->dir_path, path, len) == 0)
		return w->dir_fd;
	bac_worker_forget(w);
	w->dir_fd = bac_open_parent(w->g, path, true, ret_base, &e);
	if (w->dir_fd < 0) {
		errno = -e.code;
		w->dir_fd = -1;
		return -1;
	}
	w->dir_path = xstrndup(path, len);
	w->dir_generation = w->g->generation;
	return w->dir_fd;
}

static void remove_below(int dir, const char *name)
{
	AUTO_FREE char *p = xasprintf("/proc/self/fd/%d/%s", dir, name);

	(void)fs_remove_tree(p, NULL);
}

/* Renames tmp over name; a folder in its place (of an older job) gives way. */
int bac_put_in_place(int dir, const char *tmp, const char *name)
{
	if (renameat(dir, tmp, dir, name) == 0)
		return 0;
	if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
		return -1;
	remove_below(dir, name);
	return renameat(dir, tmp, dir, name);
}

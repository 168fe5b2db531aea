/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RESOLVE_IN_ROOT by hand, for kernels before 5.6: one component after the other, links spliced in, ".." never above the root. */
#include <fcntl.h>
#include <limits.h>

#include "fs.h"

#define MAX_LINKS 40            /* as the kernel, path_resolution(7) */

struct walk {
	int root;
	struct strv done;       /* folders that were passed, none of them a link */
	char *todo;             /* what is still to be resolved */
	unsigned int links;
};

static void pop(struct walk *w)
{
	if (w->done.n) {
		free(w->done.v[--w->done.n]);
		w->done.v[w->done.n] = NULL;
	}
}

/* The folder that was reached; a descriptor or -errno. */
static int here(const struct walk *w)
{
	int fd = openat(w->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < w->done.n; i++) {
		int next = openat(fd, w->done.v[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), code = errno;

		close(fd);
		errno = code;
		fd = next;
	}
	return fd < 0 ? -errno : fd;
}

/* Puts the target of a link before what is left. */
static int splice_link(struct walk *w, int dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
	char *todo;

	if (n < 0)
		return -errno;
	if (++w->links > MAX_LINKS)
		return -ELOOP;
	target[n] = '\0';
	while (target[0] == '/' && w->done.n)
		pop(w);
	todo = xasprintf("%s/%s", target, w->todo);
	free(w->todo);
	w->todo = todo;
	return 0;
}

/* Cuts the next component off; NULL at the end. The caller frees. */
static char *next_part(struct walk *w)
{
	size_t skip = strspn(w->todo, "/"), n = strcspn(w->todo + skip, "/");
	char *part = n ? xstrndup(w->todo + skip, n) : NULL;

	memmove(w->todo, w->todo + skip + n, strlen(w->todo + skip + n) + 1);
	return part;
}

/* One component. 1: goes on, else the descriptor or -errno is in *ret. */
static int step(struct walk *w, const char *part, int flags, mode_t mode, int *ret)
{
	bool last = w->todo[strspn(w->todo, "/")] == '\0';
	AUTO_CLOSE int dir = -1;
	struct stat st;

	if (str_eq(part, "."))
		return 1;
	if (str_eq(part, "..")) {
		pop(w);
		return 1;
	}
	dir = here(w);
	if (dir < 0) {
		*ret = dir;
		return 0;
	}
	if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) && !(last && flags & O_NOFOLLOW)) {
		*ret = splice_link(w, dir, part);
		return *ret == 0;
	}
	if (!last) {
		strv_add(&w->done, part);
		return 1;
	}
	*ret = openat(dir, part, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	*ret = *ret < 0 ? -errno : *ret;
	return 0;
}

int fs_walk_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
	struct walk w = { .root = rootfd, .done = STRV_INIT, .todo = xstrdup(path) };
	int r = -ENOENT, go = *path != '\0';

	while (go) {
		AUTO_FREE char *part = next_part(&w);

		if (!part) {            /* "/", or a link to a folder that was passed */
			AUTO_CLOSE int dir = here(&w);

			r = dir < 0 ? dir : openat(dir, ".", flags | O_CLOEXEC, mode);
			r = r == -1 ? -errno : r;
			break;
		}
		go = step(&w, part, flags, mode, &r);
	}
	strv_free(&w.done);
	free(w.todo);
	return r;
}

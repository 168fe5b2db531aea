/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PART_MAX 2048           /* bytes of a path that are resolved in one call */

/* One component; a link in its place is -ELOOP. */
static int open_component(int dir, const char *name, int flags)
{
	struct stat st;
	int fd;

	if (str_eq(name, ".."))
		return -EXDEV;
	fd = openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
		close(fd);
		return -ELOOP;
	}
	if (fd < 0 && errno == ENOTDIR && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return -ELOOP;
	return fd < 0 ? -errno : fd;
}

/* The same without openat2(2) (kernels before 5.6, valgrind): component by component. */
static int walk(int dir, const char *path, int flags)
{
	AUTO_FREE char *copy = xstrdup(path);
	int fd = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), next;
	char *save = NULL, *name = strtok_r(copy, "/", &save);

	if (!name)
		name = copy + strlen(copy);
	while (fd >= 0 && name) {
		char *after = strtok_r(NULL, "/", &save);

		next = open_component(fd, *name ? name : ".", after ? O_PATH | O_DIRECTORY : flags);
		close(fd);
		if (next < 0)
			return next;
		fd = next;
		name = after;
	}
	return fd < 0 ? -errno : fd;
}

static int open_one(int dir, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC | O_NOFOLLOW),
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	long fd;

	do {
		fd = syscall(SYS_openat2, dir, *path ? path : ".", &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0 && errno == ENOSYS)
		return walk(dir, path, flags);
	return fd < 0 ? -errno : (int)fd;
}

static const char *skip_slashes(const char *s)
{
	while (*s == '/')
		s++;
	return s;
}

/* Where a path of at most PART_MAX bytes that ends at a slash can be cut; the whole length when it is short. */
static size_t cut(const char *path)
{
	size_t n = strlen(path), at;

	if (n <= PART_MAX)
		return n;
	for (at = PART_MAX; at > 0 && path[at] != '/'; at--)
		;
	return at ? at : n;
}

int beneath_open(int root, const char *path, int flags, struct err *e)
{
	AUTO_CLOSE int held = -1;
	int dir = root, fd;

	for (const char *rest = skip_slashes(path);; rest = skip_slashes(rest)) {
		size_t n = cut(rest);
		AUTO_FREE char *part = xstrndup(rest, n);

		rest += n;
		fd = open_one(dir, part, *rest ? O_PATH | O_DIRECTORY : flags);
		if (fd < 0)
			return err_code(e, fd, "open '%s'", path);
		if (!*rest)
			return fd;
		if (held >= 0)
			close(held);
		dir = held = fd;
	}
}

/* One folder below dir, made when it is missing. */
static int step_into(int dir, const char *name)
{
	int fd = open_one(dir, name, O_PATH | O_DIRECTORY);

	if (fd != -ENOENT)
		return fd;
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	return open_one(dir, name, O_PATH | O_DIRECTORY);
}

static int make_folders(int root, char *path, struct err *e)
{
	int dir = fcntl(root, F_DUPFD_CLOEXEC, 0);
	char *save = NULL;

	for (char *name = strtok_r(path, "/", &save); dir >= 0 && name; name = strtok_r(NULL, "/", &save)) {
		int next = step_into(dir, name);

		close(dir);
		if (next < 0)
			return err_code(e, next, "folder '%s'", name);
		dir = next;
	}
	return dir;
}

int beneath_parent(int root, const char *path, bool make, const char **ret_name, struct err *e)
{
	const char *p = skip_slashes(path), *slash = strrchr(p, '/');
	AUTO_FREE char *dir = slash ? xstrndup(p, (size_t)(slash - p)) : xstrdup("");
	int fd = beneath_open(root, dir, O_PATH | O_DIRECTORY, e);

	if (fd == -ENOENT && make) {
		err_clear(e);
		fd = make_folders(root, dir, e);
	}
	if (fd >= 0)
		*ret_name = slash ? slash + 1 : p;
	return fd;
}

int beneath_clean(char *path, bool *ret_absolute)
{
	char *to = path;

	*ret_absolute = *path == '/';
	for (char *s = path; *s;) {
		size_t n = strcspn(s, "/");

		if (n == 2 && s[0] == '.' && s[1] == '.')
			return -EXDEV;
		if (n > 255)
			return -ENAMETOOLONG;
		if (n && !(n == 1 && s[0] == '.')) {
			if (to > path)
				*to++ = '/';
			memmove(to, s, n);
			to += n;
			s += n;
		} else {
			s += n;
		}
		while (*s == '/')
			s++;
	}
	*to = '\0';
	return 0;
}

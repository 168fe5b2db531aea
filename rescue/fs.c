/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs.h"

#include <fcntl.h>

int fs_read_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len, struct err *e)
{
	AUTO_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	AUTO_FREE char *buf = NULL;
	size_t len = 0, cap = 0;

	if (fd < 0)
		return err_errno(e, "open '%s'", path);
	for (;;) {
		ssize_t n;

		if (cap - len < 2) {
			cap = cap ? cap * 2 : 4096;
			buf = xrealloc(buf, cap);
		}
		n = read(fd, buf + len, cap - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "read '%s'", path);
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return err_set(e, -EFBIG, "read '%s': larger than %zu bytes", path, max);
	}
	buf[len] = '\0';
	*ret = TAKE_PTR(buf);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int fs_read(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e)
{
	return fs_read_at(AT_FDCWD, path, max, ret, ret_len, e);
}

char *fs_read_word(const char *path)
{
	AUTO_FREE char *text = NULL;
	size_t len;

	if (fs_read(path, 65536, &text, &len, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return xstrdup(str_trim(text));
}

int fs_write_all(int fd, const void *data, size_t n, struct err *e)
{
	const char *p = data;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_errno(e, "write");
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int write_synced(const char *path, const void *data, size_t n, mode_t mode, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return err_errno(e, "create '%s'", path);
	r = fs_write_all(fd, data, n, e);
	if (r < 0)
		return err_wrap(e, r, "'%s'", path);
	if (fchmod(fd, mode) < 0)
		return err_errno(e, "chmod '%s'", path);
	if (fsync(fd) < 0)
		return err_errno(e, "sync '%s'", path);
	return 0;
}

int fs_write_atomic(const char *path, const void *data, size_t n, mode_t mode, struct err *e)
{
	AUTO_FREE char *tmp = xasprintf("%s.new", path);
	int r = write_synced(tmp, data, n, mode, e);

	if (r == 0 && rename(tmp, path) < 0)
		r = err_errno(e, "rename '%s' to '%s'", tmp, path);
	if (r < 0) {
		unlink(tmp);
		return r;
	}
	return fs_sync_parent(path, e);
}

int fs_mkdir_p(const char *path, mode_t mode, struct err *e)
{
	AUTO_FREE char *part = xstrdup(path);

	for (char *p = part + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_errno(e, "make folder '%s'", part);
		*p = c;
		if (c == '\0')
			break;
	}
	if (!fs_is_dir(path))
		return err_set(e, -ENOTDIR, "make folder '%s': something else has that name", path);
	return 0;
}

int fs_sync_dir(const char *path, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "open folder '%s'", path);
	if (fsync(fd) < 0)
		return err_errno(e, "sync folder '%s'", path);
	return 0;
}

int fs_sync_parent(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = !slash ? xstrdup(".") : xstrndup(path, slash == path ? 1 : (size_t)(slash - path));

	return fs_sync_dir(dir, e);
}

bool fs_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool fs_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *fs_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	while (n && a[n - 1] == '/')
		n--;
	b += strspn(b, "/");
	return xasprintf("%.*s/%s", (int)n, a, b);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "media_copy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fs.h"

int media_write_at(int fd, uint64_t at, const void *data, size_t n, struct err *e)
{
	const uint8_t *p = data;

	while (n) {
		ssize_t w = pwrite(fd, p, n, (off_t)at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return err_errno(e, "write the image");
		p += w;
		at += (uint64_t)w;
		n -= (size_t)w;
	}
	return 0;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

int media_copy_at(int fd, uint64_t at, const char *path, struct err *e)
{
	AUTO_CLOSE int from = open(path, O_RDONLY | O_CLOEXEC);
	static uint8_t buf[64 * KIB];
	ssize_t n;
	int r;

	if (from < 0)
		return err_errno(e, "open '%s'", path);
	while ((n = read(from, buf, sizeof(buf))) > 0) {
		r = all_zero(buf, (size_t)n) ? 0 : media_write_at(fd, at, buf, (size_t)n, e);
		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	return n < 0 ? err_errno(e, "read '%s'", path) : 0;
}

int media_file_size(const char *path, uint64_t *ret, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "stat '%s'", path);
	*ret = (uint64_t)st.st_size;
	return 0;
}

int media_write_file(const char *dir, const char *name, const char *text, char **ret_path, struct err *e)
{
	AUTO_FREE char *path = fs_join(dir, name);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_errno(e, "create '%s'", path);
	r = fs_write_all(fd, text, strlen(text), e);
	if (r == 0 && ret_path)
		*ret_path = TAKE_PTR(path);
	return r;
}

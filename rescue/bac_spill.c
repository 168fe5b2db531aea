/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that may have a million entries live in files, so that memory does not grow with them. An entry is its length and its bytes. */
#include "bac_engine.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fs.h"

#define BUFFER (64 * KIB)

static int open_unnamed(const char *beside)
{
	int fd = beside ? open(beside, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

	return fd >= 0 ? fd : memfd_create("bacula", MFD_CLOEXEC);
}

int bac_spill_open(struct bac_spill *s, const char *state, const char *name, const char *beside, uint64_t from, uint64_t len, struct err *e)
{
	AUTO_FREE char *path = state ? fs_join(state, name) : NULL;
	struct stat st;

	*s = (struct bac_spill){ .fd = -1, .from = from, .len = len };
	s->fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : open_unnamed(beside);
	if (s->fd < 0)
		return err_errno(e, "open list '%s'", path ? path : name);
	if (len && fstat(s->fd, &st) == 0 && (uint64_t)st.st_size < len)
		return err_set(e, -EBADMSG, "list '%s' is shorter than the mark says: begin again with an empty state folder", path ? path : name);
	if (from > len || ftruncate(s->fd, (off_t)len) < 0 || lseek(s->fd, (off_t)len, SEEK_SET) < 0)
		return err_errno(e, "list '%s'", path ? path : name);
	return 0;
}

int bac_spill_flush(struct bac_spill *s, struct err *e)
{
	int r = s->buf.len ? fs_write_all(s->fd, s->buf.s, s->buf.len, e) : 0;

	str_reset(&s->buf);
	return r < 0 ? err_wrap(e, r, "list of restored files") : 0;
}

int bac_spill_put(struct bac_spill *s, const void *data, size_t n, struct err *e)
{
	uint32_t len = (uint32_t)n;

	str_addn(&s->buf, &len, sizeof(len));
	str_addn(&s->buf, data, n);
	s->len += sizeof(len) + n;
	return s->buf.len >= BUFFER ? bac_spill_flush(s, e) : 0;
}

void bac_spill_clear(struct bac_spill *s)
{
	s->from = s->len;
}

int bac_spill_each(struct bac_spill *s, int (*fn)(void *arg, char *data, size_t n, struct err *e), void *arg, struct err *e)
{
	AUTO_FCLOSE FILE *f = NULL;
	AUTO_FREE char *data = NULL;
	size_t cap = 0;
	uint64_t at = s->from;
	uint32_t n;
	int fd, r = bac_spill_flush(s, e);

	if (r < 0)
		return r;
	fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
	f = fd >= 0 ? fdopen(fd, "r") : NULL;
	if (!f || fseeko(f, (off_t)at, SEEK_SET) < 0)
		return err_errno(e, "list");
	while (r == 0 && at < s->len && fread(&n, sizeof(n), 1, f) == 1) {
		if (n > s->len - at)
			return err_set(e, -EBADMSG, "list of restored files is damaged");
		if (n + 1 > cap) {
			cap = n + 4096;
			data = xrealloc(data, cap);
		}
		if (n && fread(data, n, 1, f) != 1)
			return err_set(e, -EIO, "list of restored files cannot be read");
		data[n] = '\0';
		at += sizeof(n) + n;
		r = fn(arg, data, n, e);
	}
	if (lseek(s->fd, (off_t)s->len, SEEK_SET) < 0)
		return err_errno(e, "list");
	return r;
}

void bac_spill_close(struct bac_spill *s)
{
	if (s->fd >= 0)
		close(s->fd);
	str_free(&s->buf);
	s->fd = -1;
}

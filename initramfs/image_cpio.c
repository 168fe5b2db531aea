/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the set as cpio (newc), the format the kernel unpacks, through libarchive. The bytes depend on the content alone: sorted paths, numbered
 * inodes, owner 0, one time stamp; the compressor cuts its work at fixed places, whatever the number of threads.
 */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

#include "fs.h"
#include "image.h"

/* libarchive's codes are its own; the words and, when it is one, the errno are what counts. */
static int archive_err(struct archive *a, struct err *e, const char *what)
{
	int code = archive_errno(a);

	return err_set(e, code > 0 ? -code : -EIO, "%s: %s", what, archive_error_string(a) ? archive_error_string(a) : "unknown error");
}

struct out {
	int fd;
	int failed;             /* -errno of the first write that failed */
};

static la_ssize_t put(struct archive *a, void *arg, const void *data, size_t n)
{
	struct out *o = arg;
	int r = fs_write_all(o->fd, data, n, NULL);

	if (r < 0) {
		o->failed = r;
		archive_set_error(a, -r, "%s", strerror(-r));
		return -1;
	}
	return (la_ssize_t)n;
}

struct writer {
	struct archive *a;
	const struct image_write *how;
	int64_t inode;
	struct err *e;
	const char *last;       /* written behind everything else */
};

static int put_source(struct writer *w, const struct image_entry *x)
{
	AUTO_CLOSE int fd = open(x->source, O_RDONLY | O_CLOEXEC);
	static uint8_t buf[256 * KIB];
	uint64_t left = x->size;

	if (fd < 0)
		return err_errno(w->e, "open '%s'", x->source);
	while (left) {
		ssize_t n = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (n < 0)
			return err_errno(w->e, "read '%s'", x->source);
		if (n == 0)
			return err_set(w->e, -EIO, "'%s' became shorter while it was read", x->source);
		if (archive_write_data(w->a, buf, (size_t)n) != n)
			return archive_err(w->a, w->e, "write");
		left -= (uint64_t)n;
	}
	return 0;
}

static void describe(struct writer *w, const struct image_entry *x, struct archive_entry *ae)
{
	archive_entry_set_pathname(ae, str_eq(x->path, "/") ? "." : x->path + 1);
	archive_entry_set_mode(ae, x->mode);
	archive_entry_set_uid(ae, 0);
	archive_entry_set_gid(ae, 0);
	archive_entry_set_nlink(ae, S_ISDIR(x->mode) ? 2 : 1);
	archive_entry_set_mtime(ae, (time_t)w->how->mtime, 0);
	archive_entry_set_ino64(ae, ++w->inode);
	archive_entry_set_size(ae, S_ISREG(x->mode) ? (int64_t)x->size : 0);
	if (x->target)
		archive_entry_set_symlink(ae, x->target);
	if (S_ISCHR(x->mode) || S_ISBLK(x->mode)) {
		archive_entry_set_rdevmajor(ae, x->major);
		archive_entry_set_rdevminor(ae, x->minor);
	}
}

static int put_entry(struct writer *w, const struct image_entry *x)
{
	struct archive_entry *ae = archive_entry_new();
	int r;

	describe(w, x, ae);
	r = archive_write_header(w->a, ae) == ARCHIVE_OK ? 0 : archive_err(w->a, w->e, x->path);
	archive_entry_free(ae);
	if (r < 0 || !S_ISREG(x->mode) || !x->size)
		return r;
	if (x->source)
		return put_source(w, x);
	return archive_write_data(w->a, x->data, x->size) == (la_ssize_t)x->size ? 0 : archive_err(w->a, w->e, x->path);
}

/* PID 1 goes first, so that it can say that memory ran out behind it; the proof that all of it arrived goes last. */
static bool special(const char *path)
{
	return str_eq(path, "/init") || str_eq(path, "/etc/rescue/complete");
}

static int put_ordinary(const struct image_entry *x, void *arg)
{
	return special(x->path) ? 0 : put_entry(arg, x);
}

static int put_named(struct writer *w, const struct image *im, const char *path)
{
	const struct image_entry *x = image_find(im, path);

	return x ? put_entry(w, x) : 0;
}

static int set_up(struct archive *a, const struct image_write *how, struct err *e)
{
	char level[16], threads[16];

	snprintf(level, sizeof(level), "%d", how->level);
	snprintf(threads, sizeof(threads), "%d", how->threads > 0 ? how->threads : 1);
	if (archive_write_set_format_cpio_newc(a) != ARCHIVE_OK)
		return archive_err(a, e, "cpio");
	if (how->level && (archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
			   archive_write_set_filter_option(a, "zstd", "compression-level", level) != ARCHIVE_OK ||
			   archive_write_set_filter_option(a, "zstd", "threads", threads) != ARCHIVE_OK))
		return archive_err(a, e, "zstd");
	archive_write_set_bytes_per_block(a, 1 << 20);
	archive_write_set_bytes_in_last_block(a, 1);
	return 0;
}

static int put_all(struct image *im, struct archive *a, const struct image_write *how, struct err *e)
{
	struct writer w = { .a = a, .how = how, .e = e };
	int r = put_named(&w, im, "/init");

	if (r == 0)
		r = image_each(im, put_ordinary, &w);
	if (r == 0)
		r = put_named(&w, im, "/etc/rescue/complete");
	return r;
}

int image_write(struct image *im, int fd, const struct image_write *how, struct err *e)
{
	struct out o = { .fd = fd };
	struct archive *a = archive_write_new();
	int r;

	if (!a)
		return err_set(e, -ENOMEM, "libarchive does not start");
	r = set_up(a, how, e);
	if (r == 0 && archive_write_open2(a, &o, NULL, put, NULL, NULL) != ARCHIVE_OK)
		r = archive_err(a, e, "open");
	if (r == 0)
		r = put_all(im, a, how, e);
	if (r == 0 && archive_write_close(a) != ARCHIVE_OK)
		r = archive_err(a, e, "close");
	archive_write_free(a);
	if (o.failed)
		return err_code(e, o.failed, "write the image");
	return r;
}

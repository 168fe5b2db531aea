/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arc_int.h"

#include <zstd.h>

#include "fs.h"

/* libarchive makes the tar; it is compressed here, because only so a frame ends where a member does. */
struct arc_out {
	struct archive *a;
	struct archive_entry *ae;
	int fd;
	ZSTD_CCtx *z;           /* NULL: plain */
	char *buf;              /* what goes to fd next */
	size_t n;
	bool open_frame;
	uint64_t at;            /* bytes behind which nothing was written to fd yet */
	struct err e;
};

static int to_fd(struct arc_out *out)
{
	int r = out->n ? fs_write_all(out->fd, out->buf, out->n, &out->e) : 0;

	out->at += r == 0 ? out->n : 0;
	out->n = 0;
	return r;
}

/* Takes all of data; with ZSTD_e_end the frame is whole afterwards. */
static int compress(struct arc_out *out, const void *data, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = { data, n, 0 };
	size_t left;

	out->open_frame = how != ZSTD_e_end;
	do {
		ZSTD_outBuffer to = { out->buf, MIB, out->n };

		left = ZSTD_compressStream2(out->z, &to, &in, how);
		if (ZSTD_isError(left))
			return err_set(&out->e, -EIO, "zstd: %s", ZSTD_getErrorName(left));
		out->n = to.pos;
		if ((out->n == MIB || how == ZSTD_e_end) && to_fd(out) < 0)
			return out->e.code;
	} while (in.pos < in.size || (how == ZSTD_e_end && left));
	return 0;
}

static int plain(struct arc_out *out, const char *data, size_t n)
{
	while (n) {
		size_t some = n > MIB - out->n ? MIB - out->n : n;

		memcpy(out->buf + out->n, data, some);
		out->n += some;
		data += some;
		n -= some;
		if (out->n == MIB && to_fd(out) < 0)
			return out->e.code;
	}
	return 0;
}

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t n)
{
	struct arc_out *out = arg;
	int r = out->z ? compress(out, data, n, ZSTD_e_continue) : plain(out, data, n);

	if (r == 0)
		return (la_ssize_t)n;
	archive_set_error(a, -r, "%s", out->e.msg);
	return -1;
}

static int end_frame(struct arc_out *out)
{
	return out->z && out->open_frame ? compress(out, NULL, 0, ZSTD_e_end) : to_fd(out);
}

static void out_free(struct arc_out *out)
{
	archive_entry_free(out->ae);
	archive_write_free(out->a);
	ZSTD_freeCCtx(out->z);
	free(out->buf);
	free(out);
}

static int translate(struct arc_out *out, const char *what, struct err *e)
{
	const char *text = archive_error_string(out->a);
	int code = archive_errno(out->a);

	return err_set(e, code > 0 && code < 1000 ? -code : -EIO, "%s: %s", what, text ? text : "unknown error");
}

int arc_out_open(struct arc_out **ret, int fd, enum arc_filter filter, unsigned int threads, struct err *e)
{
	struct arc_out *out = xcalloc(1, sizeof(*out));
	off_t at = lseek(fd, 0, SEEK_CUR);
	int r = 0;

	arc_locale();
	out->a = archive_write_new();
	out->ae = archive_entry_new();
	archive_write_set_format_pax(out->a);
	archive_write_set_bytes_per_block(out->a, 0);
	archive_write_set_bytes_in_last_block(out->a, 1);
	(void)archive_write_set_format_option(out->a, "pax", "hdrcharset", "BINARY");
	out->fd = fd;
	out->at = at > 0 ? (uint64_t)at : 0;
	out->buf = xmalloc(MIB);
	out->z = filter == ARC_ZSTD ? ZSTD_createCCtx() : NULL;
	if (out->z) {
		(void)ZSTD_CCtx_setParameter(out->z, ZSTD_c_compressionLevel, 3);
		(void)ZSTD_CCtx_setParameter(out->z, ZSTD_c_checksumFlag, 1);
		(void)ZSTD_CCtx_setParameter(out->z, ZSTD_c_nbWorkers, threads ? (int)threads : 1);
	}
	if (archive_write_open2(out->a, out, NULL, on_write, NULL, NULL) != ARCHIVE_OK)
		r = translate(out, "start the archive", e);
	if (r < 0) {
		out_free(out);
		return r;
	}
	*ret = out;
	return 0;
}

/*
 * The digits that make libarchive write the right decimal number: -1.25 is {-2, 750000000} and must read "-1.25". Within the last second
 * before 1970 it has no way to say the sign; the fraction is left out there.
 */
static struct timespec as_decimal(struct timespec t)
{
	if (t.tv_sec >= 0 || t.tv_nsec == 0)
		return t;
	if (t.tv_sec == -1)
		return (struct timespec){ -1, 0 };
	return (struct timespec){ t.tv_sec + 1, 1000000000 - t.tv_nsec };
}

static void fill(struct archive_entry *ae, const struct arc_item *it)
{
	struct timespec mtime, atime;

	archive_entry_clear(ae);
	archive_entry_set_pathname(ae, it->path);
	archive_entry_set_mode(ae, it->mode);
	archive_entry_set_uid(ae, it->uid);
	archive_entry_set_gid(ae, it->gid);
	mtime = as_decimal(it->mtime);
	atime = as_decimal(it->atime);
	archive_entry_set_mtime(ae, mtime.tv_sec, mtime.tv_nsec);
	archive_entry_set_atime(ae, atime.tv_sec, atime.tv_nsec);
	archive_entry_set_size(ae, it->hard || !S_ISREG(it->mode) ? 0 : (la_int64_t)it->size);
	if (S_ISBLK(it->mode) || S_ISCHR(it->mode))
		archive_entry_set_rdev(ae, it->rdev);
	if (it->link)
		archive_entry_set_symlink(ae, it->link);
	if (it->hard)
		archive_entry_set_hardlink(ae, it->hard);
	if (it->flags)
		archive_entry_set_fflags(ae, it->flags, 0);
	for (size_t i = 0; i < it->n_data; i++)
		archive_entry_sparse_add_entry(ae, (la_int64_t)it->data[i].off, (la_int64_t)it->data[i].len);
	for (size_t i = 0; i < it->xattrs.n; i++)
		if (!arc_is_acl(it->xattrs.v[i].name))
			archive_entry_xattr_add_entry(ae, it->xattrs.v[i].name, it->xattrs.v[i].value, it->xattrs.v[i].len);
	arc_acl_to_entry(&it->xattrs, ae);
}

int arc_out_item(struct arc_out *out, const struct arc_item *it, struct err *e)
{
	int r;

	if (S_ISSOCK(it->mode))
		return err_set(e, -EOPNOTSUPP, "the archive format has no sockets");
	fill(out->ae, it);
	r = archive_write_header(out->a, out->ae);
	if (r == ARCHIVE_FATAL)
		return translate(out, "write the archive", e);
	if (r == ARCHIVE_FAILED)
		return err_set(e, -EOPNOTSUPP, "%s", archive_error_string(out->a));
	return 0;
}

int arc_out_data(struct arc_out *out, const void *buf, size_t n, struct err *e)
{
	const char *p = buf;

	while (n) {
		la_ssize_t done = archive_write_data(out->a, p, n);

		if (done < 0)
			return translate(out, "write the archive", e);
		if (done == 0)
			return err_set(e, -EIO, "write the archive: more content than the entry may have");
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int arc_out_flush(struct arc_out *out, uint64_t *ret, struct err *e)
{
	if (archive_write_finish_entry(out->a) != ARCHIVE_OK)
		return translate(out, "write the archive", e);
	if (end_frame(out) < 0)
		return err_set(e, out->e.code, "write the archive: %s", out->e.msg);
	*ret = out->at;
	return 0;
}

int arc_out_sync(struct arc_out *out, struct err *e)
{
	return fdatasync(out->fd) < 0 ? err_errno(e, "sync the archive") : 0;
}

int arc_out_close(struct arc_out *out, struct err *e)
{
	int r = 0;

	if (archive_write_close(out->a) != ARCHIVE_OK)
		r = translate(out, "finish the archive", e);
	else if (end_frame(out) < 0)
		r = err_set(e, out->e.code, "finish the archive: %s", out->e.msg);
	out_free(out);
	return r;
}

void arc_out_abandon(struct arc_out *out)
{
	(void)archive_write_fail(out->a);
	out_free(out);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arc_int.h"

struct arc_out {
	struct archive *a;
	struct archive_entry *ae;
};

static int translate(struct arc_out *out, const char *what, struct err *e)
{
	const char *text = archive_error_string(out->a);
	int code = archive_errno(out->a);

	return err_set(e, code > 0 && code < 1000 ? -code : -EIO, "%s: %s", what, text ? text : "unknown error");
}

int arc_out_open(struct arc_out **ret, int fd, enum arc_filter filter, unsigned int threads, struct err *e)
{
	struct arc_out *out = xcalloc(1, sizeof(*out));
	char n[16];
	int r = 0;

	arc_locale();
	out->a = archive_write_new();
	out->ae = archive_entry_new();
	archive_write_set_format_pax(out->a);
	archive_write_set_bytes_per_block(out->a, (int)MIB);
	archive_write_set_bytes_in_last_block(out->a, 1);
	(void)archive_write_set_format_option(out->a, "pax", "hdrcharset", "BINARY");
	if (filter == ARC_ZSTD && archive_write_add_filter_zstd(out->a) == ARCHIVE_OK) {
		snprintf(n, sizeof(n), "%u", threads ? threads : 1);
		(void)archive_write_set_filter_option(out->a, "zstd", "threads", n);
		(void)archive_write_set_filter_option(out->a, "zstd", "compression-level", "3");
	}
	if (archive_write_open_fd(out->a, fd) != ARCHIVE_OK)
		r = translate(out, "start the archive", e);
	if (r < 0) {
		archive_entry_free(out->ae);
		archive_write_free(out->a);
		free(out);
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

int arc_out_close(struct arc_out *out, struct err *e)
{
	int r = 0;

	if (archive_write_close(out->a) != ARCHIVE_OK)
		r = translate(out, "finish the archive", e);
	archive_entry_free(out->ae);
	archive_write_free(out->a);
	free(out);
	return r;
}

void arc_out_abandon(struct arc_out *out)
{
	(void)archive_write_fail(out->a);
	archive_entry_free(out->ae);
	archive_write_free(out->a);
	free(out);
}

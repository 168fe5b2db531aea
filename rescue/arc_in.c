/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arc_int.h"

#define BLOCK (1 * MIB)

struct arc_in {
	struct archive *a;
	struct archive_entry *ae;
	struct arc_item item;
	bool warned;
	int users;              /* folder whose etc/passwd counts, or -1: this system's */
};

static int translate(struct arc_in *in, const char *what, struct err *e)
{
	const char *text = archive_error_string(in->a);
	int code = archive_errno(in->a);

	if (code == ENOENT || code == EACCES || code == EISDIR || code == ENOMEM || code == EIO)
		return err_set(e, -code, "%s: %s", what, text ? text : strerror(code));
	return err_set(e, -EBADMSG, "%s: %s", what, text ? text : "not an archive, or damaged");
}

static struct arc_in *in_new(void)
{
	static int (*const formats[])(struct archive *) = {
		archive_read_support_format_tar, archive_read_support_format_gnutar, archive_read_support_format_cpio,
		archive_read_support_format_zip, archive_read_support_format_7zip, archive_read_support_format_iso9660,
		archive_read_support_format_cab, archive_read_support_format_lha, archive_read_support_format_rar,
		archive_read_support_format_rar5, archive_read_support_format_ar, archive_read_support_format_empty,
	};
	static int (*const filters[])(struct archive *) = {
		archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
		archive_read_support_filter_lzma, archive_read_support_filter_lzip, archive_read_support_filter_zstd,
		archive_read_support_filter_lz4, archive_read_support_filter_compress, archive_read_support_filter_none,
	};
	struct arc_in *in = xcalloc(1, sizeof(*in));

	in->users = -1;
	arc_locale();
	in->a = archive_read_new();
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		formats[i](in->a);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		filters[i](in->a);
	return in;
}

static int opened(struct arc_in *in, int r, const char *path, struct arc_in **ret, struct err *e)
{
	if (r != ARCHIVE_OK) {
		AUTO_FREE char *what = xasprintf("open archive '%s'", path);

		r = translate(in, what, e);
		arc_in_close(in);
		return r;
	}
	*ret = in;
	return 0;
}

int arc_in_open(struct arc_in **ret, const char *path, struct err *e)
{
	struct arc_in *in = in_new();
	int r;

	if (str_eq(path, "-"))
		r = archive_read_open_fd(in->a, STDIN_FILENO, BLOCK);
	else
		r = archive_read_open_filename(in->a, path, BLOCK);
	return opened(in, r, path, ret, e);
}

int arc_in_open_memory(struct arc_in **ret, const void *data, size_t n, struct err *e)
{
	struct arc_in *in = in_new();

	return opened(in, archive_read_open_memory(in->a, data, n), "memory", ret, e);
}

static void take_xattrs(struct arc_in *in)
{
	struct xattrs *x = &in->item.xattrs;
	const char *name;
	const char *unknown;
	const void *value;
	size_t n;

	archive_entry_xattr_reset(in->ae);
	while (archive_entry_xattr_next(in->ae, &name, &value, &n) == ARCHIVE_OK)
		if (name && *name && strlen(name) < 256 && n <= 65536 && !xattrs_find(x, name))
			xattrs_add(x, name, value, n);
	unknown = arc_acl_from_entry(in->ae, in->users, x);
	in->item.acl_name = unknown ? xstrdup(unknown) : NULL;
}

/*
 * A pax time is a decimal number ("-14182939.876543211", POSIX pax, extended header); libarchive gives its digits, so that a fraction
 * before 1970 counts the wrong way.
 */
static struct timespec time_of(struct arc_in *in, bool set, time_t s, long ns)
{
	bool tar = (archive_format(in->a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;

	if (!set || ns < 0 || ns > 999999999)
		return (struct timespec){ set ? s : 0, 0 };
	if (tar && s < 0 && ns > 0)
		return (struct timespec){ s - 1, 1000000000 - ns };
	return (struct timespec){ s, ns };
}

static void take(struct arc_in *in)
{
	struct archive_entry *ae = in->ae;
	struct arc_item *it = &in->item;
	const char *path = archive_entry_pathname(ae), *link = archive_entry_symlink(ae), *hard = archive_entry_hardlink(ae);
	unsigned long clear;

	it->path = xstrdup(path ? path : "");
	it->hard = hard ? xstrdup(hard) : NULL;
	it->link = link && !hard ? xstrdup(link) : NULL;
	it->mode = archive_entry_mode(ae);
	it->uid = (uid_t)archive_entry_uid(ae);
	it->gid = (gid_t)archive_entry_gid(ae);
	it->rdev = archive_entry_rdev(ae);
	it->has_size = archive_entry_size_is_set(ae);
	it->size = it->has_size && archive_entry_size(ae) > 0 ? (uint64_t)archive_entry_size(ae) : 0;
	it->has_mtime = archive_entry_mtime_is_set(ae);
	it->mtime = time_of(in, it->has_mtime, archive_entry_mtime(ae), archive_entry_mtime_nsec(ae));
	it->atime = archive_entry_atime_is_set(ae) ? time_of(in, true, archive_entry_atime(ae), archive_entry_atime_nsec(ae)) : it->mtime;
	archive_entry_fflags(ae, &it->flags, &clear);
	take_xattrs(in);
}

void arc_in_users(struct arc_in *in, int rootfd)
{
	in->users = rootfd;
}

int arc_in_next(struct arc_in *in, struct arc_item *it, struct err *e)
{
	int r = archive_read_next_header(in->a, &in->ae);

	arc_item_free(&in->item);
	in->warned = r == ARCHIVE_WARN;
	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return translate(in, "read the next entry", e);
	take(in);
	*it = in->item;
	return 1;
}

int arc_in_data(struct arc_in *in, const void **buf, size_t *n, uint64_t *off, struct err *e)
{
	la_int64_t at = 0;
	int r = archive_read_data_block(in->a, buf, n, &at);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return translate(in, "read the content", e);
	if (at < 0)
		return err_set(e, -EBADMSG, "read the content: a negative offset");
	*off = (uint64_t)at;
	return 1;
}

uint64_t arc_in_offset(struct arc_in *in)
{
	la_int64_t n = archive_filter_bytes(in->a, -1);

	return n > 0 ? (uint64_t)n : 0;
}

const char *arc_in_warning(struct arc_in *in)
{
	return in->warned ? archive_error_string(in->a) : NULL;
}

void arc_in_close(struct arc_in *in)
{
	if (!in)
		return;
	arc_item_free(&in->item);
	archive_read_free(in->a);
	free(in);
}

void arc_item_free(struct arc_item *it)
{
	free(it->path);
	free(it->link);
	free(it->hard);
	free(it->data);
	free(it->acl_name);
	xattrs_free(&it->xattrs);
	memset(it, 0, sizeof(*it));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "btrfs.h"

#include <btrfsutil.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include "blk.h"

/* errno is set beside the library's own code for most of its failures, and must be read before anything else is called. */
static int fail(struct err *e, enum btrfs_util_error u, const char *what, const char *path)
{
	int code = errno;

	if (u == BTRFS_UTIL_ERROR_NOT_BTRFS || code == ENOTTY)
		return err_set(e, -EMEDIUMTYPE, "%s '%s': it is not on btrfs", what, path);
	if (u == BTRFS_UTIL_ERROR_NOT_SUBVOLUME)
		return err_set(e, -ENOTDIR, "%s '%s': it is not a subvolume", what, path);
	if (u == BTRFS_UTIL_ERROR_NO_MEMORY)
		return err_set(e, -ENOMEM, "%s '%s': out of memory", what, path);
	if (code == 0)
		return err_set(e, -EIO, "%s '%s': %s", what, path, btrfs_util_strerror(u));
	return err_code(e, -code, "%s '%s'", what, path);
}

#define CALL(f, what, path, ...) __extension__({ \
	enum btrfs_util_error u_; \
	errno = 0; \
	u_ = f(path, ##__VA_ARGS__); \
	u_ == BTRFS_UTIL_OK ? 0 : fail(e, u_, what, path); })

static int twice(const struct blk *l, size_t n, const struct blk *me, struct err *e)
{
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = i + 1; k < n && l[i].uuid && l[i].uuid_sub && str_eq(l[i].uuid, me->uuid); k++)
			if (l[k].uuid && l[k].uuid_sub && str_eq(l[k].uuid, me->uuid) && str_eq(l[k].uuid_sub, l[i].uuid_sub))
				return err_set(e, -ENOTUNIQ, "'%s' and '%s' hold the same btrfs %s (a copy beside its original): "
					       "take one away, the kernel would use either", l[i].path, l[k].path, me->uuid);
	return 0;
}

int btrfs_members(const char *device, struct strv *ret, struct err *e)
{
	CLEANUP(blk_free) struct blk me = { 0 };
	struct blk *l = NULL;
	size_t n = 0, i;
	int r = blk_get(device, &me, e);

	if (r < 0 || !me.fs_type || !me.uuid || !str_eq(me.fs_type, "btrfs"))
		return r;
	r = blk_list(&l, &n, e);
	if (r < 0)
		return r;
	r = twice(l, n, &me, e);
	for (i = 0; r == 0 && i < n; i++)
		if (l[i].fs_type && l[i].uuid && str_eq(l[i].fs_type, "btrfs") && str_eq(l[i].uuid, me.uuid))
			strv_add(ret, l[i].path);
	blk_list_free(l, n);
	return r;
}

int btrfs_scan(const struct strv *devices, struct err *e)
{
	AUTO_CLOSE int fd = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);
	size_t i;

	if (fd < 0)
		return err_errno(e, "open /dev/btrfs-control");
	for (i = 0; i < devices->n; i++) {
		struct btrfs_ioctl_vol_args a = { 0 };

		snprintf(a.name, sizeof(a.name), "%s", devices->v[i]);
		if (ioctl(fd, BTRFS_IOC_SCAN_DEV, &a) < 0)
			return err_errno(e, "tell the kernel about the btrfs device '%s'", devices->v[i]);
	}
	return 0;
}

int btrfs_is_subvolume(const char *path, struct err *e)
{
	enum btrfs_util_error u;

	errno = 0;
	u = btrfs_util_is_subvolume(path);
	if (u == BTRFS_UTIL_OK)
		return 1;
	if (u == BTRFS_UTIL_ERROR_NOT_SUBVOLUME || u == BTRFS_UTIL_ERROR_NOT_BTRFS || errno == ENOENT || errno == ENOTDIR)
		return 0;
	return fail(e, u, "look at", path);
}

int btrfs_subvolume_create(const char *path, struct err *e)
{
	return CALL(btrfs_util_create_subvolume, "create subvolume", path, 0, NULL, NULL);
}

int btrfs_subvolume_id(const char *path, uint64_t *ret, struct err *e)
{
	return CALL(btrfs_util_subvolume_id, "get the id of", path, ret);
}

int btrfs_read_only(const char *path, bool *ret, struct err *e)
{
	return CALL(btrfs_util_get_subvolume_read_only, "get the flags of subvolume", path, ret);
}

int btrfs_set_read_only(const char *path, bool on, struct err *e)
{
	return CALL(btrfs_util_set_subvolume_read_only, "change the flags of subvolume", path, on);
}

int btrfs_default_id(const char *mount, uint64_t *ret, struct err *e)
{
	return CALL(btrfs_util_get_default_subvolume, "get the default subvolume of", mount, ret);
}

int btrfs_set_default(const char *mount, uint64_t id, struct err *e)
{
	return CALL(btrfs_util_set_default_subvolume, "set the default subvolume of", mount, id);
}

int btrfs_sync(const char *path, struct err *e)
{
	return CALL(btrfs_util_sync, "sync", path);
}

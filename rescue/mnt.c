/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mnt.h"

#include <libmount/libmount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "blk.h"
#include "btrfs.h"
#include "fs.h"

/* What a filesystem with a dirty journal wants before it mounts without writing, tried in this order (T63, T73). */
static const struct {
	const char *type, *option;
} without_replay[] = {
	{ "ext4", "noload" },
	{ "ext3", "noload" },
	{ "xfs", "norecovery" },
	{ "btrfs", "rescue=nologreplay" },
	{ "btrfs", "nologreplay" },
	{ "f2fs", "norecovery" },
};

static void context_free(struct libmnt_context **c)
{
	mnt_free_context(*c);
}

#define AUTO_CONTEXT CLEANUP(context_free) struct libmnt_context *

static uint64_t id_at(const char *target)
{
	CLEANUP(mnt_info_free) struct mnt_info i = { 0 };

	return mnt_find(target, &i, NULL) == 1 ? i.id : 0;
}

static bool is_block(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

static int say(struct libmnt_context *c, int rc, const char *source, const char *target, struct err *e)
{
	char why[512] = "";
	int code = mnt_context_syscall_called(c) ? mnt_context_get_syscall_errno(c) : 0;

	mnt_context_get_excode(c, rc, why, sizeof(why));
	if (code == 0)
		code = rc < 0 && rc > -4096 ? -rc : EIO;
	if (*why)
		return err_set(e, -code, "mount '%s' at '%s': %s", source, target, why);
	return err_code(e, -code, "mount '%s' at '%s'", source, target);
}

static unsigned long syscall_flags(unsigned int flags)
{
	unsigned long m = 0;

	if (flags & MNT_F_READ_ONLY)
		m |= MS_RDONLY;
	if (flags & MNT_F_BIND)
		m |= MS_BIND;
	if (flags & MNT_F_RBIND)
		m |= MS_BIND | MS_REC;
	return m;
}

/* The library's word is only the reason; whether something new is mounted there, and read-only when it must be, is the result. */
static int judge(struct libmnt_context *c, int rc, uint64_t before, const char *source, const char *target, unsigned int flags, struct err *e)
{
	CLEANUP(mnt_info_free) struct mnt_info i = { 0 };
	int r = mnt_find(target, &i, e);

	if (r < 0)
		return r;
	if (r == 0 || i.id == before)
		return say(c, rc, source, target, e);
	if ((flags & MNT_F_READ_ONLY) && !i.read_only) {
		umount2(target, MNT_DETACH);
		return err_set(e, -EROFS, "mount '%s' at '%s': it did not become read-only", source, target);
	}
	return 0;
}

static int mount_once(const char *source, const char *target, const char *type, const char *options, unsigned int flags, struct err *e)
{
	AUTO_CONTEXT c = mnt_new_context();
	uint64_t before = id_at(target);
	int rc;

	if (!c)
		return err_set(e, -ENOMEM, "mount '%s': out of memory", source);
	mnt_context_set_optsmode(c, MNT_OMODE_NOTAB);
	mnt_context_disable_mtab(c, 1);
	mnt_context_enable_rwonly_mount(c, !(flags & MNT_F_READ_ONLY));
	rc = mnt_context_set_source(c, source);
	rc = rc ? rc : mnt_context_set_target(c, target);
	rc = rc || !type ? rc : mnt_context_set_fstype(c, type);
	rc = rc || !options || !*options ? rc : mnt_context_set_options(c, options);
	rc = rc ? rc : mnt_context_set_mflags(c, syscall_flags(flags));
	if (rc)
		return err_code(e, rc < 0 ? rc : -EINVAL, "mount '%s' at '%s'", source, target);
	rc = mnt_context_mount(c);
	if (options && mnt_has_option(options, "remount"))
		return rc ? say(c, rc, source, target, e) : 0;
	return judge(c, rc, before, source, target, flags, e);
}

/* A device that is mounted for writing already keeps its journal in order by itself, and must stay writable. */
static int protect(const char *device, struct err *e)
{
	CLEANUP(strv_free) struct strv at = STRV_INIT;
	int r = mnt_targets_of(device, &at, e);

	return r < 0 || at.n > 0 ? r : blk_set_read_only(device, true, NULL, e);
}

/* Makes the kernel know all devices of a btrfs, and refuses a copy beside its original (T62); then nothing is written to any of them (T63). */
static int prepare(const char *source, bool read_only, struct err *e)
{
	CLEANUP(strv_free) struct strv all = STRV_INIT;
	size_t i;
	int r = btrfs_members(source, &all, e);

	if (r < 0)
		return err_wrap(e, r, "mount '%s'", source);
	if (all.n == 0)
		strv_add(&all, source);
	for (i = 0; read_only && r == 0 && i < all.n; i++)
		r = protect(all.v[i], e);
	return r < 0 || all.n < 2 ? r : btrfs_scan(&all, e);
}

static int without_journal(const char *source, const char *target, const char *type, const char *options, unsigned int flags,
			   char **ret_extra)
{
	AUTO_FREE char *found = type ? xstrdup(type) : mnt_get_fstype(source, NULL, NULL);
	size_t i;

	for (i = 0; found && i < ARRAY_SIZE(without_replay); i++) {
		AUTO_FREE char *opts = xasprintf("%s%s%s", options ? options : "", options && *options ? "," : "", without_replay[i].option);

		if (!str_eq(found, without_replay[i].type))
			continue;
		if (mount_once(source, target, found, opts, flags, NULL) < 0)
			continue;
		*ret_extra = xstrdup(without_replay[i].option);
		return 0;
	}
	return -EROFS;
}

int mnt_mount_read_only(const char *source, const char *target, const char *type, const char *options, unsigned int flags,
			char **ret_extra, struct err *e)
{
	bool device = !(flags & (MNT_F_BIND | MNT_F_RBIND)) && is_block(source);
	char *extra = NULL;
	int r;

	flags |= MNT_F_READ_ONLY;
	r = device ? prepare(source, true, e) : 0;
	if (r < 0)
		return r;
	if ((flags & MNT_F_MKDIR) && (r = fs_mkdir_p(target, 0755, e)) < 0)
		return r;
	r = mount_once(source, target, type, options, flags, e);
	if (r < 0 && device && without_journal(source, target, type, options, flags, &extra) == 0) {
		err_clear(e);
		r = 0;
	}
	if (r == 0 && ret_extra)
		*ret_extra = TAKE_PTR(extra);
	free(extra);
	return r;
}

int mnt_mount(const char *source, const char *target, const char *type, const char *options, unsigned int flags, struct err *e)
{
	int r;

	if (options && mnt_has_option(options, "ro") && !mnt_has_option(options, "remount"))
		flags |= MNT_F_READ_ONLY;
	if (flags & MNT_F_READ_ONLY)
		return mnt_mount_read_only(source, target, type, options, flags, NULL, e);
	if ((flags & MNT_F_MKDIR) && (r = fs_mkdir_p(target, 0755, e)) < 0)
		return r;
	if (!(flags & (MNT_F_BIND | MNT_F_RBIND)) && is_block(source) && (r = prepare(source, false, e)) < 0)
		return r;
	return mount_once(source, target, type, options, flags, e);
}

int mnt_umount(const char *target, unsigned int flags, struct err *e)
{
	int r = mnt_find(target, NULL, e);

	if (r <= 0)
		return r;
	if (umount2(target, UMOUNT_NOFOLLOW | ((flags & MNT_F_LAZY) ? MNT_DETACH : 0)) < 0)
		return err_errno(e, "unmount '%s'", target);
	return 0;
}

/* The last mount in the table at or below `real`, or NULL; the caller frees. */
static char *last_below(const char *real)
{
	struct libmnt_table *t = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *it = mnt_new_iter(MNT_ITER_BACKWARD);
	struct libmnt_fs *fs;
	size_t n = strlen(real);
	char *found = NULL;

	while (t && !found && mnt_table_next_fs(t, it, &fs) == 0) {
		const char *at = mnt_fs_get_target(fs);

		if (at && strncmp(at, real, n) == 0 && (at[n] == '/' || at[n] == '\0'))
			found = xstrdup(at);
	}
	mnt_free_iter(it);
	mnt_unref_table(t);
	return found;
}

int mnt_umount_tree(const char *target, unsigned int flags, struct err *e)
{
	AUTO_FREE char *real = realpath(target, NULL);
	int r = 0;

	if (!real)
		return errno == ENOENT ? 0 : err_errno(e, "look at '%s'", target);
	if (str_eq(real, "/"))
		return err_set(e, -EINVAL, "unmount '%s': that is the root", target);
	while (r == 0) {
		AUTO_FREE char *at = last_below(real);

		if (!at)
			return 0;
		if (umount2(at, UMOUNT_NOFOLLOW | ((flags & MNT_F_LAZY) ? MNT_DETACH : 0)) < 0)
			r = err_errno(e, "unmount '%s'", at);
	}
	return r;
}

int mnt_private_namespace(struct err *e)
{
	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(e, "make a mount namespace of our own");
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(e, "make the mounts of this namespace private");
	return 0;
}

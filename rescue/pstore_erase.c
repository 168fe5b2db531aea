/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_erase.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "fault.h"
#include "fs.h"

#define EFIVARFS_MAGIC 0xde5e81e4
#define CRASH_GUID "cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0"

/* efivarfs marks variables immutable that a system could not do without (T38): crash records are not among them, but kernels differ. */
static void make_mutable(const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	int flags;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & FS_IMMUTABLE_FL))
		return;
	flags &= ~FS_IMMUTABLE_FL;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* A variable that is gone can keep its file until the next mount: the kernel then reads nothing, not even the four bytes of attributes. */
static bool variable_is_there(const char *path)
{
	AUTO_FREE char *data = NULL;
	size_t len;
	int r;

	if (!fs_exists(path))
		return false;
	r = fs_read(path, 64 * MIB, &data, &len, NULL);
	if (r < 0)
		return r != -ENOENT;
	return len > 0;
}

static bool view_is_there(const struct pstore_view *v, const char *path)
{
	return v->efivar ? variable_is_there(path) : fs_exists(path);
}

static int remove_view(const struct pstore_view *v, struct err *e)
{
	AUTO_FREE char *path = fs_join(v->dir, v->file);
	int r = unlink(path);

	if (r < 0 && errno == EPERM && v->efivar) {
		make_mutable(path);
		r = unlink(path);
	}
	if (r < 0 && errno != ENOENT && view_is_there(v, path))
		return err_errno(e, "erase '%s'", path);
	if (view_is_there(v, path))
		return err_set(e, -EIO, "erase '%s': the record is still there afterwards", path);
	return 0;
}

static int remove_kind(const struct pstore_record *r, bool efivar, struct err *e)
{
	for (size_t i = 0; i < r->n_views; i++) {
		int k = r->views[i].efivar == efivar ? remove_view(&r->views[i], e) : 0;

		if (k < 0)
			return k;
	}
	return 0;
}

/* A record that was only seen in pstore: is any variable by its name left? */
static int no_variable_left(const struct pstore_record *r, const char *efivars, struct err *e)
{
	static const char *const tails[] = { "-C", "-D", "" };
	unsigned int part = r->hdr.reason[0] ? r->hdr.part : r->name.part, count = r->hdr.reason[0] ? r->hdr.count : r->name.count;

	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		AUTO_FREE char *path = xasprintf("%s/dump-type%d-%u-%u-%" PRIu64 "%s-" CRASH_GUID, efivars, (int)r->name.type, part, count, r->time, tails[i]);

		if (variable_is_there(path))
			return err_set(e, -EIO, "'%s' is still there after its record was erased", path);
	}
	return 0;
}

int pstore_erase(const struct pstore_record *r, const char *efivars, enum pstore_proof *ret, struct err *e)
{
	bool efi = str_eq(r->name.backend, "efi") && r->name.type != PSTORE_UNKNOWN && efivars && fs_is_dir(efivars);
	int k = remove_kind(r, false, e);

	fault_point("pstore.erase.unlinked");
	if (k >= 0)
		k = remove_kind(r, true, e);
	if (k >= 0 && efi && r->exact_time)
		k = no_variable_left(r, efivars, e);
	if (k < 0)
		return k;
	*ret = efi ? PSTORE_PROVEN : PSTORE_BELIEVED;
	fault_point("pstore.erase.proved");
	return 0;
}

bool pstore_nvram(const char *efivars, uint64_t *ret_free, uint64_t *ret_total)
{
	struct statfs s;

	if (!efivars || statfs(efivars, &s) < 0 || (unsigned int)s.f_type != EFIVARFS_MAGIC || s.f_blocks == 0)
		return false;
	*ret_free = (uint64_t)s.f_bavail * (uint64_t)s.f_bsize;
	*ret_total = (uint64_t)s.f_blocks * (uint64_t)s.f_bsize;
	return true;
}

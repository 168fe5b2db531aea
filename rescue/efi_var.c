/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "efi_var.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "fs.h"

#define EFIVARFS_MAGIC_NUMBER 0xde5e81e4
#define VAR_MAX (1024 * 1024)

int (*efi_var_test_hook)(const char *name, size_t n);

const char *efi_var_dir(void)
{
	const char *dir = getenv("EFIVARFS_PATH");

	return dir && *dir ? dir : "/sys/firmware/efi/efivars";
}

static bool is_override(void)
{
	const char *dir = getenv("EFIVARFS_PATH");

	return dir && *dir;
}

int efi_var_ready(struct err *e)
{
	struct statfs st;

	if (is_override())
		return fs_is_dir(efi_var_dir()) ? 0 : err_set(e, -ENOENT, "EFI variables: no folder '%s'", efi_var_dir());
	if (!fs_is_dir("/sys/firmware/efi"))
		return err_set(e, -ENODEV, "EFI variables: this system was started in BIOS mode, entries need a start in UEFI mode");
	if (!fs_is_dir(efi_var_dir()))
		return err_set(e, -ENODEV, "EFI variables: the kernel has no run-time services (efi=noruntime?)");
	if (statfs(efi_var_dir(), &st) == 0 && (uint32_t)st.f_type != EFIVARFS_MAGIC_NUMBER)
		return err_set(e, -ENOENT, "EFI variables: efivarfs is not mounted on %s", efi_var_dir());
	return 0;
}

static char *var_path(const char *name, const char *guid)
{
	return xasprintf("%s/%s-%s", efi_var_dir(), name, guid);
}

int efi_var_get(const char *name, const char *guid, uint32_t *ret_attrs, uint8_t **ret, size_t *ret_len, struct err *e)
{
	AUTO_FREE char *path = var_path(name, guid);
	AUTO_FREE char *buf = NULL;
	size_t n;
	int r;

	r = fs_read(path, VAR_MAX, &buf, &n, e);
	if (r < 0)
		return r;
	if (n < 4)
		return err_set(e, n ? -EBADMSG : -ENOENT, "EFI variable %s: %zu bytes are too few", name, n);
	if (ret_attrs)
		*ret_attrs = (uint32_t)(uint8_t)buf[0] | (uint32_t)(uint8_t)buf[1] << 8 | (uint32_t)(uint8_t)buf[2] << 16 |
			     (uint32_t)(uint8_t)buf[3] << 24;
	memmove(buf, buf + 4, n - 4);
	*ret = (uint8_t *)TAKE_PTR(buf);
	*ret_len = n - 4;
	return 0;
}

/* Takes the immutable flag away (T38); *ret_flags is what to put back, 0 when there is nothing to put back. */
static void immutable_off(const char *path, int *ret_flags)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	int flags = 0, off;

	*ret_flags = 0;
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & FS_IMMUTABLE_FL))
		return;
	off = flags & ~FS_IMMUTABLE_FL;
	if (ioctl(fd, FS_IOC_SETFLAGS, &off) == 0)
		*ret_flags = flags;
}

static void immutable_on(const char *path, int flags)
{
	AUTO_CLOSE int fd = flags ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0)
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* The one write. On an ordinary folder (tests) the old tail is cut off, which efivarfs does by itself. */
static int write_once(int fd, const void *buf, size_t n)
{
	struct statfs st;
	ssize_t w;

	if (fstatfs(fd, &st) == 0 && (uint32_t)st.f_type != EFIVARFS_MAGIC_NUMBER && ftruncate(fd, 0) < 0)
		return -errno;
	do
		w = write(fd, buf, n);
	while (w < 0 && errno == EINTR);
	if (w < 0)
		return -errno;
	return (size_t)w == n ? 0 : -EIO;
}

static int refuse(struct err *e, int code, const char *name, size_t n)
{
	if (code == -ENOSPC)
		return err_set(e, code, "EFI variable %s: the firmware has no room for %zu more bytes", name, n);
	if (code == -EROFS)
		return err_set(e, code, "EFI variable %s: variables are read-only here", name);
	return err_code(e, code, "EFI variable %s: write", name);
}

static int set_raw(const char *path, const char *name, uint32_t attrs, const void *data, size_t n, struct err *e)
{
	AUTO_FREE uint8_t *buf = xmalloc(n + 4);
	bool existed = fs_exists(path);
	AUTO_CLOSE int fd = -1;
	int r = 0;

	for (int i = 0; i < 4; i++)
		buf[i] = (uint8_t)(attrs >> (8 * i));
	if (n)
		memcpy(buf + 4, data, n);
	if (efi_var_test_hook)
		r = efi_var_test_hook(name, n);
	if (r > 0)
		return 0;
	if (r == 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		r = fd < 0 ? -errno : write_once(fd, buf, n + 4);
	}
	if (r < 0 && !existed)
		(void)unlink(path);
	return r < 0 ? refuse(e, r, name, n) : 0;
}

static int read_back(const char *name, const char *guid, const void *data, size_t n, struct err *e)
{
	AUTO_FREE uint8_t *got = NULL;
	size_t len;

	if (efi_var_get(name, guid, NULL, &got, &len, e) < 0 || len != n || memcmp(got, data, n))
		return err_set(e, -EIO, "EFI variable %s: the firmware accepted it but did not keep it", name);
	return 0;
}

int efi_var_set(const char *name, const char *guid, uint32_t attrs, const void *data, size_t n, struct err *e)
{
	AUTO_FREE char *path = var_path(name, guid);
	int flags, r;

	immutable_off(path, &flags);
	r = set_raw(path, name, attrs, data, n, e);
	immutable_on(path, flags);
	return r < 0 ? r : read_back(name, guid, data, n, e);
}

int efi_var_delete(const char *name, const char *guid, struct err *e)
{
	AUTO_FREE char *path = var_path(name, guid);
	int flags, r;

	immutable_off(path, &flags);
	r = efi_var_test_hook ? efi_var_test_hook(name, 0) : 0;
	if (r < 0 || (r == 0 && unlink(path) < 0 && errno != ENOENT)) {
		r = r < 0 ? r : -errno;
		immutable_on(path, flags);
		return err_code(e, r, "EFI variable %s: delete", name);
	}
	if (fs_exists(path))
		return err_set(e, -EIO, "EFI variable %s: the firmware accepted the deletion but it is still there", name);
	return 0;
}

int efi_var_names(const char *guid, struct strv *ret, struct err *e)
{
	DIR *d = opendir(efi_var_dir());
	size_t g = strlen(guid);

	if (!d)
		return err_errno(e, "EFI variables: read '%s'", efi_var_dir());
	for (struct dirent *de; (de = readdir(d));) {
		size_t n = strlen(de->d_name);

		if (n > g + 1 && de->d_name[n - g - 1] == '-' && strcasecmp(de->d_name + n - g, guid) == 0)
			strv_addf(ret, "%.*s", (int)(n - g - 1), de->d_name);
	}
	closedir(d);
	strv_sort(ret);
	return 0;
}

int efi_var_space(uint64_t *ret_free, uint64_t *ret_total, struct err *e)
{
	struct statfs st;

	if (statfs(efi_var_dir(), &st) < 0 || st.f_blocks == 0 || (uint32_t)st.f_type != EFIVARFS_MAGIC_NUMBER)
		return err_set(e, -ENOSYS, "EFI variables: the firmware does not say how much room it has");
	*ret_free = (uint64_t)st.f_bavail * (uint64_t)st.f_bsize;
	*ret_total = (uint64_t)st.f_blocks * (uint64_t)st.f_bsize;
	return 0;
}

int efi_word_size(void)
{
	AUTO_FREE char *w = fs_read_word("/sys/firmware/efi/fw_platform_size");
	uint64_t v;

	return w && str_to_u64(w, &v) == 0 ? (int)v : 0;
}

const char *efi_arch(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return "x64";
	if (str_starts(u.machine, "aarch64") || str_starts(u.machine, "arm64"))
		return "aa64";
	if (str_starts(u.machine, "riscv64"))
		return "riscv64";
	if (str_eq(u.machine, "loongarch64"))
		return "loongarch64";
	return efi_word_size() == 32 || !str_eq(u.machine, "x86_64") ? "ia32" : "x64";
}

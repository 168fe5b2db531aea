/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ESP as a target has it: where, mounted or not, and a distribution's signed programs on it. */
#include <fcntl.h>

#include "esp.h"
#include "fs.h"
#include "fstab.h"
#include "mnt.h"
#include "rootmap.h"

static const char *const places[] = { "/boot/efi", "/efi", "/boot" };

char *esp_in_root(const char *root)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		AUTO_FREE char *dir = xasprintf("%s%s", root, places[i]), *efi = fs_join(dir, "EFI");
		struct mnt_info m = { 0 };
		bool fat = mnt_find(dir, &m, NULL) == 1 && m.type && str_eq(m.type, "vfat");

		mnt_info_free(&m);
		if (fat || fs_is_dir(efi))
			return xstrdup(places[i]);
	}
	return NULL;
}

static bool is_esp_line(const struct fstab_line *l)
{
	bool place = str_eq(l->f[FSTAB_TARGET].text, "/esp") || str_eq(l->f[FSTAB_TARGET].text, "/boot/esp");

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		place |= str_eq(l->f[FSTAB_TARGET].text, places[i]);
	return place && str_eq(l->f[FSTAB_TYPE].text, "vfat");
}

char *esp_not_mounted(const char *root)
{
	CLEANUP(rootmap_free) struct rootmap mounts = { 0 };
	AUTO_CLOSE int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = rootfd < 0 ? -1 : fs_open_in_root(rootfd, "/etc/fstab", O_RDONLY, 0, NULL);
	AUTO_FREE char *proc = xasprintf("/proc/self/fd/%d", fd), *text = NULL;
	struct fstab_line *v = NULL;
	size_t n = 0, lines = 0;
	char *found = NULL;

	if (fd < 0 || fs_read(proc, 4 * MIB, &text, &n, NULL) < 0 || rootmap_read(root, NULL, &mounts, NULL) < 0)
		return NULL;
	fstab_parse(text, n, 2, &v, &lines);
	for (size_t i = 0; i < lines && !found; i++)
		if (is_esp_line(&v[i]) && !rootmap_at(&mounts, v[i].f[FSTAB_TARGET].text))
			found = xstrdup(v[i].f[FSTAB_TARGET].text);
	fstab_free(v, lines);
	return found;
}

static bool is_there(const char *esp, const char *id, const char *arch)
{
	AUTO_FREE char *shim = xasprintf("\\EFI\\%s\\shim%s.efi", id, arch), *grub = xasprintf("\\EFI\\%s\\grub%s.efi", id, arch);
	AUTO_FREE char *a = esp_find(esp, shim), *b = esp_find(esp, grub);

	return a && b;
}

/* 1 copied, 0 the packages do not have it, -errno. */
static int from_package(const char *root, const char *esp, const char *id, const char *name, struct err *e)
{
	static const char *const dirs[] = { "usr/lib/efi/shim", "usr/lib/efi/grub2", "usr/share/efi/x86_64", "boot/efi.rpm" };
	AUTO_FREE char *to = xasprintf("\\EFI\\%s\\%s", id, name), *real = NULL;
	bool changed = false;

	for (size_t d = 0; d < ARRAY_SIZE(dirs); d++) {
		AUTO_FREE char *dir = xasprintf("%s/%s", root, dirs[d]), *from = fs_join(dir, name);
		int r;

		if (!fs_exists(from))
			continue;
		r = esp_make(esp, to, &real, e);
		if (r == 0)
			r = esp_copy(from, real, &changed, e);
		return r < 0 ? r : 1;
	}
	return 0;
}

int esp_signed_chain(const char *root, const char *esp, const char *id, const char *arch, struct err *e)
{
	static const char *const files[] = { "shim%s.efi", "grub%s.efi", "mm%s.efi" };
	int r = 0;

	if (is_there(esp, id, arch))
		return 0;
	for (size_t f = 0; r >= 0 && f < ARRAY_SIZE(files); f++) {
		AUTO_FREE char *name = xasprintf(files[f], arch);

		r = from_package(root, esp, id, name, e);
	}
	if (r < 0 || is_there(esp, id, arch))
		return r < 0 ? r : 0;
	return err_set(e, -ENOENT, "this distribution's signed shim and GRUB are not on the ESP; install its packages shim and grub2-efi again in the target "
		       "(step chroot), or restore EFI/%s from the backup", id);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The signed boot loaders that are installed here. Debian's and Ubuntu's packages keep them under /usr/lib; Fedora and its relatives put them on the ESP and
 * nowhere else. GRUB looks for its menu in the folder that its vendor has built in, which is the folder's name on the ESP, or beside itself.
 */
#include "fs.h"
#include "media.h"

static const char *const vendors[] = { "fedora", "redhat", "centos", "rocky", "almalinux", "debian", "ubuntu", "opensuse", "sles" };

void media_signed_free(struct media_signed *s)
{
	free(s->shim);
	free(s->grub);
	free(s->mm);
	free(s->vendor);
	*s = (struct media_signed){ 0 };
}

static bool found(struct media_signed *s)
{
	if (fs_exists(s->shim) && fs_exists(s->grub)) {
		if (!fs_exists(s->mm)) {
			free(s->mm);
			s->mm = NULL;
		}
		return true;
	}
	media_signed_free(s);
	return false;
}

static bool in_folder(const char *dir, struct media_signed *ret)
{
	const char *base = strrchr(dir, '/');

	*ret = (struct media_signed){ fs_join(dir, "shimx64.efi"), fs_join(dir, "grubx64.efi"), fs_join(dir, "mmx64.efi"), xstrdup(base ? base + 1 : dir) };
	return found(ret);
}

static bool of_packages(struct media_signed *ret)
{
	*ret = (struct media_signed){ xstrdup("/usr/lib/shim/shimx64.efi.signed"), xstrdup("/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"),
				      xstrdup("/usr/lib/shim/mmx64.efi.signed"), xstrdup("debian") };
	return found(ret);
}

int media_signed_find(const char *dir, struct media_signed *ret, struct err *e)
{
	static const char *const esps[] = { "/boot/efi/EFI", "/efi/EFI", "/boot/EFI" };

	if (dir)
		return in_folder(dir, ret) ? 1 : err_set(e, -ENOENT, "'%s': there is no shimx64.efi with a grubx64.efi beside it", dir);
	if (of_packages(ret))
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(esps); i++)
		for (size_t v = 0; v < ARRAY_SIZE(vendors); v++) {
			AUTO_FREE char *folder = xasprintf("%s/%s", esps[i], vendors[v]);

			if (in_folder(folder, ret))
				return 1;
		}
	return 0;
}

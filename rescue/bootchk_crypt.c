/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Root on LUKS: an initramfs that was made before the volume was made anew waits for the old one. Its own crypttab tells (initramfs-tools always
 * brings one for root), or the kernel command line (dracut: rd.luks.uuid=, mkinitcpio: cryptdevice=).
 */
#include "bootchk_int.h"
#include "fstab.h"

static const struct fstab_line *line_of(const struct fstab_line *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i].f[0].text, name))
			return &v[i];
	return NULL;
}

static bool is_here(struct bootctx *c, const char *spec)
{
	const struct bootfs *f;
	const struct blk *b;

	return bootfs_spec(c, spec, &b, &f) == 1;
}

static bool one(struct bootctx *c, const struct initrd *i, const struct fstab_line *l, const char *name, const char *what)
{
	if (!l && str_eq(initrd_maker(i), "initramfs-tools"))
		return bootchk_say(c, "initramfs", BOOTCHK_BAD, "%s does not open the encrypted volume '%s' below root: its crypttab does not name it; "
				   "rebuild it", what, name);
	if (l && !is_here(c, l->f[1].text))
		return bootchk_say(c, "initramfs", BOOTCHK_BAD, "%s opens '%s' from %s, which is not in this machine; rebuild it", what, name, l->f[1].text);
	return true;
}

/* "rd.luks.uuid=luks-X" and "cryptdevice=UUID=X:name". */
static bool command_line(struct bootctx *c)
{
	AUTO_FREE char *dracut = bootchk_arg(c->args ? c->args : "", "rd.luks.uuid"), *arch = bootchk_arg(c->args ? c->args : "", "cryptdevice");
	AUTO_FREE char *spec = dracut ? xasprintf("UUID=%s", str_starts(dracut, "luks-") ? dracut + 5 : dracut) : NULL;

	if (spec && !is_here(c, spec))
		return bootchk_say(c, "root", BOOTCHK_BAD, "rd.luks.uuid=%s is not in this machine", dracut);
	if (arch)
		arch[strcspn(arch, ":")] = 0;
	if (arch && !is_here(c, arch))
		return bootchk_say(c, "root", BOOTCHK_BAD, "cryptdevice=%s is not in this machine", arch);
	return true;
}

bool bootchk_crypt(struct bootctx *c, const struct initrd *i, const struct strv *names, const char *what)
{
	struct fstab_line *v = NULL;
	size_t n = 0;
	bool ok = true;

	if (!names->n)
		return true;
	fstab_parse(i->crypttab.s ? i->crypttab.s : "", i->crypttab.len, 2, &v, &n);
	for (size_t k = 0; k < names->n; k++)
		ok = one(c, i, line_of(v, n, names->v[k]), names->v[k], what) && ok;
	fstab_free(v, n);
	return command_line(c) && ok;
}

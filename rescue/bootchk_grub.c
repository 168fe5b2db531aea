/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRUB: from its prefix to the kernel that it would load. */
#include "bootchk_int.h"

#include <sys/stat.h>

#include "bls.h"
#include "fs.h"
#include "grubcfg.h"

#define CONFIG_MAX (8 * MIB)

static char *real_of(struct bootctx *c, const char *dev, const char *path)
{
	const struct bootfs *f = bootfs_by_device(c, dev);

	return f ? bootfs_path(c, f, path) : NULL;
}

static char *op_read(void *arg, const char *dev, const char *path, size_t *ret_n)
{
	AUTO_FREE char *real = real_of(arg, dev, path);

	return real ? bootchk_read(real, CONFIG_MAX, ret_n) : NULL;
}

static int op_kind(void *arg, const char *dev, const char *path)
{
	AUTO_FREE char *real = real_of(arg, dev, path);
	struct stat st;

	if (!real || stat(real, &st) < 0)
		return 0;
	return S_ISDIR(st.st_mode) ? 2 : st.st_size ? 1 : 3;
}

static char *op_search(void *arg, const char *by, const char *what)
{
	const struct bootfs *f = bootfs_by(arg, by, what);

	return f ? bootfs_name(arg, f) : NULL;
}

/* A BLS entry as GRUB's blscfg would have put it into the menu. */
static void menuentry(struct str *s, const struct bls *b)
{
	CLEANUP(str_free) struct str title = STR_INIT;

	for (const char *p = b->title ? b->title : b->id; *p; p++)
		if (*p != '\'')
			str_addc(&title, *p);
	str_addf(s, "menuentry '%s' --id '%s' {\n", str_cstr(&title), b->id);
	if (b->linux_)
		str_addf(s, "linux %s %s\n", b->linux_, b->options ? b->options : "");
	if (b->initrd.n)
		str_add(s, "initrd");
	for (size_t i = 0; i < b->initrd.n; i++)
		str_addf(s, " %s", b->initrd.v[i]);
	str_add(s, "\n}\n");
}

static char *op_bls(void *arg, const char *dev, const char *blsdir)
{
	static const char *const dirs[] = { "/loader/entries", "/boot/loader/entries" };
	struct str s = STR_INIT;

	for (size_t i = 0; i < (*blsdir ? 1 : ARRAY_SIZE(dirs)); i++) {
		AUTO_FREE char *real = real_of(arg, dev, *blsdir ? blsdir : dirs[i]);
		struct bls *v = NULL;
		size_t n = 0;

		if (!real || bls_read(real, true, &v, &n, NULL) < 0)
			continue;
		for (size_t k = 0; k < n; k++)
			menuentry(&s, &v[k]);
		bls_list_free(v, n);
		if (s.len)
			return str_take(&s);
	}
	str_free(&s);
	return NULL;
}

static const struct grubcfg_ops ops = { op_read, op_kind, op_search, op_bls };

/* Variables that GRUB 2.02 and later have before the first line. */
static void defaults(struct grubcfg *g, bool uefi)
{
	static const char *const yes[] = {
		"feature_menuentry_id", "feature_platform_search_hint", "feature_timeout_style", "feature_default_font_path",
		"feature_all_video_module", "feature_chainloader_bpb", "feature_ntldr", "feature_nativedisk_cmd", "feature_200_final",
	};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		grubcfg_set(g, yes[i], "y");
	grubcfg_set(g, "grub_platform", uefi ? "efi" : "pc");
	grubcfg_set(g, "grub_cpu", uefi ? "x86_64" : "i386");
}

/* "(,gpt2)/boot/grub" is on the disk that GRUB came from; "/EFI/debian" on the partition. */
static char *full_prefix(const char *dev, const char *prefix)
{
	if (!prefix)
		return xasprintf("(%s)", dev);
	if (str_starts(prefix, "(,"))
		return xasprintf("(hd0%s", prefix + 1);
	return prefix[0] == '(' ? xstrdup(prefix) : xasprintf("(%s)%s", dev, prefix);
}

/* Reads every part behind each other: early microcode, then the initramfs. False when one cannot be read (told). */
static bool load_initrds(struct bootctx *c, const struct grubcfg_boot *b, struct str *data)
{
	for (size_t i = 0; i < b->initrd.n; i++) {
		AUTO_FREE char *real = real_of(c, b->initrd_dev.v[i], b->initrd.v[i]), *part = NULL;
		size_t n = 0;

		part = real ? bootchk_read(real, KERNEL_MAX, &n) : NULL;
		if (!part)
			return bootchk_say(c, "initramfs", BOOTCHK_BAD, "%s cannot be read", b->initrd.v[i]);
		str_addn(data, part, n);
	}
	return true;
}

static bool load(struct bootctx *c, const struct grubcfg_boot *b)
{
	AUTO_FREE char *real = real_of(c, b->kernel_dev, b->kernel), *kernel = NULL;
	CLEANUP(str_free) struct str initrd = STR_INIT;
	size_t n = 0;

	kernel = real ? bootchk_read(real, KERNEL_MAX, &n) : NULL;
	if (!kernel)
		return bootchk_say(c, "kernel", BOOTCHK_BAD, "%s cannot be read", b->kernel);
	c->args = xstrdup(b->args);
	if (!bootchk_kernel(c, kernel, n, b->kernel) || !load_initrds(c, b, &initrd))
		return false;
	return bootchk_initrd(c, str_cstr(&initrd), initrd.len, b->initrd.n ? b->initrd.v[b->initrd.n - 1] : NULL);
}

static bool choose(struct bootctx *c, struct grubcfg *g, const char *where)
{
	struct grubcfg_boot b;
	struct err e = ERR_INIT;
	bool ok;

	if (!grubcfg_entries(g))
		return bootchk_say(c, "config", BOOTCHK_BAD, "%s leads to an empty menu: GRUB stops at its prompt", where);
	if (grubcfg_choose(g, &b, &e) < 0)
		return bootchk_say(c, "config", BOOTCHK_BAD, "%s: %s", where, e.msg);
	if (b.kernel && b.trouble)
		bootchk_say(c, "config", BOOTCHK_WARN, "entry '%s': GRUB says '%s' and goes on; it finds the kernel all the same", b.title, b.trouble);
	else if (b.kernel)
		bootchk_say(c, "config", BOOTCHK_OK, "%s: entry '%s' of %zu starts %s", where, b.title, grubcfg_entries(g), b.kernel);
	if (b.kernel)
		ok = load(c, &b);
	else if (b.chain)
		ok = bootchk_say(c, "config", BOOTCHK_BAD, "entry '%s' starts another loader: %s", b.title, b.chain);
	else
		ok = bootchk_say(c, "config", BOOTCHK_BAD, "entry '%s' loads no kernel: %s", b.title, b.trouble ? b.trouble : "it has no linux command");
	grubcfg_boot_free(&b);
	return ok;
}

/* $prefix/grub.cfg, or beside the program (Fedora, Debian's signed image). The caller frees; NULL: neither. */
static char *config_file(struct bootctx *c, struct grubcfg *g)
{
	static const char *const vars[] = { "prefix", "cmdpath" };

	for (size_t i = 0; i < ARRAY_SIZE(vars); i++) {
		AUTO_FREE char *path = xasprintf("%s/grub.cfg", grubcfg_get(g, vars[i])), *dev = NULL, *file = NULL;
		AUTO_FREE char *text = NULL;
		size_t n;

		grubcfg_split(g, path, &dev, &file);
		text = op_read(c, dev, file, &n);
		if (text)
			return TAKE_PTR(path);
	}
	return NULL;
}

bool bootchk_grub(struct bootctx *c, const struct bootfs *dev, const char *dir, const char *prefix, const char *config, bool memdisk)
{
	AUTO_FREE char *name = bootfs_name(c, dev), *full = full_prefix(name, prefix), *cmdpath = xasprintf("(%s)%s", name, dir), *file = NULL;
	struct grubcfg *g = grubcfg_new(&ops, c);
	bool ok;

	defaults(g, c->uefi);
	grubcfg_set(g, "root", name);
	grubcfg_set(g, "prefix", full);
	if (prefix && prefix[0] == '(') {       /* a device in the prefix is where GRUB begins */
		AUTO_FREE char *at = NULL, *rest = NULL;

		grubcfg_split(g, full, &at, &rest);
		grubcfg_set(g, "root", at);
	}
	grubcfg_set(g, "cmdpath", cmdpath);
	if (config && !memdisk)
		grubcfg_run_text(g, config, strlen(config));
	file = config_file(c, g);
	if (!file) {
		bootchk_say(c, "config", BOOTCHK_BAD, "GRUB looks for %s/grub.cfg, which is not there: it stops at its prompt", grubcfg_get(g, "prefix"));
		grubcfg_free(g);
		return false;
	}
	(void)grubcfg_run_file(g, file, NULL);
	ok = choose(c, g, file);
	grubcfg_free(g);
	return ok;
}

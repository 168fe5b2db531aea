/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel, initramfs, and the loaders that need no configuration language: systemd-boot, unified kernel images. */
#include "bootchk_int.h"

#include <dirent.h>
#include <fnmatch.h>

#include "bls.h"
#include "bzimage.h"
#include "esp.h"
#include "fs.h"
#include "initrd.h"
#include "pe.h"

/* ---- kernel ---- */

static void modules_of_target(struct bootctx *c)
{
	AUTO_FREE char *dep = c->version ? xasprintf("/lib/modules/%s/modules.dep", c->version) : NULL, *text = NULL;
	size_t n;

	text = dep ? bootchk_read_in_root(c, dep, &n) : NULL;
	if (dep && !text)
		bootchk_say(c, "kernel", BOOTCHK_WARN, "the target has no modules for kernel %s (%s): it starts without most drivers", c->version, dep);
}

bool bootchk_kernel(struct bootctx *c, const void *data, size_t n, const char *what)
{
	struct err e = ERR_INIT;

	if (bzimage_check(data, n, &c->version, &e) < 0)
		return bootchk_say(c, "kernel", BOOTCHK_BAD, "%s: %s", what, e.msg);
	bootchk_say(c, "kernel", BOOTCHK_OK, "%s is whole%s%s", what, c->version ? ": version " : "", c->version ? c->version : "");
	modules_of_target(c);
	return true;
}

/* ---- what the initramfs must bring ---- */

struct needs {
	struct strv modules;    /* without these it does not start */
	struct strv programs, crypts;   /* crypts: names of the LUKS volumes below root */
};

static void need_once(struct strv *l, const char *s)
{
	if (s && *s && !strv_has(l, s))
		strv_add(l, s);
}

/* Drivers between a disk and the processor, as sysfs has them now. Only those that are modules here: what is built in here may be anywhere. */
static void disk_drivers(const char *disk, struct needs *need)
{
	AUTO_FREE char *link = xasprintf("/sys/class/block/%s/device", disk), *at = realpath(link, NULL);

	while (at && str_starts(at, "/sys/devices/")) {
		AUTO_FREE char *m = xasprintf("%s/driver/module", at), *real = realpath(m, NULL);
		char *slash;

		if (real)
			need_once(&need->modules, strrchr(real, '/') + 1);
		slash = strrchr(at, '/');
		*slash = 0;
	}
}

static void stack(const char *name, struct needs *need, int depth);

static void each_slave(const char *name, struct needs *need, int depth)
{
	AUTO_FREE char *dir = xasprintf("/sys/class/block/%s/slaves", name);
	DIR *d = depth < 8 ? opendir(dir) : NULL;

	for (struct dirent *de; d && (de = readdir(d));)
		if (de->d_name[0] != '.')
			stack(de->d_name, need, depth + 1);
	if (d)
		closedir(d);
}

static void add_crypt(const char *name, struct needs *need)
{
	AUTO_FREE char *path = xasprintf("/sys/class/block/%s/dm/name", name), *mapping = fs_read_word(path);

	if (mapping)
		need_once(&need->crypts, mapping);
}

/* dm and md by what sysfs says about them. */
static void stack(const char *name, struct needs *need, int depth)
{
	AUTO_FREE char *dm = xasprintf("/sys/class/block/%s/dm/uuid", name), *md = xasprintf("/sys/class/block/%s/md/level", name);
	AUTO_FREE char *part = xasprintf("/sys/class/block/%s/partition", name), *uuid = fs_read_word(dm), *level = fs_read_word(md);

	if (uuid)
		need_once(&need->modules, "dm-mod");
	if (uuid && str_starts(uuid, "CRYPT-")) {
		need_once(&need->modules, "dm-crypt");
		need_once(&need->programs, "cryptsetup");
		add_crypt(name, need);
	}
	if (uuid && str_starts(uuid, "LVM-"))
		need_once(&need->programs, "lvm");
	if (level) {
		need_once(&need->modules, str_eq(level, "raid5") || str_eq(level, "raid4") || str_eq(level, "raid6") ? "raid456" : level);
		need_once(&need->programs, "mdadm");
	}
	each_slave(name, need, depth);
	if (fs_exists(part)) {
		AUTO_FREE char *link = xasprintf("/sys/class/block/%s", name), *real = realpath(link, NULL);

		if (real) {     /* .../vda/vda2: the disk is the folder above */
			*strrchr(real, '/') = 0;
			disk_drivers(strrchr(real, '/') + 1, need);
		}
	} else {
		disk_drivers(name, need);
	}
}

static void collect(struct bootctx *c, struct needs *need)
{
	const struct bootfs *root = bootfs_at(c, "/");
	const char *type = root && root->blk && root->blk->fs_type ? root->blk->fs_type : root ? root->type : NULL;

	if (type && !str_eq(type, "overlay") && !str_eq(type, "tmpfs"))
		need_once(&need->modules, type);
	if (root && root->blk)
		stack(root->blk->name, need, 0);
}

static bool has_program(const struct initrd *i, const char *name)
{
	static const char *const dirs[] = { "sbin", "bin", "usr/sbin", "usr/bin" };

	for (size_t k = 0; k < ARRAY_SIZE(dirs); k++) {
		AUTO_FREE char *p = xasprintf("%s/%s", dirs[k], name);

		if (initrd_has(i, p))
			return true;
	}
	return str_eq(name, "cryptsetup") && (has_program(i, "systemd-cryptsetup") || initrd_has(i, "usr/lib/systemd/systemd-cryptsetup"));
}

/* modules.builtin of the target, for kernels whose initramfs does not bring it. */
static bool builtin(struct bootctx *c, const char *module)
{
	AUTO_FREE char *path = c->version ? xasprintf("/lib/modules/%s/modules.builtin", c->version) : NULL, *text = NULL;
	struct initrd fake = { .names = STRV_INIT };
	size_t n = 0;

	text = path ? bootchk_read_in_root(c, path, &n) : NULL;
	if (!text)
		return false;
	fake.builtin = (struct str){ text, n, n };
	return initrd_has_module(&fake, NULL, module);
}

static bool has_driver(struct bootctx *c, const struct initrd *i, const char *module)
{
	if (i && initrd_has_module(i, c->version, module))
		return true;
	return builtin(c, module) || (str_eq(module, "ext3") && has_driver(c, i, "ext4")) || (str_eq(module, "ext2") && has_driver(c, i, "ext4"));
}

static bool judge_needs(struct bootctx *c, const struct initrd *i, const char *what)
{
	struct needs need = { .modules = STRV_INIT, .programs = STRV_INIT, .crypts = STRV_INIT };
	bool ok = true;

	collect(c, &need);
	for (size_t k = 0; k < need.modules.n; k++)
		if (!has_driver(c, i, need.modules.v[k]))
			ok = bootchk_say(c, "initramfs", BOOTCHK_BAD, "%s has no driver '%s', which the root filesystem needs; rebuild it", what,
					 need.modules.v[k]);
	for (size_t k = 0; i && k < need.programs.n; k++)
		if (!has_program(i, need.programs.v[k]))
			ok = bootchk_say(c, "initramfs", BOOTCHK_BAD, "%s has no program '%s', which the root filesystem needs; rebuild it", what,
					 need.programs.v[k]);
	ok = ok && (!i || bootchk_crypt(c, i, &need.crypts, what));
	if (ok) {
		CLEANUP(str_free) struct str s = STR_INIT;

		for (size_t k = 0; k < need.modules.n; k++)
			str_addf(&s, "%s%s", k ? " " : "", need.modules.v[k]);
		bootchk_say(c, "initramfs", BOOTCHK_OK, "%s is whole%s%s", what, s.len ? " and brings what root needs: " : "", str_cstr(&s));
	}
	strv_free(&need.crypts);
	strv_free(&need.modules);
	strv_free(&need.programs);
	return ok;
}

/* Without one the kernel itself must know root's name and filesystem. */
static bool no_initrd(struct bootctx *c)
{
	AUTO_FREE char *root = bootchk_arg(c->args, "root");

	if (root && (str_starts(root, "UUID=") || str_starts(root, "LABEL=") || str_starts(root, "/dev/mapper/") || str_starts(root, "/dev/disk/")))
		return bootchk_say(c, "initramfs", BOOTCHK_BAD, "no initramfs is loaded, and the kernel alone cannot find root=%s", root);
	return judge_needs(c, NULL, "the kernel without an initramfs");
}

bool bootchk_initrd(struct bootctx *c, const void *data, size_t n, const char *what)
{
	struct initrd i;
	struct err e = ERR_INIT;
	bool ok;

	if (!what)
		return no_initrd(c);
	if (initrd_read(data, n, &i, &e) < 0) {
		initrd_free(&i);
		return bootchk_say(c, "initramfs", BOOTCHK_BAD, "%s: %s", what, n ? e.msg : "it is empty");
	}
	if (!initrd_has(&i, "init") && !initrd_has(&i, "sbin/init"))
		ok = bootchk_say(c, "initramfs", BOOTCHK_BAD, "%s has no /init: the kernel cannot start it", what);
	else if (c->version && !initrd_has_version(&i, c->version) && !builtin(c, "virtio_blk"))
		ok = bootchk_say(c, "initramfs", BOOTCHK_BAD, "%s was made for another kernel: it has no modules for %s", what, c->version);
	else
		ok = judge_needs(c, &i, what);
	initrd_free(&i);
	return ok;
}

/* ---- unified kernel image ---- */

bool bootchk_uki(struct bootctx *c, const void *data, size_t n, const char *what)
{
	const struct pe_section *kernel, *initrd, *cmdline;
	struct pe pe;
	bool ok;

	if (pe_parse(data, n, &pe, NULL) < 0)
		return bootchk_say(c, "loader", BOOTCHK_BAD, "%s is damaged", what);
	kernel = pe_section(&pe, ".linux");
	initrd = pe_section(&pe, ".initrd");
	cmdline = pe_section(&pe, ".cmdline");
	c->args = cmdline ? xstrndup((const char *)data + cmdline->at, cmdline->len) : xstrdup("");
	ok = kernel && bootchk_kernel(c, (const char *)data + kernel->at, kernel->len, what) &&
	     bootchk_initrd(c, initrd ? (const char *)data + initrd->at : NULL, initrd ? initrd->len : 0, initrd ? what : NULL);
	pe_free(&pe);
	return ok;
}

/* ---- systemd-boot ---- */

static char *loader_default(struct bootctx *c)
{
	AUTO_FREE char *path = esp_find(c->esp, "\\loader\\loader.conf"), *text = NULL;
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	size_t n;

	text = path ? bootchk_read(path, MIB, &n) : NULL;
	strv_split(&lines, text ? text : "", "\r\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *l = str_trim(lines.v[i]);

		if (str_starts(l, "default ") || str_starts(l, "default\t"))
			return xstrdup(str_trim(l + 8));
	}
	return NULL;
}

static void add_ukis(const char *dir, struct bls **v, size_t *n)
{
	AUTO_FREE char *linux_dir = esp_find(dir, "\\EFI\\Linux");
	DIR *d = linux_dir ? opendir(linux_dir) : NULL;

	for (struct dirent *de; d && (de = readdir(d));) {
		size_t len = strlen(de->d_name);

		if (len < 5 || strcasecmp(de->d_name + len - 4, ".efi") != 0)
			continue;
		*v = xrealloc(*v, (*n + 1) * sizeof(**v));
		(*v)[*n] = (struct bls){ .id = xstrdup(de->d_name), .efi = xasprintf("/EFI/Linux/%s", de->d_name), .initrd = STRV_INIT };
		(*v)[(*n)++].title = xstrdup(de->d_name);
	}
	if (d)
		closedir(d);
}

static int cmp(const void *a, const void *b)
{
	return bls_compare(a, b);
}

static const struct bls *chosen(const struct bls *v, size_t n, const char *want)
{
	for (size_t i = 0; want && i < n; i++) {
		AUTO_FREE char *full = xasprintf("%s.conf", v[i].id);

		if (fnmatch(want, v[i].id, FNM_CASEFOLD) == 0 || fnmatch(want, full, FNM_CASEFOLD) == 0)
			return &v[i];
	}
	return n ? &v[0] : NULL;
}

static bool start_entry(struct bootctx *c, const struct bls *b)
{
	AUTO_FREE char *path = esp_find(c->esp, b->efi ? b->efi : b->linux_ ? b->linux_ : "/?"), *kernel = NULL;
	CLEANUP(str_free) struct str initrd = STR_INIT;
	size_t n = 0;

	if (!b->efi && !b->linux_)
		return bootchk_say(c, "config", BOOTCHK_BAD, "entry '%s' names neither linux nor efi", b->id);
	kernel = path ? bootchk_read(path, KERNEL_MAX, &n) : NULL;
	if (!kernel)
		return bootchk_say(c, "kernel", BOOTCHK_BAD, "entry '%s': %s is not on the ESP", b->id, b->efi ? b->efi : b->linux_);
	if (b->efi)
		return bootchk_uki(c, kernel, n, b->efi);
	c->args = xstrdup(b->options ? b->options : "");
	if (!bootchk_kernel(c, kernel, n, b->linux_))
		return false;
	for (size_t i = 0; i < b->initrd.n; i++) {
		AUTO_FREE char *real = esp_find(c->esp, b->initrd.v[i]), *part = NULL;
		size_t len = 0;

		part = real ? bootchk_read(real, KERNEL_MAX, &len) : NULL;
		if (!part)
			return bootchk_say(c, "initramfs", BOOTCHK_BAD, "entry '%s': %s is not on the ESP", b->id, b->initrd.v[i]);
		str_addn(&initrd, part, len);
	}
	return bootchk_initrd(c, str_cstr(&initrd), initrd.len, b->initrd.n ? b->initrd.v[b->initrd.n - 1] : NULL);
}

bool bootchk_sdboot(struct bootctx *c)
{
	AUTO_FREE char *dir = esp_find(c->esp, "\\loader\\entries"), *want = loader_default(c);
	const struct bls *b;
	struct bls *v = NULL;
	size_t n = 0;
	bool ok;

	if (dir)
		(void)bls_read(dir, false, &v, &n, NULL);
	add_ukis(c->esp, &v, &n);
	if (n)
		qsort(v, n, sizeof(*v), cmp);
	b = chosen(v, n, want);
	if (!b)
		return bootchk_say(c, "config", BOOTCHK_BAD, "systemd-boot finds no entry: loader/entries and EFI/Linux on the ESP are empty");
	bootchk_say(c, "config", BOOTCHK_OK, "entry '%s' of %zu starts %s", b->id, n, b->efi ? b->efi : b->linux_ ? b->linux_ : "nothing");
	ok = start_entry(c, b);
	bls_list_free(v, n);
	return ok;
}

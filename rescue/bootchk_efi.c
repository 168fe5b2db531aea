/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UEFI: which file does the firmware start, and what does that file start? */
#include "bootchk_int.h"

#include "efi_order.h"
#include "efi_var.h"
#include "esp.h"
#include "fs.h"
#include "grubimg.h"
#include "pe.h"

#define LOADERS_MAX 4

static bool loader(struct bootctx *c, const char *file);

static const struct bootfs *esp_fs(const struct bootctx *c)
{
	const struct bootfs *best = NULL;

	for (size_t i = 0; i < c->n_fs; i++)
		if (c->fs[i].esp || (c->esp && str_eq(c->fs[i].dir, c->esp)))
			best = &c->fs[i];
	return best ? best : bootfs_at(c, "/");
}

/* ---- the firmware's choice ---- */

enum fate { STARTS, PASSED_OVER, OTHER_SYSTEM };

static bool on_this_esp(const struct esp_part *v, size_t n, const struct efi_hd *hd)
{
	for (size_t i = 0; i < n; i++)
		if (efi_hd_same(&v[i].hd, hd))
			return true;
	return false;
}

static enum fate fate_of(struct bootctx *c, const struct efi_entry *en, const struct esp_part *v, size_t n)
{
	const struct efi_loadopt *o = &en->opt;
	AUTO_FREE char *path = NULL;

	if (!en->parsed || !(o->attrs & EFI_ACTIVE) || (o->attrs & EFI_CATEGORY_APP))
		return PASSED_OVER;
	if (!o->has_hd || !o->file)
		return PASSED_OVER;     /* firmware's own, network, whole disks: nothing that this system put there */
	if (!on_this_esp(v, n, &o->hd)) {
		if (!esp_hd_is_gone(&o->hd, NULL))
			return OTHER_SYSTEM;
		bootchk_say(c, "firmware", BOOTCHK_WARN, "Boot%04X '%s' names a partition that is gone; the firmware passes over it", en->num, o->label);
		return PASSED_OVER;
	}
	path = esp_find(c->esp, o->file);
	if (!path)
		bootchk_say(c, "firmware", BOOTCHK_WARN, "Boot%04X '%s' names %s, which is not on the ESP; the firmware passes over it",
			    en->num, o->label, o->file);
	return path ? STARTS : PASSED_OVER;
}

/* 1: *ret_file is what starts; 0: no entry does; -1: another system starts (told). */
static int by_entries(struct bootctx *c, const struct efi_entries *s, const struct esp_part *v, size_t n, char **ret_file)
{
	for (size_t i = 0; i < s->n_order; i++) {
		const struct efi_entry *en = efi_entries_find(s, s->order[i]);
		enum fate f = en ? fate_of(c, en, v, n) : PASSED_OVER;

		if (f == PASSED_OVER)
			continue;
		if (f == OTHER_SYSTEM) {
			bootchk_say(c, "firmware", BOOTCHK_BAD, "Boot%04X '%s' comes first: another system on another ESP starts instead", en->num,
				    en->opt.label);
			return -1;
		}
		bootchk_say(c, "firmware", BOOTCHK_OK, "Boot%04X '%s' starts %s", en->num, en->opt.label, en->opt.file);
		*ret_file = xstrdup(en->opt.file);
		return 1;
	}
	return 0;
}

static int by_nvram(struct bootctx *c, char **ret_file)
{
	CLEANUP(efi_entries_free) struct efi_entries s = { .current = -1 };
	struct esp_part *v = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;
	int r;

	if (c->q->ignore_nvram)
		return 0;
	if (efi_var_ready(&e) < 0 || efi_entries_read(&s, &e) < 0) {
		bootchk_say(c, "firmware", BOOTCHK_WARN, "%s; judged by the removable path alone", e.msg);
		return 0;
	}
	if (esp_parts(c->esp, &v, &n, &e) < 0)
		bootchk_say(c, "firmware", BOOTCHK_WARN, "%s; no entry can be compared with it", e.msg);
	r = by_entries(c, &s, v, n, ret_file);
	esp_parts_free(v, n);
	return r;
}

void bootchk_efi(struct bootctx *c)
{
	AUTO_FREE char *file = NULL, *removable = esp_removable_name(c->arch), *path = NULL;
	int r;

	if (!c->esp) {
		bootchk_say(c, "firmware", BOOTCHK_BAD, "no EFI system partition: neither mounted below '%s' nor given", c->q->root);
		return;
	}
	r = by_nvram(c, &file);
	if (r < 0)
		return;
	if (r == 0) {
		path = esp_find(c->esp, removable);
		if (!path) {
			bootchk_say(c, "firmware", BOOTCHK_BAD, "no boot entry leads to this ESP and it has no %s: the firmware finds nothing to start",
				    removable);
			return;
		}
		bootchk_say(c, "firmware", BOOTCHK_OK, "no entry needed: the removable path %s starts", removable);
		file = xstrdup(removable);
	}
	(void)loader(c, file);
}

/* ---- the program ---- */

static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '\\');

	return xstrndup(file, slash ? (size_t)(slash - file) : 0);
}

static bool shim_next(struct bootctx *c, const char *file)
{
	AUTO_FREE char *dir = folder_of(file), *grub = xasprintf("%s\\grub%s.efi", dir, c->arch), *fb = xasprintf("%s\\fb%s.efi", dir, c->arch);
	AUTO_FREE char *have_fb = esp_find(c->esp, fb);
	struct esp_loader *v = NULL;
	size_t n = 0;
	bool ok;

	if (strcasecmp(dir, "\\EFI\\BOOT") != 0 || !have_fb)
		return loader(c, grub);
	if (esp_scan(c->esp, c->arch, &v, &n, NULL) < 0 || !n || v[0].source != ESP_CSV) {
		esp_loaders_free(v, n);
		return bootchk_say(c, "loader", BOOTCHK_BAD, "%s runs %s, which finds no BOOT%s.CSV to make an entry from: the machine resets for ever",
				   file, fb, c->arch);
	}
	bootchk_say(c, "loader", BOOTCHK_WARN, "%s runs %s, which makes an entry for %s and resets once; where variables cannot be written, for ever",
		    file, fb, v[0].file);
	ok = loader(c, v[0].file);
	esp_loaders_free(v, n);
	return ok;
}

static bool grub_next(struct bootctx *c, const char *file, const void *data, size_t n)
{
	AUTO_FREE char *dir = folder_of(file);
	struct grubimg g = { 0 };
	struct err e = ERR_INIT;
	bool ok;

	if (grubimg_efi(data, n, &g, &e) < 0)
		return bootchk_say(c, "loader", BOOTCHK_BAD, "%s: %s", file, e.msg);
	for (char *p = dir; *p; p++)
		*p = *p == '\\' ? '/' : *p;
	ok = bootchk_grub(c, esp_fs(c), dir, g.prefix, g.config, g.memdisk);
	grubimg_free(&g);
	return ok;
}

static bool next(struct bootctx *c, const char *file, enum pe_kind kind, const void *data, size_t n)
{
	switch (kind) {
	case PE_SHIM: return shim_next(c, file);
	case PE_GRUB: return grub_next(c, file, data, n);
	case PE_SYSTEMD_BOOT: return bootchk_sdboot(c);
	case PE_UKI: return bootchk_uki(c, data, n, file);
	case PE_KERNEL: return bootchk_kernel(c, data, n, file) &&
			       bootchk_say(c, "root", BOOTCHK_WARN, "the kernel is started directly; its command line is in the entry's data and is not judged");
	default: return bootchk_say(c, "loader", BOOTCHK_BAD, "%s is no loader that can be followed; it may start something else", file);
	}
}

static bool loader(struct bootctx *c, const char *file)
{
	AUTO_FREE char *path = esp_find(c->esp, file), *data = NULL;
	struct err e = ERR_INIT;
	enum pe_kind kind;
	const char *arch;
	struct pe pe;
	size_t n = 0;

	if (c->depth++ >= LOADERS_MAX)
		return bootchk_say(c, "loader", BOOTCHK_BAD, "loaders start each other in a circle");
	if (!path)
		return bootchk_say(c, "loader", BOOTCHK_BAD, "%s is not on the ESP", file);
	data = bootchk_read(path, KERNEL_MAX, &n);
	if (!data || pe_parse(data, n, &pe, &e) < 0)
		return bootchk_say(c, "loader", BOOTCHK_BAD, "%s: %s", file, data ? e.msg : "cannot be read");
	arch = pe_arch(pe.machine);
	kind = pe_kind(&pe, data, n);
	pe_free(&pe);
	if (!arch || !str_eq(arch, c->arch))
		return bootchk_say(c, "loader", BOOTCHK_BAD, "%s is a program for %s, the firmware is %s", file, arch ? arch : "another machine", c->arch);
	bootchk_say(c, "loader", BOOTCHK_OK, "%s is whole: %s", file, pe_kind_name(kind));
	return next(c, file, kind, data, n);
}

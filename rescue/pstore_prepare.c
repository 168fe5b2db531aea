/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collecting without being told where from: the modules and mounts that show the records (T7, T11, T12). */
#include <sys/mount.h>
#include <sys/vfs.h>

#include "child.h"
#include "fs.h"
#include "pstore_collect.h"

#define PSTOREFS_MAGIC 0x6165676C
#define EFIVARFS_MAGIC 0xde5e81e4

/* The kernel takes '-' for '_' in names of parameters. */
static bool is_parameter(const char *word, const char *name)
{
	for (; *name; word++, name++)
		if ((*word == '-' ? '_' : *word) != *name)
			return false;
	return *word == '=';
}

static bool gives_geometry(const char *cmdline)
{
	CLEANUP(strv_free) struct strv words = STRV_INIT;

	strv_split(&words, cmdline ? cmdline : "", " \t\n");
	for (size_t i = 0; i < words.n; i++)
		if (is_parameter(words.v[i], "ramoops.mem_address") || is_parameter(words.v[i], "ramoops.mem_name"))
			return true;
	return false;
}

void pstore_modules(const char *cmdline, struct strv *ret)
{
	if (gives_geometry(cmdline))
		strv_add(ret, "ramoops");
	strv_add(ret, "efi_pstore");
	strv_add(ret, "erst");
}

static void load(const char *module, struct strv *notes)
{
	AUTO_FREE char *sys = xasprintf("/sys/module/%s", module);
	struct err e = ERR_INIT;
	const char *const argv[] = { "modprobe", "-q", module, NULL };
	struct child c = { .argv = argv, .timeout_s = 30, .quiet_stderr = true };

	if (fs_exists(sys))
		return;
	/* erst is part of the kernel where it exists; a missing module is no news. */
	if (child_run(&c, &e) < 0 && c.exit_code < 0)
		strv_addf(notes, "module %s: %s, going on", module, e.msg);
}

static void mount_at(const char *type, const char *dir, unsigned int magic, struct strv *notes)
{
	struct statfs sf;

	if (!fs_is_dir(dir) || (statfs(dir, &sf) == 0 && (unsigned int)sf.f_type == magic))
		return;
	if (mount(type, dir, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		strv_addf(notes, "mount %s on %s: %s, going on", type, dir, strerror(errno));
}

/*
 * One backend can hold pstore (T10). ramoops must, when its geometry is given: EFI's records can be read in efivarfs too, those of ramoops nowhere
 * else. udev has loaded efi_pstore before anybody was asked: it gives way, and is loaded again behind ramoops.
 */
static void make_way(const char *module, struct strv *notes)
{
	const char *const argv[] = { "modprobe", "-q", "-r", "efi_pstore", NULL };
	struct child c = { .argv = argv, .timeout_s = 30, .quiet_stderr = true };
	struct err e = ERR_INIT;

	if (!str_eq(module, "ramoops") || fs_exists("/sys/module/ramoops") || !fs_exists("/sys/module/efi_pstore"))
		return;
	if (child_run(&c, &e) < 0)
		strv_addf(notes, "module efi_pstore cannot give way to ramoops: %s, going on", e.msg);
}

static void check_backend(const char *module, struct strv *notes)
{
	AUTO_FREE char *backend = NULL;

	if (!str_eq(module, "ramoops"))
		return;
	backend = fs_read_word("/sys/module/pstore/parameters/backend");
	if (backend && !str_eq(backend, "ramoops"))
		strv_addf(notes, "the kernel command line says ramoops, but '%s' holds pstore: records in memory cannot be seen; start again without a power-off "
			  "and with pstore.backend=ramoops, going on", backend);
}

void pstore_prepare(struct strv *notes)
{
	CLEANUP(strv_free) struct strv modules = STRV_INIT;
	AUTO_FREE char *cmdline = NULL;
	size_t n;

	if (fs_read("/proc/cmdline", 64 * KIB, &cmdline, &n, NULL) < 0)
		cmdline = NULL;
	pstore_modules(cmdline, &modules);
	for (size_t i = 0; i < modules.n; i++) {
		make_way(modules.v[i], notes);
		load(modules.v[i], notes);
		check_backend(modules.v[i], notes);
	}
	mount_at("pstore", PSTORE_DIR, PSTOREFS_MAGIC, notes);
	mount_at("efivarfs", PSTORE_EFIVARS_DIR, EFIVARFS_MAGIC, notes);
}

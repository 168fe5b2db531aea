/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collecting without being told where from: what the rescue image does before anything else writes NVRAM. */
#include <sys/mount.h>
#include <sys/vfs.h>

#include "child.h"
#include "fs.h"
#include "pstore_collect.h"

#define PSTOREFS_MAGIC 0x6165676C
#define EFIVARFS_MAGIC 0xde5e81e4

void pstore_modules(const char *cmdline, struct strv *ret)
{
	CLEANUP(strv_free) struct strv words = STRV_INIT;

	strv_add(ret, "efi_pstore");
	strv_add(ret, "erst");
	strv_split(&words, cmdline ? cmdline : "", " \t\n");
	for (size_t i = 0; i < words.n; i++) {
		if (!str_starts(words.v[i], "ramoops."))
			continue;
		strv_add(ret, "ramoops");
		return;
	}
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

void pstore_prepare(struct strv *notes)
{
	CLEANUP(strv_free) struct strv modules = STRV_INIT;
	AUTO_FREE char *cmdline = NULL;
	size_t n;

	if (fs_read("/proc/cmdline", 64 * KIB, &cmdline, &n, NULL) < 0)
		cmdline = NULL;
	pstore_modules(cmdline, &modules);
	for (size_t i = 0; i < modules.n; i++)
		load(modules.v[i], notes);
	mount_at("pstore", PSTORE_DIR, PSTOREFS_MAGIC, notes);
	mount_at("efivarfs", PSTORE_EFIVARS_DIR, EFIVARFS_MAGIC, notes);
}

int pstore_collect_default(const char *state_dir, char **ret_one_line, struct err *e)
{
	AUTO_FREE char *to = fs_join(state_dir, "pstore");
	struct pstore_collect_opts o = { .pstore = PSTORE_DIR, .efivars = PSTORE_EFIVARS_DIR, .to = to };
	CLEANUP(strv_free) struct strv notes = STRV_INIT;
	struct pstore_result res;
	int r;

	*ret_one_line = NULL;
	pstore_prepare(&notes);
	r = pstore_collect(&o, &res, e);
	if (r >= 0 && pstore_result_newest(&res))
		*ret_one_line = xstrdup(pstore_result_newest(&res));
	if (r >= 0 && res.left)
		r = err_set(e, -EIO, "%zu of %zu crash records stay where they are: %s", res.left, res.records,
			    res.notes.n ? res.notes.v[res.notes.n - 1] : "unknown reason");
	if (r == -ENOENT)       /* neither pstore nor EFI here: nothing to collect */
		r = 0;
	pstore_result_free(&res);
	return r;
}

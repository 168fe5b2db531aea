/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ISO image that boots BIOS and UEFI machines from a disc, and from a stick it was copied to. */
#include <fcntl.h>
#include <time.h>

#include "child.h"
#include "fs.h"
#include "media.h"
#include "media_copy.h"

#define HYBRID_IMG "/usr/lib/grub/i386-pc/boot_hybrid.img"

static int link_or_copy(const char *from, const char *dir, const char *name, struct err *e)
{
	AUTO_FREE char *to = fs_join(dir, name), *real = realpath(from, NULL);
	AUTO_CLOSE int fd = -1;

	if (real && link(real, to) == 0)
		return 0;
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 ? err_errno(e, "create '%s'", to) : media_copy_at(fd, 0, from, e);
}

static int make_tree(const struct media *m, const char *tree, const char *find, struct err *e)
{
	AUTO_FREE char *grub = fs_join(tree, "boot/grub"), *own = fs_join(tree, "boot/rescue"), *text = media_grub_config(m, find);
	AUTO_FREE char *core = fs_join(grub, "eltorito.img"), *efi = fs_join(m->scratch, "efi.img");
	int r = fs_mkdir_p(grub, 0755, e);

	if (r == 0)
		r = fs_mkdir_p(own, 0755, e);
	if (r == 0)
		r = media_write_file(grub, "grub.cfg", text, NULL, e);
	if (r == 0)
		r = media_write_file(tree, find + 1, m->id, NULL, e);
	if (r == 0)
		r = link_or_copy(m->kernel, own, "vmlinuz", e);
	if (r == 0)
		r = link_or_copy(m->initramfs, own, "initramfs.img", e);
	if (r == 0)
		r = media_grub_bios(m, "iso", find, core, e);
	return r < 0 ? r : media_esp(m, efi, media_esp_size(m, false), false, find, e);
}

/* "--modification-date=2026112816000000": also the ISO's UUID. The caller frees. */
static char *volume_date(uint64_t mtime)
{
	time_t t = (time_t)mtime;
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y%m%d%H%M%S00", &tm);
	return xasprintf("--modification-date=%s", text);
}

static int run_xorriso(const struct media *m, const char *tree, const char *path, struct err *e)
{
	AUTO_FREE char *epoch = xasprintf("SOURCE_DATE_EPOCH=%llu", (unsigned long long)m->mtime);
	AUTO_FREE char *efi = fs_join(m->scratch, "efi.img"), *dates = xasprintf("=%llu", (unsigned long long)m->mtime), *volume = volume_date(m->mtime);
	const char *argv[] = { "xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-V", "RESCUE", "-b",
			       "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info",
			       "--grub2-mbr", HYBRID_IMG, "-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot",
			       "-append_partition", "2", "0xef", efi, "-partition_offset", "16", "-uid", "0", "-gid", "0",
			       "--set_all_file_dates", dates, volume, "-o", path, tree, NULL };
	const char *env[] = { epoch, "TZ=UTC", NULL };
	struct child c = { .argv = argv, .env = env, .timeout_s = 600, .quiet_stderr = true };

	return child_run(&c, e);
}

int media_iso(const struct media *m, const char *path, struct err *e)
{
	AUTO_FREE char *tree = fs_join(m->scratch, "iso"), *find = xasprintf("/boot/rescue/%.16s", m->id);
	int r = make_tree(m, tree, find, e);

	if (r == 0)
		r = run_xorriso(m, tree, path, e);
	fs_remove_tree(tree, NULL);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRUB on our media: the boot menu, the core image for BIOS, the EFI system partition. */
#include <fcntl.h>

#include "child.h"
#include "fs.h"
#include "media.h"
#include "media_copy.h"

char *media_cmdline(const struct media *m, bool unattended)
{
	return xasprintf("%s%s", m->cmdline, unattended ? " rescue.auto" : "");
}

static void menu_entry(struct str *s, const struct media *m, const char *id, const char *title, const char *cmdline)
{
	str_addf(s, "menuentry '%s' --id %s {\n\techo 'loading the kernel ...'\n\tlinux /boot/rescue/vmlinuz %s\n", title, id, cmdline);
	str_addf(s, "\techo 'loading the rescue system, for a machine with %llu MiB of memory or more ...'\n", (unsigned long long)m->memory / MIB);
	str_add(s, "\tinitrd /boot/rescue/initramfs.img\n}\n");
}

/*
 * A plan that finished leaves a file on RESCUE-STATE: the menu then leaves this medium by itself, so that a machine whose first
 * boot device it is comes up with what was recovered (T59).
 */
static void finished_rule(struct str *s, const struct media *m)
{
	if (!m->unattended || !m->plan_digest)
		return;
	str_add(s, "search --no-floppy --label RESCUE-STATE --set=state\n");
	str_addf(s, "if [ -n \"$state\" ]; then\n\tif [ -e ($state)/finished-%.16s ]; then set default=leave; fi\nfi\n", m->plan_digest);
}

char *media_grub_config(const struct media *m, const char *find)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	AUTO_FREE char *automatic = media_cmdline(m, true), *plain = media_cmdline(m, false);

	str_addf(&s, "# rescue %s\nsearch --no-floppy --file --set=root %s\n", RESCUE_VERSION, find);
	str_add(&s, "if [ \"$grub_platform\" = pc ]; then\n\tif serial --unit=0 --speed=115200; then\n\t\tterminal_input console serial\n"
		    "\t\tterminal_output console serial\n\tfi\nfi\n");
	str_addf(&s, "set timeout=5\nset default=%s\n", m->unattended ? "auto" : "menu");
	finished_rule(&s, m);
	if (m->unattended)
		menu_entry(&s, m, "auto", "rescue: run the plan on this medium, with nobody asked", automatic);
	menu_entry(&s, m, "menu", "rescue: menu and shell, nothing is changed", plain);
	str_add(&s, "menuentry 'Leave: boot the next device' --id leave {\n\texit\n}\n");
	str_add(&s, "menuentry 'Power off' --id off {\n\thalt\n}\n");
	return str_take(&s);
}

static const char *const common[] = { "part_gpt", "part_msdos", "fat", "iso9660", "ext2", "linux", "normal", "search", "search_label", "search_fs_file",
				      "search_fs_uuid", "configfile", "echo", "test", "serial", "terminal", "halt", "reboot", "sleep", "ls", "cat",
				      "minicmd", "boot", "chain", NULL };

static int mkimage(const struct media *m, const char *format, const char *const *more, const char *find, const char *out, struct err *e)
{
	AUTO_FREE char *text = xasprintf("search --no-floppy --file --set=root %s\nset prefix=($root)/boot/grub\n", find), *config = NULL;
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	struct child c = { .timeout_s = 120 };
	int r = media_write_file(m->scratch, "embedded.cfg", text, &config, e);

	if (r < 0)
		return r;
	strv_add(&argv, "grub-mkimage");
	strv_addf(&argv, "--format=%s", format);
	strv_addf(&argv, "--output=%s", out);
	strv_addf(&argv, "--config=%s", config);
	strv_add(&argv, "--prefix=/boot/grub");
	for (size_t i = 0; common[i]; i++)
		strv_add(&argv, common[i]);
	for (size_t i = 0; more[i]; i++)
		strv_add(&argv, more[i]);
	c.argv = (const char *const *)argv.v;
	return child_run(&c, e);
}

int media_grub_bios(const struct media *m, const char *what, const char *find, const char *core_path, struct err *e)
{
	static const char *const more[] = { "biosdisk", NULL };

	if (!fs_is_dir("/usr/lib/grub/i386-pc"))
		return err_set(e, -ENOENT, "GRUB for BIOS is not installed (Debian: grub-pc-bin)");
	return mkimage(m, str_eq(what, "iso") ? "i386-pc-eltorito" : "i386-pc", more, find, core_path, e);
}

/* ---- EFI system partition ---- */

static int mtool(const struct media *m, const char *const *argv, struct err *e)
{
	AUTO_FREE char *epoch = xasprintf("SOURCE_DATE_EPOCH=%llu", (unsigned long long)m->mtime);
	const char *env[] = { epoch, "MTOOLS_SKIP_CHECK=1", "TZ=UTC", NULL };
	struct child c = { .argv = argv, .env = env, .timeout_s = 300 };

	return child_run(&c, e);
}

static int put_file(const struct media *m, const char *image, const char *from, const char *to, struct err *e)
{
	AUTO_FREE char *dest = xasprintf("::%s", to);
	const char *argv[] = { "mcopy", "-i", image, "-o", from, dest, NULL };

	return err_wrap(e, mtool(m, argv, e), "put '%s' on the EFI system partition", to);
}

/* Where the menu goes: Debian's and Ubuntu's signed GRUB are at the same place and look into different folders, any other into its vendor's. */
static void menu_folders(const char *vendor, struct strv *ret)
{
	static const char *const always[] = { "/EFI/BOOT", "/EFI/debian", "/EFI/ubuntu", "/boot/grub" };
	AUTO_FREE char *own = vendor ? xasprintf("/EFI/%s", vendor) : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
		strv_add(ret, always[i]);
		if (own && strcasecmp(own, always[i]) == 0)
			free(TAKE_PTR(own));
	}
	if (own)
		strv_add(ret, own);
}

static int put_dirs(const struct media *m, const char *image, const struct strv *folders, struct err *e)
{
	CLEANUP(strv_free) struct strv argv = STRV_INIT;

	for (const char *const *w = (const char *const[]){ "mmd", "-i", image, "::/EFI", "::/boot", "::/boot/rescue", NULL }; *w; w++)
		strv_add(&argv, *w);
	for (size_t i = 0; i < folders->n; i++)
		strv_addf(&argv, "::%s", folders->v[i]);
	return mtool(m, (const char *const *)argv.v, e);
}

static int put_config(const struct media *m, const char *image, const char *find, const struct strv *folders, struct err *e)
{
	AUTO_FREE char *text = media_grub_config(m, find), *path = NULL;
	int r = media_write_file(m->scratch, "grub.cfg", text, &path, e);

	for (size_t i = 0; r == 0 && i < folders->n; i++) {
		AUTO_FREE char *to = xasprintf("%s/grub.cfg", folders->v[i]);

		r = put_file(m, image, path, to, e);
	}
	return r;
}

static int put_unsigned_loader(const struct media *m, const char *image, const char *find, struct err *e)
{
	static const char *const more[] = { "all_video", "efi_gop", "efi_uga", "gfxterm", NULL };
	AUTO_FREE char *path = fs_join(m->scratch, "bootx64.efi");
	int r;

	if (!fs_is_dir("/usr/lib/grub/x86_64-efi"))
		return err_set(e, -ENOENT, "GRUB for UEFI is not installed (Debian: grub-efi-amd64-bin, or grub-efi-amd64-signed with shim-signed)");
	r = mkimage(m, "x86_64-efi", more, find, path, e);
	return r < 0 ? r : put_file(m, image, path, "/EFI/BOOT/BOOTX64.EFI", e);
}

static int put_loader(const struct media *m, const struct media_signed *s, const char *image, const char *find, struct err *e)
{
	int r;

	if (!s->shim) {
		strv_add(m->said, "no signed shim and GRUB are installed here: this medium does not boot with Secure Boot on");
		return put_unsigned_loader(m, image, find, e);
	}
	r = put_file(m, image, s->shim, "/EFI/BOOT/BOOTX64.EFI", e);
	if (r == 0)
		r = put_file(m, image, s->grub, "/EFI/BOOT/grubx64.efi", e);
	if (r == 0 && s->mm)
		r = put_file(m, image, s->mm, "/EFI/BOOT/mmx64.efi", e);
	if (r == 0) {
		strv_addf(m->said, "signed shim and GRUB ('%s') are on it: it boots with Secure Boot on if the kernel is the distribution's own", s->shim);
		media_say_revoked(m, s->shim, s->grub);
	}
	return r;
}

static int put_system(const struct media *m, const char *image, const char *find, struct err *e)
{
	AUTO_FREE char *mark = NULL;
	int r = media_write_file(m->scratch, "mark", m->id, &mark, e);

	if (r == 0)
		r = put_file(m, image, mark, find, e);
	if (r == 0)
		r = put_file(m, image, m->kernel, "/boot/rescue/vmlinuz", e);
	return r < 0 ? r : put_file(m, image, m->initramfs, "/boot/rescue/initramfs.img", e);
}

static int make_fat(const struct media *m, const char *path, uint64_t size, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	AUTO_FREE char *serial = xstrndup(m->id, 8);
	const char *small[] = { "mkfs.vfat", "--invariant", "-n", "RESCUE", "-i", serial, path, NULL };
	const char *fat32[] = { "mkfs.vfat", "--invariant", "-n", "RESCUE", "-i", serial, "-F", "32", "-s", "1", path, NULL };
	CLEANUP(str_free) struct str out = STR_INIT;
	struct child c = { .argv = size < 34 * MIB ? small : fat32, .timeout_s = 120, .out = &out };

	if (fd < 0)
		return err_errno(e, "create '%s'", path);
	if (ftruncate(fd, (off_t)size) < 0)
		return err_errno(e, "write '%s'", path);
	return child_run(&c, e);
}

static uint64_t file_size(const char *path)
{
	uint64_t n = 0;

	return media_file_size(path, &n, NULL) == 0 ? n : 0;
}

uint64_t media_esp_size(const struct media *m, bool whole)
{
	CLEANUP(media_signed_free) struct media_signed s = { 0 };
	uint64_t n = 4 * MIB;

	if (media_signed_find(m->loaders, &s, NULL) > 0)
		n += file_size(s.shim) + file_size(s.grub) + (s.mm ? file_size(s.mm) : 0);
	if (whole)
		n += file_size(m->kernel) + file_size(m->initramfs);
	n += n / 32 + 4 * MIB;          /* FAT itself, and room for a person's files */
	if (whole && n < 40 * MIB)
		n = 40 * MIB;
	return (n + MIB - 1) / MIB * MIB;
}

int media_esp(const struct media *m, const char *path, uint64_t size, bool whole, const char *find, struct err *e)
{
	CLEANUP(media_signed_free) struct media_signed s = { 0 };
	CLEANUP(strv_free) struct strv folders = STRV_INIT;
	int r = media_signed_find(m->loaders, &s, e);

	menu_folders(s.vendor, &folders);
	if (r >= 0)
		r = make_fat(m, path, size, e);
	if (r == 0)
		r = put_dirs(m, path, &folders, e);
	if (r == 0)
		r = put_loader(m, &s, path, find, e);
	if (r == 0)
		r = put_config(m, path, find, &folders, e);
	return r < 0 || !whole ? r : put_system(m, path, find, e);
}

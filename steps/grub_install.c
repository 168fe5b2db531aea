/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grub-install: the loader itself, where the firmware looks for it. The target's own program installs it; a distribution's signed chain
 * is kept or brought back, never overwritten by an unsigned image (T46, T48).
 */
#include <dirent.h>
#include <fcntl.h>

#include "blk.h"
#include "chroot.h"
#include "efi_var.h"
#include "esp.h"
#include "fs.h"
#include "grubimg.h"
#include "mnt.h"
#include "pe.h"
#include "step.h"

struct grub_install {
	struct opt_path root;
	int firmware, loader;
	struct opt_devices disks;
	char *esp, *id;
	uint64_t limit;
};

static const struct opt opts[] = {
	{ .key = "root", .type = OPT_PATH, OPT_FIELD(struct grub_install, root), .flags = OPT_REQUIRED,
	  .help = "Folder where the target is mounted, with its /boot and EFI system partition." },
	{ .key = "firmware", .type = OPT_ENUM, OPT_FIELD(struct grub_install, firmware), .choices = "auto uefi bios", .def = "auto",
	  .help = "Auto: uefi when the target has an ESP mounted, else bios." },
	{ .key = "loader", .type = OPT_ENUM, OPT_FIELD(struct grub_install, loader), .choices = "auto grub systemd-boot", .def = "auto",
	  .help = "Auto: GRUB when the target has grub-install or grub2-install, else systemd-boot." },
	{ .key = "disks", .type = OPT_DEVICES, OPT_FIELD(struct grub_install, disks), .access = ACCESS_WRITE,
	  .help = "BIOS: disks whose boot sector is written, all of a RAID. Default: the disks that carry /boot." },
	{ .key = "esp", .type = OPT_STR, OPT_FIELD(struct grub_install, esp), .max = 200,
	  .help = "UEFI: where the ESP is mounted inside the target. Default: /boot/efi, /efi or /boot, whichever is one." },
	{ .key = "vendor", .type = OPT_STR, OPT_FIELD(struct grub_install, id), .max = 60,
	  .help = "UEFI: folder on the ESP below EFI. Default: the target's ID from os-release." },
	{ .key = "limit", .type = OPT_SECONDS, OPT_FIELD(struct grub_install, limit), .def = "15m", .min = 1, .max = 86400,
	  .help = "How long it may take." },
	OPT_END
};

static const char *const installers[] = { "grub-install", "grub2-install", NULL };

static char *in_root(const struct grub_install *s, const char *path)
{
	return xasprintf("%s%s", s->root.real, path);
}

/* Where the ESP is inside the target; NULL: none. The caller frees. */
static char *esp_place(const struct grub_install *s)
{
	return s->esp ? xstrdup(s->esp) : esp_in_root(s->root.real);
}

static bool is_uefi(const struct grub_install *s)
{
	AUTO_FREE char *esp = esp_place(s);

	return s->firmware ? s->firmware == 1 : esp != NULL;
}

static char *os_id(const struct grub_install *s)
{
	AUTO_FREE char *path = in_root(s, "/etc/os-release"), *path2 = in_root(s, "/usr/lib/os-release"), *text = NULL;
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	size_t n;

	if (s->id)
		return xstrdup(s->id);
	if (fs_read(path, 64 * KIB, &text, &n, NULL) == 0 || fs_read(path2, 64 * KIB, &text, &n, NULL) == 0)
		strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (str_starts(lines.v[i], "ID=")) {
			char *v = lines.v[i] + 3;

			v[strcspn(v + (*v == '"'), "\"") + (*v == '"')] = 0;
			return xstrdup(v + (*v == '"'));
		}
	return xstrdup("linux");
}

/* ---- BIOS ---- */

static int add_disk(struct strv *ret, const char *dev, struct err *e)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	AUTO_FREE char *slaves = NULL, *disk = NULL;
	struct dirent **list = NULL;
	int n, r = blk_get(dev, &b, e), found = 0;

	if (r < 0)
		return r;
	slaves = xasprintf("/sys/class/block/%s/slaves", b.name);
	n = scandir(slaves, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *node = xasprintf("/dev/%s", list[i]->d_name);

		if (list[i]->d_name[0] != '.' && r == 0) {
			found++;
			r = add_disk(ret, node, e);
		}
		free(list[i]);
	}
	free(list);
	disk = xasprintf("/dev/%s", b.disk);
	if (!found && !strv_has(ret, disk))
		strv_add(ret, disk);
	return r;
}

/* The disks below whatever carries /boot (T49: the mount says it, not a name). */
static int boot_disks(const struct grub_install *s, struct strv *ret, struct err *e)
{
	CLEANUP(strv_free) struct strv devs = STRV_INIT;
	AUTO_FREE char *boot = in_root(s, "/boot");
	int r = 0;

	for (size_t i = 0; i < s->disks.n; i++)
		strv_add(ret, s->disks.v[i].path);
	if (ret->n)
		return 0;
	r = mnt_devices_of(fs_is_dir(boot) ? boot : s->root.real, &devs, e);
	for (size_t i = 0; r == 0 && i < devs.n; i++)
		r = add_disk(ret, devs.v[i], e);
	return r < 0 || ret->n ? r : err_set(e, -ENODEV, "it is not known which disk carries /boot; name it with disks");
}

/* T51: GPT wants a BIOS boot partition. T52: a disk that is a physical volume or a filesystem as a whole has no room for GRUB. */
static int disk_fits(const char *disk, struct err *e)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	struct blk *l = NULL;
	size_t n = 0;
	bool gpt = false, room = false;
	int r = blk_get(disk, &b, e);

	if (r == 0 && b.fs_type && !b.pttype)
		return err_set(e, -EBUSY, "'%s' holds %s on the whole disk: GRUB would overwrite it", disk, b.fs_type);
	if (r == 0)
		r = blk_list(&l, &n, e);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!l[i].partition || !str_eq(l[i].disk, b.name))
			continue;
		gpt |= l[i].part_uuid && strlen(l[i].part_uuid) == 36;
		room |= l[i].part_type && strcasecmp(l[i].part_type, "21686148-6449-6e6f-744e-656564454649") == 0;
	}
	blk_list_free(l, n);
	if (r == 0 && gpt && !room)
		return err_set(e, -ENOSPC, "'%s' is GPT without a BIOS boot partition (EF02): GRUB has no room; add one of 1 MiB", disk);
	return r;
}

static int install_bios(struct grub_install *s, struct step_io *io, struct chroot *c, struct err *e)
{
	CLEANUP(strv_free) struct strv disks = STRV_INIT;
	AUTO_FREE char *prog = NULL, *esp = s->firmware ? NULL : esp_not_mounted(s->root.real);
	int r = boot_disks(s, &disks, e);

	if (r == 0 && esp)      /* T19: the target starts by UEFI, whatever is mounted now */
		r = err_set(e, -ENOENT, "the target's fstab has an EFI system partition at '%s', which is not mounted: mount it first, or say firmware: bios", esp);
	if (r == 0 && !chroot_find_any(s->root.real, installers, &prog))
		r = err_set(e, -ENOENT, "the target has neither grub-install nor grub2-install");
	for (size_t i = 0; r == 0 && i < disks.n; i++)
		r = disk_fits(disks.v[i], e);
	if (r == 0)
		r = chroot_begin(c, s->root.real, e);
	for (size_t i = 0; r == 0 && i < disks.n; i++) {
		step_note(io, "%s for BIOS on %s", prog, disks.v[i]);
		r = chroot_runl(c, s->limit, e, prog, "--target=i386-pc", "--recheck", disks.v[i], NULL);
	}
	return r;
}

/* ---- UEFI ---- */

/* GRUB's platform name of a firmware. */
static const char *platform(void)
{
	const char *a = efi_arch();

	return str_eq(a, "x64") ? "x86_64-efi" : str_eq(a, "ia32") ? "i386-efi" : str_eq(a, "aa64") ? "arm64-efi" : "riscv64-efi";
}

/* What a signed GRUB reads first: the way to the real grub.cfg. */
static int write_stub(const struct grub_install *s, const char *esp, const char *id, struct err *e)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	struct mnt_info m = { 0 };
	AUTO_FREE char *boot = in_root(s, "/boot"), *grub2 = in_root(s, "/boot/grub2"), *file = xasprintf("\\EFI\\%s\\grub.cfg", id), *path = NULL, *text = NULL;
	bool own;
	int r = mnt_of(boot, &m, e);

	if (r == 0)
		r = blk_get(m.source, &b, e);
	if (r == 0 && !b.uuid)
		r = err_set(e, -ENODATA, "'%s' has no UUID", m.source);
	if (r == 0)
		r = esp_make(esp, file, &path, e);
	if (r == 0) {
		own = m.target && str_ends(m.target, "/boot");
		text = xasprintf("search --no-floppy --fs-uuid --set=dev %s\nset prefix=($dev)%s%s/%s\nexport $prefix\nconfigfile $prefix/grub.cfg\n", b.uuid,
				 m.root && !str_eq(m.root, "/") ? m.root : "", own ? "" : "/boot", fs_is_dir(grub2) ? "grub2" : "grub");
		r = fs_write_atomic(path, text, strlen(text), 0644, e);
	}
	mnt_info_free(&m);
	return r;
}

static int install_efi(struct grub_install *s, struct step_io *io, struct chroot *c, struct err *e)
{
	AUTO_FREE char *place = esp_place(s), *id = os_id(s), *prog = NULL, *suse = chroot_find(s->root.real, "shim-install");
	AUTO_FREE char *fedora = chroot_find(s->root.real, "rpm"), *esp = NULL, *dir = NULL, *bid = NULL, *target = NULL;
	int r;

	if (!place)
		return err_set(e, -ENOENT, "no EFI system partition is mounted below '%s'", s->root.real);
	esp = in_root(s, place);
	if (fedora && !suse) {
		r = esp_signed_chain(s->root.real, esp, id, efi_arch(), e);
		if (r < 0)
			return r;
		step_note(io, "the signed programs in EFI/%s are kept; their grub.cfg leads to the target", id);
		return write_stub(s, esp, id, e);
	}
	r = chroot_begin(c, s->root.real, e);
	if (r < 0)
		return r;
	if (suse) {
		step_note(io, "shim-install (SUSE)");
		return chroot_runl(c, s->limit, e, suse, "--config-file=/boot/grub2/grub.cfg", "--no-nvram", NULL);
	}
	if (!chroot_find_any(s->root.real, installers, &prog))
		return err_set(e, -ENOENT, "the target has neither grub-install nor grub2-install");
	dir = xasprintf("--efi-directory=%s", place);
	bid = xasprintf("--bootloader-id=%s", id);
	target = xasprintf("--target=%s", platform());
	step_note(io, "%s %s into EFI/%s", prog, target, id);
	return chroot_runl(c, s->limit, e, prog, target, dir, bid, "--no-nvram", "--recheck", NULL);
}

/* ---- systemd-boot: two copies of one program ---- */

static int install_sdboot(struct grub_install *s, struct step_io *io, struct err *e)
{
	AUTO_FREE char *place = esp_place(s), *esp = place ? in_root(s, place) : NULL, *removable = esp_removable_name(efi_arch());
	AUTO_FREE char *from = NULL, *own = xasprintf("\\EFI\\systemd\\systemd-boot%s.efi", efi_arch()), *a = NULL, *b = NULL;
	AUTO_FREE char *name = xasprintf("/usr/lib/systemd/boot/efi/systemd-boot%s.efi", efi_arch()), *conf = NULL, *entries = NULL;
	bool changed = false;
	int r;

	if (!esp)
		return err_set(e, -ENOENT, "no EFI system partition is mounted below '%s'", s->root.real);
	from = in_root(s, name);
	r = esp_make(esp, own, &a, e);
	if (r == 0)
		r = esp_copy(from, a, &changed, e);
	if (r == 0 && !esp_has_removable(esp, efi_arch())) {
		r = esp_make(esp, removable, &b, e);
		if (r == 0)
			r = esp_copy(from, b, &changed, e);
	}
	conf = fs_join(esp, "loader/loader.conf");
	entries = fs_join(esp, "loader/entries");
	if (r == 0)
		r = fs_mkdir_p(entries, 0755, e);
	if (r == 0 && !fs_exists(conf))
		r = fs_write_atomic(conf, "timeout 3\n", 10, 0644, e);
	if (r == 0)
		step_note(io, "systemd-boot: %s", changed ? "installed" : "was there already");
	return r;
}

static bool wants_sdboot(const struct grub_install *s)
{
	AUTO_FREE char *prog = NULL, *name = xasprintf("/usr/lib/systemd/boot/efi/systemd-boot%s.efi", efi_arch()), *from = in_root(s, name);

	if (s->loader)
		return s->loader == 2;
	return !chroot_find_any(s->root.real, installers, &prog) && fs_exists(from);
}

/* ---- hooks ---- */

static int preflight(void *self, struct step_io *io, struct err *e)
{
	struct grub_install *s = self;
	int r;

	(void)io;
	if (!s->root.real)
		return STEP_LATER;
	r = chroot_can_run(s->root.real, e);
	return r == -ENOENT ? STEP_LATER : r == -ENOEXEC && wants_sdboot(s) ? 0 : r;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	CLEANUP(chroot_end) struct chroot c = CHROOT_INIT;
	struct grub_install *s = self;
	int r = wants_sdboot(s) ? install_sdboot(s, io, e) : is_uefi(s) ? install_efi(s, io, &c, e) : install_bios(s, io, &c, e);

	sync();
	return r;
}

static int holds_bios(struct grub_install *s, struct err *e)
{
	CLEANUP(strv_free) struct strv disks = STRV_INIT;
	int r = boot_disks(s, &disks, e);

	for (size_t i = 0; r == 0 && i < disks.n; i++) {
		AUTO_CLOSE int fd = open(disks.v[i], O_RDONLY | O_CLOEXEC);
		uint8_t sector[512];
		uint64_t lba;

		if (fd < 0 || pread(fd, sector, sizeof(sector), 0) != sizeof(sector))
			return err_errno(e, "read '%s'", disks.v[i]);
		if (grubimg_mbr(sector, &lba, e) < 0) {
			err_wrap(e, -EIO, "%s", disks.v[i]);
			return 0;
		}
	}
	return r < 0 ? r : 1;
}

/* A loader below EFI that this firmware can start, and whole (T56). */
static int holds_efi(struct grub_install *s, struct err *e)
{
	AUTO_FREE char *place = esp_place(s), *esp = place ? in_root(s, place) : NULL, *path = NULL, *data = NULL;
	struct esp_loader *v = NULL;
	struct pe pe;
	size_t n = 0, len;
	int r = esp ? esp_scan(esp, efi_arch(), &v, &n, e) : 0;

	if (r == 0 && n)
		path = esp_find(esp, v[0].file);
	esp_loaders_free(v, n);
	if (r < 0)
		return r;
	if (!path) {
		err_set(e, -ENOENT, "no loader on the ESP");
		return 0;
	}
	r = fs_read(path, 256 * MIB, &data, &len, e);
	if (r == 0)
		r = pe_parse(data, len, &pe, e);
	if (r < 0) {
		err_wrap(e, r, "%s", path);
		return 0;
	}
	pe_free(&pe);
	return 1;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	struct grub_install *s = self;

	(void)io;
	return wants_sdboot(s) || is_uefi(s) ? holds_efi(s, e) : holds_bios(s, e);
}

const struct step_type step_grub_install = {
	.name = "grub-install", .summary = "Install the boot loader where the firmware looks for it.",
	.manual = "UEFI: the target's grub-install (Debian's and Ubuntu's brings signed shim and GRUB), shim-install on SUSE; where the distribution's signed "
		  "programs are on the ESP or in its packages (Fedora, RHEL), they are kept or copied and only the grub.cfg that leads to the target is written. "
		  "The firmware's entry is another step: efi-entry.\n\n"
		  "BIOS: the boot sector of every disk that carries /boot. A GPT disk without a BIOS boot partition, and a disk that is a physical volume or a "
		  "filesystem as a whole, are refused.\n\n"
		  "A target with systemd-boot instead of GRUB gets that.",
	.opts = opts, .size = sizeof(struct grub_install), .effect = STEP_DURABLE, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

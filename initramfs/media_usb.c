/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk image for a USB stick: GPT, an EFI system partition with everything on it, a BIOS boot partition, and RESCUE-STATE, which keeps journals,
 * logs and crash dumps over reboots. Made in plain files: no loop device, no root.
 */
#include <endian.h>
#include <fcntl.h>

#include "child.h"
#include "fs.h"
#include "media.h"
#include "media_copy.h"

#define SECTOR 512ULL
#define BOOT_IMG "/usr/lib/grub/i386-pc/boot.img"

static const uint8_t type_esp[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
static const uint8_t type_bios[16] = { 0x48, 0x61, 0x68, 0x21, 0x49, 0x64, 0x6f, 0x6e, 0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49 };
static const uint8_t type_linux[16] = { 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4 };

enum { BIOS, ESP, STATE, PARTS };

/* The boot sector is told where the core image lies, and the core's first sector where its rest lies (grub: boot.S, diskboot.S). */
static int bios_code(const struct media *m, int fd, uint64_t core_sector, uint64_t room, const char *find, struct err *e)
{
	AUTO_FREE char *core_path = fs_join(m->scratch, "core.img"), *core = NULL, *boot = NULL;
	uint64_t at = htole64(core_sector), rest = htole64(core_sector + 1);
	size_t n, boot_n;
	int r = media_grub_bios(m, "disk", find, core_path, e);

	if (r == 0)
		r = fs_read(core_path, room * SECTOR, &core, &n, e);
	if (r == 0)
		r = fs_read(BOOT_IMG, SECTOR, &boot, &boot_n, e);
	if (r < 0)
		return r;
	if (boot_n != SECTOR || n <= SECTOR)
		return err_set(e, -EBADMSG, "GRUB's boot sector or core image has an unexpected size");
	memcpy(boot + 0x5c, &at, 8);
	memcpy(boot + 0x66, "\x90\x90", 2);     /* a hard disk: trust the drive number the BIOS passes */
	memcpy(core + 0x1f4, &rest, 8);
	r = media_write_at(fd, 0, boot, 440, e);
	return r < 0 ? r : media_write_at(fd, core_sector * SECTOR, core, n, e);
}

static int make_state(const struct media *m, const char *path, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	AUTO_FREE char *uuid = xasprintf("%.8s-%.4s-4%.3s-8%.3s-%.12s", m->id, m->id + 8, m->id + 12, m->id + 15, m->id + 18);
	AUTO_FREE char *extended = xasprintf("hash_seed=%s,nodiscard,root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1", uuid);
	AUTO_FREE char *fake = xasprintf("E2FSPROGS_FAKE_TIME=%llu", (unsigned long long)(m->mtime ? m->mtime : 1));
	const char *argv[] = { "mkfs.ext4", "-q", "-F", "-L", "RESCUE-STATE", "-U", uuid, "-O", "^metadata_csum_seed,^orphan_file", "-m", "0", "-E", extended, path, NULL };
	const char *env[] = { fake, NULL };
	struct child c = { .argv = argv, .env = env, .timeout_s = 120, .quiet_stderr = true };

	if (fd < 0)
		return err_errno(e, "create '%s'", path);
	if (ftruncate(fd, (off_t)m->state_size) < 0)
		return err_errno(e, "write '%s'", path);
	return child_run(&c, e);
}

static void layout(const struct media *m, struct gpt_part p[PARTS], uint64_t *ret_sectors)
{
	p[BIOS] = (struct gpt_part){ .start = 2048, .sectors = 2048, .name = "bios-boot" };
	p[ESP] = (struct gpt_part){ .start = 4096, .sectors = media_esp_size(m, true) / SECTOR, .name = "rescue" };
	p[STATE] = (struct gpt_part){ .start = p[ESP].start + p[ESP].sectors, .sectors = m->state_size / SECTOR, .name = "RESCUE-STATE" };
	memcpy(p[BIOS].type, type_bios, 16);
	memcpy(p[ESP].type, type_esp, 16);
	memcpy(p[STATE].type, type_linux, 16);
	*ret_sectors = p[STATE].start + p[STATE].sectors + 2048;
}

static int bios_part(const struct media *m, int fd, const struct gpt_part *p, const char *find, struct err *e)
{
	if (fs_exists(BOOT_IMG))
		return bios_code(m, fd, p->start, p->sectors, find, e);
	strv_add(m->said, "GRUB for BIOS is not installed here (Debian: grub-pc-bin): the disk image boots on UEFI only");
	return 0;
}

int media_usb(const struct media *m, int fd, struct err *e)
{
	AUTO_FREE char *esp = fs_join(m->scratch, "esp.img"), *state = fs_join(m->scratch, "state.img");
	AUTO_FREE char *find = xasprintf("/boot/rescue/%.16s", m->id);
	struct gpt_part p[PARTS];
	uint8_t guid[16];
	uint64_t sectors;
	int r;

	layout(m, p, &sectors);
	if (ftruncate(fd, (off_t)(sectors * SECTOR)) < 0)
		return err_errno(e, "write the disk image");
	r = media_esp(m, esp, p[ESP].sectors * SECTOR, true, find, e);
	if (r == 0)
		r = make_state(m, state, e);
	if (r == 0)
		r = media_copy_at(fd, p[ESP].start * SECTOR, esp, e);
	if (r == 0)
		r = media_copy_at(fd, p[STATE].start * SECTOR, state, e);
	unlink(esp);
	unlink(state);
	if (r == 0)
		r = bios_part(m, fd, &p[BIOS], find, e);
	gpt_guid(guid, m->id, "disk");
	return r < 0 ? r : gpt_write(fd, sectors, guid, m->id, p, PARTS, e);
}

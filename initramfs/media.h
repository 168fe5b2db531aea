/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * media.h - kernel + initramfs as something a machine boots from. Each writer is given finished files and writes one output.
 *
 * Chain on every medium, when the distribution's signed files are installed: shim (\EFI\BOOT\BOOTX64.EFI) -> GRUB (grubx64.efi) -> signed kernel; else a GRUB
 * made by grub-mkimage, which firmware with Secure Boot on will not start.
 */
#ifndef RESCUE_MEDIA_H
#define RESCUE_MEDIA_H

#include "err.h"
#include "str.h"

struct media {
	const char *kernel, *initramfs; /* files */
	const char *release;            /* of the kernel */
	const char *cmdline;            /* for the kernel, complete except for rescue.auto */
	bool unattended;                /* the first choice of the boot menu adds rescue.auto */
	const char *plan_digest;        /* SHA-256 of the built-in plan, or NULL */
	const char *id;                 /* 64 hexadecimal digits that name this content: volume ids and GUIDs come from it */
	uint64_t mtime, state_size;
	uint64_t memory;                /* what a machine needs; the boot menu says it before the kernel runs out */
	const char *loaders;            /* the folder with the signed loaders, or NULL: those that are installed */
	const char *scratch;            /* an empty folder for intermediate files */
	struct strv *said;
};

/* Writes to the open, empty file `fd` (also reachable as `path`, which may be renamed later). */
int media_uki(const struct media *m, int fd, struct err *e);
int media_iso(const struct media *m, const char *path, struct err *e);
int media_usb(const struct media *m, int fd, struct err *e);
/* `dir` must be absent, empty, or made by an earlier build. */
int media_netboot(const struct media *m, const char *dir, struct err *e);

/* ---- GRUB (media_grub.c) ---- */
/* BIOS: boot sector and core image for `what`: "iso" (El Torito) or "disk". The core finds /boot/grub on the filesystem with FAT serial or by file. */
int media_grub_bios(const struct media *m, const char *what, const char *find, const char *core_path, struct err *e);
char *media_grub_config(const struct media *m, const char *find);      /* the boot menu; the caller frees */
char *media_cmdline(const struct media *m, bool unattended);
/* Fills a FAT image at `path`: \EFI\BOOT, boot menu, and with `whole` kernel and initramfs too. `find`: how GRUB finds the boot menu's files. */
int media_esp(const struct media *m, const char *path, uint64_t size, bool whole, const char *find, struct err *e);
/* Says which of the two signed loaders are revoked, and by whom (media_sbat.c). */
void media_say_revoked(const struct media *m, const char *shim, const char *grub);
uint64_t media_esp_size(const struct media *m, bool whole);

/* ---- signed loaders (media_signed.c) ---- */
struct media_signed {
	char *shim, *grub;      /* NULL: there are none */
	char *mm;               /* shim's key manager, or NULL */
	char *vendor;           /* the folder below \EFI in which this GRUB looks for its menu */
};
/* From `dir` (NULL: wherever distributions put them). 1 found, 0 none is installed, -ENOENT not in dir. The caller frees. */
int media_signed_find(const char *dir, struct media_signed *ret, struct err *e);
void media_signed_free(struct media_signed *s);

/* ---- GPT (media_gpt.c) ---- */
struct gpt_part {
	uint8_t type[16];       /* as on disk */
	uint64_t start, sectors;
	const char *name;
};
void gpt_guid(uint8_t out[16], const char *id, const char *what);       /* made from the content: the same bytes for the same inputs */
int gpt_write(int fd, uint64_t disk_sectors, const uint8_t guid[16], const char *id, const struct gpt_part *p, size_t n, struct err *e);

#endif

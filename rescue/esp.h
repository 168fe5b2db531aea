/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * esp.h - an EFI system partition as a mounted folder: what is on it, and where the firmware will look for it.
 *
 * Names on FAT know no case: every look-up here ignores it, whatever filesystem the folder is on. Paths with '\' are the firmware's.
 */
#ifndef RESCUE_ESP_H
#define RESCUE_ESP_H

#include "efi_loadopt.h"

/* "\EFI\debian\grubx64.efi" -> real path below `dir`, or NULL when it is not there. The caller frees. */
char *esp_find(const char *dir, const char *file);
/* Real path below `dir` for a file to be made; missing folders are made. The caller frees *ret. */
int esp_make(const char *dir, const char *file, char **ret, struct err *e);
/* Durable copy of one file to another place, compared after writing. An equal file is left alone: *ret_changed. -ENOSPC names the ESP (T25). */
int esp_copy(const char *from, const char *to, bool *ret_changed, struct err *e);

enum esp_source { ESP_CSV, ESP_KNOWN, ESP_UKI, ESP_WINDOWS, ESP_REMOVABLE };    /* in the order in which they are preferred */

struct esp_loader {
	enum esp_source source;
	char *file;             /* "\EFI\debian\shimx64.efi" */
	char *label;
	uint8_t *data;          /* optional data that its CSV asks for, or NULL */
	size_t data_len;
};

/* Everything that a firmware of this kind ("x64") could start, best first; the removable path last. Nothing found: 0 and *ret_n == 0. */
int esp_scan(const char *dir, const char *arch, struct esp_loader **ret, size_t *ret_n, struct err *e);
void esp_loaders_free(struct esp_loader *v, size_t n);

/* One line of BOOTX64.CSV: file, label, arguments (never NULL, perhaps empty). The text may be anything (fuzzed). */
int esp_csv_each(const void *raw, size_t n, void (*fn)(const char *file, const char *label, const char *args, void *arg), void *arg);

/*
 * The removable path: \EFI\BOOT\BOOTX64.EFI and what it needs beside it (shim: grubx64.efi and mmx64.efi; the CSV in the loader's folder).
 * `force` replaces another loader there after keeping it as *.before-rescue, and takes fbx64.efi away (T37).
 * *ret_changed: something was written.
 */
int esp_removable(const char *dir, const char *arch, const char *file, const char *label, bool force, bool *ret_changed, struct err *e);
/* "\EFI\BOOT\BOOTX64.EFI". The caller frees. */
char *esp_removable_name(const char *arch);
/* True when the removable path exists. */
bool esp_has_removable(const char *dir, const char *arch);

/* Where the ESP is mounted inside a target ("/boot/efi", "/efi" or "/boot"), or NULL. The caller frees. */
char *esp_in_root(const char *root);
/* Where the target's fstab has an ESP that is not mounted now, or NULL (T19, T47). The caller frees. */
char *esp_not_mounted(const char *root);
/*
 * A distribution's signed shim and GRUB below \EFI\ID: kept when they are there, else copied from the target's packages (T46).
 * -ENOENT: they are in neither.
 */
int esp_signed_chain(const char *root, const char *esp, const char *id, const char *arch, struct err *e);

/* Partitions that carry the filesystem: one, or every member of a RAID1 (T30). From sysfs, never from names (T29). */
struct esp_part {
	char *dev;              /* /dev/NAME */
	struct efi_hd hd;
};

int esp_parts(const char *dir_or_device, struct esp_part **ret, size_t *ret_n, struct err *e);
void esp_parts_free(struct esp_part *v, size_t n);
/* For efi_want.stale: true when no partition of this machine is this one. */
bool esp_hd_is_gone(const struct efi_hd *hd, void *unused);
/* Partition entries of type ESP in this machine: device nodes. */
int esp_devices(struct strv *ret, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chroot.h - commands inside an installed system, as if it had booted.
 *
 *   CLEANUP(chroot_end) struct chroot c = CHROOT_INIT;
 *   r = chroot_begin(&c, "/target", &e);
 *   r = chroot_runl(&c, 600, &e, "update-initramfs", "-u", NULL);
 *
 * chroot_begin gives this process a mount namespace of its own and binds /proc, /sys (with efivarfs), /dev and /run there: nothing is
 * left behind whatever happens. Missing mount points are made (backups leave them out). The rescue system's kernel command line is hidden
 * behind the target's own (T41); /etc/resolv.conf is this system's; /dev/disk/by-uuid and by-partuuid exist even without udev, else GRUB
 * writes the device names of the moment (T45). A target of another architecture is refused with a sentence.
 */
#ifndef RESCUE_CHROOT_H
#define RESCUE_CHROOT_H

#include "err.h"
#include "str.h"

struct chroot {
	char *root;
	char *scratch;          /* file that hides /proc/cmdline */
};

#define CHROOT_INIT { NULL, NULL }

int chroot_begin(struct chroot *c, const char *root, struct err *e);
void chroot_end(struct chroot *c);
/* 0, or as child_run. Output goes to the log, or to out when given. */
int chroot_run(struct chroot *c, const char *const *argv, uint64_t timeout_s, struct str *out, struct err *e);
int chroot_runl(struct chroot *c, uint64_t timeout_s, struct err *e, const char *prog, ...) __attribute__((sentinel));
/* Path of a program inside a root ("/usr/sbin/grub-install"), or NULL; the caller frees. Needs no chroot_begin. */
char *chroot_find(const char *root, const char *prog);
/* The first of several, NULL-terminated; *ret_path is freed by the caller. NULL when there is none. */
const char *chroot_find_any(const char *root, const char *const *progs, char **ret_path);
/* 0, or -ENOEXEC with a sentence: programs of this root cannot run here. */
int chroot_can_run(const char *root, struct err *e);
/* Kernel command line that the target itself would use: etc/kernel/cmdline, else root= and rootflags= from fstab. The caller frees. */
char *chroot_cmdline(const char *root);

#endif

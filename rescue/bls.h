/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bls.h - boot loader entries: *.conf files of the Boot Loader Specification (UAPI.1), and the order in which loaders offer them.
 */
#ifndef RESCUE_BLS_H
#define RESCUE_BLS_H

#include "err.h"
#include "str.h"

struct bls {
	char *id;               /* file name without ".conf" and boot counter */
	char *title, *version, *sort_key, *machine_id;
	char *linux_, *efi, *options;   /* options joined by blanks */
	struct strv initrd;
	bool bad;               /* its boot counter is used up: offered last */
};

/* One file's text. Always succeeds; unknown keys are ignored (fuzzed). Free with bls_free. */
void bls_parse(const char *name, const char *text, size_t n, struct bls *ret);
void bls_free(struct bls *b);
/* All *.conf of a folder, best first: `grub` orders by name alone, as GRUB's blscfg does. -ENOENT: no such folder. */
int bls_read(const char *dir, bool grub, struct bls **ret, size_t *ret_n, struct err *e);
void bls_list_free(struct bls *v, size_t n);
int bls_compare(const struct bls *a, const struct bls *b);      /* systemd-boot's order */

#endif

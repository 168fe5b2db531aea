/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore_erase.h - removes a record that is safe elsewhere, and proves that it is gone.
 *
 * unlink(2) in pstore succeeds whether or not the backend erased anything (T13), so the proof for EFI is asked from efivarfs: the variable can
 * no longer be read. For other backends the kernel offers no second view: there "the file is gone" is all that can be known.
 */
#ifndef RESCUE_PSTORE_ERASE_H
#define RESCUE_PSTORE_ERASE_H

#include "pstore_record.h"

enum pstore_proof {
	PSTORE_PROVEN,          /* efivarfs no longer has it */
	PSTORE_BELIEVED,        /* the file is gone; nothing else can be asked */
};

/* Removes every view. `efivars`: the efivarfs folder to ask, or NULL. -errno and a sentence when a view is still there afterwards. */
int pstore_erase(const struct pstore_record *r, const char *efivars, enum pstore_proof *ret, struct err *e);

/* Bytes that a new variable may still take, and all there are (T21, T22: f_bavail). False: the firmware or the kernel does not say. */
bool pstore_nvram(const char *efivars, uint64_t *ret_free, uint64_t *ret_total);

#endif

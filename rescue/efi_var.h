/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * efi_var.h - UEFI variables through efivarfs, without a library between: one write(2) is one SetVariable.
 *
 * File format (fs/efivarfs in Linux): Name-GUID; 4 bytes attributes, little-endian, then the data. Empty data deletes.
 * EFIVARFS_PATH replaces the folder (tests; a folder of ordinary files works the same).
 *
 *   r = efi_var_ready(&e);             0, or a sentence why there are no variables here (T19, T20)
 *   r = efi_var_set("BootOrder", EFI_GLOBAL, EFI_ATTRS, data, n, &e);     written and read back equal (T32)
 *
 * -ENOSPC: the firmware has no room left for variables. -EROFS: the firmware or the mount refuses writing.
 */
#ifndef RESCUE_EFI_VAR_H
#define RESCUE_EFI_VAR_H

#include "err.h"
#include "str.h"

#define EFI_GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EFI_ATTRS 7u            /* non-volatile, boot service, run time */

const char *efi_var_dir(void);
/* 0; -ENODEV: not started by UEFI (or no driver); -ENOENT: efivarfs is not mounted; never looks at statfs (T21). */
int efi_var_ready(struct err *e);
/* -ENOENT when there is no such variable. The caller frees *ret. ret_attrs may be NULL. */
int efi_var_get(const char *name, const char *guid, uint32_t *ret_attrs, uint8_t **ret, size_t *ret_len, struct err *e);
/* Writes, then reads back and compares (-EIO when the firmware kept something else). A file that a failed write made is removed (T38). */
int efi_var_set(const char *name, const char *guid, uint32_t attrs, const void *data, size_t n, struct err *e);
/* Deletes, then proves that it is gone. A missing variable is fine. */
int efi_var_delete(const char *name, const char *guid, struct err *e);
/* Names (without GUID) of all variables of one GUID, sorted. */
int efi_var_names(const char *guid, struct strv *ret, struct err *e);
/* Bytes that may still be written: what the kernel lets us have, its reserve already taken off (T22). -ENOSYS: unknown (T21). */
int efi_var_space(uint64_t *ret_free, uint64_t *ret_total, struct err *e);
/* 64 or 32: word size of the firmware; 0 when unknown. */
int efi_word_size(void);
/* "x64", "ia32", "aa64", "riscv64": what this firmware's removable-path loader is called after BOOT. */
const char *efi_arch(void);

/* For tests: asked before each write; a negative result is the write's result, 1 pretends success and writes nothing. */
extern int (*efi_var_test_hook)(const char *name, size_t n);

#endif

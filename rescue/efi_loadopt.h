/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * efi_loadopt.h - EFI_LOAD_OPTION: what a Boot#### variable holds. Format: UEFI 2.10, 3.1.3 and 10.3.
 *
 *   u32 attributes | u16 path bytes | CHAR16 label[] with NUL | device path nodes | optional data to the end
 *
 * Every byte may come from a firmware: parsing never reads outside, and refuses what the kernel would refuse.
 * Labels and paths are converted to and from UTF-8 here (libefiboot 37 writes other characters than asked for above U+07FF).
 */
#ifndef RESCUE_EFI_LOADOPT_H
#define RESCUE_EFI_LOADOPT_H

#include "err.h"
#include "str.h"

#define EFI_ACTIVE 1u
#define EFI_HIDDEN 8u
#define EFI_CATEGORY_APP 0x100u

/* HD(): a partition as the firmware knows it. */
struct efi_hd {
	uint32_t number;
	uint64_t start, size;           /* in logical blocks of the disk */
	uint8_t sig[16];                /* GPT: partition GUID as stored on disk; MBR: 4 bytes disk id */
	uint8_t format;                 /* 1 MBR, 2 GPT */
	uint8_t sig_type;               /* 0 none, 1 MBR, 2 GUID */
};

struct efi_loadopt {
	uint32_t attrs;
	char *label;                    /* UTF-8 */
	bool has_hd;
	struct efi_hd hd;
	char *file;                     /* "\EFI\debian\shimx64.efi", or NULL */
	char *path;                     /* the whole device path in words, for people */
	uint8_t *data;                  /* optional data */
	size_t data_len;
};

/* -EBADMSG with a sentence for anything malformed. Free with efi_loadopt_free. */
int efi_loadopt_parse(const void *raw, size_t n, struct efi_loadopt *ret, struct err *e);
/* Short form HD()/File()/End. Needs label, hd and file. The caller frees *ret. */
int efi_loadopt_build(const struct efi_loadopt *o, uint8_t **ret, size_t *ret_len, struct err *e);
void efi_loadopt_free(struct efi_loadopt *o);
/* The same partition (signature, number's start and size) and the same file (names on FAT: no difference of case). */
bool efi_hd_same(const struct efi_hd *a, const struct efi_hd *b);
bool efi_loadopt_same(const struct efi_loadopt *a, const struct efi_loadopt *b);

/* "0FC63DAF-..." <-> 16 bytes in GPT order. */
int efi_guid_parse(const char *text, uint8_t ret[16]);
void efi_guid_text(const uint8_t g[16], char ret[37]);

/* UTF-8 -> UTF-16LE without a NUL, appended to `out`. -EILSEQ for malformed UTF-8. And back; lone surrogates become U+FFFD. */
int efi_utf16_add(struct str *out, const char *utf8);
void efi_utf8_add(struct str *out, const uint8_t *utf16, size_t n_units);

#endif

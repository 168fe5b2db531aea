/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guid.h - identities that are decided before the thing exists: random UUIDs (RFC 4122 version 4) and their text.
 */
#ifndef RESCUE_GUID_H
#define RESCUE_GUID_H

#include "err.h"

void guid_text(const uint8_t b[16], char ret[37]);      /* bytes in the order of RFC 4122; EFI's is another (efi_text.c) */
int guid_random(char ret[37], struct err *e);           /* "e4bf75e1-..." in lower case */
int guid_random_u32(uint32_t *ret, struct err *e);      /* never 0: FAT volume ids and MBR disk ids */
bool guid_valid(const char *text);                      /* 8-4-4-4-12 hexadecimal digits, any case */

#endif

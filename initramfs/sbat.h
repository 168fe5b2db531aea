/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sbat.h - are boot loaders revoked? An EFI program names its parts with generation numbers (section .sbat); a list of revocations names the least
 * generation of each part that still starts. shim carries two lists (section .sbatlevel) and firmware keeps one in a variable. Formats: SBAT.md of shim,
 * and its sbat_var.S for the section. Any bytes may be given (fuzzed).
 *
 *   char *parts = sbat_parts(grub, n);                      NULL: it names none. The caller frees
 *   if (sbat_revoked(parts, "sbat,1,2025021800\ngrub,5\n", &why)) ...     why: "grub is generation 3, the least that starts is 5"
 */
#ifndef RESCUE_SBAT_H
#define RESCUE_SBAT_H

#include "str.h"

#define SBAT_VAR "SbatLevelRT"
#define SBAT_GUID "605dab50-e046-4300-abb6-3dd810dd8b23"

char *sbat_parts(const void *pe, size_t n);
/* The lists a shim brings: [0] it enforces, [1] newest, enforced where an owner or another system asked for it. NULL where there is none. */
void sbat_levels(const void *pe, size_t n, char *ret[2]);
bool sbat_revoked(const char *parts, const char *level, struct str *ret_why);

#endif

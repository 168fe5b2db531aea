/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest_set.h - which files a manifest knows, by everything that stat(2) says of them and their path; 8 bytes of memory a file.
 *
 *   r = manifest_set_read(&set, "/usb/last/manifest", false, &e);
 *   if (manifest_set_has(set, &line)) ... unchanged since then
 *
 * Lines of `rescue manifest` and of extract, whose word in front is left out of the comparison; a "partial" file is not known. Content is
 * not looked at: type, mode, owner, size and mtime are. One file in 10^12 would be taken for known by chance with ten million lines.
 */
#ifndef RESCUE_MANIFEST_SET_H
#define RESCUE_MANIFEST_SET_H

#include "manifest.h"

struct manifest_set;

/* -EBADMSG and the number of the first line that makes no sense. */
int manifest_set_read(struct manifest_set **ret, const char *path, bool partial, struct err *e);
int manifest_set_parse(struct manifest_set **ret, FILE *in, const char *name, bool partial, struct err *e);
bool manifest_set_has(const struct manifest_set *s, const struct manifest_line *l);
size_t manifest_set_count(const struct manifest_set *s);
void manifest_set_free(struct manifest_set *s);

#endif

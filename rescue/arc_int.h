/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arc_int.h - between arc_in.c, arc_out.c and arc_acl.c. */
#ifndef RESCUE_ARC_INT_H
#define RESCUE_ARC_INT_H

#include <archive.h>
#include <archive_entry.h>

#include "arc.h"

void arc_locale(void);      /* names are UTF-8 or bytes, whatever the environment says */
void arc_acl_to_entry(const struct xattrs *x, struct archive_entry *ae);
/*
 * ACLs of the entry that x does not have yet. Names without a number are looked up below `rootfd` (-1: in this system).
 * Returns one that was not found, in ae's memory, or NULL.
 */
const char *arc_acl_from_entry(struct archive_entry *ae, int rootfd, struct xattrs *x);
bool arc_is_acl(const char *xattr_name);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xattr.h - extended attributes as one list: user.*, trusted.*, security.* (capabilities, labels) and the two system.posix_acl_*.
 *
 *   struct xattrs x = XATTRS_INIT;
 *   r = xattrs_read(fd, &x);                of an open file or folder
 *   r = xattrs_read_at(dirfd, name, &x);    of anything, links not followed
 *   xattrs_free(&x);
 *
 * ACLs are kept as the kernel gives them: u32 version 2, then {u16 tag, u16 perm, u32 id} each, little-endian (linux/posix_acl_xattr.h).
 * 0 or -errno, no sentences: the caller knows the file's name.
 */
#ifndef RESCUE_XATTR_H
#define RESCUE_XATTR_H

#include "base.h"

#define XATTR_ACL_ACCESS "system.posix_acl_access"
#define XATTR_ACL_DEFAULT "system.posix_acl_default"

struct xattr {
	char *name;
	void *value;
	size_t len;
};

struct xattrs {
	struct xattr *v;
	size_t n;
};

#define XATTRS_INIT { NULL, 0 }

void xattrs_free(struct xattrs *x);
void xattrs_add(struct xattrs *x, const char *name, const void *value, size_t len);
const struct xattr *xattrs_find(const struct xattrs *x, const char *name);
void xattrs_sort(struct xattrs *x);

/* A filesystem without extended attributes gives an empty list. */
int xattrs_read(int fd, struct xattrs *x);
int xattrs_read_at(int dirfd, const char *name, struct xattrs *x);
/* Sets every one; goes on after a failure. Returns the first -errno; *ret_name (may be NULL) is the attribute that failed, in x's memory. */
int xattrs_write(int fd, const struct xattrs *x, const char **ret_name);
int xattrs_write_at(int dirfd, const char *name, const struct xattrs *x, const char **ret_name);
/* 16 hexadecimal digits that depend on names and values only; "-" when there is none. Sorts. */
void xattrs_digest(struct xattrs *x, char out[17]);

#endif

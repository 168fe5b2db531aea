/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unpack_int.h"

#include <sys/xattr.h>

/* Owner, mode, attributes, times: in this order, because each takes something of the next away. */
int unpack_meta_fd(struct unpack *u, const char *path, int fd, const struct arc_item *it)
{
	struct timespec ts[2] = { it->atime, it->mtime };
	const char *which = NULL;
	int r;

	if (u->parent_inherits && !xattrs_find(&it->xattrs, XATTR_ACL_ACCESS))
		(void)fremovexattr(fd, XATTR_ACL_ACCESS);
	if ((it->uid != u->uid || it->gid != u->gid || u->parent_inherits || S_ISDIR(it->mode)) && fchown(fd, it->uid, it->gid) < 0)
		unpack_refuse(u, path, "attributes", errno, "set the owner");
	if (fchmod(fd, it->mode & 07777) < 0)
		unpack_refuse(u, path, "attributes", errno, "set the mode");
	r = xattrs_write(fd, &it->xattrs, &which);
	if (r < 0)
		unpack_refuse(u, path, "attributes", -r, which);
	if (it->has_mtime && futimens(fd, ts) < 0)
		unpack_refuse(u, path, "attributes", errno, "set the times");
	return 0;
}

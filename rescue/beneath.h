/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * beneath.h - paths that came from somebody else, opened below a folder and never outside of it.
 *
 * openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS: no "..", no symbolic link on the way, no magic link. A path may be longer
 * than PATH_MAX. A leading '/' means the folder itself.
 */
#ifndef RESCUE_BENEATH_H
#define RESCUE_BENEATH_H

#include "err.h"

/* Opens what `path` names; its last component is not followed either. O_CLOEXEC is added. A descriptor or -errno (-ELOOP: a link). */
int beneath_open(int root, const char *path, int flags, struct err *e);

/*
 * Opens the folder that `path` lies in (O_PATH) and says where its last component starts; with `make`, missing folders are made (0755).
 * *ret_name points into path; the path may not end in '/'.
 */
int beneath_parent(int root, const char *path, bool make, const char **ret_name, struct err *e);

/*
 * Cleans a foreign path in place: "./a//b/" becomes "a/b", "/a" becomes "a" (*ret_absolute says so). "" is the root itself.
 * -EXDEV when a component is "..", -ENAMETOOLONG when one is longer than 255 bytes.
 */
int beneath_clean(char *path, bool *ret_absolute);

#endif

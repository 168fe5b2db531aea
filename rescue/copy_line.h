/* SPDX-License-Identifier: GPL-2.0-or-later */
/* copy_line.h - the fields of a line of the manifest that copy.h writes: a word in front, then those of manifest.h. */
#ifndef RESCUE_COPY_LINE_H
#define RESCUE_COPY_LINE_H

#include "str.h"

enum copy_field {
	F_STATUS, F_TYPE, F_MODE, F_UID, F_GID, F_SIZE, F_MTIME, F_HASH, F_XATTRS, F_FLAGS, F_HOLES, F_LINK, F_PATH,
	F_TARGET,               /* of a symbolic link, still escaped, else NULL */
	F_MAX
};

/* Takes the line apart in its own memory; the path is unescaped. 0, -EINVAL. */
int copy_line_split(char *line, char *f[F_MAX]);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * media_copy.h - bytes at a place in an output.
 */
#ifndef RESCUE_MEDIA_COPY_H
#define RESCUE_MEDIA_COPY_H

#include "err.h"

int media_write_at(int fd, uint64_t at, const void *data, size_t n, struct err *e);
int media_copy_at(int fd, uint64_t at, const char *path, struct err *e);        /* holes of the source are not written */
int media_file_size(const char *path, uint64_t *ret, struct err *e);
int media_write_file(const char *dir, const char *name, const char *text, char **ret_path, struct err *e);

#endif

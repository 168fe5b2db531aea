/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image_set.h - between the files of the builder only: putting entries into the set.
 */
#ifndef RESCUE_IMAGE_SET_H
#define RESCUE_IMAGE_SET_H

#include "image.h"

char *image_path(const char *path);     /* where a path really is in the image (/bin/x: /usr/bin/x); the caller frees */
void image_put(struct image *im, struct image_entry *x);        /* takes x */
void image_add_source(struct image *im, const char *path, mode_t mode, const char *source, uint64_t size);
/* The path under which this file is in the image already, or NULL; then it is known under `path` from now on. */
const char *image_same_file(struct image *im, const struct stat *st, const char *path);

#endif

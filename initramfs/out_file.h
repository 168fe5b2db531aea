/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * out_file.h - an output that appears whole or not at all.
 *
 *   CLEANUP(out_file_drop) struct out_file o = OUT_FILE_INIT;
 *   r = out_file_open(&o, "rescue.img", &e);    writes go to o.fd (or to o.tmp, by name)
 *   r = out_file_commit(&o, 0644, &e);          synced, renamed; before that, leaving the scope removes it
 *
 * Only a regular file is ever replaced: a device, a folder or a link as output is refused.
 */
#ifndef RESCUE_OUT_FILE_H
#define RESCUE_OUT_FILE_H

#include <sys/stat.h>

#include "err.h"

struct out_file {
	int fd;
	char *path, *tmp;
};

#define OUT_FILE_INIT { .fd = -1 }

int out_file_open(struct out_file *o, const char *path, struct err *e);
int out_file_commit(struct out_file *o, mode_t mode, struct err *e);
void out_file_drop(struct out_file *o);
/* -EINVAL when `path` names the same file as `input` (NULL: nothing to compare). */
int out_file_not_input(const char *path, const char *input, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy_to.h - copies a tree (copy.h) to where a caller wants it: a folder, an archive file, or a program that reads the archive.
 *
 *   struct copy_opts o = { .src = ..., without dst and archive };
 *   r = copy_to_folder(&o, "/salvage", &res, &e);
 *   r = copy_to_archive(&o, "/usb/all.tar.zst", &res, &e);         compressed when the name ends in .zst
 *   r = copy_to_command(&o, (const char *const []){ "ssh", "host", "cat >all.tar.zst", NULL }, &res, &e);
 *
 * An archive is written under NAME.part and gets its name when it is whole and synced. What a program gets is pax, compressed by zstd: when
 * the copy fails or is cancelled the stream stops in the middle of a frame, so that whoever reads it can tell (zstd: "unexpected end").
 * Neither can be continued: they begin anew, marks of an earlier run are not looked at.
 */
#ifndef RESCUE_COPY_TO_H
#define RESCUE_COPY_TO_H

#include "copy.h"

int copy_to_folder(struct copy_opts *o, const char *path, struct copy_result *ret, struct err *e);
int copy_to_archive(struct copy_opts *o, const char *path, struct copy_result *ret, struct err *e);
/* 0 only when the program took everything and ended with exit code 0. */
int copy_to_command(struct copy_opts *o, const char *const *argv, struct copy_result *ret, struct err *e);

#endif

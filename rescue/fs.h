/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fs.h - files and folders, with durability said in the name.
 *
 * 0 or -errno with a sentence that names the path. "durable" means: after success, the content and the name survive a power cut.
 */
#ifndef RESCUE_FS_H
#define RESCUE_FS_H

#include <sys/stat.h>

#include "err.h"
#include "str.h"

/* Reads a whole file of at most `max` bytes (-EFBIG above); *ret is NUL-terminated behind len; the caller frees. Works for /proc and /sys. */
int fs_read(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e);
/* The same relative to a directory descriptor (AT_FDCWD allowed). */
int fs_read_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len, struct err *e);
/* First line of a small file without white space at its ends, or NULL (no error): for /sys and /proc. The caller frees. */
char *fs_read_word(const char *path);

/* Writes n bytes, however many write() calls it takes. */
int fs_write_all(int fd, const void *data, size_t n, struct err *e);
/* Durable: writes path.new, fsyncs it, renames it over path, fsyncs the folder. Existing owner is not kept; mode is set exactly. */
int fs_write_atomic(const char *path, const void *data, size_t n, mode_t mode, struct err *e);

int fs_mkdir_p(const char *path, mode_t mode, struct err *e);     /* existing folders are fine */
int fs_sync_dir(const char *path, struct err *e);                 /* fsync of the folder */
int fs_sync_parent(const char *path, struct err *e);
int fs_remove_tree(const char *path, struct err *e);              /* stays on one filesystem, follows nothing; a missing path is fine */

bool fs_exists(const char *path);                                 /* of any type, links not followed */
bool fs_is_dir(const char *path);                                 /* links followed */
char *fs_join(const char *a, const char *b);                      /* exactly one '/' between; the caller frees */

/*
 * Opens `path` as a process inside `rootfd` would see it: absolute links and ".." stay inside (openat2(2) RESOLVE_IN_ROOT).
 * Returns a descriptor (O_CLOEXEC is added) or -errno.
 */
int fs_open_in_root(int rootfd, const char *path, int flags, mode_t mode, struct err *e);
/* The same without openat2(2), which it falls back to; a descriptor or -errno. */
int fs_walk_in_root(int rootfd, const char *path, int flags, mode_t mode);

/* True when the path lies on a filesystem that a reboot forgets (tmpfs, ramfs, or overlay on them). -errno when it cannot be asked. */
int fs_is_volatile(const char *path, struct err *e);

#endif

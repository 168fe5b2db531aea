/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cow.h - a block device that can be written to while the one below it never changes.
 *
 *   r = cow_open(&cow, "/dev/sdb2", scratch, &e);       cow->device is the overlay's node
 *   ... replay a journal, repair, mount it ...
 *   cow_close(cow);                                     what was written is forgotten
 *
 * With a device mapper in the kernel it is a dm-snapshot. Without one, a small process of ours serves one file through /dev/fuse (reads come
 * from the device below, writes go to a sparse file in `scratch`) and a loop device makes a device of it. Format: linux/fuse.h.
 */
#ifndef RESCUE_COW_H
#define RESCUE_COW_H

#include "err.h"

struct cow {
	char *device;           /* the overlay */
	char *how;              /* "dm-snapshot" or "fuse" */
	char *dm_name;          /* dm: its name; NULL otherwise */
	char *dir;              /* mount point and sparse file live here */
	char *loop_store;       /* dm: loop device of the sparse file */
	int pid;                /* fuse: the server */
	int loop_fd;            /* keeps the loop device until cow_close */
};

struct cow_bad {
	uint64_t off, len;      /* reading here is EIO */
};

int cow_open(struct cow **ret, const char *below, const char *scratch, struct err *e);
/* A read-only device of `size` bytes that shows a file; reading the given ranges, or what lies behind the file's end, is an error. */
int cow_open_bad(struct cow **ret, const char *below, uint64_t size, const struct cow_bad *bad, size_t n, const char *scratch, struct err *e);
void cow_close(struct cow *c);          /* NULL is fine */

/* Attaches a file to a loop device that goes away with its last user. Returns a descriptor of it. */
int cow_loop(const char *file, bool read_only, char **ret_device, struct err *e);

/* ---- the server (also used by tests, which want a disk that fails) ---- */

struct cow_file {
	int below;              /* read only */
	int store;              /* sparse file for what is written, or -1: read only */
	uint64_t size;
	uint8_t *map;           /* a bit for each block of 4 KiB that is in the store */
	const struct cow_bad *bad;
	size_t n_bad;
};

ssize_t cow_read(struct cow_file *f, char *buf, size_t n, uint64_t off);
ssize_t cow_write(struct cow_file *f, const char *buf, size_t n, uint64_t off);
/* Mounts at the file `at` and serves until it is unmounted; does not return before. `ready` (>= 0) gets one byte when it is mounted. */
int cow_serve(struct cow_file *f, const char *at, int ready, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loss.h - the list of what could not be had: DIR/losses.txt for people, DIR/losses.jsonl for programs, one line a file. A byte that is
 * no UTF-8 is \xff there and \u00ff here; then "raw" has the path's bytes, escaped as in the manifest.
 *
 *   struct loss l = LOSS_INIT;
 *   r = loss_open(&l, dir, NULL, &e);               dir NULL: nothing is written, only counted
 *   loss_add(&l, "/etc/x", "lost", NULL, 0, "open the file: Input/output error");
 *
 * `what`: lost (no content), partial (with the unreadable byte ranges), older (not the newest version), attributes (owner, mode, ACL ...),
 * refused. From any thread.
 */
#ifndef RESCUE_LOSS_H
#define RESCUE_LOSS_H

#include <pthread.h>

#include "err.h"
#include "str.h"

struct loss_range {
	uint64_t off, len;
};

struct loss {
	int json, text;
	pthread_mutex_t lock;
};

#define LOSS_INIT { -1, -1, PTHREAD_MUTEX_INITIALIZER }

/* keep: lengths (json, text) that a mark vouches for, the rest is cut off; NULL: start anew. */
int loss_open(struct loss *l, const char *dir, const uint64_t keep[2], struct err *e);
void loss_add(struct loss *l, const char *path, const char *what, const struct loss_range *r, size_t n, const char *why);
/* On stable storage; *ret: lengths. */
int loss_sync(struct loss *l, uint64_t ret[2], struct err *e);
void loss_close(struct loss *l);
/* Takes all entries of this kind out of the closed lists, because they will be looked at again; *ret: lengths, for loss_open. */
int loss_drop(const char *dir, const char *what, uint64_t ret[2], struct err *e);

/* Paths of this kind in the closed lists, and why. */
int loss_list(const char *dir, const char *what, struct strv *ret_paths, struct strv *ret_why, struct err *e);

/* Opens a log for appending, cut to `keep` bytes. A descriptor or -errno. */
int loss_open_log(const char *dir, const char *name, uint64_t keep, struct err *e);

#endif

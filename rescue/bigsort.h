/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bigsort.h - sorts any number of records with flat memory: runs of `window` records are sorted in memory and lie in a nameless file in
 * `dir`, 32 bytes a record.
 *
 *   struct bigsort *s = bigsort_new(dir, 0);
 *   r = bigsort_add(s, &rec, &e);                                   0, -errno
 *   while ((r = bigsort_next(s, &rec, &e)) == 1) ...                the first call ends the adding; 0 at the end, -errno
 *   bigsort_free(s);
 *
 * The order is that of v[0], then of v[1].
 */
#ifndef RESCUE_BIGSORT_H
#define RESCUE_BIGSORT_H

#include "err.h"

struct bigsort_rec {
	uint64_t v[4];
};

struct bigsort;

struct bigsort *bigsort_new(const char *dir, size_t window);    /* window 0: chosen (16 MiB). dir must stay */
int bigsort_add(struct bigsort *s, const struct bigsort_rec *r, struct err *e);
int bigsort_next(struct bigsort *s, struct bigsort_rec *ret, struct err *e);
void bigsort_free(struct bigsort *s);                           /* NULL is fine */

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_remain.h - what an interrupted restore of the Director still has to bring.
 *
 * `restore ... all` without `done` leads into the Director's file selection, where `find *` lists every entry. Those that are in the target
 * and whole are unmarked there, folder by folder where everything in a folder is: neither do the daemons send them again. An entry
 * that is unmarked wrongly would be lost, one that stays marked is only sent once more (and left alone by replace=ifolder): in doubt it stays marked.
 */
#ifndef RESCUE_BAC_REMAIN_H
#define RESCUE_BAC_REMAIN_H

#include "err.h"
#include "str.h"

/* Commands for the file selection that list what there is. Names with control characters first: a line break in one would look like two names. */
#define BAC_REMAIN_ODD "find \"*[\001-\037]*\""
#define BAC_REMAIN_ALL "find *"
#define BAC_REMAIN_LIST "count\n" BAC_REMAIN_ODD "\n" BAC_REMAIN_ALL

struct bac_remain {
	struct str commands;            /* for the file selection; empty: nothing can be left out */
	uint64_t out;                   /* entries that they unmark */
	uint64_t left;                  /* and those that stay marked; 0 never, for a job of nothing is none */
};

/*
 * `text`: what bconsole printed for BAC_REMAIN_LIST. An entry below `where` that was changed at or after `mark` (ms since 1970), or whose time was not
 * set yet, is not whole.
 */
void bac_remain(const char *text, const char *where, int64_t mark, struct bac_remain *ret);
void bac_remain_free(struct bac_remain *r);

#endif

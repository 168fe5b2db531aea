/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ddrescue.h - GNU ddrescue: running it, and reading its map.
 *
 *   struct ddrescue d = { .from = "/dev/sdb2", .to = image, .map = map, .retries = 1, .resume = step_is_resume(io) };
 *   r = ddrescue_run(&d, &e);                               again with the same map: goes on where it was
 *   r = ddrescue_map_read(map, &m, &e);                     m.bad[0 .. m.n - 1] could not be read
 *   r = ddrescue_view(image, &m, scratch, &cow, &e);        cow->device: the image, in which reading a bad range is an error
 *
 * An image has zeros where nothing could be read: whoever reads it as it is takes them for content. Through the view they stay errors.
 * The map is kept a second time as IMAGE.map (T74): every few seconds while it runs, and instead of the first where that has no room.
 * ddrescue itself asks a person then, for ever when there is none, and has cut the first one off before.
 *
 * Format of the map: GNU ddrescue manual, "Mapfile structure".
 */
#ifndef RESCUE_DDRESCUE_H
#define RESCUE_DDRESCUE_H

#include "cow.h"
#include "err.h"

struct ddrescue {
	const char *from, *to, *map;
	uint64_t retries, timeout_s;    /* 0: until it is done */
	bool resume;                    /* the same device into the same image as before: else a second map that is there is another one's */
	void (*moved)(void *arg, const char *map);      /* the map is there from now on, because the first place is full; or NULL */
	void *arg;
};

struct ddrescue_map {
	struct cow_bad *bad;
	size_t n;
	uint64_t good, lost;            /* bytes */
};

int ddrescue_check(const char *from, const char *to, bool space, struct err *e);        /* is it installed, is there room for all of it? */
int ddrescue_run(const struct ddrescue *d, struct err *e);
char *ddrescue_map_best(const struct ddrescue *d);      /* of the two, since it was begun; NULL: none. The caller frees */
int ddrescue_map_parse(const char *text, struct ddrescue_map *ret, struct err *e);
int ddrescue_map_read(const char *path, struct ddrescue_map *ret, struct err *e);
void ddrescue_map_free(struct ddrescue_map *m);
int ddrescue_view(const char *image, const struct ddrescue_map *m, const char *scratch, struct cow **ret, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ladder.h - from a damaged device to a folder that can be read, by the gentlest way that works.
 *
 *   struct ladder_opts o = { .device = "/dev/sdb2", .at = mountpoint, .scratch = dir, .tried = fn, .arg = x };
 *   r = ladder_climb(&o, &l, &e);           l.at can be read; l.rung, l.proof, l.type say how and what that is worth
 *   ladder_end(&l);
 *
 * The device is set read-only first and is never written to: what needs writing (a journal replay, another superblock, a repair) is done on
 * a copy-on-write overlay (cow.h). Every rung that is tried is told to `tried`. T63, T69, T72, T73.
 */
#ifndef RESCUE_LADDER_H
#define RESCUE_LADDER_H

#include "copy.h"
#include "cow.h"

struct ladder_opts {
	const char *device;
	const char *original;           /* the device is an image of this one, which then must not be mounted or registered; or NULL */
	const struct strv *more;        /* further devices of a btrfs, or NULL */
	const char *type;               /* filesystem type, or NULL: found out */
	const char *at;                 /* mount point, made when missing */
	const char *scratch;            /* folder for overlays */
	const char *rung;               /* only this rung, or NULL */
	const char *after;              /* only rungs behind this one that can show what it does not; or NULL */
	void (*tried)(void *arg, const char *rung, const char *result);
	void *arg;
};

struct ladder_overlay {
	struct cow **v;         /* of the device, then of each of `more` */
	size_t n;
};

struct ladder {
	char *rung;             /* name of the rung that held */
	char *type;             /* filesystem type */
	char *at;               /* where it is mounted */
	enum copy_proof proof;
	bool repaired;          /* what a repair threw away cannot be seen any more */
	bool older;             /* not the newest state: `generation`, while a superblock says `newest` (btrfs) */
	bool empty;             /* no file in its root folder */
	bool log_left;          /* what only its log knows is not shown */
	uint64_t generation, newest;    /* btrfs, 0: unknown */
	struct ladder_overlay overlay;
};

int ladder_climb(const struct ladder_opts *o, struct ladder *ret, struct err *e);
void ladder_leave(struct ladder *l);    /* unmounts it; the words stay */
void ladder_end(struct ladder *l);
/* What a person must know about what the rung shows, as sentences. */
void ladder_doubts(const struct ladder *l, struct strv *ret);

/* What is on the device, when libblkid does not know either: other superblocks are looked at. NULL: nothing known. The caller frees. */
char *ladder_type(const char *device);

struct ladder_dumped {
	char *rung;             /* the caller frees */
	uint64_t files, partial, older;
};

/*
 * The last rung: files without a mount (btrfs restore, debugfs rdump) into the folder `to`; the manifest, in which no file is called good,
 * and the losses go into the folder `logs`. -EOPNOTSUPP when there is no such tool, -ENODATA when it finds no file.
 */
int ladder_dump(const char *device, const char *type, const char *to, const char *logs, struct ladder_dumped *ret, struct err *e);

/* Why there is no other way for such a filesystem, and what can be done: the end of a sentence. */
const char *ladder_advice(const char *type);

/* The btrfs part of it (ladder_restore.c): partial files are tried again with other superblocks and older roots (T68). */
int ladder_restore(const char *device, const char *to, struct strv *ret_partial, struct strv *ret_older, char **ret_rung);
bool ladder_has_files(const char *dir);
/* Lines for what is in the folder: a new manifest, or `more` of it. */
int ladder_dump_manifest(const char *to, const char *logs, bool more, const struct strv *partial, struct ladder_dumped *ret, struct err *e);
/* Some paths only, into the folder `into`: the newest state that it can read. Those that it leaves short are in ret_partial. */
void ladder_restore_some(const char *device, const struct strv *paths, const char *into, struct strv *ret_partial);

#endif

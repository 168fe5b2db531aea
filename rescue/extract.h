/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * extract.h - what the step extract does between its options and its words: the ladder, the copying, the image of a dying disk, the
 * second look at what was lost. The step fills x, io, dir and report of a `struct extract_run` and calls extract_run().
 */
#ifndef RESCUE_EXTRACT_H
#define RESCUE_EXTRACT_H

#include "ladder.h"
#include "opt.h"
#include "step_io.h"

struct extract {
	struct opt_path from, to, known, image, volumes;
	struct opt_devices more;
	struct strv pipe, first, include, exclude;
	char *since, *job;
	int type;
	uint64_t threads, mark, patience;
	bool verify, merge;
};

struct extract_run {
	struct extract *x;
	struct step_io *io;
	const char *dir, *from; /* from: the device */
	bool stop_at_loss, lossy, anew;
	struct cow *view;       /* the device's image */
	char *trust;            /* a mark that is made up for a second pass over the same folder, or NULL */
	const struct strv *only;        /* patterns of such a pass */
	int64_t keep_ns, since; /* copy.h */
	struct ladder ladder;
	FILE *report;
	struct str rungs;       /* JSON list */
	uint64_t files, bytes;  /* guesses, 0 unknown */
};

int extract_run(struct extract_run *c, struct err *e);

/* extract_deeper.c: passes over the same folder from deeper rungs, for what was lost. */
int extract_deeper(struct extract_run *c, struct copy_result *res, struct err *e);
void extract_forget_deeper(struct extract_run *c);      /* everything is copied anew */

/* extract_verify.c: reads the archive that was just written back, and lists what differs. */
int extract_written(struct extract_run *c, struct copy_result *res, struct err *e);
/* It was written by an earlier run, which did not come to that: *res is filled from its lists. */
bool extract_is_written(const struct extract_run *c);
int extract_written_before(struct extract_run *c, struct copy_result *res, struct err *e);

/* extract_image.c: the device into image-to, which c->view shows then. */
bool extract_has_image(const struct extract_run *c);    /* an earlier run began one */
int extract_make_image(struct extract_run *c, struct err *e);
char *extract_image_phase(const struct extract_run *c); /* a file: marks since it is there are about what was read from the image */

/* extract_since.c */
int extract_since_text(const char *text, int64_t *ret, struct err *e);  /* seconds since 1970; INT64_MIN for NULL */
int extract_since(struct extract_run *c, struct err *e);                /* fills c->since, from volumes, too, and says so */

/* extract_run.c */
int extract_climb(struct extract_run *c, const char *after, struct err *e);
int extract_copy(struct extract_run *c, const char *from, struct copy_result *ret, struct err *e);

bool extract_is_stream(const struct extract *x);        /* an archive or a pipe, not a folder */
bool extract_from_device(const struct extract *x);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.h - a plan: YAML text -> devices and steps, every word checked. Reads one file and nothing else: no device is looked at here.
 *
 * Errors read `FILE:LINE:COL: WHERE: WHAT: WHY`, with a suggestion for a misspelt word.
 */
#ifndef RESCUE_PLAN_H
#define RESCUE_PLAN_H

#include "opt.h"
#include "step.h"

struct plan_device {
	char *name;
	enum access access;
	char *consent;          /* identity that may be erased, as written in the plan, or NULL */
	/* identity: what was given, else NULL / 0 */
	char *serial, *wwn, *part_uuid, *uuid, *label, *loop_file, *mapper, *array, *fs_type;
	uint64_t size;          /* bytes: of the whole disk, or of the device when nothing else is given */
	uint64_t partition;     /* number, 0: the whole disk */
	int line, col;
};

struct plan_step {
	const struct step_type *type;
	char *id;               /* given, or the type's name when that is unique in the plan */
	struct opt_val vals;    /* options as written; facts not yet substituted */
	uint64_t stall_s;       /* common option `stall`: seconds without progress, 0: off */
	bool stall_cancel;      /* common option `on-stall: cancel` */
	uint64_t timeout_s;     /* common option `timeout`, 0: none */
	int line, col;
};

struct plan {
	char *path;             /* as given */
	char *text;             /* the file, unchanged */
	size_t len;
	char digest[65];        /* SHA-256 of text, hexadecimal */
	char *name;
	struct plan_device *devices;
	size_t n_devices;
	struct plan_step *steps;
	size_t n_steps;
	int finish;             /* top-level `finish`: index into "stay reboot poweroff" */
};

/* The caller frees *ret with plan_free. -EINVAL with a sentence for anything that is not a valid plan. */
int plan_load(const char *path, struct plan **ret, struct err *e);
int plan_parse(const char *path, const char *text, size_t len, struct plan **ret, struct err *e);
void plan_free(struct plan *p);
const struct plan_device *plan_device(const struct plan *p, const char *name);
const struct plan_step *plan_step(const struct plan *p, const char *id);

/*
 * Fills the step's private struct (type->size bytes, zeroed here, at *ret_self) with facts substituted through `lookup`
 * (returns the value of "ID.KEY" or NULL). *ret_pending is true when a needed fact is not known yet: then *ret_self is NULL.
 * Free with plan_step_free_self.
 */
int plan_step_apply(const struct plan *p, const struct plan_step *s, const char *(*lookup)(const char *fact, void *arg), void *arg,
		    void **ret_self, bool *ret_pending, struct err *e);
void plan_step_free_self(const struct plan_step *s, void *self);

#endif

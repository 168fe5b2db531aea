/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan_show.h - a plan in words, for the person who is about to run it. Secrets are not shown. */
#ifndef RESCUE_PLAN_SHOW_H
#define RESCUE_PLAN_SHOW_H

#include "blk.h"
#include "plan.h"

/* Appends the whole plan. `list` (may be NULL) is what is in this machine: each device's place is then shown, or why it has none. */
void plan_show(struct str *out, const struct plan *p, const struct blk *list, size_t n);
const char *plan_effect_name(enum step_effect effect);         /* "looks", "ephemeral", ... */

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan_impl.h - between the plan_*.c files only. */
#ifndef RESCUE_PLAN_IMPL_H
#define RESCUE_PLAN_IMPL_H

#include "plan.h"

#define PLAN_MAX (1 * MIB)
#define PLAN_DEPTH 16

/* YAML text -> tree of values with their places. Refuses what a plan never needs: anchors, aliases, tags, second documents, doubled keys. */
int plan_yaml(const char *where, const char *text, size_t len, struct opt_val *ret, struct err *e);

/* Every ${...} of a step's values: devices exist with enough access, facts are set by an earlier step. */
int plan_check_refs(const struct plan *p, size_t step, const struct opt_val *options, struct err *e);

/*
 * A copy of `v` with facts replaced; a scalar with an unknown fact is marked pending, *ret_pending counts them.
 * "$${a.b}" stands for the text "${a.b}".
 */
void plan_substitute(const struct opt_val *v, const char *(*lookup)(const char *fact, void *arg), void *arg,
		     struct opt_val *ret, size_t *ret_pending);

/* The next "${id.key}" in text at or behind `from`: its offset and length, and the fact's name; false when there is none. */
bool plan_next_fact(const char *text, size_t from, size_t *ret_at, size_t *ret_len, char *ret_name, size_t name_size);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opt_impl.h - between the opt_*.c files only. */
#ifndef RESCUE_OPT_IMPL_H
#define RESCUE_OPT_IMPL_H

#include "opt.h"

/* Parses `v` into the field at `field`. The sentence has no place yet: "'12x' is not a size, write for example 512M". 0, -EINVAL. */
int opt_value_set(const struct opt *row, void *field, const struct opt_val *v, struct err *e);
void opt_value_free(const struct opt *row, void *field);
size_t opt_type_size(enum opt_type t);

#endif

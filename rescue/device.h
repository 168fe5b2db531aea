/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.h - from a plan's identity to exactly one block device of this machine, and the guard around erasing.
 *
 *   blk_list(&list, &n, &e);
 *   r = device_resolve(d, list, n, &b, &e);        0, -ENODEV nothing fits, -ENOTUNIQ two fit, -EUCLEAN it fits but size or type differ
 *
 * Nothing is opened here except by device_guard_erase().
 */
#ifndef RESCUE_DEVICE_H
#define RESCUE_DEVICE_H

#include "blk.h"
#include "plan.h"

int device_resolve(const struct plan_device *d, const struct blk *list, size_t n, const struct blk **ret, struct err *e);

/* The identity as the plan gives it: "serial S1 partition 2". The caller frees. */
char *device_wanted(const struct plan_device *d);

/*
 * No device that the plan only reads is, or is a part of, one that it erases, as far as they are in `list`. 0 or -EINVAL.
 * (A written one may be: a partition that the plan makes anew.)
 */
int device_apart(const struct plan *p, const struct blk *list, size_t n, struct err *e);

/* `text` names what will be lost: the serial number, WWN, partition GUID or loop file of `b`. */
bool device_consent_matches(const struct plan_device *d, const struct blk *b, const char *text);
/* The word that must be typed or written to agree: never NULL for a device with an identity. The caller frees. */
char *device_consent_word(const struct plan_device *d, const struct blk *b);

/*
 * Right before erasing: looks again at the same path, it is still the same device with the same size, and nobody uses it
 * (blk_unused). 0, -ESTALE, -EBUSY.
 */
int device_guard_erase(const struct plan_device *d, const struct blk *b, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan_device.h - the `devices:` part of a plan, and its table for the manual. */
#ifndef RESCUE_PLAN_DEVICE_H
#define RESCUE_PLAN_DEVICE_H

#include "plan.h"

int plan_read_devices(struct plan *p, const struct opt_val *v, struct err *e);    /* v may be NULL: no devices */
void plan_free_devices(struct plan *p);

const struct opt *plan_device_opts(void);       /* keys of a device */
const struct opt *plan_common_opts(void);       /* options that every step takes */

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_sd.h - what Storage Daemons of this machine have to do with the volumes (T92).
 */
#ifndef RESCUE_BAC_SD_H
#define RESCUE_BAC_SD_H

#include "err.h"
#include "str.h"

/* 0, or -EBUSY: a Storage Daemon runs here that has something of `volumes` (a folder, a file, a device) open, or is set up to write there. */
int bac_sd_stopped(const char *volumes, struct err *e);
/* 0, or -EMEDIUMTYPE: `path` is the name or the control device of an autochanger; the sentence names its drives. */
int bac_sd_no_changer(const char *path, struct err *e);
/* The same by a Storage Daemon's configuration. */
int bac_sd_no_changer_in(const char *config, const char *path, struct err *e);
/* The name of the Device whose archive device is `volumes`, holds it or is inside; NULL: none. The caller frees. */
char *bac_sd_device_of(const char *config, const char *volumes);

#endif

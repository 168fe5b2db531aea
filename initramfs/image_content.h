/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image_content.h - fills the set from a job: what is aboard, and nothing is written yet.
 */
#ifndef RESCUE_IMAGE_CONTENT_H
#define RESCUE_IMAGE_CONTENT_H

#include "image_build.h"

int image_content(const struct image_job *job, struct image **ret, struct err *e);

#endif

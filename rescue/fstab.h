/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fstab.h - the lines of /etc/fstab as libmount reads them, with the place of each field in the text, so that one field can be
 * changed and every other byte stays. Fields are separated by blanks; \040 and other octal escapes are decoded. crypttab is read the same way.
 */
#ifndef RESCUE_FSTAB_H
#define RESCUE_FSTAB_H

#include "err.h"
#include "str.h"

struct fstab_field {
	char *text;             /* decoded; "" when the line ends before it */
	size_t at, len;         /* in the file */
};

struct fstab_line {
	struct fstab_field f[6];/* source, target, type, options, dump, pass */
	unsigned int line;      /* from 1 */
};

enum { FSTAB_SOURCE, FSTAB_TARGET, FSTAB_TYPE, FSTAB_OPTIONS };

/* Lines with at least `least` fields (fstab: 2, crypttab: 2); comments and empty lines are not lines. Never fails: what is malformed is left out. */
void fstab_parse(const char *text, size_t n, unsigned int least, struct fstab_line **ret, size_t *ret_n);
void fstab_free(struct fstab_line *v, size_t n);
/* Value of one option ("subvol"), "" for one without value, NULL when it is absent. The caller frees. */
char *fstab_option(const char *options, const char *name);
/* Options with `name` set to `value`, or taken out when value is NULL; unchanged otherwise. The caller frees. */
char *fstab_set_option(const char *options, const char *name, const char *value);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unit.h - cmocka with the headers it wants, and what every unit test uses. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fs.h"

/* A fresh folder under TMPDIR or /tmp; unit_dir_end removes it and frees the name. */
static inline char *unit_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/rescue-unit-XXXXXX", tmp && *tmp ? tmp : "/tmp");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static inline void unit_dir_end(char *dir)
{
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
	free(dir);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sbat.h"

/* The bytes as a program; and as a list against itself: nothing is older than itself unless it is named twice. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *parts = sbat_parts(data, size), *text = xstrndup((const char *)data, size);
	CLEANUP(str_free) struct str why = STR_INIT;
	char *level[2];

	sbat_levels(data, size, level);
	for (int i = 0; i < 2; i++) {
		if (level[i])
			sbat_revoked(parts ? parts : "", level[i], &why);
		free(level[i]);
	}
	if (sbat_revoked(text, text, &why) && !why.len)
		abort();
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A map of ddrescue in any text: ranges end before 2^63, and their sum is what is called lost. */
#include <stdlib.h>

#include "ddrescue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	CLEANUP(ddrescue_map_free) struct ddrescue_map m = { 0 };
	uint64_t lost = 0;

	if (ddrescue_map_parse(text, &m, NULL) < 0)
		return 0;
	for (size_t i = 0; i < m.n; i++) {
		if (m.bad[i].off > INT64_MAX - m.bad[i].len)
			abort();
		lost += m.bad[i].len;
	}
	if (lost != m.lost || m.good > INT64_MAX - m.lost)
		abort();
	return 0;
}

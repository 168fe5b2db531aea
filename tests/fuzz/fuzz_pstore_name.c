/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *file = xstrndup((const char *)data, size);
	struct pstore_name n;
	uint64_t t;

	if (pstore_name_parse(file, &n) == 0) {
		if (n.type >= PSTORE_UNKNOWN + (n.variable ? 1 : 0) || !memchr(n.backend, 0, sizeof(n.backend)))
			abort();
		if (pstore_name_time(&n, n.part, n.count, &t) && n.variable && t != n.time)
			abort();
	}
	free(file);
	return 0;
}

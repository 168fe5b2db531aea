/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *out = NULL;
	size_t len = 0;
	bool cut;

	if (pstore_unpack(data, size, &out, &len, &cut) != PSTORE_UNREADABLE && (!out || out[len] != '\0' || len > 8 * MIB))
		abort();
	free(out);
	return 0;
}

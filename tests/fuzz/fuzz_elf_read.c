/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "elf_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(elf_free) struct elf f;
	AUTO_FREE uint8_t *copy = xmalloc(size + 1);

	memcpy(copy, data, size);
	elf_parse(data, size, &f, NULL);
	if (elf_strip(copy, size) > size)
		abort();
	return 0;
}

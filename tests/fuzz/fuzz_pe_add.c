/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_find.h"
#include "pe_add.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	AUTO_FREE char *release = NULL;
	struct pe_section s[] = { { ".cmdline", 12, 0, 0 }, { ".linux", 100000, 0, 0 } };

	if (pe_add_sections(data, size, s, ARRAY_SIZE(s), &out, NULL) == 0 && s[0].offset < out.len)
		abort();
	image_kernel_release(data, size, &release, NULL);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Boot#### variable of any firmware: parsed without reading outside; what can be built again says the same. */
#include <stdlib.h>

#include "efi_loadopt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct efi_loadopt o, back;
	AUTO_FREE uint8_t *raw = NULL;
	size_t n;

	if (efi_loadopt_parse(data, size, &o, NULL) < 0)
		return 0;
	if (efi_loadopt_build(&o, &raw, &n, NULL) == 0) {
		if (efi_loadopt_parse(raw, n, &back, NULL) < 0 || !str_eq(back.label, o.label) || !str_eq(back.file, o.file) ||
		    back.data_len != o.data_len)
			abort();
		efi_loadopt_free(&back);
	}
	efi_loadopt_free(&o);
	return 0;
}

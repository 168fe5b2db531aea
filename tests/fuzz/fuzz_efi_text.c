/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that others wrote about boot entries: saved copies and shim's CSV. */
#include "efi_order.h"
#include "esp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(const char *file, const char *label, const char *args, void *arg)
{
	*(size_t *)arg += strlen(file) + strlen(label) + strlen(args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct efi_saved *v;
	size_t n, total = 0;

	if (efi_saved_parse((const char *)data, size, &v, &n, NULL) == 0)
		efi_saved_free(v, n);
	(void)esp_csv_each(data, size, count, &total);
	return 0;
}

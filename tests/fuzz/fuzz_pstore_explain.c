/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str out = STR_INIT;
	struct pstore_explain x;

	pstore_explain((const char *)data, size, "Oops", &x);
	free(pstore_explain_line(&x));
	pstore_explain_text(&x, &out);
	pstore_explain_json(&x, &out);
	pstore_explain_free(&x);
	str_free(&out);
	return 0;
}

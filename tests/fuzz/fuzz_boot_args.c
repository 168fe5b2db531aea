/* SPDX-License-Identifier: GPL-2.0-or-later */
/* First byte: which parser. */
#include "boot_args.h"

static void as_text(uint8_t which, const char *text)
{
	CLEANUP(boot_args_free) struct boot_args a = { 0 };
	CLEANUP(boot_plan_free) struct boot_plan p = { 0 };
	CLEANUP(boot_net_free) struct boot_net n = { 0 };

	if (which == 0)
		boot_args_parse(text, &a);
	else if (which == 1)
		boot_plan_parse(text, &p, NULL);
	else if (which == 2)
		boot_net_parse(text, &n, NULL);
	else
		(void)(boot_plan_finish(text) && boot_plan_reboots(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = NULL, *out = NULL;
	const char *body;
	char label[17];
	size_t n;

	if (size < 1)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	as_text(data[0] % 4, text);
	if (data[0] == 4)
		boot_smbios(data + 1, size - 1, "rescue.plan:", &out, &n, NULL);
	if (data[0] == 5 && boot_http_body((const char *)data + 1, size - 1, &body, &n, NULL) == 0 && n > size)
		abort();
	if (data[0] == 6)
		boot_ext_label(data + 1, size - 1, label);
	return 0;
}

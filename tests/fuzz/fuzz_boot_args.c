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
		(void)(boot_plan_finish(text) && boot_plan_has(text, "reboot"));
}

/* What goes to a console is one line of printable text. */
static void findings(const char *text)
{
	CLEANUP(strv_free) struct strv l = STRV_INIT;

	boot_crash_findings(text, "hint", &l);
	for (size_t i = 0; i < l.n; i++)
		for (const char *c = l.v[i]; *c; c++)
			if (*c < ' ' || *c > '~')
				abort();
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
	if (data[0] == 7)
		findings(text);
	return 0;
}

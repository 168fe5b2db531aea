/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A manifest that somebody gives as "what I have already": any bytes. */
#include <stdio.h>

#include "manifest_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest_set *s = NULL;
	struct statx st = { .stx_mode = S_IFREG | 0644, .stx_size = 1 };
	struct err e = ERR_INIT;
	FILE *in = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	int r = in ? manifest_set_parse(&s, in, "manifest", false, &e) : 0;

	if (r < 0 && !*e.msg)
		abort();
	if (s)
		(void)manifest_set_has(s, &(struct manifest_line){ .st = &st, .path = "/a" });
	manifest_set_free(s);
	if (in)
		fclose(in);
	return 0;
}

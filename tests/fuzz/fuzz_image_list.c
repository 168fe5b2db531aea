/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Only words that do not read this system: the rest is the same parser. */
#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_IMAGE struct image *im = image_new();
	struct image_selection sel = { 0 };
	AUTO_FREE char *text = xstrndup((const char *)data, size);

	if (!strstr(text, "prog") && !strstr(text, "lib") && !strstr(text, "file") && !strstr(text, "applet"))
		image_list_apply(im, "fuzz", text, strlen(text), &sel, NULL);
	image_selection_free(&sel);
	return 0;
}

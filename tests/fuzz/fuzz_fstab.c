/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fstab, mountinfo and identifiers in any text: the fields' places lie inside, nothing but the identifier changes. */
#include <stdlib.h>

#include "blk.h"
#include "fstab.h"
#include "ident.h"
#include "rootmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool never(const char *spec, void *arg)
{
	(void)arg;
	return strlen(spec) % 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(ident_map_free) struct ident_map m = { 0 };
	CLEANUP(str_free) struct str out = STR_INIT, drop = STR_INIT, flags = STR_INIT, again = STR_INIT;
	CLEANUP(rootmap_free) struct rootmap rm = { 0 };
	AUTO_FREE char *array = NULL, *text = xstrndup((const char *)data, size);
	struct fstab_line *v;
	size_t n;

	fstab_parse((const char *)data, size, 1, &v, &n);
	for (size_t i = 0; i < n; i++) {
		UNUSED AUTO_FREE char *opts = fstab_set_option(v[i].f[FSTAB_OPTIONS].text, "subvolid", i % 2 ? "7" : NULL);

		for (size_t k = 0; k < ARRAY_SIZE(v[i].f); k++)
			if (v[i].f[k].at > size || v[i].f[k].len > size - v[i].f[k].at || !v[i].f[k].text)
				abort();
	}
	fstab_free(v, n);
	(void)ident_map_add(&m, "1A2B-3C4D", "1A2B-3C4E", NULL);
	n = ident_replace(&m, text, strlen(text), &out);
	if (out.len != strlen(text) || (n && !ident_replace(&m, text, strlen(text), NULL)))
		abort();
	(void)ident_drop_resume(text, strlen(text), never, NULL, &drop);
	(void)ident_rootflags(text, strlen(text), "/@", 256, &flags);
	if (ident_rootflags(str_cstr(&flags), flags.len, "/@", 256, &again) || again.len != flags.len)
		abort();
	array = ident_array_uuid(text);
	if (array && (strlen(array) != 36 || !blk_same_array(array, array)))
		abort();
	(void)rootmap_read("/target", text, &rm, NULL);
	return 0;
}

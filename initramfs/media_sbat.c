/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The signed loaders that go onto a medium, against the revocations that are known here: better said now than by a firmware that only says "violation" (T100). */
#include "efi_var.h"
#include "fs.h"
#include "media.h"
#include "sbat.h"

#define LOADER_MAX (16 * MIB)

struct level {
	char *text;
	const char *whose;
};

static void say_if_revoked(const struct media *m, const char *path, const struct level *l)
{
	AUTO_FREE char *data = NULL, *parts = NULL;
	CLEANUP(str_free) struct str why = STR_INIT;
	size_t n;

	if (!l->text || fs_read(path, LOADER_MAX, &data, &n, NULL) < 0)
		return;
	parts = sbat_parts(data, n);
	if (parts && sbat_revoked(parts, l->text, &why))
		strv_addf(m->said, "warning: '%s' is revoked by %s (%s): with Secure Boot on, such machines refuse this medium. Update shim-signed and "
				   "grub-efi-amd64-signed, and build it again", path, l->whose, str_cstr(&why));
}

static char *firmware_level(void)
{
	uint8_t *d = NULL;
	char *text;
	size_t n;

	if (efi_var_get(SBAT_VAR, SBAT_GUID, NULL, &d, &n, NULL) < 0)
		return NULL;
	text = xstrndup((const char *)d, n);
	free(d);
	return text;
}

void media_say_revoked(const struct media *m, const char *shim, const char *grub)
{
	struct level l[] = { { NULL, "the shim beside it" }, { NULL, "the newest list of shim" }, { firmware_level(), "this machine's firmware" } };
	const char *loaders[] = { shim, grub };
	AUTO_FREE char *data = NULL;
	char *carried[2] = { NULL };
	size_t n;

	if (fs_read(shim, LOADER_MAX, &data, &n, NULL) == 0)
		sbat_levels(data, n, carried);
	l[0].text = carried[0];
	l[1].text = carried[1];
	for (size_t i = 0; i < ARRAY_SIZE(l); i++)
		for (size_t k = 0; k < ARRAY_SIZE(loaders); k++)
			say_if_revoked(m, loaders[k], &l[i]);
	for (size_t i = 0; i < ARRAY_SIZE(l); i++)
		free(l[i].text);
}

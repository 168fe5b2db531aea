/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels, EFI programs, GRUB cores and initramfs images of any bytes. */
#include "bzimage.h"
#include "grubimg.h"
#include "initrd.h"
#include "pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *version = NULL;
	struct grubimg g = { 0 };
	struct initrd i;
	struct pe pe;

	if (pe_parse(data, size, &pe, NULL) == 0) {
		(void)pe_kind(&pe, data, size);
		pe_free(&pe);
	}
	if (grubimg_efi(data, size, &g, NULL) == 0)
		grubimg_free(&g);
	if (size < 65536 && grubimg_bios(data, size, &g, NULL) == 0)
		grubimg_free(&g);
	(void)bzimage_check(data, size, &version, NULL);
	(void)initrd_read(data, size, &i, NULL);
	(void)initrd_has_module(&i, "6.1", "btrfs");
	initrd_free(&i);
	return 0;
}

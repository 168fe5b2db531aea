/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The superblock of an ext4: the command made from it is one word each, whatever the numbers are. */
#include "ladder_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(strv_free) struct strv args = STRV_INIT;
	uint8_t sb[LADDER_EXT_SUPER] = { 0 };
	struct err e = ERR_INIT;

	memcpy(sb, data, size < sizeof(sb) ? size : sizeof(sb));
	if (ladder_ext_args(sb, "/dev/x", &args, &e) == 0 && (args.n < 16 || args.v[args.n] || !str_eq(args.v[args.n - 2], "/dev/x")))
		abort();
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved partition layouts: what parses must be placed inside the disk without overlap, or be refused with a sentence. */
#include "parttable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct part_layout *l, uint64_t disk)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct part *p = &l->parts[i];

		if (p->number == 0 || p->number > PART_MAX || p->size == 0 || p->start + p->size < p->start || p->start + p->size > disk || !p->type)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct part_layout l = { 0 };
	struct err e = ERR_INIT;

	if (part_parse((const char *)data, size, &l, &e) < 0) {
		if (!*e.msg)
			abort();
		return 0;
	}
	if (part_place(&l, GIB, 512, &e) == 0)
		check(&l, GIB);
	else if (!*e.msg)
		abort();
	part_free(&l);
	return 0;
}

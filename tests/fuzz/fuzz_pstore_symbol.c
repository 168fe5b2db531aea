/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System.map or ELF, with its symbols and its line table. */
#include "pstore_line.h"
#include "pstore_symbol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xmalloc(size + 1);
	struct pstore_symbols s;

	memcpy(text, data, size);
	text[size] = '\0';
	free(pstore_line_at(text, size, 0x1000));
	free(pstore_line_at(text, size, 0xffffffff81000010));
	if (pstore_symbols_parse("fuzz", text, size, &s, NULL) < 0)
		return 0;
	for (size_t i = 0; i < s.n && i < 100; i++) {
		const struct pstore_symbol *f = pstore_symbols_at(&s, s.v[i].addr);

		if (f && f->addr > s.v[i].addr)
			abort();
		pstore_symbols_named(&s, s.v[i].name, strlen(s.v[i].name), 1);
	}
	pstore_symbols_free(&s);
	return 0;
}

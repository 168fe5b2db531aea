/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records as a folder would show them: "NAME\n" length16 bytes, again and again. Everything from the header to the report must stand it. */
#include "pstore_dump.h"
#include "pstore_store.h"

static const uint8_t *take(struct pstore_set *set, const uint8_t *p, const uint8_t *end)
{
	const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
	size_t n;
	char *file, *data;

	if (!nl || end - nl < 3 || nl - p > 200)
		return end;
	file = xstrndup((const char *)p, (size_t)(nl - p));
	n = (size_t)nl[1] << 8 | nl[2];
	p = nl + 3;
	if (n > (size_t)(end - p))
		n = (size_t)(end - p);
	data = xmalloc(n + 1);
	memcpy(data, p, n);
	data[n] = '\0';
	set->v = xrealloc(set->v, (set->n + 1) * sizeof(*set->v));
	pstore_record_make(&set->v[set->n++], "dir", file, data, n, 0);
	free(file);
	return p + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pstore_set set = { .n = 0 };
	struct pstore_dumps dumps;
	size_t records = 0, len;

	for (const uint8_t *p = data, *end = data + size; p < end && set.n < 32; )
		p = take(&set, p, end);
	pstore_set_link(&set);
	pstore_dumps_make(&dumps, &set);
	for (size_t i = 0; i < dumps.n; i++) {
		records += dumps.v[i].n;
		free(pstore_dump_log(&dumps.v[i], &len));
		free(pstore_dump_name(&dumps.v[i]));
		free(pstore_report_json(&dumps.v[i]));
	}
	if (records != set.n)   /* never drops what it does not understand */
		abort();
	pstore_dumps_free(&dumps);
	pstore_set_free(&set);
	return 0;
}

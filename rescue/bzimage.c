/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bzimage.h"

#include "le.h"
#include "pe.h"

static char *version(const uint8_t *d, size_t n)
{
	size_t at = le16(d + 0x20e), len = 0;

	if (!at)
		return NULL;
	at += 0x200;
	while (at + len < n && len < 128 && d[at + len] > ' ' && d[at + len] < 0x7f)
		len++;
	return len ? xstrndup((const char *)d + at, len) : NULL;
}

int bzimage_check(const void *data, size_t n, char **ret_version, struct err *e)
{
	const uint8_t *d = data;
	struct pe pe;
	size_t need;
	int r;

	*ret_version = NULL;
	if (n > 0x264 && memcmp(d + 0x202, "HdrS", 4) == 0) {
		need = ((d[0x1f1] ? d[0x1f1] : 4) + 1u) * 512 + (size_t)le32(d + 0x1f4) * 16;
		if (n < need)
			return err_set(e, -ENODATA, "the kernel is cut off: %zu of %zu bytes are there", n, need);
		*ret_version = version(d, n);
		return 0;
	}
	if (n > 2 && d[0] == 0x1f && d[1] == 0x8b)
		return 0;               /* arm64 vmlinuz: compressed as a whole */
	r = pe_parse(d, n, &pe, e);
	if (r < 0)
		return r == -ENODATA ? err_wrap(e, r, "the kernel") : err_set(e, -EBADMSG, n ? "this is no kernel" : "the kernel is empty");
	pe_free(&pe);
	return 0;
}

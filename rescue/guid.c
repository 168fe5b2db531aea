/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guid.h"

#include <ctype.h>
#include <sys/random.h>

static int fill(void *p, size_t n, struct err *e)
{
	if (getrandom(p, n, 0) != (ssize_t)n)
		return err_errno(e, "ask the kernel for random bytes");
	return 0;
}

void guid_text(const uint8_t b[16], char ret[37])
{
	snprintf(ret, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6],
		 b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

int guid_random(char ret[37], struct err *e)
{
	uint8_t b[16];
	int r = fill(b, sizeof(b), e);

	if (r < 0)
		return r;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	guid_text(b, ret);
	return 0;
}

int guid_random_u32(uint32_t *ret, struct err *e)
{
	int r;

	do {
		r = fill(ret, sizeof(*ret), e);
	} while (r == 0 && *ret == 0);
	return r;
}

bool guid_valid(const char *text)
{
	size_t i;

	for (i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return text[36] == '\0';
}

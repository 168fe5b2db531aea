/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grubimg.h"

#include <lzma.h>

#include "le.h"
#include "pe.h"

#define MAGIC "mimg"
#define TEXT_MAX 65536
#define UNPACKED_MAX (16 * MIB)

enum { OBJ_MEMDISK = 1, OBJ_CONFIG = 2, OBJ_PREFIX = 3 };

void grubimg_free(struct grubimg *g)
{
	free(g->prefix);
	free(g->config);
	*g = (struct grubimg){ 0 };
}

static char *text(const uint8_t *p, size_t n)
{
	return xstrndup((const char *)p, n < TEXT_MAX ? n : TEXT_MAX);
}

/* Objects: u32 type, u32 size with this header. */
static void objects(const uint8_t *p, size_t at, size_t end, struct grubimg *g)
{
	while (at < end && end - at >= 8) {
		uint32_t type = le32(p + at), size = le32(p + at + 4);

		if (size < 8 || size > end - at)
			return;
		if (type == OBJ_CONFIG && !g->config)
			g->config = text(p + at + 8, size - 8);
		else if (type == OBJ_PREFIX && !g->prefix)
			g->prefix = text(p + at + 8, size - 8);
		else if (type == OBJ_MEMDISK)
			g->memdisk = true;
		at += size;
	}
}

int grubimg_efi(const void *data, size_t n, struct grubimg *ret, struct err *e)
{
	const struct pe_section *s;
	const uint8_t *p;
	struct pe pe;
	uint64_t from, size;
	int r = pe_parse(data, n, &pe, e);

	if (r < 0)
		return r;
	*ret = (struct grubimg){ 0 };
	s = pe_section(&pe, "mods");
	p = s ? (const uint8_t *)data + s->at : NULL;
	if (!s || s->len < 24 || memcmp(p, MAGIC, 4) != 0) {
		pe_free(&pe);
		return err_set(e, -EBADMSG, "GRUB's list of modules is not in it");
	}
	from = le32(p + 8);            /* the upper halves of both 64-bit fields are zero in any real image */
	size = le32(p + 16);
	if (from < s->len)
		objects(p, (size_t)from, size < s->len ? (size_t)size : s->len, ret);
	pe_free(&pe);
	return 0;
}

int grubimg_mbr(const void *sector, uint64_t *ret_lba, struct err *e)
{
	const uint8_t *p = sector;

	if (p[510] != 0x55 || p[511] != 0xaa)
		return err_set(e, -EBADMSG, "no boot sector: the signature 55 AA is missing");
	if (!memmem(p, 440, "GRUB", 4))
		return err_set(e, -EBADMSG, "its boot sector holds no GRUB%s", le32(p) ? "" : " (it is empty)");
	*ret_lba = le64(p + 0x5c);
	return 0;
}

int grubimg_blocks(const void *sector, uint64_t *ret_lba, unsigned int *ret_sectors, struct err *e)
{
	const uint8_t *p = sector;

	if (!memmem(p, 500, " Error", 6) || !le16(p + 0x1fc) || !le32(p + 0x1f4))
		return err_set(e, -EBADMSG, "the place that the boot sector names holds no GRUB core image");
	*ret_lba = le64(p + 0x1f4);
	*ret_sectors = le16(p + 0x1fc);
	return 0;
}

/* GRUB's LZMA stream has no header of its own: these properties are fixed in its decompressor. */
static uint8_t *unlzma(const uint8_t *p, size_t n, size_t size)
{
	uint8_t head[13] = { 0x5d, 0, 0, 1, 0 }, *out = xmalloc(size);
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret r;

	for (int i = 0; i < 8; i++)
		head[5 + i] = i < 4 ? (uint8_t)(size >> (8 * i)) : 0;
	if (lzma_alone_decoder(&s, 64 * MIB) != LZMA_OK) {
		free(out);
		return NULL;
	}
	s.next_in = head;
	s.avail_in = sizeof(head);
	s.next_out = out;
	s.avail_out = size;
	r = lzma_code(&s, LZMA_RUN);
	s.next_in = p;
	s.avail_in = n;
	while (r == LZMA_OK && s.avail_in && s.avail_out)
		r = lzma_code(&s, LZMA_RUN);
	size = s.avail_out;
	lzma_end(&s);
	if (size) {
		free(out);
		return NULL;
	}
	return out;
}

static void find_objects(const uint8_t *p, size_t n, struct grubimg *g)
{
	const uint8_t *m = memmem(p, n, MAGIC, 4);

	while (m) {
		size_t left = n - (size_t)(m - p), from, size;

		if (left < 12)
			return;
		from = le32(m + 4);
		size = le32(m + 8);
		if (from >= 12 && from < left && size <= left)
			objects(m, from, size, g);
		if (g->prefix)
			return;
		m = memmem(m + 4, left - 4, MAGIC, 4);
	}
}

/* Behind the first sector: the decompressor, which holds both sizes, then the stream; where it begins is not written down. */
int grubimg_bios(const void *data, size_t n, struct grubimg *ret, struct err *e)
{
	const uint8_t *p = (const uint8_t *)data + 512;
	size_t packed, size, left = n > 512 ? n - 512 : 0;

	*ret = (struct grubimg){ 0 };
	if (left < 4096)
		return err_set(e, -ENODATA, "GRUB's core image is cut off");
	packed = le32(p + 8);
	size = le32(p + 12);
	if (packed < 1024 || packed > left || size < packed || size > UNPACKED_MAX)
		return err_set(e, -EBADMSG, "GRUB's core image is damaged");
	for (size_t at = 0x400; at + packed <= left && at < 0x2000; at += 4) {
		uint8_t *out = p[at] == 0 && p[at + 1] ? unlzma(p + at, packed, size) : NULL;

		if (!out)
			continue;
		find_objects(out, size, ret);
		free(out);
		if (ret->prefix)
			return 0;
		grubimg_free(ret);
	}
	return err_set(e, -EBADMSG, "GRUB's core image is damaged; GRUB may mend it from its redundancy while it starts, but install it anew");
}

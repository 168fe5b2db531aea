/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A GUID partition table, UEFI specification 2.10, chapter 5. Sectors of 512 bytes, 128 entries, both copies. */
#include <endian.h>

#include "hash.h"
#include "media.h"
#include "media_copy.h"

#define SECTOR 512
#define ENTRIES 128
#define ENTRY 128
#define TABLE (ENTRIES * ENTRY)

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t c = ~0u;

	while (n--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = (c >> 1) ^ ((c & 1) ? 0xedb88320u : 0);
	}
	return ~c;
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, 4);
}

static void put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, 8);
}

void gpt_guid(uint8_t out[16], const char *id, const char *what)
{
	AUTO_FREE char *text = xasprintf("rescue %s %s", what, id);
	char hex[65];

	hash_sha256_hex(text, strlen(text), hex);
	for (int i = 0; i < 16; i++) {
		unsigned int byte;

		sscanf(hex + 2 * i, "%2x", &byte);
		out[i] = (uint8_t)byte;
	}
	out[7] = (uint8_t)((out[7] & 0x0f) | 0x40);     /* version 4 of RFC 4122, in the mixed byte order of GPT */
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

static void protective_mbr(uint8_t *mbr, uint64_t sectors)
{
	uint8_t *p = mbr + 446;

	p[1] = 0;
	p[2] = 2;
	p[4] = 0xee;
	p[5] = p[6] = p[7] = 0xff;
	put32(p + 8, 1);
	put32(p + 12, sectors - 1 > UINT32_MAX ? UINT32_MAX : (uint32_t)(sectors - 1));
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
}

static void entry(uint8_t *row, const char *id, const struct gpt_part *p)
{
	memcpy(row, p->type, 16);
	gpt_guid(row + 16, id, p->name);
	put64(row + 32, p->start);
	put64(row + 40, p->start + p->sectors - 1);
	for (size_t i = 0; p->name[i] && i < 36; i++)
		row[56 + 2 * i] = (uint8_t)p->name[i];
}

static void header(uint8_t *h, const uint8_t guid[16], uint64_t own, uint64_t other, uint64_t sectors, uint64_t table_at, uint32_t table_crc)
{
	memset(h, 0, SECTOR);
	memcpy(h, "EFI PART\0\0\1\0\x5c\0\0\0", 16);
	put64(h + 24, own);
	put64(h + 32, other);
	put64(h + 40, 2 + TABLE / SECTOR);
	put64(h + 48, sectors - TABLE / SECTOR - 2);
	memcpy(h + 56, guid, 16);
	put64(h + 72, table_at);
	put32(h + 80, ENTRIES);
	put32(h + 84, ENTRY);
	put32(h + 88, table_crc);
	put32(h + 16, crc32_of(h, 92));
}

int gpt_write(int fd, uint64_t sectors, const uint8_t guid[16], const char *id, const struct gpt_part *p, size_t n, struct err *e)
{
	AUTO_FREE uint8_t *table = xcalloc(1, TABLE);
	uint8_t mbr[SECTOR], h[SECTOR];
	uint64_t last = sectors - 1, second = last - TABLE / SECTOR;
	int r;

	for (size_t i = 0; i < n && i < ENTRIES; i++)
		entry(table + i * ENTRY, id, &p[i]);
	if (pread(fd, mbr, SECTOR, 0) != SECTOR)
		return err_errno(e, "read the image's first sector");
	protective_mbr(mbr, sectors);
	r = media_write_at(fd, 0, mbr, SECTOR, e);
	header(h, guid, 1, last, sectors, 2, crc32_of(table, TABLE));
	if (r == 0)
		r = media_write_at(fd, SECTOR, h, SECTOR, e);
	if (r == 0)
		r = media_write_at(fd, 2 * SECTOR, table, TABLE, e);
	header(h, guid, last, 1, sectors, second, crc32_of(table, TABLE));
	if (r == 0)
		r = media_write_at(fd, second * SECTOR, table, TABLE, e);
	return r < 0 ? r : media_write_at(fd, last * SECTOR, h, SECTOR, e);
}

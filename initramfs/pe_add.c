/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pe_add.h"
#include "le.h"

#define OPT_SIZE 24             /* COFF header and signature in front of the optional header */
#define ROW 40                  /* bytes of a row in the section table */
#define ROWS_MAX 96
#define READ_DATA 0x40000040u   /* initialised data, readable */
#define PAGE 4096u

struct pe {
	uint8_t *d;
	size_t n;
	size_t coff;            /* of the signature "PE\0\0" */
	size_t opt, table;
	uint32_t rows, file_align, section_align, headers;
};

static uint64_t align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) / a * a;
}

static bool power_of_two(uint32_t v)
{
	return v && (v & (v - 1)) == 0;
}

static int parse(struct pe *p, struct err *e)
{
	if (p->n < 64 || p->d[0] != 'M' || p->d[1] != 'Z')
		return err_set(e, -EBADMSG, "not an EFI program");
	p->coff = le32(p->d + 0x3c);
	if (p->coff > p->n || p->n - p->coff < OPT_SIZE + 112 || memcmp(p->d + p->coff, "PE\0\0", 4) != 0)
		return err_set(e, -EBADMSG, "no PE header in the EFI program");
	p->rows = le16(p->d + p->coff + 6);
	p->opt = p->coff + OPT_SIZE;
	p->table = p->opt + le16(p->d + p->coff + 20);
	if (le16(p->d + p->opt) != 0x20b || p->table < p->opt + 112)
		return err_set(e, -EBADMSG, "not a 64-bit EFI program");
	p->section_align = le32(p->d + p->opt + 32);
	p->file_align = le32(p->d + p->opt + 36);
	p->headers = le32(p->d + p->opt + 60);
	if (!power_of_two(p->file_align) || !power_of_two(p->section_align) || p->file_align > 65536 || p->section_align > 2 * MIB)
		return err_set(e, -EBADMSG, "alignment in the EFI program makes no sense");
	if (p->rows > ROWS_MAX || p->table > p->n || p->n - p->table < (size_t)p->rows * ROW || p->headers > p->n ||
	    p->headers < p->table + (size_t)p->rows * ROW)
		return err_set(e, -EBADMSG, "section table lies outside the EFI program");
	return 0;
}

/* Where the last section ends in the file. What lies behind (a symbol table, a signature that no longer holds) is dropped: bytes that belong to no
 * section are where signing tools and firmware disagree about what is hashed. */
static uint64_t file_end(const struct pe *p)
{
	uint64_t end = p->headers;

	for (uint32_t i = 0; i < p->rows; i++) {
		const uint8_t *row = p->d + p->table + (size_t)i * ROW;
		uint64_t last = (uint64_t)le32(row + 20) + le32(row + 16);

		end = le32(row + 20) && last > end ? last : end;
	}
	return end < p->n ? end : p->n;
}

/* Room for more rows: everything behind the headers moves back by whole file blocks. Returns by how much. */
static int widen(const struct pe *p, size_t more, struct str *out, struct err *e)
{
	uint64_t need = p->table + (p->rows + more) * ROW;
	uint64_t headers = need <= p->headers ? p->headers : align_up(need, p->file_align);

	if (p->rows && headers > le32(p->d + p->table + 12))
		return err_set(e, -ENOSPC, "no room for more sections in the EFI program");
	str_addn(out, p->d, p->headers);
	while (out->len < headers)
		str_addc(out, 0);
	str_addn(out, p->d + p->headers, file_end(p) - p->headers);
	return (int)(headers - p->headers);
}

static void forget_symbols_and_signature(const struct pe *p, uint8_t *d)
{
	le_put(d + p->coff + 12, 0, 4);
	le_put(d + p->coff + 16, 0, 4);
	if (le32(d + p->opt + 108) > 4 && p->opt + 152 <= p->table)
		memset(d + p->opt + 144, 0, 8);
}

/* Where the image ends in memory so far. */
static uint64_t memory_end(const struct pe *p)
{
	uint64_t end = p->headers;

	for (uint32_t i = 0; i < p->rows; i++) {
		const uint8_t *row = p->d + p->table + (size_t)i * ROW;
		uint64_t last = (uint64_t)le32(row + 12) + le32(row + 8);

		end = last > end ? last : end;
	}
	return end;
}

static void shift_rows(uint8_t *d, const struct pe *p, uint32_t by)
{
	for (uint32_t i = 0; by && i < p->rows; i++) {
		uint8_t *at = d + p->table + (size_t)i * ROW + 20;

		if (le32(at))
			le_put(at, (uint64_t)le32(at) + by, 4);
	}
}

static void write_row(uint8_t *row, const struct pe_section *s, uint64_t address, uint64_t raw)
{
	memset(row, 0, ROW);
	memcpy(row, s->name, strnlen(s->name, 8));
	le_put(row + 8, s->size, 4);
	le_put(row + 12, address, 4);
	le_put(row + 16, raw, 4);
	le_put(row + 20, s->offset, 4);
	le_put(row + 36, READ_DATA, 4);
}

static int place(const struct pe *p, struct str *out, struct pe_section *s, size_t n_s, struct err *e)
{
	uint64_t align = p->section_align > PAGE ? p->section_align : PAGE;
	uint64_t address = align_up(memory_end(p), align), at = align_up(out->len, p->file_align);
	uint8_t *d = (uint8_t *)out->s;

	for (size_t i = 0; i < n_s; i++) {
		uint64_t raw = align_up(s[i].size, p->file_align);

		s[i].offset = at;
		s[i].end = at + raw;
		if (address + s[i].size > UINT32_MAX || s[i].end > UINT32_MAX)
			return err_set(e, -EFBIG, "the EFI program would be larger than 4 GiB");
		write_row(d + p->table + (p->rows + i) * ROW, &s[i], address, raw);
		at += raw;
		address = align_up(address + s[i].size, align);
	}
	le_put(d + p->coff + 6, (uint16_t)(p->rows + n_s), 2);
	le_put(d + p->opt + 56, align_up(address, p->section_align), 4);
	le_put(d + p->opt + 64, 0, 4);      /* checksum: not used by firmware */
	return 0;
}

int pe_add_sections(const uint8_t *stub, size_t n, struct pe_section *s, size_t n_s, struct str *ret, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct pe p = { .d = (uint8_t *)(uintptr_t)stub, .n = n };
	int r = parse(&p, e), by;

	if (r < 0)
		return r;
	by = widen(&p, n_s, &out, e);
	if (by < 0)
		return by;
	shift_rows((uint8_t *)out.s, &p, (uint32_t)by);
	forget_symbols_and_signature(&p, (uint8_t *)out.s);
	le_put((uint8_t *)out.s + p.opt + 60, p.headers + (uint32_t)by, 4);
	r = place(&p, &out, s, n_s, e);
	if (r < 0)
		return r;
	str_addn(ret, out.s, out.len);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pe.h"

#include "le.h"
#include "str.h"

#define SECTIONS_MAX 96

void pe_free(struct pe *p)
{
	free(p->v);
	*p = (struct pe){ 0 };
}

static int bad(struct err *e, const char *why)
{
	return err_set(e, -EBADMSG, "not an EFI program: %s", why);
}

/* "/4": a name of more than 8 bytes is in the string table behind the symbols. What is not there keeps its short name. */
static void long_name(const uint8_t *d, size_t n, size_t coff, char name[16])
{
	uint64_t at, table = le32(d + coff + 12);

	if (name[0] != '/' || !table || str_to_u64(name + 1, &at) < 0)
		return;
	at += table + 18 * (uint64_t)le32(d + coff + 16);
	if (at < n && memchr(d + at, 0, n - at < 16 ? n - at : 16))
		strcpy(name, (const char *)d + at);
}

static int sections(const uint8_t *d, size_t n, size_t coff, size_t at, size_t count, struct pe *p, struct err *e)
{
	p->v = xcalloc(count + 1, sizeof(*p->v));
	for (size_t i = 0; i < count; i++, at += 40) {
		struct pe_section *s = &p->v[p->n++];
		uint32_t vsize, rsize, raw;

		memcpy(s->name, d + at, 8);
		long_name(d, n, coff, s->name);
		vsize = le32(d + at + 8);
		rsize = le32(d + at + 16);
		raw = le32(d + at + 20);
		s->at = raw;
		s->len = vsize && vsize < rsize ? vsize : rsize;
		if (raw && rsize && (size_t)raw + s->len > p->need)
			p->need = (size_t)raw + s->len;
		if (raw > n || s->len > n - raw) {
			if (raw && rsize)
				continue;       /* told below */
			s->at = s->len = 0;
		}
	}
	return p->need > n ? err_set(e, -ENODATA, "cut off: %zu of at least %zu bytes are there", n, p->need) : 0;
}

static int parse(const uint8_t *d, size_t n, struct pe *p, struct err *e)
{
	size_t pe, opt, count;

	if (n < 64 || d[0] != 'M' || d[1] != 'Z')
		return bad(e, n ? "no MZ at its start" : "it is empty");
	pe = le32(d + 60);
	if (pe > n || n - pe < 24 + 70 || memcmp(d + pe, "PE\0\0", 4) != 0)
		return bad(e, "no PE header");
	p->machine = (uint16_t)le16(d + pe + 4);
	count = le16(d + pe + 6);
	opt = le16(d + pe + 20);
	p->subsystem = (uint16_t)le16(d + pe + 24 + 68);
	if (count > SECTIONS_MAX || n - pe - 24 < opt || n - pe - 24 - opt < count * 40)
		return bad(e, "its section table is damaged");
	return sections(d, n, pe, pe + 24 + opt, count, p, e);
}

int pe_parse(const void *data, size_t n, struct pe *ret, struct err *e)
{
	struct pe p = { 0 };
	int r = parse(data, n, &p, e);

	if (r < 0) {
		pe_free(&p);
		return r;
	}
	*ret = p;
	return 0;
}

const struct pe_section *pe_section(const struct pe *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_eq(p->v[i].name, name))
			return &p->v[i];
	return NULL;
}

static bool holds(const uint8_t *d, const struct pe_section *s, const char *what)
{
	return s && s->len && memmem(d + s->at, s->len, what, strlen(what)) != NULL;
}

enum pe_kind pe_kind(const struct pe *p, const void *data, size_t n)
{
	const uint8_t *d = data;
	const struct pe_section *sbat = pe_section(p, ".sbat"), *magic = pe_section(p, ".sdmagic");

	if (pe_section(p, ".linux"))
		return PE_UKI;
	if (pe_section(p, "mods") || holds(d, sbat, "\ngrub,"))
		return PE_GRUB;
	if (holds(d, sbat, "systemd-boot") || holds(d, magic, "systemd-boot"))
		return PE_SYSTEMD_BOOT;
	if (n > 0x206 && memcmp(d + 0x202, "HdrS", 4) == 0)
		return PE_KERNEL;
	if (holds(d, sbat, "\nshim,")) {
		/* shim, its fallback and MokManager share the SBAT line; only shim asks for the loader by this name */
		static const char second[] = "g\0r\0u\0b\0x\0";

		if (memmem(d, n, second, sizeof(second) - 1) || memmem(d, n, "g\0r\0u\0b\0a\0a\0", 12))
			return PE_SHIM;
		return memmem(d, n, "B\0O\0O\0T\0", 8) ? PE_FALLBACK : PE_OTHER;
	}
	return memmem(d, n, "#### LoaderInfo: systemd-boot", 29) ? PE_SYSTEMD_BOOT : PE_OTHER;
}

const char *pe_kind_name(enum pe_kind k)
{
	static const char *const names[] = { "an EFI program", "shim", "GRUB", "systemd-boot", "a unified kernel image", "a kernel", "shim's fallback" };

	return names[k];
}

const char *pe_arch(uint16_t machine)
{
	switch (machine) {
	case 0x8664: return "x64";
	case 0x14c: return "ia32";
	case 0xaa64: return "aa64";
	case 0x5064: return "riscv64";
	case 0x6264: return "loongarch64";
	default: return NULL;
	}
}

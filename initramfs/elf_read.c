/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "elf_read.h"

#include <elf.h>

struct view {
	const uint8_t *d;
	size_t n;
	Elf64_Ehdr h;
};

static bool inside(const struct view *v, uint64_t at, uint64_t len)
{
	return at <= v->n && len <= v->n - at;
}

static int header(struct view *v, struct err *e)
{
	if (v->n < EI_NIDENT || memcmp(v->d, ELFMAG, SELFMAG) != 0)
		return err_set(e, -ENOEXEC, "not an ELF file");
	if (v->d[EI_CLASS] != ELFCLASS64 || v->d[EI_DATA] != ELFDATA2LSB)
		return err_set(e, -ENOTSUP, "not a 64-bit little-endian ELF file");
	if (v->n < sizeof(v->h))
		return err_set(e, -EBADMSG, "ELF header is cut off");
	memcpy(&v->h, v->d, sizeof(v->h));
	if (v->h.e_phnum && (v->h.e_phentsize != sizeof(Elf64_Phdr) || !inside(v, v->h.e_phoff, (uint64_t)v->h.e_phnum * sizeof(Elf64_Phdr))))
		return err_set(e, -EBADMSG, "ELF program headers lie outside the file");
	return 0;
}

static Elf64_Phdr segment(const struct view *v, unsigned int i)
{
	Elf64_Phdr p;

	memcpy(&p, v->d + v->h.e_phoff + i * sizeof(p), sizeof(p));
	return p;
}

static bool find_segment(const struct view *v, uint32_t type, Elf64_Phdr *ret)
{
	for (unsigned int i = 0; i < v->h.e_phnum; i++) {
		*ret = segment(v, i);
		if (ret->p_type == type)
			return true;
	}
	return false;
}

/* The place in the file of an address in memory, and how many bytes of the segment follow it. */
static bool locate(const struct view *v, uint64_t addr, uint64_t *ret_at, uint64_t *ret_left)
{
	for (unsigned int i = 0; i < v->h.e_phnum; i++) {
		Elf64_Phdr p = segment(v, i);

		if (p.p_type != PT_LOAD || addr < p.p_vaddr || addr - p.p_vaddr >= p.p_filesz || !inside(v, p.p_offset, p.p_filesz))
			continue;
		*ret_at = p.p_offset + (addr - p.p_vaddr);
		*ret_left = p.p_filesz - (addr - p.p_vaddr);
		return true;
	}
	return false;
}

static const char *text_at(const struct view *v, uint64_t at, uint64_t len)
{
	return memchr(v->d + at, 0, len) ? (const char *)v->d + at : NULL;
}

struct strings {
	uint64_t at, len;
};

static int take(const struct view *v, const struct strings *s, uint64_t offset, const char **ret, struct err *e)
{
	*ret = offset < s->len ? text_at(v, s->at + offset, s->len - offset) : NULL;
	return *ret ? 0 : err_set(e, -EBADMSG, "ELF string lies outside its table");
}

static int string_table(const struct view *v, const Elf64_Phdr *dyn, struct strings *ret, struct err *e)
{
	uint64_t addr = 0, size = 0, left;

	for (uint64_t i = 0; i + sizeof(Elf64_Dyn) <= dyn->p_filesz; i += sizeof(Elf64_Dyn)) {
		Elf64_Dyn t;

		memcpy(&t, v->d + dyn->p_offset + i, sizeof(t));
		if (t.d_tag == DT_NULL)
			break;
		if (t.d_tag == DT_STRTAB)
			addr = t.d_un.d_ptr;
		if (t.d_tag == DT_STRSZ)
			size = t.d_un.d_val;
	}
	if (!locate(v, addr, &ret->at, &left))
		return err_set(e, -EBADMSG, "ELF string table lies outside the file");
	ret->len = size < left ? size : left;
	return 0;
}

static void keep(char **to, const char *text)
{
	free(*to);
	*to = xstrdup(text);
}

static int entry(const struct view *v, const struct strings *s, const Elf64_Dyn *t, struct elf *f, struct err *e)
{
	const char *text;
	int r;

	if (t->d_tag != DT_NEEDED && t->d_tag != DT_RPATH && t->d_tag != DT_RUNPATH && t->d_tag != DT_SONAME)
		return 0;
	r = take(v, s, t->d_un.d_val, &text, e);
	if (r < 0)
		return r;
	if (t->d_tag == DT_NEEDED)
		strv_add(&f->needed, text);
	else
		keep(t->d_tag == DT_RPATH ? &f->rpath : t->d_tag == DT_RUNPATH ? &f->runpath : &f->soname, text);
	return 0;
}

static int dynamic(const struct view *v, const Elf64_Phdr *dyn, struct elf *f, struct err *e)
{
	struct strings s = { 0, 0 };
	int r;

	if (!inside(v, dyn->p_offset, dyn->p_filesz))
		return err_set(e, -EBADMSG, "ELF dynamic section lies outside the file");
	r = string_table(v, dyn, &s, e);
	for (uint64_t i = 0; r == 0 && i + sizeof(Elf64_Dyn) <= dyn->p_filesz; i += sizeof(Elf64_Dyn)) {
		Elf64_Dyn t;

		memcpy(&t, v->d + dyn->p_offset + i, sizeof(t));
		if (t.d_tag == DT_NULL)
			break;
		r = entry(v, &s, &t, f, e);
	}
	return r;
}

static uint64_t mapped_end(const struct view *v)
{
	uint64_t end = sizeof(Elf64_Ehdr);

	if (v->h.e_phnum)
		end = v->h.e_phoff + (uint64_t)v->h.e_phnum * sizeof(Elf64_Phdr);
	for (unsigned int i = 0; i < v->h.e_phnum; i++) {
		Elf64_Phdr p = segment(v, i);

		if (!inside(v, p.p_offset, p.p_filesz))
			return v->n;
		if (p.p_filesz && p.p_offset + p.p_filesz > end)
			end = p.p_offset + p.p_filesz;
	}
	return end;
}

int elf_parse(const uint8_t *d, size_t n, struct elf *ret, struct err *e)
{
	struct view v = { .d = d, .n = n };
	Elf64_Phdr p;
	int r;

	*ret = (struct elf){ 0 };
	r = header(&v, e);
	if (r < 0)
		return r;
	ret->machine = v.h.e_machine;
	ret->loaded_end = mapped_end(&v);
	if (find_segment(&v, PT_INTERP, &p)) {
		const char *text = p.p_filesz && inside(&v, p.p_offset, p.p_filesz) ? text_at(&v, p.p_offset, p.p_filesz) : NULL;

		if (!text)
			return err_set(e, -EBADMSG, "name of the dynamic linker lies outside the file");
		ret->interp = xstrdup(text);
	}
	return find_segment(&v, PT_DYNAMIC, &p) ? dynamic(&v, &p, ret, e) : 0;
}

void elf_free(struct elf *f)
{
	free(f->interp);
	free(f->rpath);
	free(f->runpath);
	free(f->soname);
	strv_free(&f->needed);
	*f = (struct elf){ 0 };
}

size_t elf_strip(uint8_t *d, size_t n)
{
	struct view v = { .d = d, .n = n };

	if (header(&v, NULL) < 0 || (v.h.e_type != ET_EXEC && v.h.e_type != ET_DYN) || !v.h.e_phnum)
		return n;
	n = mapped_end(&v);
	v.h.e_shoff = 0;
	v.h.e_shnum = 0;
	v.h.e_shstrndx = SHN_UNDEF;
	memcpy(d, &v.h, sizeof(v.h));
	return n;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pstore_symbol.h"

#include <ctype.h>
#include <elf.h>

#include "fs.h"

#define FILE_MAX (2 * GIB)      /* a vmlinux with everything has some hundred megabytes */

/* A section header by number, copied out of the image; false when the table does not reach that far. */
static bool section(const char *text, size_t len, const Elf64_Ehdr *h, size_t i, Elf64_Shdr *ret)
{
	if (h->e_shentsize != sizeof(*ret) || h->e_shoff > len || i >= h->e_shnum || (len - h->e_shoff) / sizeof(*ret) <= i)
		return false;
	memcpy(ret, text + h->e_shoff + i * sizeof(*ret), sizeof(*ret));
	return ret->sh_type == SHT_NOBITS || (ret->sh_offset <= len && ret->sh_size <= len - ret->sh_offset);
}

static bool is_elf64(const char *text, size_t len, Elf64_Ehdr *ret)
{
	if (len < sizeof(*ret) || memcmp(text, ELFMAG, SELFMAG) != 0 || text[EI_CLASS] != ELFCLASS64 || text[EI_DATA] != ELFDATA2LSB)
		return false;
	memcpy(ret, text, sizeof(*ret));
	return true;
}

bool pstore_elf_section(const char *text, size_t len, const char *name, size_t *ret_offset, size_t *ret_size)
{
	Elf64_Ehdr h;
	Elf64_Shdr names, s;
	size_t n = strlen(name) + 1;

	if (!is_elf64(text, len, &h) || !section(text, len, &h, h.e_shstrndx, &names) || names.sh_type == SHT_NOBITS)
		return false;
	for (size_t i = 0; section(text, len, &h, i, &s); i++) {
		if (s.sh_name > names.sh_size || names.sh_size - s.sh_name < n || memcmp(text + names.sh_offset + s.sh_name, name, n) != 0)
			continue;
		if (s.sh_type == SHT_NOBITS || (s.sh_flags & SHF_COMPRESSED))
			return false;
		*ret_offset = s.sh_offset;
		*ret_size = s.sh_size;
		return true;
	}
	return false;
}

static void add(struct pstore_symbols *s, size_t *cap, uint64_t addr, uint64_t size, const char *name)
{
	if (s->n == *cap) {
		*cap = *cap ? *cap * 2 : 4096;
		s->v = xrealloc(s->v, *cap * sizeof(*s->v));
	}
	s->v[s->n++] = (struct pstore_symbol){ addr, size, name };
}

static int read_elf(struct pstore_symbols *s, const Elf64_Ehdr *h, struct err *e)
{
	Elf64_Shdr tab, str;
	size_t cap = 0, i;

	for (i = 0; section(s->text, s->len, h, i, &tab) && tab.sh_type != SHT_SYMTAB; i++)
		;
	if (i >= h->e_shnum || !section(s->text, s->len, h, i, &tab) || tab.sh_type != SHT_SYMTAB)
		return err_set(e, -EINVAL, "'%s': no symbol table in it (stripped?)", s->path);
	if (!section(s->text, s->len, h, tab.sh_link, &str) || str.sh_type != SHT_STRTAB || !str.sh_size || s->text[str.sh_offset + str.sh_size - 1])
		return err_set(e, -EINVAL, "'%s': its symbol names are damaged", s->path);
	for (i = 0; i + 1 <= tab.sh_size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym sym;

		memcpy(&sym, s->text + tab.sh_offset + i * sizeof(sym), sizeof(sym));
		if (sym.st_shndx == SHN_UNDEF || sym.st_name >= str.sh_size || ELF64_ST_TYPE(sym.st_info) != STT_FUNC)
			continue;
		add(s, &cap, sym.st_value, sym.st_size, s->text + str.sh_offset + sym.st_name);
	}
	return s->n ? 0 : err_set(e, -EINVAL, "'%s': its symbol table names no function", s->path);
}

/* "ffffffff810aa410 T kthread" */
static bool map_line(char *line, uint64_t *ret_addr, char *ret_type, char **ret_name)
{
	char *end;

	*ret_addr = strtoull(line, &end, 16);
	if (end - line < 8 || *end != ' ' || !isalpha((unsigned char)end[1]) || end[2] != ' ' || !end[3])
		return false;
	*ret_type = end[1];
	*ret_name = end + 3;
	(*ret_name)[strcspn(*ret_name, " \t\r")] = '\0';
	return true;
}

static int read_map(struct pstore_symbols *s, struct err *e)
{
	size_t cap = 0, bad = 0;

	for (char *line = s->text, *next; line && *line; line = next) {
		uint64_t addr;
		char type, *name;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (map_line(line, &addr, &type, &name)) {
			if (strchr("TtWw", type))
				add(s, &cap, addr, 0, name);
		} else if (++bad > 3) {
			break;
		}
	}
	if (bad > 3 || !s->n)
		return err_set(e, -EINVAL, "'%s': neither a System.map nor a 64-bit ELF file", s->path);
	return 0;
}

static int by_addr(const void *pa, const void *pb)
{
	const struct pstore_symbol *a = pa, *b = pb;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* A System.map has no sizes: a function reaches to the next one. */
static void fill_sizes(struct pstore_symbols *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = i + 1; !s->v[i].size && j < s->n && j < i + 16; j++)
			if (s->v[j].addr > s->v[i].addr)
				s->v[i].size = s->v[j].addr - s->v[i].addr;
}

int pstore_symbols_parse(const char *path, char *text, size_t len, struct pstore_symbols *ret, struct err *e)
{
	Elf64_Ehdr h;
	int r;

	*ret = (struct pstore_symbols){ .path = xstrdup(path), .text = text, .len = len };
	r = is_elf64(text, len, &h) ? read_elf(ret, &h, e) : read_map(ret, e);
	if (r < 0) {
		pstore_symbols_free(ret);
		return r;
	}
	qsort(ret->v, ret->n, sizeof(*ret->v), by_addr);
	fill_sizes(ret);
	return 0;
}

int pstore_symbols_load(const char *path, struct pstore_symbols *ret, struct err *e)
{
	char *text;
	size_t len;
	int r = fs_read(path, FILE_MAX, &text, &len, e);

	return r < 0 ? r : pstore_symbols_parse(path, text, len, ret, e);
}

void pstore_symbols_free(struct pstore_symbols *s)
{
	free(s->path);
	free(s->text);
	free(s->v);
	*s = (struct pstore_symbols){ .n = 0 };
}

const struct pstore_symbol *pstore_symbols_at(const struct pstore_symbols *s, uint64_t addr)
{
	size_t low = 0, high = s->n;

	while (low < high) {            /* the first symbol above */
		size_t mid = low + (high - low) / 2;

		if (s->v[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || (s->v[low - 1].size && addr - s->v[low - 1].addr >= s->v[low - 1].size))
		return NULL;
	return &s->v[low - 1];
}

const struct pstore_symbol *pstore_symbols_named(const struct pstore_symbols *s, const char *name, size_t len, uint64_t size)
{
	const struct pstore_symbol *found = NULL;

	for (size_t i = 0; i < s->n; i++) {
		if (strncmp(s->v[i].name, name, len) != 0 || s->v[i].name[len])
			continue;
		if (!found || s->v[i].size == size)
			found = &s->v[i];
	}
	return found;
}

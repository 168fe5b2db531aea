/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values with a meaning: include/linux/poison.h of the kernels since 2.6.39, and the taint letters of kernel/panic.c. */
#include <ctype.h>
#include <inttypes.h>

#include "pstore_explain.h"

#define NEAR 0x1000     /* a member of the structure that the poisoned pointer should have led to */

enum { LIST1 = 1, LIST2 = 2 };

static const struct poison {
	uint64_t value;
	int list;
	const char *name, *meaning;
} poisons[] = {
	{ 0xdead000000100100, LIST1, "LIST_POISON1", "the 'next' of a list entry that list_del() had taken out" },
	{ 0xdead000000000100, LIST1, "LIST_POISON1", "the 'next' of a list entry that list_del() had taken out" },
	{ 0xdead000000200200, LIST2, "LIST_POISON2", "the 'prev' of a list entry that list_del() had taken out" },
	{ 0xdead000000000200, LIST2, "LIST_POISON2", "the 'prev' of a list entry that list_del() had taken out" },
	{ 0xdead000000000122, LIST2, "LIST_POISON2", "the 'prev' of a list entry that list_del() had taken out" },
	{ 0xdead000000000300, 0, "TIMER_ENTRY_STATIC", "a timer that was never initialised" },
	{ 0xdead4ead00000000, 0, "SPINLOCK_MAGIC", "the middle of a spinlock used as a pointer" },
};

/* Patterns with which whole objects are filled. */
static const struct fill {
	uint8_t byte;
	const char *name, *meaning;
} fills[] = {
	{ 0x6b, "POISON_FREE", "memory that had been freed (use after free)" },
	{ 0x5a, "POISON_INUSE", "memory that was allocated and never initialised" },
	{ 0xa5, "POISON_END", "the end mark of a slab object (read past its end)" },
	{ 0xbb, "SLUB_RED_INACTIVE", "the red zone of a free slab object (out of bounds)" },
	{ 0xcc, "SLUB_RED_ACTIVE", "the red zone of a slab object or freed init memory (out of bounds)" },
	{ 0xaa, "PAGE_POISON", "a page that had been freed" },
	{ 0xa7, "POOL_POISON_FREED", "a DMA pool block that had been freed" },
	{ 0x22, "MUTEX_DEBUG_FREE", "a mutex that had been destroyed" },
	{ 0xbd, "KEY_DESTROY", "a key that had been destroyed" },
};

static const struct poison *poison_of(uint64_t v, int64_t *ret_off)
{
	const struct poison *best = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(poisons); i++) {
		int64_t off = (int64_t)(v - poisons[i].value);

		if (off < -NEAR || off > NEAR)
			continue;
		if (!best || llabs(off) < llabs(*ret_off)) {
			best = &poisons[i];
			*ret_off = off;
		}
	}
	return best;
}

static const struct fill *fill_of(uint64_t v)
{
	uint64_t low = v & 0xffffffff;

	for (size_t i = 0; i < ARRAY_SIZE(fills); i++) {
		uint64_t all = 0x0101010101010101ULL * fills[i].byte;

		if (v >> 16 == all >> 16 || (v >> 32 == 0 && low >> 8 == (all & 0xffffffff) >> 8))
			return &fills[i];
	}
	return NULL;
}

static void say(struct pstore_explain *x, const char *where, uint64_t v, const char *name, int64_t off, const char *meaning)
{
	if (off)
		strv_addf(&x->meanings, "%s is %016" PRIx64 " = %s%+" PRId64 ": %s", where, v, name, off, meaning);
	else
		strv_addf(&x->meanings, "%s is %016" PRIx64 " = %s: %s", where, v, name, meaning);
}

/* Returns LIST1/LIST2 when the value is exactly that. */
static int look_at(struct pstore_explain *x, const char *where, uint64_t v)
{
	int64_t off = 0;
	const struct poison *p = poison_of(v, &off);
	const struct fill *f = p ? NULL : fill_of(v);

	if (p)
		say(x, where, v, p->name, off, p->meaning);
	else if (f)
		say(x, where, v, f->name, 0, f->meaning);
	return p && off >= -8 && off <= 8 ? p->list : 0;
}

void pstore_poison_meanings(struct pstore_explain *x)
{
	int lists = 0;

	for (size_t i = 0; i < x->n_regs; i++)
		lists |= look_at(x, x->regs[i].name, x->regs[i].value);
	if (x->has_fault_addr)
		look_at(x, "the fault address", x->fault_addr);
	if (lists == (LIST1 | LIST2))
		strv_add(&x->meanings, "both list poisons at once: a list entry was deleted twice");
	else if (lists)
		strv_add(&x->meanings, "a list entry was used after it had been deleted");
	if (x->kind == PSTORE_KIND_NULL && x->has_fault_addr && x->fault_addr > 0 && x->fault_addr < NEAR)
		strv_addf(&x->meanings, "address 0x%" PRIx64 ": a member at that offset of a structure whose pointer was NULL", x->fault_addr);
}

static const struct taint {
	char letter;
	const char *meaning;
} taints[] = {
	{ 'P', "a proprietary module was loaded" },
	{ 'F', "a module was loaded by force" },
	{ 'S', "the hardware is out of specification" },
	{ 'R', "a module was unloaded by force" },
	{ 'M', "the processor had reported a machine check before: suspect the hardware" },
	{ 'B', "a bad page had been seen before: suspect memory, or an earlier corruption" },
	{ 'D', "the kernel had died before (an earlier oops): look at the first one" },
	{ 'W', "a warning had been printed before: look above" },
	{ 'O', "a module from outside the kernel's tree was loaded" },
	{ 'E', "an unsigned module was loaded" },
	{ 'L', "a soft lockup had happened before" },
	{ 'K', "the kernel was live-patched" },
	{ 'C', "a staging driver was loaded" },
	{ 'I', "a firmware bug was worked around" },
	{ 'U', "user space had asked for the taint" },
};

void pstore_taint_meanings(struct pstore_explain *x)
{
	for (const char *s = x->taint; s && *s; s++) {
		for (size_t i = 0; i < ARRAY_SIZE(taints); i++)
			if (taints[i].letter == *s)
				strv_addf(&x->meanings, "taint %c: %s", *s, taints[i].meaning);
	}
}

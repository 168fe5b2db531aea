/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which entry of the menu starts, and what it would start. */
#include "grubcfg_int.h"

void grubcfg_boot_free(struct grubcfg_boot *b)
{
	free(b->title);
	free(b->kernel_dev);
	free(b->kernel);
	free(b->args);
	strv_free(&b->initrd_dev);
	strv_free(&b->initrd);
	free(b->chain);
	free(b->trouble);
	*b = (struct grubcfg_boot){ 0 };
}

static const struct gentry *named(const struct grubcfg *g, const char *what)
{
	uint64_t i;

	for (size_t k = 0; k < g->n_entries; k++)
		if (str_eq(g->entries[k].id, what) || str_eq(g->entries[k].title, what))
			return &g->entries[k];
	return str_to_u64(what, &i) == 0 && i < g->n_entries ? &g->entries[i] : NULL;
}

/* Runs a submenu's body in place of the menu. */
static void enter(struct grubcfg *g, const struct gentry *en)
{
	AUTO_FREE char *body = xstrdup(en->body);

	grubcfg_drop_entries(g, 0);
	grubcfg_run_text(g, body, strlen(body));
}

/* "Advanced options>Debian, 6.1" and "1>2". What is not found is the first entry, as in GRUB. */
static const struct gentry *pick(struct grubcfg *g)
{
	AUTO_FREE char *want = xstrdup(grubcfg_get(g, "default"));
	const struct gentry *en = named(g, want);
	char *rest = NULL;

	for (int depth = 0; depth < 8 && g->n_entries; depth++) {
		char *step = depth ? rest : want, *gt = en || !step ? NULL : strchr(step, '>');

		if (gt)
			*gt = 0;
		if (!en && step)
			en = named(g, str_trim(step));
		if (!en)
			en = &g->entries[0];
		if (!en->submenu)
			return en;
		rest = gt ? gt + 1 : NULL;
		enter(g, en);
		en = rest ? named(g, rest) : NULL;
	}
	return NULL;
}

int grubcfg_choose(struct grubcfg *g, struct grubcfg_boot *ret, struct err *e)
{
	struct grubcfg_boot b = { 0 };
	const struct gentry *en = pick(g);
	AUTO_FREE char *body = NULL;

	if (!en)
		return err_set(e, -ENOENT, "the menu is empty");
	b.title = xstrdup(en->title);
	body = xstrdup(en->body);
	grubcfg_set(g, "chosen", en->title);
	g->boot = &b;
	grubcfg_run_text(g, body, strlen(body));
	g->boot = NULL;
	*ret = b;
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any grub.cfg and any BLS entry end in bounded time and memory. */
#include "bls.h"
#include "grubcfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	const char *s;
	size_t n;
};

static char *op_read(void *arg, const char *dev, const char *path, size_t *n)
{
	const struct text *t = arg;
	char *copy;

	(void)dev;
	if (!strstr(path, "self"))
		return NULL;
	copy = xcalloc(1, t->n + 1);
	memcpy(copy, t->s, t->n);
	*n = t->n;
	return copy;
}

static int op_kind(void *arg, const char *dev, const char *path)
{
	(void)arg;
	(void)dev;
	return (int)(strlen(path) % 4);
}

static char *op_search(void *arg, const char *by, const char *what)
{
	(void)arg;
	(void)by;
	return strlen(what) % 2 ? xstrdup("hd0,gpt2") : NULL;
}

static char *op_bls(void *arg, const char *dev, const char *dir)
{
	(void)arg;
	(void)dev;
	return *dir ? NULL : xstrdup("menuentry 'x' --id 'y' {\nlinux /abc $o\n}\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct grubcfg_ops ops = { op_read, op_kind, op_search, op_bls };
	struct text t = { (const char *)data, size };
	struct grubcfg_boot b;
	struct grubcfg *g;
	struct bls e;

	if (size > 4096)
		return 0;
	g = grubcfg_new(&ops, &t);
	grubcfg_set(g, "root", "hd0");
	grubcfg_run_text(g, t.s, t.n);
	if (grubcfg_choose(g, &b, NULL) == 0)
		grubcfg_boot_free(&b);
	grubcfg_free(g);
	bls_parse("x+1.conf", t.s, t.n, &e);
	bls_free(&e);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grubcfg.h - enough of GRUB's script language to know what a grub.cfg would boot, without booting it.
 *
 *   struct grubcfg *g = grubcfg_new(&ops, arg);
 *   grubcfg_set(g, "root", "hd0,gpt2"); grubcfg_set(g, "prefix", "(hd0,gpt2)/boot/grub");
 *   r = grubcfg_run_file(g, "(hd0,gpt2)/boot/grub/grub.cfg", &e);
 *   r = grubcfg_choose(g, &boot, &e);          the entry that starts when nobody touches a key
 *
 * Language (GRUB manual, chapter "Shell-like scripting"): quoting, variables, if, for, while, until, functions, menuentry, submenu, [ ],
 * set, search, source, configfile, load_env, linux, initrd, chainloader, blscfg. Other commands succeed and do nothing. As in GRUB a command
 * that fails does not end the script. Every loop and nesting is bounded: any bytes end in bounded time (fuzzed).
 */
#ifndef RESCUE_GRUBCFG_H
#define RESCUE_GRUBCFG_H

#include "err.h"
#include "str.h"

/* Devices are strings as GRUB has them ("hd0,gpt2", or whatever search returned). */
struct grubcfg_ops {
	char *(*read)(void *arg, const char *dev, const char *path, size_t *ret_n);     /* whole file, NULL: not there. The caller frees */
	int (*kind)(void *arg, const char *dev, const char *path);      /* 0 not there, 1 file, 2 folder, 3 empty file */
	char *(*search)(void *arg, const char *by, const char *what);   /* by: "uuid" "label" "file"; device or NULL. The caller frees */
	char *(*bls)(void *arg, const char *dev, const char *var_blsdir);       /* menuentry text for every BLS entry, in order; NULL: none */
};

struct grubcfg_boot {
	char *title;
	char *kernel_dev, *kernel;      /* NULL: no linux command succeeded */
	char *args;                     /* command line behind the kernel */
	struct strv initrd_dev, initrd; /* same length */
	char *chain;                    /* chainloader, or NULL */
	char *trouble;                  /* first thing that GRUB would print as an error, or NULL */
};

struct grubcfg;

struct grubcfg *grubcfg_new(const struct grubcfg_ops *ops, void *arg);
void grubcfg_free(struct grubcfg *g);
void grubcfg_set(struct grubcfg *g, const char *name, const char *value);
const char *grubcfg_get(struct grubcfg *g, const char *name);           /* "" when unset */
/* -ENOENT when the file cannot be read. "(dev)/path" or a path on $root. */
int grubcfg_run_file(struct grubcfg *g, const char *path, struct err *e);
void grubcfg_run_text(struct grubcfg *g, const char *text, size_t n);
size_t grubcfg_entries(struct grubcfg *g);
/* -ENOENT with a sentence when there is no entry to start. Free with grubcfg_boot_free. */
int grubcfg_choose(struct grubcfg *g, struct grubcfg_boot *ret, struct err *e);
void grubcfg_boot_free(struct grubcfg_boot *b);
/* "(dev)/path" -> both parts; without a device: $root. The caller frees. */
void grubcfg_split(struct grubcfg *g, const char *path, char **ret_dev, char **ret_path);

#endif

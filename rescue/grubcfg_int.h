/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grubcfg_int.h - what the files of grubcfg share. */
#ifndef RESCUE_GRUBCFG_INT_H
#define RESCUE_GRUBCFG_INT_H

#include "grubcfg.h"

#define STEPS_MAX 20000         /* commands; long values count as more */
#define WORDS_MAX 4096          /* words of one command */
#define DEPTH_MAX 24            /* blocks in blocks, files in files */
#define VALUE_MAX 65536
#define ENTRIES_MAX 2000

struct gvar {
	char *name, *value;
};

struct gfunc {
	char *name, *body;
};

struct gentry {
	char *title, *id, *body;
	bool submenu;
};

struct grubcfg {
	const struct grubcfg_ops *ops;
	void *arg;
	struct gvar *vars;
	size_t n_vars;
	struct gfunc *funcs;
	size_t n_funcs;
	struct gentry *entries;
	size_t n_entries;
	struct strv *params;            /* $1 ... of the function that runs, or NULL */
	unsigned int steps, depth;
	int status;                     /* $? */
	bool stop;                      /* configfile took over, return */
	struct grubcfg_boot *boot;      /* while an entry runs */
};

/* Text that is being read. */
struct parse {
	struct grubcfg *g;
	const char *p, *end;
	bool skip;              /* read, but do nothing */
};

/* grubcfg.c */
void grubcfg_exec(struct grubcfg *g, const char *text, size_t n);
/* grubcfg_cmd.c: words are expanded; returns the status. `block` is the raw text of { } behind the words, or NULL. */
int grubcfg_command(struct grubcfg *g, const struct strv *w, const char *block, size_t block_len);
/* grubcfg_test.c */
int grubcfg_test(struct grubcfg *g, char *const *w, size_t n);
/* grubcfg_words.c: one word (several after splitting) is appended to out; false when there is none before the end of the command. */
bool grubcfg_word(struct parse *ps, struct strv *out, bool *ret_quoted);
/* grubcfg_words.c: frees entries from `from` on. */
void grubcfg_drop_entries(struct grubcfg *g, size_t from);

#endif

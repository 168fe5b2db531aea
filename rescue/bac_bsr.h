/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bac_bsr.h - inside of bootstrap files: what bac_bsr.c reads and bac_bsr_plan.c makes a plan of. */
#ifndef RESCUE_BAC_BSR_H
#define RESCUE_BAC_BSR_H

#include "bac_index.h"

struct bac_span {
	uint64_t lo, hi;
};

struct bac_spans {
	struct bac_span *v;
	size_t n;
};

/* One set of filters, begun by a Volume. An empty list means: any. */
struct bac_set {
	struct strv volumes, clients, jobs, levels, types;
	struct bac_spans ids, times, job_ids, files, addrs, blocks, vol_files, streams;
	uint64_t count;
	char *regex;
	int line;
};

struct bac_bsr {
	const char *where;              /* the file's name, for sentences */
	int line;
	struct bac_set *sets;
	size_t n;
	struct strv notes;
};

int bac_bsr_parse(struct bac_bsr *p, const char *text, size_t len, struct err *e);
void bac_bsr_free(struct bac_bsr *p);

#endif

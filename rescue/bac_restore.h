/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_restore.h - lays the sessions of a plan over each other below a folder, or only checks or lists them.
 *
 * Damage is not an error: what could not be restored is written down, one entry each, and everything else is restored. The return value is
 * negative only when going on makes no sense (target full, state cannot be written, cancelled). Nothing is written outside the target:
 * names are resolved below it with openat2(2), links are never followed.
 *
 * Resuming: `mark` is called with one line of text whenever everything before it is on stable storage; give the newest as `resume`.
 * Everything that must survive besides the target lies in `state`.
 */
#ifndef RESCUE_BAC_RESTORE_H
#define RESCUE_BAC_RESTORE_H

#include "bac_index.h"

enum bac_mode { BAC_RESTORE, BAC_VERIFY, BAC_LIST };
enum bac_replace { BAC_ALWAYS, BAC_IFNEWER, BAC_IFOLDER, BAC_NEVER };

struct bac_progress {
	uint64_t bytes, volume_bytes, volume_bytes_total, files, files_total, lost;
	const char *volume;
	uint64_t pos;                   /* in it */
	const char *current;
};

struct bac_opts {
	enum bac_mode mode;
	const char *to;                 /* existing folder */
	const char *state;              /* existing folder, or NULL: not resumable */
	const char *strip;              /* leading part of names that is left out, or NULL */
	struct strv paths;              /* only these and what is below them; empty: all */
	enum bac_replace replace;
	bool raw_as_file;               /* the content of raw devices goes into an ordinary file; else it is not restored (T86) */
	bool skeleton;                  /* make /proc /sys /dev /run /tmp ... when a whole system was restored */
	const char *key;                /* PEM file with the private key for encrypted data, or NULL */
	const char *resume;             /* text of the newest mark, or NULL */
	unsigned int mark_every_s;      /* 0: 3 s */
	unsigned int threads;           /* 0: as many as processors */
	/* all may be NULL */
	int (*mark)(void *arg, const char *text, struct err *e);
	void (*progress)(void *arg, const struct bac_progress *p);
	void (*note)(void *arg, const char *text);
	void (*list)(void *arg, const struct bac_session *s, const struct bac_attr *a);
	bool (*cancelled)(void *arg);
	void *arg;
};

struct bac_counts {
	uint64_t entries;               /* entries of all sessions that were wanted and seen */
	uint64_t restored;              /* made (or, verifying, read) completely */
	uint64_t verified;              /* of those, files whose digest was compared and is right */
	uint64_t unverified;            /* files with data for which the backup holds no digest */
	uint64_t lost;                  /* damaged, missing or not decryptable: an entry each in the report */
	uint64_t doubtful;              /* complete, but something at their end (ACL, xattr) may have been in a lost block */
	uint64_t skipped;               /* raw devices, plugin data, kinds that cannot be restored: an entry each */
	uint64_t metadata;              /* files with an owner, ACL or xattr that could not be set: an entry each */
	uint64_t deletions;             /* entries that say: deleted since the job before */
	uint64_t deleted;               /* of those, carried out */
	uint64_t bytes;                 /* of file content */
	uint64_t expected;              /* entries that end labels or the BSR promise; 0: unknown */
	uint64_t bad_areas;             /* places on volumes that are no valid blocks */
	uint64_t repaired;              /* blocks with one wrong byte that was put right */
	uint64_t missing_volumes;
};

struct bac_result {
	struct bac_counts n;
	char *report;                   /* path of report.json, or NULL without state */
};

/* 0: ran to its end, whatever was lost; -errno. */
int bac_restore(const struct bac_index *ix, const struct bac_plan *plan, const struct bac_opts *o, struct bac_result *ret, struct err *e);
void bac_result_free(struct bac_result *r);
/* "20,510 of 20,514 files restored, 4 lost ...": one sentence. The caller frees. */
char *bac_result_text(const struct bac_result *r, enum bac_mode mode);
/* Everything that was wanted is there. */
bool bac_result_whole(const struct bac_result *r);
/* Calls fn for each entry of a report file: kind (lost, doubtful, skipped, metadata, area), path or "", why. */
int bac_report_each(const char *report, void (*fn)(void *arg, const char *line), void *arg, struct err *e);

/* The folders of `skeleton` alone, below o->to: after another program restored. */
int bac_make_skeleton(const struct bac_opts *o, struct err *e);

/* Name below the target of a name in the backup, or NULL: unsafe. The caller frees. */
char *bac_target_path(const char *strip, const char *name);

#endif

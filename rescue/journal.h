/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal.h - what was decided and done, on stable storage before the next thing happens. Format: docs/journal.md.
 *
 * One record a line: "SEQ BOOT TIME STEP VERB PAYLOAD CRC": payload escaped (str_add_escaped), CRC-32C of everything before it.
 * A torn last line is cut off when the journal is opened for appending; damage anywhere else is -EBADMSG with the line number.
 */
#ifndef RESCUE_JOURNAL_H
#define RESCUE_JOURNAL_H

#include "err.h"

enum journal_verb { J_PLAN, J_RESUME, J_CONSENT, J_FACT, J_BEGIN, J_MARK, J_DEGRADED, J_DONE, J_FAIL, J_END, J_VERB_MAX };

struct journal_rec {
	uint64_t seq;
	char boot[37];          /* kernel boot id */
	uint64_t time;          /* seconds since 1970 */
	char *step;             /* step id, or "-" */
	enum journal_verb verb;
	char *payload;
};

struct journal {
	int fd;                 /* open for appending and locked, or -1 */
	char *path;
	struct journal_rec *recs;
	size_t n;
	bool torn;              /* a torn last line was found (and cut off when opened for appending) */
	bool failed;            /* an append failed: the file's end is unknown, nothing more may follow */
};

#define JOURNAL_INIT { -1, NULL, NULL, 0, false, false }

/* Opens or creates DIR/journal for one run: flock (-EBUSY with a sentence that names the pid), folder synced. */
int journal_open(struct journal *j, const char *dir, struct err *e);
/* Reads without locking or changing anything. -ENOENT when there is none. */
int journal_read(struct journal *j, const char *dir, struct err *e);
int journal_parse(struct journal *j, const char *text, size_t len, size_t *ret_good_len, struct err *e);
/* On stable storage when it returns 0. After a failure nothing may be appended any more (-EIO at once). */
int journal_append(struct journal *j, const char *step, enum journal_verb verb, const char *payload, struct err *e);
void journal_close(struct journal *j);

const char *journal_verb_name(enum journal_verb v);
/* Newest payload of a fact "ID"/"KEY" (fact payloads are "KEY=VALUE"), or NULL. */
const char *journal_fact(const struct journal *j, const char *step, const char *key);

#endif

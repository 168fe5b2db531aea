/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_index.h - which volumes there are, which jobs are on them, and which of those make up a wanted state. No catalog is needed (T94).
 *
 *   struct bac_index ix = { 0 };
 *   bac_index_add(&ix, "/backup/volumes", &e);         a file, or a folder full of them, in any order
 *   bac_index_scan(&ix, NULL, NULL, &e);               jobs, by their labels on the volumes
 *   bac_select_state(&ix, &want, &plan, &e);           Full + Differential + Incrementals
 * or
 *   bac_bsr_plan(&ix, text, len, "web.bsr", &plan, &e);
 */
#ifndef RESCUE_BAC_INDEX_H
#define RESCUE_BAC_INDEX_H

#include "bac.h"

struct bac_volume {
	char *path;
	struct bac_vol_label label;
};

struct bac_seg {                        /* a part of one volume that holds blocks of a session */
	char *name;                     /* the volume's */
	int vol;                        /* index into the volumes, -1: missing */
	uint64_t start, end;            /* bytes; end is the first that is not wanted, UINT64_MAX: to the end */
};

struct bac_range {
	uint32_t lo, hi;
};

/* One run of a job: (id, time) names it on the volumes. */
struct bac_session {
	uint32_t id, time;
	struct bac_sess_label label;    /* of its start, or of its end when only that was found; job_id 0: neither */
	uint64_t start_time, end_time;  /* microseconds since 1970, 0: unknown */
	bool has_start, has_end;
	uint32_t files;                 /* as its end label says; 0 without one */
	uint64_t bytes;
	char status;                    /* of the end label; 0: none */
	struct bac_seg *segs;
	size_t n_segs;
	struct bac_range *ranges;       /* wanted FileIndexes, sorted and merged; none: all */
	size_t n_ranges;
	struct bac_range *streams;      /* BSR: Stream: only these, besides attributes; none: all */
	size_t n_streams;
	uint64_t count;                 /* BSR: Count; 0: unknown */
	bool limited;                   /* BSR: Count is all that says how much is wanted */
	char *regex;                    /* BSR: FileRegex: only names that match, or NULL */
	bool bareos;
};

struct bac_index {
	struct bac_volume *vols;
	size_t n_vols;
	struct bac_session *sess;
	size_t n_sess;
	struct strv notes;              /* what was passed over, and why: sentences */
};

/* ---- bac_index.c ---- */
int bac_index_add(struct bac_index *ix, const char *path, struct err *e);       /* -ENODATA: no volume there */
typedef void bac_scan_fn(void *arg, const char *volume, uint64_t pos, uint64_t size);
int bac_index_scan(struct bac_index *ix, bac_scan_fn *progress, void *arg, struct err *e);
int bac_index_find(const struct bac_index *ix, const char *volume);             /* -1: none of that name */
struct bac_session *bac_index_session(struct bac_index *ix, uint32_t id, uint32_t time);        /* NULL: none */
void bac_index_free(struct bac_index *ix);

/* ---- bac_session.c ---- */
void bac_session_add_seg(struct bac_session *s, const char *volume, int vol, uint64_t start, uint64_t end);
void bac_session_add_range(struct bac_session *s, uint32_t lo, uint32_t hi);
void bac_session_add_stream(struct bac_session *s, uint32_t lo, uint32_t hi);
bool bac_session_wants(const struct bac_session *s, uint32_t fi);
/* The first run of wanted FileIndexes from `fi` on; lo > hi when none is left. */
struct bac_range bac_session_next(const struct bac_session *s, uint32_t fi);
struct bac_session bac_session_copy(const struct bac_session *s);
void bac_session_free(struct bac_session *s);
bool bac_session_ended_well(const struct bac_session *s);        /* closed, without an error */

/* ---- a plan: sessions in the order in which they are laid over each other ---- */
struct bac_plan {
	struct bac_session *sess;
	size_t n;
	struct strv notes;              /* what a person should know before: sentences */
};

void bac_plan_add(struct bac_plan *p, const struct bac_session *s);
void bac_plan_free(struct bac_plan *p);

/* ---- bac_select.c ---- */
struct bac_want {
	const char *client, *job, *fileset;     /* NULL: any, if only one state remains */
	uint32_t job_id;                /* this job alone, 0: not given */
	uint64_t before;                /* microseconds since 1970: jobs that ended later are not used; 0: newest */
	bool chain;                     /* with job_id: what it builds on, too */
	bool incomplete;                /* jobs without an end label or with errors are used, too */
};

int bac_select_state(struct bac_index *ix, const struct bac_want *want, struct bac_plan *ret, struct err *e);
/* "2026-11-24", "2026-11-24 18:30[:05]", "2026-11-24T18:30:05Z" or "@SECONDS": microseconds since 1970 (local time without Z). -EINVAL. */
int bac_parse_time(const char *text, uint64_t *ret);

/* ---- bac_bsr_plan.c ---- */
int bac_bsr_plan(struct bac_index *ix, const char *text, size_t len, const char *where, struct bac_plan *ret, struct err *e);

#endif

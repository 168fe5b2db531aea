/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bac_engine.h - inside of the restore engine: shared by bac_restore.c, bac_feed.c, bac_pool.c, bac_harvest.c, bac_write.c, bac_meta.c, bac_finish.c, bac_base.c, bac_spill.c.
 *
 * The calling thread reads blocks and turns records into files and chunks (bac_feed.c). Workers decompress chunks in any order and
 * write the chunks of one file in their order (bac_pool.c). Finished files are taken from the front of a list by the calling thread, in
 * the order of the volumes: counters, lists and marks are exact whatever the workers do.
 */
#ifndef RESCUE_BAC_ENGINE_H
#define RESCUE_BAC_ENGINE_H

#include <pthread.h>
#include <regex.h>

#include "bac_restore.h"

#define BAC_CHUNK_RECS 8
#define BAC_CHUNK_BYTES (512 * KIB)
#define BAC_CHUNKS 24
#define BAC_FLIGHT (2 * MIB)            /* bytes from the volumes that workers have or wait for: more would not fit into the processor's caches */

/* ---- lists on disk ---- */

struct bac_spill {
	int fd;
	uint64_t from, len;             /* entries before `from` are done with; len: with what is still in buf */
	struct str buf;
};

enum bac_list { BAC_L_DIRS, BAC_L_LINKS, BAC_L_DELS, BAC_L_ACLS, BAC_L_REPORT, BAC_L_BASE, BAC_LISTS };

/* `from` and `len` as a mark says, or 0. */
int bac_spill_open(struct bac_spill *s, const char *state, const char *name, const char *beside, uint64_t from, uint64_t len, struct err *e);
int bac_spill_put(struct bac_spill *s, const void *data, size_t n, struct err *e);      /* one entry */
int bac_spill_flush(struct bac_spill *s, struct err *e);
/* Nothing is thrown away before the next mark: after a power cut the one before it is read again. */
void bac_spill_clear(struct bac_spill *s);
/* Every entry in order; the data may be changed. Stops at the first non-zero result. */
int bac_spill_each(struct bac_spill *s, int (*fn)(void *arg, char *data, size_t n, struct err *e), void *arg, struct err *e);
void bac_spill_close(struct bac_spill *s);

/* ---- files on their way ---- */

enum bac_kind { BAC_K_FILE, BAC_K_DIR, BAC_K_SYMLINK, BAC_K_SPECIAL, BAC_K_HARDLINK, BAC_K_DELETE, BAC_K_BASE, BAC_K_IGNORE, BAC_K_SKIP, BAC_K_NAMELESS };
enum bac_fate { BAC_F_OK, BAC_F_LOST, BAC_F_SKIPPED, BAC_F_KEPT };

struct bac_piece {
	uint64_t off;
	bool has_off, plain;            /* plain: it lies in the chunk's `in`, as it was stored; else in `out` */
	size_t at, len;
};

struct bac_chunk {
	struct bac_chunk *next;
	struct bac_file *file;
	uint32_t seq;
	bool last;
	struct str in, out;
	struct {
		struct bac_stream st;
		size_t at, len;
	} recs[BAC_CHUNK_RECS];
	size_t n_recs;
	struct bac_piece pieces[BAC_CHUNK_RECS];
	size_t n_pieces;
	int r;                          /* of decoding */
	struct err why;
};

#define BAC_HASHES HASH_TYPE_MAX

struct bac_file {
	struct bac_file *next;
	uint32_t fi;
	size_t seg;                     /* where its first record starts */
	uint64_t off;
	struct str text;                /* the attributes record, which a points into */
	struct bac_attr a;
	char *path;                     /* below the target, no leading slash; "" is the target itself */
	enum bac_kind kind;
	enum bac_fate fate;
	bool touched, doubtful;         /* a gap hit it / may have hit its end */
	struct str acl, acl_default, xattr, session_key, signature, why, problems, skipped_streams;
	bool has_digest;
	enum hash_type digest_type;
	uint8_t digest[HASH_MAX];
	size_t digest_len;
	unsigned int guess;             /* digests to compute: bit set of enum hash_type; known only at the file's end */
	bool verified, data_seen;
	/* belongs to the worker that holds the file */
	uint32_t next_seq, seqs;
	struct bac_chunk *ready;
	bool busy, done, opened;
	int fd, dir;                    /* dir: its folder, open while it is written */
	char tmp[48];
	uint64_t pos, bytes;
	struct hash *hash[BAC_HASHES];
	struct bac_crypt *crypt;
	struct bac_stream crypt_stream;
};

struct bac_worker {
	struct bac_eng *g;
	pthread_t thread;
	char *dir_path;                 /* the folder of the last file */
	int dir_fd;
	uint64_t dir_generation;
};

/* Where a resumed run starts. */
struct bac_pos {
	size_t sess, base, seg;         /* base: 0 the plan's session itself, else which of its base jobs */
	uint64_t off;
	uint32_t fi;                    /* the last that is finished */
};

struct bac_eng {
	const struct bac_index *ix;
	const struct bac_plan *plan;
	const struct bac_opts *o;
	struct bac_counts n;
	int root;                       /* the target, or -1 */
	struct bac_spill list[BAC_LISTS];
	uint64_t n_report;
	struct bac_keys *keys;
	/* pool */
	pthread_mutex_t lock;
	pthread_cond_t work, done, room;
	struct bac_chunk *queue, **queue_end, *pool;
	size_t n_flight;                /* chunks that were sent and are not back */
	uint64_t flight;                /* bytes in them */
	bool quit, fatal;
	struct err fatal_err;
	struct bac_worker *workers;
	unsigned int n_workers;
	uint64_t generation;            /* folders that workers keep open are valid for one */
	/* list of files in volume order */
	struct bac_file *files, **files_end;
	size_t n_files;
	/* marks */
	struct bac_pos pos;             /* of the front of the list */
	uint64_t mark_time;
	struct bac_mark *mark;          /* one being synced, or NULL */
	/* feed: the session that is read */
	const struct bac_session *sess;
	size_t sess_no;
	struct bac_file *cur;
	struct bac_chunk *chunk;        /* of cur, being filled */
	uint32_t last_fi, skip_to;      /* skip_to: finished before a resume */
	unsigned int seen_digests;
	bool gap;                       /* blocks of this session are missing before the next record */
	bool ended;                     /* its end label was read */
	struct {
		bool active, in_chunk;
		int32_t fi, stream;
		uint32_t left;
		size_t start;
		struct str buf;
	} pend;
	size_t seg;
	uint64_t block_off;
	uint32_t last_number;
	bool have_number;
	uint64_t read_before;           /* volume bytes before this segment, for progress */
	struct bac_progress progress;
	uint32_t *lost_fis;             /* of this session, sorted as they come */
	size_t n_lost_fis;
	/* second look: names under which FileIndexes are wanted (hard links whose first name was not) */
	struct bac_orphan *orphans;
	size_t n_orphans;
	bool second;
	regex_t regex;                  /* of this session, when have_regex */
	bool have_regex;
	uint32_t job_id;                /* of this session, as its labels say */
	struct bac_bases *bases;        /* a base job is being read: only what another job took from it is wanted */
};

struct bac_orphan {
	uint32_t fi;
	char *path;
};

/* bac_feed.c */
int bac_feed_session(struct bac_eng *g, const struct bac_session *s, const struct bac_pos *from, struct err *e);

/* bac_file.c */
struct bac_file *bac_file_new(struct bac_eng *g, uint32_t fi, const void *rec, size_t n);
void bac_file_free(struct bac_file *f);
char *bac_map_path(const struct bac_eng *g, const char *name);          /* NULL: unsafe */
bool bac_wanted_path(const struct bac_eng *g, const char *name);

/* bac_pool.c */
int bac_pool_start(struct bac_eng *g, struct err *e);
void bac_pool_stop(struct bac_eng *g);
struct bac_chunk *bac_chunk_get(struct bac_eng *g);
void bac_chunk_send(struct bac_eng *g, struct bac_chunk *c);
void bac_pool_fatal(struct bac_eng *g, const struct err *e);
/* Takes finished files from the front; with `all`, waits until none is left. */
int bac_harvest(struct bac_eng *g, bool all, struct err *e);
void bac_file_queue(struct bac_eng *g, struct bac_file *f);

/* bac_current.c: g->cur */
bool bac_cur_wanted(const struct bac_eng *g, const struct bac_file *f);         /* its content goes to a worker */
int bac_cur_begin(struct bac_eng *g, struct bac_file *f, struct err *e);
void bac_cur_flush(struct bac_eng *g, bool last);
void bac_cur_end(struct bac_eng *g);
int bac_cur_nameless(struct bac_eng *g, uint32_t fi, struct err *e);
int bac_cur_missing(struct bac_eng *g, uint32_t next, struct err *e);
void bac_cur_gap(struct bac_eng *g, bool same_file_goes_on);

/* bac_write.c: called by workers */
void bac_write_chunk(struct bac_worker *w, struct bac_file *f, struct bac_chunk *c);

/* bac_place.c: errno is set where no struct err is taken */
int bac_open_parent(struct bac_eng *g, const char *path, bool make, const char **ret_base, struct err *e);
int bac_parent_of(struct bac_worker *w, const char *path, const char **ret_base);       /* owned by the worker */
int bac_enter(int at, const char *name);
int bac_put_in_place(int dir, const char *tmp, const char *name);
void bac_worker_forget(struct bac_worker *w);

/* bac_meta.c */
struct bac_meta {
	uint64_t mode, uid, gid;
	int64_t atime, mtime;
	const char *acl, *acl_default;  /* text, or NULL */
	const uint8_t *xattr;
	size_t xattr_len;
};

/* fd: open file or folder, or -1: dir and name say which (a symlink or special file). Sentences about what could not be set go to problems. */
void bac_meta_apply(struct bac_eng *g, int fd, int dir, const char *name, const struct bac_meta *m, struct str *problems);
bool bac_acl_needs_names(const char *text);
/* Text as acl_to_text() writes it -> the value of system.posix_acl_*. -EINVAL malformed, -ESRCH a name that is not known (in *ret_name). */
int bac_acl_parse(const char *text, struct bac_eng *g, struct str *ret, char *ret_name, size_t n);

/* bac_base.c */
int bac_base_note(struct bac_eng *g, const struct bac_file *f, struct err *e);          /* f is in a base job */
/* After a session: what it said is in base jobs. from->base: which of those a resumed run goes on with. */
int bac_base_fetch(struct bac_eng *g, const struct bac_pos *from, struct err *e);
bool bac_base_takes(struct bac_eng *g, const struct bac_attr *a);       /* an entry of the base job that is read */
bool bac_base_took(const struct bac_eng *g, uint32_t fi);
int bac_base_found(struct bac_eng *g, const struct bac_file *f, struct err *e);

/* bac_finish.c */
int bac_finish_session(struct bac_eng *g, struct err *e);
int bac_finish_all(struct bac_eng *g, struct err *e);

/* bac_skeleton.c */
int bac_skeleton(struct bac_eng *g, struct err *e);

/* bac_report.c */
int bac_report_add(struct bac_eng *g, const char *kind, uint32_t fi, uint32_t fi_end, const char *path, const char *why, struct err *e);
int bac_report_file(struct bac_eng *g, const struct bac_file *f, struct err *e);
int bac_report_write(struct bac_eng *g, char **ret, struct err *e);

/* bac_mark.c */
int bac_mark_parse(struct bac_eng *g, const char *text, struct bac_pos *ret, uint64_t spill[2 * BAC_LISTS], struct err *e);
int bac_mark_poll(struct bac_eng *g, bool now, struct err *e);          /* starts one when it is time, reports one that is on disk */
void bac_mark_drop(struct bac_eng *g);

/* bac_crypt.c */
int bac_keys_load(const char *pem, struct bac_keys **ret, struct err *e);
void bac_keys_free(struct bac_keys *k);
int bac_crypt_start(const struct bac_keys *k, const uint8_t *data, size_t n, struct bac_crypt **ret, struct err *e);
int bac_crypt_feed(struct bac_crypt *c, const uint8_t *data, size_t n, struct err *e);  /* one record's data */
int bac_crypt_end(struct bac_crypt *c, struct err *e);                  /* there is no more */
/* 1 a whole packet of plain data (its offset first when the stream is sparse), 0 needs more, -EBADMSG. Valid until the next feed. */
int bac_crypt_next(struct bac_crypt *c, const uint8_t **ret, size_t *ret_n, struct err *e);
void bac_crypt_free(struct bac_crypt *c);
/* Which digest a signature is over: enum hash_type. -EBADMSG malformed, -EOPNOTSUPP another one. */
int bac_sign_hash(const uint8_t *sig, size_t n);
/* 1: one of the keys signed this digest, 0: none of them is the signer's, -EBADMSG: the signer is one of them, and signed something else. */
int bac_sign_fits(const struct bac_keys *k, const uint8_t *sig, size_t n, const uint8_t *digest, size_t len);

#endif

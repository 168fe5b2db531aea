/* SPDX-License-Identifier: GPL-2.0-or-later */
/* copy_int.h - what the files copy*.c share; nobody else includes it. */
#ifndef RESCUE_COPY_INT_H
#define RESCUE_COPY_INT_H

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "copy.h"
#include "hash.h"
#include "loss.h"
#include "xattr.h"

#define COPY_BUF (1 * MIB)              /* a file of at most this size is one read and one write */
#define COPY_BEHIND_MIN (8 * MIB)       /* from here on a second thread writes */
#define COPY_CHUNK 4096                 /* entries of a folder that are in memory at once */
#ifndef STATX_SUBVOL
#define STATX_SUBVOL 0x00008000U
#endif
#define COPY_STATX (STATX_BASIC_STATS | STATX_MNT_ID | STATX_SUBVOL)

/* A folder while something in it is being copied. The last reference sets its attributes and times. */
struct copy_dir {
	struct copy_dir *up;
	char *name;                     /* "" for the root */
	int src, dst;                   /* dst -1: not made yet */
	bool all;                       /* include patterns: everything below is wanted */
	bool foreign;                   /* only on the way to what is wanted: its attributes are not set */
	bool kept;                      /* an earlier pass made it: only its times are set again (st has them) */
	atomic_int refs;
	struct statx st;
};

struct copy_ent {
	uint64_t ino;
	const char *name;
	unsigned char type;             /* DT_* */
};

/* One block of memory: entries, then their names. Shared by the workers that have a part of it. */
struct copy_batch {
	atomic_uint refs;
	size_t n;
	struct copy_ent ent[];
};

enum copy_task_type { TASK_DIR, TASK_SCAN, TASK_FILES, TASK_FIRST, TASK_LINKS };

struct copy_task {
	enum copy_task_type type;
	struct copy_dir *dir;           /* holds a reference */
	char *name;                     /* TASK_DIR: the folder in dir; TASK_FIRST: a path from dir, the root */
	struct copy_batch *batch;       /* TASK_FILES: entries from..to of it; TASK_LINKS: the same, with paths from dir, the root */
	uint32_t from, to;
};

struct copy;

struct copy_worker {
	struct copy *c;
	pthread_t thread;
	char *buf;                      /* COPY_BUF bytes, from copy_buffer_get */
	struct hash *hash;
	struct copy_task task;          /* at hand; under copy.lock */
	_Atomic int64_t asked_ms;       /* since when it waits for the source, 0: it does not */
	int64_t asked_ns;               /* the same for copy_pool.c */
	const char *asked_for;          /* the entry of task.dir, NULL: the folder */
	bool late, dead;                /* under copy.lock: others do its work; it was given up */
	struct copy_dir *closing;       /* the folder that is being finished, the task being done */
	bool makes;                     /* between copy_make_begin and copy_make_end */
	bool half;                      /* what it writes is task.dir's asked_for, not complete */
	_Atomic uint64_t span;          /* of a batch: next entry << 32 | end; whoever has nothing to do takes a half off the end */
	/* of the file at hand */
	struct loss_range *bad;         /* unreadable ranges */
	size_t n_bad;
	int bad_errno;
	uint64_t written, holes;
	size_t ahead;                   /* bytes of its beginning that are in buf already, and hashed */
	bool direct_src, direct_dst;    /* past the page cache */
	struct copy_behind *behind;     /* or NULL: written by the worker itself */
	struct copy_feed *feed;         /* the same for an archive */
	struct copy_bulk *bulk;         /* or NULL: not used so far */
	uint32_t bulk_at;               /* while bulk_asks: the entry of task.batch for which it reads several files */
	bool bulk_asks, handed_back;    /* handed_back: under copy.lock; another worker has that entry */
	/* shared with the marker */
	pthread_mutex_t lock;
	struct str log;                 /* manifest lines not yet written */
	struct copy_result res;
	char current[256];
};

#define COPY_LINK_BUSY 64               /* inodes being written at once: more than threads */

struct arc_item;
struct copy_feed;
struct copy_linkmap;                    /* archive destinations: inode -> first path */

/* How many workers have a task at once. */
struct copy_pool {
	unsigned int most;
	_Atomic unsigned int limit;     /* written under copy.lock, at least 1 */
	bool rotates;                   /* a disk of the source, or it says so */
	uint64_t head;                  /* under copy.lock: the inode that was given out last */
	_Atomic int64_t waited_ns, answers;     /* of the source, since looked */
	int64_t looked, not_before, hold_ms;    /* ms: last look; no more threads before; how long after the next mistake */
	bool few;                       /* only some of them make files at the same time */
	sem_t makers;                   /* how many more may begin to */
};

/* Buffers of COPY_BUF bytes that nobody uses just now. */
struct copy_spare {
	pthread_mutex_t lock;
	char *v[16];
	size_t n;
};

struct copy {
	const struct copy_opts *o;
	struct copy_opts opts;
	/* tasks, last in first out */
	pthread_mutex_t lock;
	struct copy_pool pool;
	struct copy_spare spare;
	pthread_cond_t more, end;       /* workers wait for more tasks, the others for the end */
	struct copy_task *stack;
	size_t n, cap;
	unsigned int active, late;
	int64_t alone_ms;               /* since when only late workers are left, 0: no */
	bool exhausted;                 /* under lock: no thread is left that could replace a late one */
	bool given_up;                  /* under lock: nobody waits for late workers any more */
	atomic_bool stop;
	bool over;                      /* under lock: no task is left, or stop */
	struct err fatal;
	/* logs */
	pthread_mutex_t log_lock;
	int manifest;
	struct loss losses;
	/* marks */
	pthread_mutex_t call_lock;      /* one callback at a time */
	struct copy_result told;        /* what progress was called with last */
	int64_t trust_ns;               /* files of the destination changed before this are safe; INT64_MIN: none */
	bool clock_ok;
	/* facts */
	uint64_t mnt_id;
	dev_t dst_dev;
	ino_t dst_ino;
	bool same_fs, bsd_groups;
	unsigned long dst_type;         /* f_type of statfs(2); 0: no folder, or nobody knows */
	uid_t uid;
	gid_t gid;
	struct strv first;              /* as copy_dir_path() writes them */
	bool main_walk;                 /* they are done */
	/* hard links */
	pthread_mutex_t link_lock;
	pthread_cond_t link_done;
	int nursery;                    /* folder in dst, or -1 */
	int64_t start_ns;
	char busy[COPY_LINK_BUSY][48];
	struct copy_linkmap *links;
	struct manifest_set *have;      /* archives: what is in it from an earlier run */
	struct btrfs_disk *bulk;        /* or NULL: the source is none that can be read past the kernel */
	atomic_bool bulk_off;           /* its devices have trouble: file by file from here on */
	atomic_uint bulk_bad;           /* files of it that did not match their checksums */
	FILE *flags;                    /* chattr flags to set at the end, or NULL */
	/* archive */
	pthread_mutex_t archive_lock;
	struct copy_worker *workers;
	unsigned int n_workers, first_slot, n_threads;  /* slots; first of this phase; used so far: none is used twice, the last one never */
	unsigned int n_dead;            /* threads that will never be joined: what they use must stay */
};

/* copy_task.c */
void copy_push(struct copy *c, const struct copy_task *t, size_t n);
bool copy_pop(struct copy_worker *w);                   /* into w->task; false: all is done */
bool copy_next(struct copy_worker *w, uint32_t *ret);   /* the next entry of the batch of w->task */
void copy_task_done(struct copy_worker *w);
bool copy_take_rest(struct copy_worker *w, struct copy_task *ret);      /* under c->lock; with the entry at hand when it reads for several */

/* copy_late.c: around everything that reads the source */
void copy_ask(struct copy_worker *w);
void copy_ask_bytes(struct copy_worker *w, size_t n);
void copy_answered(struct copy_worker *w);              /* keeps errno */
void copy_late_look(struct copy *c, int64_t now);       /* from time to time */
void copy_late_end(struct copy *c);                     /* joins all threads but those that are c->n_dead from then on */
int copy_start_thread(struct copy *c);
int64_t copy_now_ms(void);                              /* CLOCK_MONOTONIC, never 0 */

/* copy_bulk.c: small files of a btrfs, many with one read */
struct btrfs_small;
void copy_bulk_open(struct copy *c);
void copy_bulk_free(struct copy_worker *w);
void copy_bulk_forget(struct copy_worker *w);           /* before each batch */
/* The file and what statx would say; NULL: the usual way, or copy_bulk_gone. Until the next call. */
const struct btrfs_small *copy_bulk_find(struct copy_worker *w, const struct copy_ent *ent, struct statx *ret);
/* Its content as copy_data_ahead leaves it, its attributes to x. False: the same. */
bool copy_bulk_read(struct copy_worker *w, const struct copy_ent *ent, const struct btrfs_small *f, struct xattrs *x);
bool copy_bulk_gone(struct copy_worker *w);             /* it got no answer in time, and another worker has the entry now */

/* copy_pool.c */
void copy_pool_init(struct copy *c);
bool copy_pool_room(const struct copy *c);              /* under copy.lock: one more worker may take a task */
void copy_pool_ask(struct copy_worker *w, size_t n);    /* for n bytes, 0: a name; called by copy_ask, as copy_pool_answered is by copy_answered */
void copy_pool_answered(struct copy_worker *w);
void copy_pool_look(struct copy *c, int64_t now);       /* from time to time: more threads, or one */
/* Around what makes a file in the destination. No lock of c is taken before begin and given back after it. */
void copy_make_begin(struct copy_worker *w);
void copy_make_end(struct copy_worker *w);
void copy_make_pause(struct copy_worker *w);            /* others may; called by copy_ask, as copy_make_go_on is by copy_answered */
void copy_make_go_on(struct copy_worker *w);

/* copy.c */
/* Stops everything; the first call wins. Returns code. */
int copy_fatal(struct copy *c, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool copy_stopped(struct copy *c);
void copy_wait_a_moment(pthread_cond_t *change, pthread_mutex_t *lock);       /* lock is held; at most 100 ms */

/* copy_dir.c */
struct copy_dir *copy_dir_new(struct copy_dir *up, const char *name);
struct copy_dir *copy_dir_ref(struct copy_dir *d);
void copy_dir_put(struct copy_worker *w, struct copy_dir *d);
void copy_dir_dead(struct copy_worker *as, struct copy_dir *d);         /* the worker that was about to finish it never will */
void copy_dir_path(const struct copy_dir *d, const char *name, struct str *ret);
int copy_dir_dst(struct copy_worker *w, struct copy_dir *d);    /* the destination's descriptor, made if need be; -errno after noting it */
void copy_dir_keep(struct copy_dir *d, int fd);         /* its attributes are better than the source's */

/* copy_walk.c */
void copy_walk_dir(struct copy_worker *w, struct copy_task *t);
void copy_walk_scan(struct copy_worker *w, struct copy_dir *d);
void copy_walk_first(struct copy_worker *w, struct copy_task *t);
struct copy_batch *copy_batch_new(const char *const *names, size_t n);  /* one reference; inodes and types are up to the caller */

/* copy_file.c: one entry that is not a folder */
void copy_entry(struct copy_worker *w, struct copy_dir *d, const struct copy_ent *ent);

/* copy_data.c */
/* Content of src to dst. 0, or -errno after copy_fatal (destination). Unreadable ranges are in w->bad. */
int copy_data(struct copy_worker *w, int src, int dst, const struct statx *st);
/* Reads up to n bytes at off into buf; ranges that cannot be read become zeros and are noted. Bytes (short only at the end), or -errno: none at all. */
ssize_t copy_read(struct copy_worker *w, int fd, char *buf, size_t n, uint64_t off);
bool copy_is_sparse(const struct statx *st);            /* as far as its blocks tell: holes are looked for */
void copy_data_begin(struct copy_worker *w);
void copy_data_ahead(struct copy_worker *w, int src, const struct statx *st);   /* reads a small file, for the copy_data that follows */
int copy_write_at(struct copy_worker *w, int dst, const char *buf, size_t n, uint64_t off);       /* all of it; -errno */
void copy_bad_range(struct copy_worker *w, uint64_t off, uint64_t len, int err);
bool copy_write_is_fatal(int err);

/* copy_setup.c: what fails is undone by copy_tear_down, which is called in any case. */
int copy_set_up(struct copy *c, struct err *e);
void copy_tear_down(struct copy *c);

/* copy_direct.c */
/* From here on the descriptors are used with copy_direct_read and copy_direct_write only. dst -1: nothing is written. */
void copy_direct_from(struct copy_worker *w, int src, uint64_t size);
void copy_direct_to(struct copy_worker *w, int dst, uint64_t size);
void copy_direct_end(struct copy_worker *w, int src, uint64_t size);    /* the file is read */
ssize_t copy_direct_read(struct copy_worker *w, int fd, char *buf, size_t n, uint64_t off);            /* like pread(2) */
ssize_t copy_direct_write(struct copy_worker *w, int fd, const char *buf, size_t n, uint64_t off);     /* like pwrite(2) */
char *copy_buffer_get(struct copy *c);                  /* COPY_BUF bytes, aligned for them; of any content */
void copy_buffer_put(struct copy *c, char *buf);        /* owns buf from here on */
void copy_buffers_free(struct copy *c);

/* copy_flight.c */
#define COPY_FLIGHT 2
struct copy_flight *copy_flight_new(void);              /* NULL: not with this kernel */
unsigned int copy_flight_count(const struct copy_flight *f);    /* that were sent and not taken: at most COPY_FLIGHT */
/* Asks for n bytes into buf (both aligned for O_DIRECT), which stays alone until it is taken. False: nothing was asked for. */
bool copy_flight_send(struct copy_worker *w, struct copy_flight *f, int fd, char *buf, size_t n, uint64_t off);
ssize_t copy_flight_take(struct copy_worker *w, struct copy_flight *f);         /* waits for the oldest one: bytes, or -errno */
void copy_flight_end(struct copy_worker *w, struct copy_flight *f);             /* waits for all, frees; NULL is fine */

/* copy_behind.c */
struct copy_behind *copy_behind_new(struct copy_worker *w, int dst);    /* NULL: no thread to be had */
char *copy_behind_buffer(struct copy_behind *b, unsigned int k);        /* waits for the one that is put after k others */
int copy_behind_put(struct copy_behind *b, size_t n, uint64_t off);     /* 0, or -errno of an earlier one */
int copy_behind_wait(struct copy_behind *b);                            /* until all is written; the same */
int copy_behind_end(struct copy_behind *b);                             /* waits, frees; the same */

/* copy_meta.c */
/* Attributes of an open file or folder of the source, -1: of d's name; then they, owner and mode to dst. */
void copy_meta_read(struct copy_worker *w, struct copy_dir *d, const char *name, int src, struct xattrs *ret);
void copy_meta_fd(struct copy_worker *w, struct copy_dir *d, const char *name, int dst, const struct statx *st, struct xattrs *x);
void copy_meta_at(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, struct xattrs *x);
void copy_times(const struct statx *st, struct timespec ts[2]);
void copy_flags(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st);
int copy_flags_apply(struct copy *c);
bool copy_flags_clear(int fd);
int copy_unlink(int dir, const char *name);     /* like unlinkat, whatever chattr flags the file has */
/* Whether the destination's `name` is the source's file, whole, from before the last mark. */
bool copy_trusted(struct copy *c, int dst, const char *name, const struct statx *st);

/* copy_link.c */
enum copy_link { LINK_MADE, LINK_WRITE, LINK_FAILED };
/* LINK_WRITE: the caller makes the file as key in c->nursery, then calls copy_link_end. LINK_MADE: name is there. */
enum copy_link copy_link_begin(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, char key[48]);
void copy_link_end(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, const char *key, bool written);
int copy_link_init(struct copy *c, struct err *e);
void copy_link_finish(struct copy *c);               /* all names are seen: the nursery goes */
void copy_link_free(struct copy *c);
/* Archives: the first path of this inode, or NULL and this path is remembered. The caller frees. */
char *copy_link_path(struct copy *c, const struct statx *st, const char *path);
void copy_link_forget(struct copy *c, const struct statx *st);
void copy_linkmap_free(struct copy *c);
int copy_link_again(struct copy *c, struct copy_dir *root, struct err *e);      /* tasks, from the manifest of an earlier run */
void copy_link_look(struct copy_worker *w, const char *path);                   /* one entry of them */
bool copy_link_is_nursery(const struct copy_dir *d, const char *name);

/* copy_log.c */
int copy_log_open(struct copy *c, struct err *e);
void copy_log_close(struct copy *c);
int copy_log_mark(struct copy *c, struct err *e);       /* sync everything, then the mark */
void copy_log_file(struct copy_worker *w, struct copy_dir *d, const char *name, const struct statx *st, const char *status, const char *hash,
		   struct xattrs *x, const char *target);
void copy_lost(struct copy_worker *w, struct copy_dir *d, const char *name, const char *what, int err, const char *why);
void copy_lost_ranges(struct copy_worker *w, struct copy_dir *d, const char *name);

/* copy_match.c */
enum copy_want { WANT_NO, WANT_ALL, WANT_MAYBE };       /* MAYBE: a folder below which something may be wanted */
enum copy_want copy_match(const struct copy *c, const struct copy_dir *d, const char *name, bool folder);
bool copy_since(struct copy_worker *w, const struct copy_dir *d, const char *name, const struct statx *st);

/* copy_archive.c: 1, 0 when it is another name of a file that is there (or has no content), -errno after telling it */
int copy_archive_entry(struct copy_worker *w, struct copy_dir *d, const char *name, int fd, const struct statx *st, const char *target,
		       struct xattrs *x);
/* With the archive locked: the header. 1 when content is to follow; else it->size is 0. */
int copy_archive_header(struct copy *c, struct arc_item *it, const struct statx *st, struct err *e);

/* copy_feed.c: the same for a file of more than COPY_BUF; -errno is not told yet. */
int copy_feed(struct copy_worker *w, struct copy_dir *d, const char *name, struct arc_item *it, int fd, const struct statx *st, struct err *e);
/* Lists what a worker that will never go on had in hand; false: it was no such file. */
bool copy_feed_dead(struct copy_worker *as, struct copy_worker *w);

#endif

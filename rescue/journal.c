/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "journal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>

#include "fault.h"
#include "fs.h"
#include "hash.h"

#define SECTOR 512                      /* bytes that a disk writes whole or not at all */
#define JOURNAL_MAX (1ULL << 30)        /* a journal larger than this was not written by us */
#define LOCK_WAIT_US 50000
#define LOCK_TRIES 300

static const char *const verbs[J_VERB_MAX] = {
	[J_PLAN] = "plan", [J_RESUME] = "resume", [J_CONSENT] = "consent", [J_FACT] = "fact", [J_BEGIN] = "begin", [J_MARK] = "mark",
	[J_DEGRADED] = "degraded", [J_DONE] = "done", [J_FAIL] = "fail", [J_END] = "end",
};

const char *journal_verb_name(enum journal_verb v)
{
	return verbs[v];
}

static int verb_parse(const char *word, enum journal_verb *ret)
{
	for (int i = 0; i < J_VERB_MAX; i++) {
		if (str_eq(verbs[i], word)) {
			*ret = (enum journal_verb)i;
			return 0;
		}
	}
	return -EINVAL;
}

static void rec_free(struct journal_rec *r)
{
	free(r->step);
	free(r->payload);
}

/* Keeps the records for readers that come later; gives up the lock. */
void journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	for (size_t i = 0; i < j->n; i++)
		rec_free(&j->recs[i]);
	free(j->recs);
	free(j->path);
	*j = (struct journal)JOURNAL_INIT;
}

static void add_rec(struct journal *j, struct journal_rec *r)
{
	if ((j->n & (j->n - 1)) == 0)           /* full at 0, 1, 2, 4, 8, ... */
		j->recs = xrealloc(j->recs, (j->n ? 2 * j->n : 1) * sizeof(*j->recs));
	j->recs[j->n++] = *r;
}

/* ---- reading ---- */

/* Cuts the next field off *p; NULL when there is none. */
static char *field(char **p)
{
	char *start = *p, *end;

	if (!start)
		return NULL;
	end = strchr(start, ' ');
	if (end)
		*end++ = '\0';
	*p = end;
	return start;
}

/* "SEQ BOOT TIME STEP VERB PAYLOAD" with the checksum already taken off and found right. Why not, or NULL. */
static const char *parse_fields(char *line, uint64_t seq, struct journal_rec *r)
{
	char *f_seq = field(&line), *boot = field(&line), *when = field(&line), *step = field(&line), *verb = field(&line);

	if (!line || strchr(line, ' '))
		return "wrong number of fields";
	if (str_to_u64(f_seq, &r->seq) < 0 || r->seq != seq)
		return "wrong sequence number: a line is missing or doubled";
	if (strlen(boot) >= sizeof(r->boot))
		return "boot id too long";
	if (str_to_u64(when, &r->time) < 0)
		return "time is not a number";
	if (verb_parse(verb, &r->verb) < 0)
		return "unknown verb";
	strcpy(r->boot, boot);
	r->step = xstrdup(step);
	r->payload = xstrdup(line);
	return str_unescape(r->step) < 0 || str_unescape(r->payload) < 0 ? "bad escape" : NULL;
}

static const char *parse_line(const char *text, size_t len, uint64_t seq, struct journal_rec *r)
{
	AUTO_FREE char *line = xstrndup(text, len);
	char crc[9], *space = strrchr(line, ' ');
	size_t head = space ? (size_t)(space + 1 - line) : 0;
	const char *why;

	if (memchr(text, '\0', len))
		return "zero bytes";
	snprintf(crc, sizeof(crc), "%08x", hash_crc32c(0, line, head));
	if (!space || !str_eq(space + 1, crc))
		return "checksum mismatch";
	*space = '\0';
	*r = (struct journal_rec){ .seq = 0 };
	why = parse_fields(line, seq, r);
	if (why)
		rec_free(r);
	return why;
}

/*
 * What a power cut leaves at the end of the file was not yet acted upon, because the append had not returned: a piece of a line without
 * its newline, or a line of which whole sectors never arrived and read as zeros. A last line that arrived whole and does not match its
 * checksum is damage like any other: it may be the `done` of something that must not be done twice.
 */
static bool lost_sectors(const char *text, size_t from, size_t to)
{
	const char *zero = memchr(text + from, '\0', to - from);
	size_t start, end;

	if (!zero)
		return false;
	start = (size_t)(zero - text);
	for (end = start; end < to && !text[end]; end++)
		;
	return (start == from || start % SECTOR == 0) && end % SECTOR == 0;
}

/* A whole line whose newline turned into something else. */
static bool only_newline_damaged(const struct journal *j, const char *text, size_t len)
{
	struct journal_rec r;

	if (len == 0 || !text[len - 1] || parse_line(text, len - 1, j->n + 1, &r) != NULL)
		return false;
	rec_free(&r);
	return true;
}

int journal_parse(struct journal *j, const char *text, size_t len, size_t *ret_good_len, struct err *e)
{
	size_t pos = 0;

	while (pos < len) {
		const char *nl = memchr(text + pos, '\n', len - pos), *why;
		size_t end = nl ? (size_t)(nl - text) : len;
		struct journal_rec r;

		if (!nl && only_newline_damaged(j, text + pos, len - pos))
			return err_set(e, -EBADMSG, "line %zu: its newline is damaged", j->n + 1);
		if (!nl)
			break;
		why = parse_line(text + pos, end - pos, j->n + 1, &r);
		if (why && end + 1 == len && lost_sectors(text, pos, end))
			break;
		if (why)
			return err_set(e, -EBADMSG, "line %zu: %s", j->n + 1, why);
		if (j->n == 0 && r.verb != J_PLAN) {
			rec_free(&r);
			return err_set(e, -EBADMSG, "line 1: does not begin with a plan");
		}
		add_rec(j, &r);
		pos = end + 1;
	}
	j->torn = pos < len;
	*ret_good_len = pos;
	return 0;
}

static int load(struct journal *j, int fd, size_t *ret_good_len, struct err *e)
{
	AUTO_FREE char *proc = xasprintf("/proc/self/fd/%d", fd);
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = fs_read(proc, JOURNAL_MAX, &text, &len, e);

	if (r == 0)
		r = journal_parse(j, text, len, ret_good_len, e);
	return r < 0 ? err_wrap(e, r, "journal '%s'", j->path) : 0;
}

int journal_read(struct journal *j, const char *dir, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	size_t good;
	int r;

	*j = (struct journal)JOURNAL_INIT;
	j->path = fs_join(dir, "journal");
	fd = open(j->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? err_errno(e, "open '%s'", j->path) : load(j, fd, &good, e);
	if (r < 0)
		journal_close(j);
	return r;
}

/* ---- one run at a time ---- */

/* The pid that holds a flock on the file, from /proc/locks; 0 when it cannot be told. */
static long lock_holder(int fd)
{
	AUTO_FREE char *text = NULL;
	struct stat st;
	char want[64];
	const char *at;
	long pid = 0;

	if (fstat(fd, &st) < 0 || fs_read("/proc/locks", 1 << 24, &text, NULL, NULL) < 0)
		return 0;
	snprintf(want, sizeof(want), ":%llu 0 EOF", (unsigned long long)st.st_ino);
	at = strstr(text, want);
	while (at && at > text && at[-1] != '\n')
		at--;
	if (at && sscanf(at, "%*s FLOCK %*s %*s %ld", &pid) != 1)
		pid = 0;
	return pid;
}

/* The keeper of a run that was killed holds on for a moment, until nothing is left of it: worth waiting for. A run that lives is not. */
static int try_lock(struct journal *j, long *ret_holder)
{
	for (int i = 0;; i++) {
		if (flock(j->fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -errno;
		*ret_holder = lock_holder(j->fd);
		if (i == LOCK_TRIES || (*ret_holder > 0 && kill((pid_t)*ret_holder, 0) == 0))
			return -EBUSY;
		usleep(LOCK_WAIT_US);
	}
}

static int lock(struct journal *j, struct err *e)
{
	long pid = 0;
	int r = try_lock(j, &pid);

	if (r == 0)
		return 0;
	if (r != -EBUSY)
		return err_code(e, r, "lock '%s'", j->path);
	if (pid > 0)
		return err_set(e, -EBUSY, "'%s': another run uses it: process %ld", j->path, pid);
	return err_set(e, -EBUSY, "'%s': another run uses it", j->path);
}

/* A line that was not finished was never acted upon: away with it, durably, before anything follows. */
static int cut(struct journal *j, size_t good, struct err *e)
{
	if (!j->torn)
		return 0;
	if (ftruncate(j->fd, (off_t)good) < 0 || fdatasync(j->fd) < 0)
		return err_errno(e, "cut the torn last line off '%s'", j->path);
	return 0;
}

int journal_open(struct journal *j, const char *dir, struct err *e)
{
	size_t good = 0;
	int r;

	*j = (struct journal)JOURNAL_INIT;
	j->path = fs_join(dir, "journal");
	j->fd = open(j->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = j->fd < 0 ? err_errno(e, "open '%s'", j->path) : lock(j, e);
	if (r == 0)
		r = fs_sync_dir(dir, e);
	if (r == 0)
		r = load(j, j->fd, &good, e);
	if (r == 0)
		r = cut(j, good, e);
	if (r < 0)
		journal_close(j);
	return r;
}

/* ---- appending ---- */

static const char *boot_id(void)
{
	static char id[37];

	if (!*id) {
		AUTO_FREE char *word = fs_read_word("/proc/sys/kernel/random/boot_id");

		snprintf(id, sizeof(id), "%.36s", word && *word && !strchr(word, ' ') ? word : "-");
	}
	return id;
}

static void format(struct str *s, const struct journal_rec *r)
{
	str_addf(s, "%llu %s %llu ", (unsigned long long)r->seq, r->boot, (unsigned long long)r->time);
	str_add_escaped(s, r->step);
	str_addf(s, " %s ", verbs[r->verb]);
	str_add_escaped(s, r->payload);
	str_addc(s, ' ');
	str_addf(s, "%08x\n", hash_crc32c(0, str_cstr(s), s->len));
}

static int write_line(struct journal *j, const char *line, size_t len, struct err *e)
{
	int r = fs_write_all(j->fd, line, len, e);

	if (r < 0)
		return r;
	fault_point("journal.append.written");
	if (fdatasync(j->fd) < 0)
		return err_errno(e, "sync");
	return 0;
}

int journal_append(struct journal *j, const char *step, enum journal_verb verb, const char *payload, struct err *e)
{
	CLEANUP(str_free) struct str line = STR_INIT;
	struct journal_rec r = { .seq = j->n + 1, .time = (uint64_t)time(NULL), .verb = verb };
	int rc;

	if (j->fd < 0 || j->failed)
		return err_set(e, -EIO, "journal: an earlier write failed, nothing more is written");
	strcpy(r.boot, boot_id());
	r.step = xstrdup(step);
	r.payload = xstrdup(payload);
	format(&line, &r);
	fault_point("journal.append.before");
	rc = write_line(j, str_cstr(&line), line.len, e);
	if (rc < 0) {
		j->failed = true;
		rec_free(&r);
		return err_wrap(e, rc, "journal '%s'", j->path);
	}
	add_rec(j, &r);
	fault_point("journal.append.synced");
	return 0;
}

const char *journal_fact(const struct journal *j, const char *step, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = j->n; i-- > 0;) {
		const struct journal_rec *r = &j->recs[i];

		if (r->verb == J_FACT && str_eq(r->step, step) && strncmp(r->payload, key, n) == 0 && r->payload[n] == '=')
			return r->payload + n + 1;
	}
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making things below the target. A file is written under a temporary name in its folder and renamed when it is whole and its digest is
 * right: a name never has half a file, and a lost file leaves an older version (of an earlier job) in its place.
 */
#include "bac_engine.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fault.h"
#include "fs.h"

/* Errors after which nothing more can be written. */
static bool hopeless(int code)
{
	return code == ENOSPC || code == EDQUOT || code == EROFS || code == EIO || code == ENOMEM || code == EMFILE || code == ENFILE;
}

static void fail(struct bac_worker *w, struct bac_file *f, const char *what)
{
	int code = errno;

	if (hopeless(code)) {
		struct err e = ERR_INIT;

		err_set(&e, -code, "restore '%s': %s: %s", f->path, what, strerror(code));
		bac_pool_fatal(w->g, &e);
	}
	if (f->fate == BAC_F_OK) {
		f->fate = BAC_F_LOST;
		str_addf(&f->why, "%s: %s", what, strerror(code));
	}
}

/* The replace policy, before anything is written. True: what is there stays. */
static bool stays(struct bac_worker *w, struct bac_file *f)
{
	enum bac_replace how = w->g->o->replace;
	const char *base;
	struct stat st;
	int dir;

	if (how == BAC_ALWAYS)
		return false;
	dir = bac_parent_of(w, f->path, &base);
	if (dir < 0 || fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return how == BAC_NEVER || (how == BAC_IFNEWER && f->a.mtime <= st.st_mtime) || (how == BAC_IFOLDER && f->a.mtime >= st.st_mtime);
}

static int create_tmp(const struct bac_file *f)
{
	return openat(f->dir, f->tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static void open_file(struct bac_worker *w, struct bac_file *f)
{
	const char *base;
	int dir = bac_parent_of(w, f->path, &base);

	f->opened = true;
	if (dir < 0) {
		fail(w, f, "make its folder");
		return;
	}
	f->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	snprintf(f->tmp, sizeof(f->tmp), ".rescue-%u-%u-%u", w->g->sess->id, w->g->sess->time, f->fi);
	f->fd = create_tmp(f);
	if (f->fd < 0 && errno == EEXIST && unlinkat(f->dir, f->tmp, 0) == 0)
		f->fd = create_tmp(f);
	if (f->fd < 0)
		fail(w, f, "create");
}

/* Which digests: those seen in this job so far; at the end of a file in one chunk, exactly its own; else all. */
static void start_hashes(struct bac_file *f, const struct bac_chunk *c)
{
	unsigned int set = f->guess ? f->guess : (1u << BAC_HASHES) - 1;

	if (c->last)
		set = (f->has_digest ? 1u << f->digest_type : 0) | (f->signature.len ? 1u << HASH_SHA256 : 0);
	for (int i = 0; i < BAC_HASHES; i++)
		if (set & 1u << i)
			f->hash[i] = hash_new((enum hash_type)i);
}

/* Zeros of a file that had holes stay a hole, also where the daemon stored them (it does when it encrypts). */
static bool is_hole(const struct bac_file *f, const uint8_t *data, size_t n)
{
	return f->a.blocks * 512 < f->a.size && n >= 4096 && data[0] == 0 && memcmp(data, data + 1, n - 1) == 0;
}

static void write_piece(struct bac_worker *w, struct bac_file *f, const struct bac_piece *p, const uint8_t *data)
{
	if (p->has_off)
		f->pos = p->off;
	for (int i = 0; i < BAC_HASHES; i++)
		if (f->hash[i])
			hash_add(f->hash[i], data, p->len);     /* T85: what was stored, without the holes */
	for (size_t done = is_hole(f, data, p->len) ? p->len : 0; f->fd >= 0 && done < p->len;) {
		ssize_t n = pwrite(f->fd, data + done, p->len - done, (off_t)(f->pos + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail(w, f, "write");
			return;
		}
		done += (size_t)n;
	}
	f->pos += p->len;
	f->bytes += p->len;
}

/* ---- encrypted data ---- */

static void lose(struct bac_file *f, const char *why)
{
	if (f->fate == BAC_F_OK)
		str_add(&f->why, why);
	f->fate = BAC_F_LOST;
}

static bool start_crypt(struct bac_worker *w, struct bac_file *f)
{
	struct err e = ERR_INIT;

	if (f->crypt)
		return true;
	if (!w->g->keys)
		lose(f, "its content is encrypted and no key was given");
	else if (bac_crypt_start(w->g->keys, (const uint8_t *)f->session_key.s, f->session_key.len, &f->crypt, &e) < 0)
		lose(f, e.msg);
	return f->crypt != NULL;
}

static int plain_packet(struct bac_worker *w, struct bac_file *f, const struct bac_stream *st, const uint8_t *data, size_t n, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct bac_piece p = { .has_off = st->sparse };

	if (st->sparse) {
		struct bac_cur c = { data, n, false };

		p.off = bac_u64(&c);
		data = c.p;
		n = c.left;
	}
	if (bac_stream_decode(st->coding, data, n, &out, e) < 0)
		return e->code;
	p.len = out.len;
	write_piece(w, f, &p, (uint8_t *)out.s);
	return 0;
}

/* data NULL: the end of the file's data */
static void write_encrypted(struct bac_worker *w, struct bac_file *f, const struct bac_stream *st, const uint8_t *data, size_t n)
{
	struct err e = ERR_INIT;
	int r;

	if (!start_crypt(w, f))
		return;
	f->crypt_stream = *st;
	r = data ? bac_crypt_feed(f->crypt, data, n, &e) : bac_crypt_end(f->crypt, &e);
	while (r == 0 && (r = bac_crypt_next(f->crypt, &data, &n, &e)) > 0)
		r = plain_packet(w, f, st, data, n, &e);
	if (r < 0)
		lose(f, e.msg);
}

/* ---- the end of a file ---- */

static bool digest_is_right(struct bac_file *f, const uint8_t *d, size_t n)
{
	f->verified = n == f->digest_len && memcmp(d, f->digest, n) == 0;
	return f->verified;
}

/* With a key at hand that made it; a stranger's signature proves nothing, and is no loss. */
static bool signature_is_right(struct bac_worker *w, struct bac_file *f, enum hash_type t, const uint8_t *d, size_t n)
{
	const uint8_t *sig = (const uint8_t *)f->signature.s;
	int r = w->g->keys && f->signature.len && bac_sign_hash(sig, f->signature.len) == (int)t ?
		bac_sign_fits(w->g->keys, sig, f->signature.len, d, n) : 0;

	f->verified = f->verified || r > 0;
	return r >= 0;
}

static void check_content(struct bac_worker *w, struct bac_file *f)
{
	uint8_t d[HASH_MAX];

	for (int i = 0; i < BAC_HASHES && f->fate == BAC_F_OK; i++) {
		enum hash_type t = (enum hash_type)i;
		bool plain = f->has_digest && f->digest_type == t, is_signed = f->signature.len && t == HASH_SHA256;
		size_t n = f->hash[i] && (plain || is_signed) ? hash_end(f->hash[i], d) : 0;

		if (!n)
			continue;
		if (plain && !digest_is_right(f, d, n)) {
			str_addf(&f->why, "its content does not match its %s digest", hash_name(t));
			f->fate = BAC_F_LOST;
		} else if (!signature_is_right(w, f, t, d, n)) {
			str_add(&f->why, "its content does not match its signature");
			f->fate = BAC_F_LOST;
			f->verified = false;
		}
	}
}

static void judge(struct bac_worker *w, struct bac_file *f)
{
	if (f->fate != BAC_F_OK)
		return;
	if (f->touched) {
		if (!f->why.len)
			lose(f, "part of it was in a block that could not be read");
	} else if (f->doubtful && f->kind == BAC_K_FILE && f->pos < f->a.size) {
		lose(f, "part of it was in a block that could not be read: it is shorter than it was");
	} else {
		check_content(w, f);
	}
}

static struct bac_meta meta_of(const struct bac_file *f)
{
	struct bac_meta m = { f->a.mode, f->a.uid, f->a.gid, f->a.atime, f->a.mtime, NULL, NULL, (const uint8_t *)f->xattr.s, f->xattr.len };

	if (f->acl.len && !bac_acl_needs_names(f->acl.s))
		m.acl = f->acl.s;
	if (f->acl_default.len && !bac_acl_needs_names(f->acl_default.s))
		m.acl_default = f->acl_default.s;
	return m;
}

static void end_file(struct bac_worker *w, struct bac_file *f)
{
	struct bac_meta m = meta_of(f);
	const char *slash = strrchr(f->path, '/');

	judge(w, f);
	if (f->fd < 0)
		return;
	if (f->fate == BAC_F_OK && f->pos > 0 && lseek(f->fd, 0, SEEK_END) < (off_t)f->pos && ftruncate(f->fd, (off_t)f->pos) < 0)
		fail(w, f, "set its length");
	if (f->fate == BAC_F_OK) {
		m.mode = (m.mode & 07777) | S_IFREG;
		bac_meta_apply(w->g, f->fd, f->dir, f->tmp, &m, &f->problems);
		if (bac_put_in_place(f->dir, f->tmp, slash ? slash + 1 : f->path) < 0)
			fail(w, f, "put in place");
	}
	if (f->fate != BAC_F_OK)
		(void)unlinkat(f->dir, f->tmp, 0);
	close(f->fd);
	f->fd = -1;
}

static void file_chunk(struct bac_worker *w, struct bac_file *f, struct bac_chunk *c)
{
	if (!f->opened) {
		f->opened = true;
		if (w->g->o->mode == BAC_RESTORE && stays(w, f))
			f->fate = BAC_F_KEPT;
		if (f->fate == BAC_F_OK && !(c->last && f->touched) && w->g->o->mode == BAC_RESTORE)
			open_file(w, f);
		start_hashes(f, c);
	}
	if (c->r < 0 && f->fate == BAC_F_OK)
		lose(f, c->why.msg);
	for (size_t i = 0, p = 0; i < c->n_recs && f->fate == BAC_F_OK; i++) {
		if (c->recs[i].st.encrypted)
			write_encrypted(w, f, &c->recs[i].st, (uint8_t *)c->in.s + c->recs[i].at, c->recs[i].len);
		else if (p < c->n_pieces) {
			write_piece(w, f, &c->pieces[p], (uint8_t *)(c->pieces[p].plain ? c->in.s : c->out.s) + c->pieces[p].at);
			p++;
		}
	}
	if (c->last && f->crypt && f->fate == BAC_F_OK)
		write_encrypted(w, f, &f->crypt_stream, NULL, 0);
	if (c->last) {
		end_file(w, f);
		if (f->dir >= 0)
			close(f->dir);
		f->dir = -1;
	}
}

/* ---- what has no content ---- */

static void make_dir(struct bac_worker *w, struct bac_file *f)
{
	const char *base;
	int dir, fd;

	if (!*f->path)
		return;
	dir = bac_parent_of(w, f->path, &base);
	fd = dir < 0 ? -1 : bac_enter(dir, base);
	if (fd < 0)
		fail(w, f, "make the folder");
	else
		close(fd);
}

static int make_node(int dir, const char *tmp, const struct bac_file *f)
{
	if (f->kind == BAC_K_SYMLINK)
		return symlinkat(f->a.link, dir, tmp);
	return mknodat(dir, tmp, (mode_t)f->a.mode & (S_IFMT | 07777), (dev_t)f->a.rdev);
}

static void make_other(struct bac_worker *w, struct bac_file *f)
{
	struct bac_meta m = meta_of(f);
	const char *base;
	int dir;

	if (stays(w, f)) {
		f->fate = BAC_F_KEPT;
		return;
	}
	dir = bac_parent_of(w, f->path, &base);
	if (dir < 0) {
		fail(w, f, "make its folder");
		return;
	}
	snprintf(f->tmp, sizeof(f->tmp), ".rescue-%u-%u-%u", w->g->sess->id, w->g->sess->time, f->fi);
	(void)unlinkat(dir, f->tmp, 0);
	if (make_node(dir, f->tmp, f) < 0) {
		fail(w, f, "create");
		return;
	}
	bac_meta_apply(w->g, -1, dir, f->tmp, &m, &f->problems);
	if (bac_put_in_place(dir, f->tmp, base) < 0) {
		fail(w, f, "put in place");
		(void)unlinkat(dir, f->tmp, 0);
	}
}

static bool is_fatal(struct bac_eng *g)
{
	bool f;

	pthread_mutex_lock(&g->lock);
	f = g->fatal;
	pthread_mutex_unlock(&g->lock);
	return f;
}

void bac_write_chunk(struct bac_worker *w, struct bac_file *f, struct bac_chunk *c)
{
	if (is_fatal(w->g) && f->fate == BAC_F_OK)
		lose(f, "the restore stopped");
	if (f->kind == BAC_K_FILE)
		file_chunk(w, f, c);
	else if (f->touched)
		lose(f, "part of it was in a block that could not be read");
	else if (w->g->o->mode == BAC_RESTORE && f->fate == BAC_F_OK && f->kind == BAC_K_DIR)
		make_dir(w, f);
	else if (w->g->o->mode == BAC_RESTORE && f->fate == BAC_F_OK)
		make_other(w, f);
	if (c->last)
		fault_point("bacula.file");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of files in volume order: what is finished is taken from its front, counted, and remembered where more has to be done in the end. */
#include "bac_engine.h"

void bac_file_queue(struct bac_eng *g, struct bac_file *f)
{
	*g->files_end = f;
	g->files_end = &f->next;
	g->n_files++;
}

static void put_u64(struct str *s, uint64_t v)
{
	str_addn(s, &v, sizeof(v));
}

static void put_blob(struct str *s, const struct str *b)
{
	put_u64(s, b->len);
	str_addn(s, b->len ? b->s : "", b->len);
}

static void put_z(struct str *s, const char *t)
{
	str_addn(s, t, strlen(t) + 1);
}

/* Directories get their owner, mode and times when everything in them is made; ACLs with names when the target's passwd is there. */
static int keep_for_later(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	bool names = (f->acl.len && bac_acl_needs_names(f->acl.s)) || (f->acl_default.len && bac_acl_needs_names(f->acl_default.s));
	bool later = f->kind == BAC_K_DIR || ((f->kind == BAC_K_FILE || f->kind == BAC_K_SPECIAL) && names);

	if (!later)
		return 0;
	put_u64(&s, f->a.mode);
	put_u64(&s, f->a.uid);
	put_u64(&s, f->a.gid);
	put_u64(&s, (uint64_t)f->a.atime);
	put_u64(&s, (uint64_t)f->a.mtime);
	put_u64(&s, f->fi);
	put_blob(&s, &f->acl);
	put_blob(&s, &f->acl_default);
	put_blob(&s, &f->xattr);
	put_z(&s, f->path);
	return bac_spill_put(f->kind == BAC_K_DIR ? &g->list[BAC_L_DIRS] : &g->list[BAC_L_ACLS], s.s, s.len, e);
}

/* Also for symlinks and special files with several names: the daemon stores each name as a file of its own, but with the inode's number. */
static int keep_link(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	AUTO_FREE char *first = bac_map_path(g, f->a.link);

	put_u64(&s, f->fi);
	put_u64(&s, f->a.link_fi);
	put_u64(&s, f->kind == BAC_K_HARDLINK ? 0 : f->a.dev);
	put_u64(&s, f->kind == BAC_K_HARDLINK ? 0 : f->a.ino);
	put_z(&s, f->path);
	put_z(&s, first && f->kind == BAC_K_HARDLINK ? first : "");
	put_z(&s, f->a.link);
	return bac_spill_put(&g->list[BAC_L_LINKS], s.s, s.len, e);
}

static int keep_deleted(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	size_t n = strlen(f->a.name);

	str_addc(&s, n && f->a.name[n - 1] == '/' ? 'd' : 'f');
	put_z(&s, f->path);
	return bac_spill_put(&g->list[BAC_L_DELS], s.s, s.len, e);
}

static void remember_lost(struct bac_eng *g, const struct bac_file *f)
{
	if (f->kind != BAC_K_FILE)
		return;
	if ((g->n_lost_fis & (g->n_lost_fis + 1)) == 0)
		g->lost_fis = xrealloc(g->lost_fis, (2 * g->n_lost_fis + 2) * sizeof(*g->lost_fis));
	g->lost_fis[g->n_lost_fis++] = f->fi;
}

static int account_made(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	g->n.restored += f->kind != BAC_K_DELETE && (f->kind != BAC_K_HARDLINK || g->o->mode != BAC_RESTORE);
	g->n.deletions += f->kind == BAC_K_DELETE;
	g->n.bytes += f->bytes;
	g->n.verified += f->verified;
	g->n.unverified += f->kind == BAC_K_FILE && f->data_seen && !f->verified;
	g->n.doubtful += f->doubtful;
	g->n.metadata += f->problems.len > 0;
	g->n.skipped += f->skipped_streams.len > 0;
	if (g->o->mode != BAC_RESTORE || f->fate == BAC_F_KEPT)
		return 0;
	if (f->kind == BAC_K_DELETE)
		return keep_deleted(g, f, e);
	if (f->kind == BAC_K_HARDLINK || ((f->kind == BAC_K_SYMLINK || f->kind == BAC_K_SPECIAL) && f->a.nlink > 1))
		return keep_link(g, f, e);
	return keep_for_later(g, f, e);
}

static int account(struct bac_eng *g, const struct bac_file *f, struct err *e)
{
	int r = 0;

	if (f->kind == BAC_K_IGNORE)
		return 0;
	if (f->kind == BAC_K_BASE && f->fate == BAC_F_OK)
		return bac_base_note(g, f, e);
	if (g->bases && !g->second)
		r = bac_base_found(g, f, e);
	g->n.entries += !g->second;
	if (g->o->list && f->a.name)
		g->o->list(g->o->arg, g->sess, &f->a);
	if (f->fate == BAC_F_LOST) {
		g->n.lost += f->a.type == -1 ? f->a.fi - f->fi + 1 : 1;
		g->n.entries += f->a.type == -1 ? f->a.fi - f->fi : 0;
		remember_lost(g, f);
	} else if (f->fate == BAC_F_SKIPPED) {
		g->n.skipped++;
	} else if (r == 0) {
		r = account_made(g, f, e);
	}
	return r < 0 ? r : bac_report_file(g, f, e);
}

int bac_harvest(struct bac_eng *g, bool all, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&g->lock);
	while (g->files && r == 0 && !g->fatal) {
		struct bac_file *f = g->files;

		if (!f->done && !all)
			break;
		if (!f->done) {
			pthread_cond_wait(&g->done, &g->lock);
			continue;
		}
		g->files = f->next;
		if (!g->files)
			g->files_end = &g->files;
		g->n_files--;
		pthread_mutex_unlock(&g->lock);
		r = account(g, f, e);
		g->pos.fi = f->a.type == -1 ? f->a.fi : f->fi;
		g->pos.seg = g->files ? g->files->seg : g->seg;
		g->pos.off = g->files ? g->files->off : g->block_off;
		bac_file_free(f);
		pthread_mutex_lock(&g->lock);
	}
	if (g->fatal && r == 0)
		r = err_set(e, g->fatal_err.code, "%s", g->fatal_err.msg);
	pthread_mutex_unlock(&g->lock);
	return r;
}

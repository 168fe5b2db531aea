/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From an attributes record to a file that is to be made: its name below the target, its kind, whether it is wanted. */
#include "bac_engine.h"

#include <sys/stat.h>

void bac_file_free(struct bac_file *f)
{
	str_free(&f->text);
	str_free(&f->acl);
	str_free(&f->acl_default);
	str_free(&f->xattr);
	str_free(&f->session_key);
	str_free(&f->signature);
	str_free(&f->why);
	str_free(&f->problems);
	str_free(&f->skipped_streams);
	free(f->path);
	for (int i = 0; i < BAC_HASHES; i++)
		if (f->hash[i])
			hash_free(f->hash[i]);
	bac_crypt_free(f->crypt);
	free(f);
}

/* The part of name behind prefix when it is that folder or below it, else NULL. "/" and "" contain everything. */
static const char *below(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	while (n && prefix[n - 1] == '/')
		n--;
	if (strncmp(name, prefix, n) != 0 || (name[n] && name[n] != '/'))
		return NULL;
	return name + n;
}

bool bac_wanted_path(const struct bac_eng *g, const char *name)
{
	const struct strv *l = &g->o->paths;

	for (size_t i = 0; i < l->n; i++)
		if (below(name, l->v[i]))
			return true;
	return l->n == 0;
}

char *bac_map_path(const struct bac_eng *g, const char *name)
{
	const char *rest = g->o->strip ? below(name, g->o->strip) : name;

	return str_path(rest ? rest : name);
}

static enum bac_kind kind_of(const struct bac_eng *g, const struct bac_attr *a)
{
	if (bac_attr_is_dir(a))
		return BAC_K_DIR;
	switch (a->type) {
	case BAC_LNKSAVED:
		return BAC_K_HARDLINK;
	case BAC_REG:
	case BAC_REGE:
		return S_ISREG(a->mode) ? BAC_K_FILE : BAC_K_SKIP;
	case BAC_LNK:
		return BAC_K_SYMLINK;
	case BAC_SPEC:
	case BAC_FIFO:
		return S_ISCHR(a->mode) || S_ISBLK(a->mode) || S_ISFIFO(a->mode) || S_ISSOCK(a->mode) ? BAC_K_SPECIAL : BAC_K_SKIP;
	case BAC_RAW:
		return g->o->raw_as_file ? BAC_K_FILE : BAC_K_SKIP;
	case BAC_DELETED:
		return BAC_K_DELETE;
	case BAC_BASE:
		return BAC_K_BASE;
	case BAC_DIRBEGIN:
	case BAC_NOCHG:
	case BAC_DIRNOCHG:
	case BAC_ISARCH:
		return BAC_K_IGNORE;
	default:
		return BAC_K_SKIP;
	}
}

static const struct bac_orphan *orphan_of(const struct bac_eng *g, uint32_t fi)
{
	for (size_t i = 0; i < g->n_orphans; i++)
		if (g->orphans[i].fi == fi)
			return &g->orphans[i];
	return NULL;
}

static void lose(struct bac_file *f, const char *why)
{
	f->fate = BAC_F_LOST;
	str_add(&f->why, why);
}

static void skip(struct bac_file *f)
{
	f->fate = BAC_F_SKIPPED;
	str_addf(&f->why, "%s: %s", bac_type_name(f->a.type),
		 f->a.type == BAC_RAW ? "not written to a device; its content can be restored into a file (--raw-as-file)" : "not restored");
}

static void choose(struct bac_eng *g, struct bac_file *f)
{
	const struct bac_orphan *o = g->second ? orphan_of(g, f->fi) : NULL;

	f->kind = kind_of(g, &f->a);
	if (g->second)
		f->path = o ? xstrdup(o->path) : NULL;
	else if (!bac_wanted_path(g, f->a.name) || (g->have_regex && regexec(&g->regex, f->a.name, 0, NULL, 0) != 0) ||
		 (g->bases && !bac_base_takes(g, &f->a)))
		f->kind = BAC_K_IGNORE;
	else
		f->path = bac_map_path(g, f->a.name);
	if (f->kind == BAC_K_SKIP)
		skip(f);
	else if (f->kind != BAC_K_IGNORE && !f->path)
		lose(f, "its name leads out of the target");
	else if (f->kind == BAC_K_FILE || f->kind == BAC_K_SYMLINK || f->kind == BAC_K_SPECIAL || f->kind == BAC_K_HARDLINK)
		if (f->path && !*f->path)
			lose(f, "it would replace the target folder itself");
}

/* `rec` is the attributes record. A damaged one gives a file without a name. */
struct bac_file *bac_file_new(struct bac_eng *g, uint32_t fi, const void *rec, size_t n)
{
	struct bac_file *f = xcalloc(1, sizeof(*f));

	f->fi = fi;
	f->fd = f->dir = -1;
	f->seg = g->seg;
	f->off = g->block_off;
	f->kind = BAC_K_NAMELESS;
	f->guess = g->seen_digests | (g->seen_digests && g->keys ? 1u << HASH_SHA256 : 0);      /* what signatures are over */
	if (!rec)
		return f;
	str_addn(&f->text, rec, n);
	str_addc(&f->text, '\0');
	if (bac_attr_parse(f->text.s, n, &f->a) < 0) {
		f->a = (struct bac_attr){ 0 };
		lose(f, "its attributes record is malformed");
		return f;
	}
	choose(g, f);
	return f;
}

char *bac_target_path(const char *strip, const char *name)
{
	const struct bac_opts o = { .strip = strip };
	const struct bac_eng g = { .o = &o };

	return bac_map_path(&g, name);
}

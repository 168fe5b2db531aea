/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ident.h"

#include <ctype.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>

#include "blk.h"
#include "fs.h"
#include "fstab.h"
#include "rootmap.h"

const char *const ident_command_lines[] = {
	"/etc/default/grub", "/etc/default/grub.d/*", "/etc/kernel/cmdline", "/etc/cmdline.d/*", "/boot/grub/grub.cfg",
	"/boot/grub2/grub.cfg", "/boot/grub*/grubenv", "/boot/loader/entries/*.conf", "/boot/efi/loader/entries/*.conf",
	"/efi/loader/entries/*.conf", "/boot/efi/EFI/*/grub.cfg", "/efi/EFI/*/grub.cfg", "/boot/EFI/*/grub.cfg", NULL,
};

struct find {
	const char *root;
	int rootfd;
	struct ident_map *map;
	struct blk *blk;
	size_t n_blk;
	struct rootmap mounts;
	void (*say)(void *arg, const char *line);
	void *arg;
};

static void say(const struct find *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(const struct find *f, const char *fmt, ...)
{
	AUTO_FREE char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		line = NULL;
	va_end(ap);
	if (f->say && line)
		f->say(f->arg, line);
}

/* "UUID=x" or /dev/disk/by-uuid/x -> tag and value; NULL when it is another kind of name. */
static const char *tag_of(const char *spec, const char **ret_value)
{
	static const char *const by[][3] = {
		{ "UUID", "UUID=", "/dev/disk/by-uuid/" }, { "PARTUUID", "PARTUUID=", "/dev/disk/by-partuuid/" },
		{ "LABEL", "LABEL=", "/dev/disk/by-label/" }, { "PARTLABEL", "PARTLABEL=", "/dev/disk/by-partlabel/" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(by); i++)
		for (int k = 1; k < 3; k++)
			if (str_starts(spec, by[i][k])) {
				*ret_value = spec + strlen(by[i][k]);
				return by[i][0];
			}
	return NULL;
}

static const char *value_of(const struct blk *b, const char *tag)
{
	return str_eq(tag, "UUID") ? b->uuid : str_eq(tag, "PARTUUID") ? b->part_uuid : str_eq(tag, "LABEL") ? b->label : b->part_label;
}

static char *unquote(const char *v)
{
	size_t n = strlen(v);

	return n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n - 1] == v[0] ? xstrndup(v + 1, n - 2) : xstrdup(v);
}

static const struct blk *answers(const struct blk *l, size_t n, const char *tag, const char *value)
{
	for (size_t i = 0; i < n; i++) {
		const char *have = value_of(&l[i], tag);

		if (have && strcasecmp(have, value) == 0)
			return &l[i];
	}
	return NULL;
}

bool ident_spec_is_gone(const char *spec, void *unused)
{
	AUTO_FREE char *value = NULL;
	const char *raw = NULL, *tag = tag_of(spec, &raw);
	struct blk *l = NULL;
	size_t n = 0;
	bool gone;

	(void)unused;
	if (!tag)
		return str_starts(spec, "/dev/") && !strchr(spec, '$') && !fs_exists(spec);
	if (strchr(spec, '$') || blk_list(&l, &n, NULL) < 0)
		return false;
	value = unquote(raw);
	gone = !answers(l, n, tag, value);
	blk_list_free(l, n);
	return gone;
}

static const struct blk *device(const struct find *f, const char *path)
{
	AUTO_FREE char *real = realpath(path, NULL);

	for (size_t i = 0; i < f->n_blk; i++)
		if (str_eq(f->blk[i].path, path) || (real && str_eq(f->blk[i].path, real)))
			return &f->blk[i];
	return NULL;
}

static const struct blk *mounted_at(const struct find *f, const char *at)
{
	const struct rootmnt *m = rootmap_at(&f->mounts, at);

	return m ? device(f, m->source) : NULL;
}

/* The only device of this kind that no text of the target names: swap, or the LUKS container. */
static const struct blk *only_one(const struct find *f, const char *type, const char *text)
{
	const struct blk *one = NULL;

	for (size_t i = 0; i < f->n_blk; i++) {
		const struct blk *b = &f->blk[i];

		if (!b->fs_type || !str_eq(b->fs_type, type) || !b->uuid || strcasestr(text, b->uuid))
			continue;
		if (one)
			return NULL;
		one = b;
	}
	return one;
}

static int pair(struct find *f, const char *where, const char *tag, const char *old, const struct blk *b, struct err *e)
{
	const char *new = b ? value_of(b, tag) : NULL;

	if (!new || str_eq(tag, "LABEL") || str_eq(tag, "PARTLABEL")) {
		say(f, "%s names %s=%s, which is not in this machine, and nothing there tells its successor: left as it is", where, tag, old);
		return 0;
	}
	say(f, "%s: %s %s is now %s (%s)", where, tag, old, new, b->path);
	return ident_map_add(f->map, old, new, e);
}

static int table_line(struct find *f, const char *name, const struct fstab_line *l, const char *text, struct err *e)
{
	const bool crypt = str_eq(name, "crypttab");
	const char *spec = l->f[crypt ? 1 : 0].text, *raw, *tag = tag_of(spec, &raw), *at = l->f[FSTAB_TARGET].text;
	AUTO_FREE char *where = xasprintf("%s line %u", name, l->line), *value = tag ? unquote(raw) : NULL;
	const struct blk *b;

	if (!tag || answers(f->blk, f->n_blk, tag, value))
		return 0;
	if (crypt)
		b = only_one(f, "crypto_LUKS", text);
	else if (str_eq(l->f[FSTAB_TYPE].text, "swap"))
		b = only_one(f, "swap", text);
	else
		b = mounted_at(f, at);
	return pair(f, where, tag, value, b, e);
}

static char *read_in_root(const struct find *f, const char *path, size_t *ret_n)
{
	AUTO_CLOSE int fd = fs_open_in_root(f->rootfd, path, O_RDONLY, 0, NULL);
	AUTO_FREE char *proc = fd < 0 ? NULL : xasprintf("/proc/self/fd/%d", fd);
	char *text = NULL;

	return proc && fs_read(proc, 4 * MIB, &text, ret_n, NULL) == 0 ? text : NULL;
}

static int table(struct find *f, const char *path, const char *name, struct err *e)
{
	size_t n = 0, lines = 0;
	AUTO_FREE char *text = read_in_root(f, path, &n);
	struct fstab_line *v = NULL;
	int r = 0;

	if (text)
		fstab_parse(text, n, 2, &v, &lines);
	for (size_t i = 0; r == 0 && i < lines; i++)
		r = table_line(f, name, &v[i], text, e);
	fstab_free(v, lines);
	return r;
}

/* Value behind `key` at *p, up to a blank or a quote; *p moves on. NULL at the end. The caller frees. */
static char *next_value(const char **p, const char *key)
{
	const char *at = strstr(*p, key);
	size_t n;

	if (!at)
		return NULL;
	at += strlen(key);
	n = strcspn(at, " \t\r\n\"';");
	*p = at + n;
	return xstrndup(at, n);
}

static int kernel_roots(struct find *f, const char *where, const char *text, struct err *e)
{
	int r = 0;

	for (const char *p = text; r == 0;) {
		AUTO_FREE char *spec = next_value(&p, "root=");
		const char *raw, *tag = spec ? tag_of(spec, &raw) : NULL;

		if (!spec)
			break;
		if (tag && !strchr(raw, '$') && !answers(f->blk, f->n_blk, tag, raw))
			r = pair(f, where, tag, raw, mounted_at(f, "/"), e);
	}
	return r;
}

/* "search.fs_uuid X root ..." and "search --fs-uuid ... X": what GRUB looks for is where /boot is. */
static int grub_searches(struct find *f, const char *where, const char *text, struct err *e)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	const struct rootmnt *boot = rootmap_holding(&f->mounts, "/boot/grub");
	int r = 0;

	strv_split(&lines, text, "\r\n");
	for (size_t i = 0; r == 0 && i < lines.n; i++) {
		CLEANUP(strv_free) struct strv w = STRV_INIT;
		const char *id = NULL;

		strv_split(&w, lines.v[i], " \t'\"");
		if (w.n > 1 && str_eq(w.v[0], "search.fs_uuid"))
			id = w.v[1];
		else if (w.n > 2 && str_eq(w.v[0], "search") && (strv_has(&w, "--fs-uuid") || strv_has(&w, "-u")))
			id = w.v[w.n - 1];
		if (id && id[0] != '-' && !strchr(id, '$') && strlen(id) >= 8 && !answers(f->blk, f->n_blk, "UUID", id))
			r = pair(f, where, "UUID", id, boot ? device(f, boot->source) : NULL, e);
	}
	return r;
}

static int texts(struct find *f, const char *pattern, struct err *e)
{
	AUTO_FREE char *full = xasprintf("%s%s", f->root, pattern);
	glob_t g = { 0 };
	int r = 0;

	if (glob(full, 0, NULL, &g) == 0)
		for (size_t i = 0; r == 0 && i < g.gl_pathc; i++) {
			const char *path = g.gl_pathv[i] + strlen(f->root);
			size_t n = 0;
			AUTO_FREE char *text = read_in_root(f, path, &n);

			if (text)
				r = kernel_roots(f, path, text, e);
			if (text && r == 0)
				r = grub_searches(f, path, text, e);
		}
	globfree(&g);
	return r;
}

char *ident_array_uuid(const char *line)
{
	const char *p = strcasestr(line, "UUID=");
	char digits[33];
	size_t n = 0;

	for (p = p ? p + 5 : ""; n < 32 && (isxdigit((unsigned char)*p) || *p == ':' || *p == '-'); p++)
		if (isxdigit((unsigned char)*p))
			digits[n++] = (char)tolower((unsigned char)*p);
	digits[n] = 0;
	return n == 32 ? xasprintf("%.8s-%.4s-%.4s-%.4s-%s", digits, digits + 8, digits + 12, digits + 16, digits + 20) : NULL;
}

static bool named(const struct strv *lines, const char *array)
{
	for (size_t i = 0; i < lines->n; i++) {
		AUTO_FREE char *uuid = ident_array_uuid(lines->v[i]);

		if (uuid && blk_same_array(uuid, array))
			return true;
	}
	return false;
}

/* The only array of this machine that no line names. */
static const struct blk *unnamed_array(const struct find *f, const struct strv *lines)
{
	const struct blk *one = NULL;

	for (size_t i = 0; i < f->n_blk; i++) {
		if (!f->blk[i].array || f->blk[i].partition || named(lines, f->blk[i].array))
			continue;
		if (one)
			return NULL;
		one = &f->blk[i];
	}
	return one;
}

static bool has_array(const struct find *f, const char *uuid)
{
	for (size_t i = 0; i < f->n_blk; i++)
		if (f->blk[i].array && blk_same_array(f->blk[i].array, uuid))
			return true;
	return false;
}

static int arrays(struct find *f, const char *path, struct err *e)
{
	size_t n = 0;
	AUTO_FREE char *text = read_in_root(f, path, &n);
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	int r = 0;

	if (text)
		strv_split(&lines, text, "\r\n");
	for (size_t i = 0; r == 0 && i < lines.n; i++) {
		AUTO_FREE char *old = str_starts(str_trim(lines.v[i]), "ARRAY") ? ident_array_uuid(lines.v[i]) : NULL;
		const struct blk *b = old && !has_array(f, old) ? unnamed_array(f, &lines) : NULL;

		if (b)
			say(f, "%s: array %s is now %s (%s)", path, old, b->array, b->path);
		else if (old && !has_array(f, old))
			say(f, "%s names array %s, which is not in this machine, and nothing there tells its successor: left as it is", path, old);
		if (b)
			r = ident_map_add(f->map, old, b->array, e);
	}
	return r;
}

static int find_all(struct find *f, struct err *e)
{
	int r = table(f, "/etc/fstab", "fstab", e);

	if (r == 0)
		r = table(f, "/etc/crypttab", "crypttab", e);
	if (r == 0)
		r = arrays(f, "/etc/mdadm/mdadm.conf", e);
	if (r == 0)
		r = arrays(f, "/etc/mdadm.conf", e);
	for (size_t i = 0; r == 0 && ident_command_lines[i]; i++)
		r = texts(f, ident_command_lines[i], e);
	return r;
}

int ident_find(const char *root, struct ident_map *m, void (*fn)(void *arg, const char *line), void *arg, struct err *e)
{
	struct find f = { .root = root, .map = m, .say = fn, .arg = arg };
	int r;

	f.rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f.rootfd < 0)
		return err_errno(e, "open '%s'", root);
	r = rootmap_read(root, NULL, &f.mounts, e);
	if (r == 0)
		r = blk_list(&f.blk, &f.n_blk, e);
	if (r == 0)
		r = find_all(&f, e);
	blk_list_free(f.blk, f.n_blk);
	rootmap_free(&f.mounts);
	close(f.rootfd);
	return r;
}

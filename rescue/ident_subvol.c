/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ident.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <sys/ioctl.h>

#include "fs.h"
#include "fstab.h"
#include "rootmap.h"

/* Id of the subvolume that holds a folder; 0 when it is not btrfs. */
static uint64_t subvolume_id(const char *path)
{
	struct btrfs_ioctl_ino_lookup_args a = { .objectid = BTRFS_FIRST_FREE_OBJECTID };
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && ioctl(fd, BTRFS_IOC_INO_LOOKUP, &a) == 0 ? a.treeid : 0;
}

/* New options of one line, or NULL when they may stay. The caller frees. */
static char *corrected(const struct rootmap *mounts, const struct fstab_line *l)
{
	AUTO_FREE char *id = fstab_option(l->f[FSTAB_OPTIONS].text, "subvolid"), *sub = fstab_option(l->f[FSTAB_OPTIONS].text, "subvol");
	const struct rootmnt *m = rootmap_at(mounts, l->f[FSTAB_TARGET].text);
	char text[24];
	uint64_t now;

	if (!id || !str_eq(l->f[FSTAB_TYPE].text, "btrfs"))
		return NULL;
	now = m ? subvolume_id(m->real) : 0;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)now);
	if (str_eq(id, text))
		return NULL;
	if (now)
		return fstab_set_option(l->f[FSTAB_OPTIONS].text, "subvolid", text);
	return sub && *sub ? fstab_set_option(l->f[FSTAB_OPTIONS].text, "subvolid", NULL) : NULL;
}

static size_t edit(const struct rootmap *mounts, const char *text, size_t n, struct str *out)
{
	struct fstab_line *v;
	size_t lines, from = 0, count = 0;

	fstab_parse(text, n, 2, &v, &lines);
	for (size_t i = 0; i < lines; i++) {
		AUTO_FREE char *opts = corrected(mounts, &v[i]);
		const struct fstab_field *f = &v[i].f[FSTAB_OPTIONS];

		if (!opts)
			continue;
		str_addn(out, text + from, f->at - from);
		str_add(out, opts);
		from = f->at + f->len;
		count++;
	}
	if (n > from)
		str_addn(out, text + from, n - from);
	fstab_free(v, lines);
	return count;
}

/* rootflags=...,subvolid=N of one word, corrected, or NULL. */
static char *corrected_flags(const char *flags, const char *subvol, uint64_t id)
{
	AUTO_FREE char *named = fstab_option(flags, "subvol");
	AUTO_FREE char *have = fstab_option(flags, "subvolid"), *want = xasprintf("%llu", (unsigned long long)id);

	if (named && !str_eq(named + (*named == '/'), subvol + (*subvol == '/')))
		return NULL;
	return have && !str_eq(have, want) ? fstab_set_option(flags, "subvolid", want) : NULL;
}

size_t ident_rootflags(const char *text, size_t n, const char *subvol, uint64_t id, struct str *out)
{
	static const char word[] = "rootflags=";
	size_t count = 0, len = strlen(word);

	for (size_t pos = 0; pos < n;) {
		size_t end = pos + len;
		AUTO_FREE char *flags = NULL, *now = NULL;

		if (n - pos < len || memcmp(text + pos, word, len) != 0) {
			str_addc(out, text[pos++]);
			continue;
		}
		while (end < n && text[end] && !strchr(" \t\r\n\"'", text[end]))
			end++;
		flags = xstrndup(text + pos + len, end - pos - len);
		now = corrected_flags(flags, subvol, id);
		str_addn(out, text + pos, len);
		str_add(out, now ? now : flags);
		count += now != NULL;
		pos = end;
	}
	return count;
}

/* A grubenv block keeps its 1024 bytes. */
static int fit_grubenv(struct str *out, const char *path, struct err *e)
{
	while (out->len && out->s[out->len - 1] == '#')
		out->s[--out->len] = 0;
	if (out->len > GRUBENV_SIZE)
		return err_set(e, -EFBIG, "%s: the new values need %zu bytes, the block has %d", path, out->len, GRUBENV_SIZE);
	while (out->len < GRUBENV_SIZE)
		str_addc(out, '#');
	return 0;
}

struct subvol {
	int rootfd;
	struct rootmap mounts;
	uint64_t root_id;       /* 0: root is not btrfs */
	bool write;
	struct ident_report *rep;
	size_t changed;
};

static int write_back(struct subvol *s, int fd, const char *path, const char *old, size_t n, struct str *out, size_t count, struct err *e)
{
	AUTO_FREE char *proc = xasprintf("/proc/self/fd/%d", fd), *real = realpath(proc, NULL);
	struct stat st;
	int r = ident_is_grubenv(old, n) ? fit_grubenv(out, path, e) : 0;

	if (r < 0)
		return r;
	if (!real || fstat(fd, &st) < 0)
		return err_errno(e, "look at '%s' of the target", path);
	if (s->rep->keep)
		r = s->rep->keep(s->rep->arg, path, old, n, e);
	if (r == 0)
		r = fs_write_atomic(real, out->s, out->len, st.st_mode & 07777, e);
	if (r == 0 && s->rep->rewritten)
		s->rep->rewritten(s->rep->arg, path, count);
	return r;
}

static int one_file(struct subvol *s, const char *path, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	AUTO_CLOSE int fd = fs_open_in_root(s->rootfd, path, O_RDONLY, 0, NULL);
	AUTO_FREE char *text = NULL, *proc = fd < 0 ? NULL : xasprintf("/proc/self/fd/%d", fd);
	size_t n = 0, count;
	int r = proc ? fs_read(proc, 4 * MIB, &text, &n, e) : 0;

	if (r < 0 || !proc)
		return r;
	count = str_eq(path, "/etc/fstab") ? edit(&s->mounts, text, n, &out) : ident_rootflags(text, n, rootmap_at(&s->mounts, "/")->fsroot, s->root_id, &out);
	s->changed += count;
	return count && s->write ? write_back(s, fd, path, text, n, &out, count, e) : 0;
}

static int command_lines(struct subvol *s, const char *root, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && ident_command_lines[i]; i++) {
		AUTO_FREE char *pattern = xasprintf("%s%s", root, ident_command_lines[i]);
		glob_t g = { 0 };

		if (glob(pattern, 0, NULL, &g) == 0)
			for (size_t k = 0; r == 0 && k < g.gl_pathc; k++)
				r = one_file(s, g.gl_pathv[k] + strlen(root), e);
		globfree(&g);
	}
	return r;
}

int ident_subvolids(const char *root, bool write, struct ident_report *rep, size_t *ret_changed, struct err *e)
{
	AUTO_CLOSE int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct subvol s = { .rootfd = rootfd, .write = write, .rep = rep, .root_id = subvolume_id(root) };
	int r;

	if (rootfd < 0)
		return err_errno(e, "open '%s'", root);
	r = rootmap_read(root, NULL, &s.mounts, e);
	if (r == 0)
		r = one_file(&s, "/etc/fstab", e);
	if (r == 0 && s.root_id && rootmap_at(&s.mounts, "/"))
		r = command_lines(&s, root, e);
	rootmap_free(&s.mounts);
	*ret_changed = s.changed;
	return r;
}

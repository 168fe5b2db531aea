/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ident.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include "fs.h"

#define TEXT_MAX (1 * MIB)
#define BINARY_MAX (32 * MIB)
#define DEPTH_MAX 40

struct walk {
	const struct ident_map *map;
	bool (*gone)(const char *spec, void *arg);
	void *gone_arg;
	struct ident_report *rep;
	bool write;
	size_t stale;
	char *first;            /* the first file that still has one */
};

/* What a kernel, an initramfs or a module holds is compressed, or rebuilt by another step: only loaders are looked into. */
static bool skipped(const char *name)
{
	static const char *const begins[] = { "vmlinuz", "vmlinux", "initrd", "initramfs", "System.map", "config-", "kernel-", "microcode", "amd-ucode", "intel-ucode" };

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
		if (str_starts(name, begins[i]))
			return true;
	return str_ends(name, ".mod") || str_ends(name, ".pf2") || str_ends(name, ".mo") || str_ends(name, ".new");
}

/* Beside it, synced, with owner, mode and security label of the old one, then renamed over it. */
static int replace_file(int dirfd, const char *name, int old, const struct str *data, struct err *e)
{
	AUTO_FREE char *tmp = xasprintf(".%s.new", name);
	AUTO_CLOSE int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	char label[1024];
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0 || fstat(old, &st) < 0)
		return err_errno(e, "create '%s'", tmp);
	r = fs_write_all(fd, data->s, data->len, e);
	if (r == 0 && fchown(fd, st.st_uid, st.st_gid) < 0 && errno != EPERM)
		r = err_errno(e, "owner of '%s'", tmp);
	n = fgetxattr(old, "security.selinux", label, sizeof(label));
	if (r == 0 && n > 0)
		(void)fsetxattr(fd, "security.selinux", label, (size_t)n, 0);
	if (r == 0 && fchmod(fd, st.st_mode & 07777) < 0 && errno != EPERM)
		r = err_errno(e, "mode of '%s'", tmp);
	if (r == 0 && fsync(fd) < 0)
		r = err_errno(e, "sync '%s'", tmp);
	if (r == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		r = err_errno(e, "rename '%s'", tmp);
	if (r < 0)
		(void)unlinkat(dirfd, tmp, 0);
	else if (fsync(dirfd) < 0)
		r = err_errno(e, "sync the folder of '%s'", name);
	return r;
}

/* New text of one file; *ret_count 0: nothing to change. */
static int new_text(const struct walk *w, const char *text, size_t n, struct str *out, size_t *ret_count, struct err *e)
{
	CLEANUP(str_free) struct str first = STR_INIT;
	size_t dropped = 0;

	if (ident_is_grubenv(text, n))
		return ident_replace_grubenv(w->map, text, n, out, ret_count, e);
	*ret_count = ident_replace(w->map, text, n, &first);
	if (w->gone)
		dropped = ident_drop_resume(str_cstr(&first), first.len, w->gone, w->gone_arg, out);
	else
		str_addn(out, str_cstr(&first), first.len);
	*ret_count += dropped;
	return 0;
}

static void remember(struct walk *w, const char *path, size_t count)
{
	if (count && !w->first)
		w->first = xstrdup(path);
	w->stale += count;
}

static int text_file(struct walk *w, int dirfd, const char *name, int fd, const char *path, const char *text, size_t n, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	size_t count = 0;
	int r;

	if (!w->write) {
		remember(w, path, ident_replace(w->map, text, n, NULL));
		return 0;
	}
	r = new_text(w, text, n, &out, &count, e);
	if (r < 0 || !count)
		return r;
	if (w->rep->keep)
		r = w->rep->keep(w->rep->arg, path, text, n, e);
	if (r == 0)
		r = replace_file(dirfd, name, fd, &out, e);
	if (r < 0)
		return r;
	w->rep->files++;
	w->rep->places += count;
	if (w->rep->rewritten)
		w->rep->rewritten(w->rep->arg, path, count);
	return 0;
}

static int one_file(struct walk *w, int dirfd, const char *name, const char *path, struct err *e)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t n;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 || (uint64_t)st.st_size > BINARY_MAX)
		return 0;
	r = fs_read_at(dirfd, name, BINARY_MAX, &text, &n, e);
	if (r < 0)
		return r;
	if (!memchr(text, 0, n) && n <= TEXT_MAX)
		return text_file(w, dirfd, name, fd, path, text, n, e);
	if (w->write && w->rep->binary && str_starts(path, "/etc/") == false && ident_replace(w->map, text, n, NULL))
		w->rep->binary(w->rep->arg, path);
	return 0;
}

static int folder(struct walk *w, int fd, const char *path, int depth, struct err *e);

static int one_name(struct walk *w, int dirfd, const char *name, const char *path, int depth, struct err *e)
{
	AUTO_FREE char *sub = xasprintf("%s/%s", path, name);
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISREG(st.st_mode))
		return skipped(name) ? 0 : one_file(w, dirfd, name, sub, e);
	if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? 0 : folder(w, fd, sub, depth + 1, e);
}

/* Names first, then work: files are made in the folder while it is walked. */
static int folder(struct walk *w, int fd, const char *path, int depth, struct err *e)
{
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	DIR *d = fdopendir(dup(fd));
	int r = 0;

	if (!d)
		return err_errno(e, "read folder '%s'", path);
	for (struct dirent *de; (de = readdir(d));)
		if (!str_eq(de->d_name, ".") && !str_eq(de->d_name, ".."))
			strv_add(&names, de->d_name);
	closedir(d);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = one_name(w, fd, names.v[i], path, depth, e);
	return r < 0 && depth == 0 ? err_wrap(e, r, "%s", path) : r;
}

static int walk_root(struct walk *w, const char *root, struct err *e)
{
	static const char *const tops[] = { "/etc", "/boot", "/efi" };
	AUTO_CLOSE int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (rootfd < 0)
		return err_errno(e, "open '%s'", root);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(tops); i++) {
		AUTO_CLOSE int fd = fs_open_in_root(rootfd, tops[i], O_RDONLY | O_DIRECTORY, 0, NULL);

		if (fd >= 0)
			r = folder(w, fd, tops[i], 0, e);
	}
	return r;
}

int ident_stale(const char *root, const struct ident_map *m, size_t *ret, struct err *e)
{
	struct walk w = { .map = m };
	int r = walk_root(&w, root, e);

	if (r == 0 && w.first)
		err_set(e, -EEXIST, "%zu old identifiers are left, the first in %s", w.stale, w.first);
	free(w.first);
	*ret = w.stale;
	return r;
}

int ident_rewrite(const char *root, const struct ident_map *m, bool (*gone)(const char *spec, void *arg), void *gone_arg,
		  struct ident_report *rep, struct err *e)
{
	struct walk w = { .map = m, .gone = gone, .gone_arg = gone_arg, .rep = rep, .write = true };
	int r = walk_root(&w, root, e);

	return r < 0 ? r : ident_stale(root, m, &rep->stale, e);
}

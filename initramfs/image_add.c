/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Content from files of this system. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>

#include "child.h"
#include "elf_read.h"
#include "fs.h"
#include "image.h"
#include "image_set.h"

struct map {
	uint8_t *d;
	size_t n;
};

static void unmap(struct map *m)
{
	if (m->d)
		munmap(m->d, m->n);
}

static int map_file(const char *path, struct map *ret, struct stat *st, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_errno(e, "open '%s'", path);
	if (fstat(fd, st) < 0)
		return err_errno(e, "stat '%s'", path);
	if (!S_ISREG(st->st_mode))
		return err_set(e, -EINVAL, "'%s' is not a regular file", path);
	ret->n = (size_t)st->st_size;
	ret->d = ret->n ? mmap(NULL, ret->n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	if (ret->d == MAP_FAILED) {
		ret->d = NULL;
		return err_errno(e, "read '%s'", path);
	}
	return 0;
}

/* "#!/bin/sh -e": the interpreter is needed too; whether it is aboard is asked when everything is (image_check). */
static void note_script(struct image *im, const char *path, const struct map *m)
{
	const char *nl = m->n > 2 && memcmp(m->d, "#!", 2) == 0 ? memchr(m->d, '\n', m->n < 256 ? m->n : 256) : NULL;
	AUTO_FREE char *line = nl ? xstrndup((const char *)m->d + 2, (size_t)(nl - (const char *)m->d) - 2) : NULL;
	CLEANUP(strv_free) struct strv words = STRV_INIT;

	if (!line)
		return;
	strv_split(&words, line, " \t\r");
	if (words.n > 1 && str_ends(words.v[0], "/env"))
		strv_addf(&im->scripts, "/usr/bin/%s\n%s", words.v[1], path);
	else if (words.n)
		strv_addf(&im->scripts, "%s\n%s", words.v[0], path);
}

static mode_t mode_of(const struct stat *st)
{
	return (st->st_mode & 0111) ? 0755 : (st->st_mode & 0044) ? 0644 : 0600;
}

int image_add_file(struct image *im, const char *source, const char *path, struct err *e)
{
	CLEANUP(unmap) struct map m = { 0 };
	AUTO_FREE char *real = image_path(path);
	struct stat st;
	const char *same;
	int r;

	if (image_find(im, real))
		return 0;
	r = map_file(source, &m, &st, e);
	if (r < 0)
		return r;
	same = image_same_file(im, &st, real);
	if (same) {
		image_add_link(im, real, same);
		return 0;
	}
	image_add_source(im, real, mode_of(&st), source, (uint64_t)st.st_size);
	if (m.n > 4 && memcmp(m.d, "\177ELF", 4) == 0)
		return image_need_libs(im, source, m.d, m.n, e);
	if (st.st_mode & 0111)
		note_script(im, real, &m);
	return 0;
}

int image_add_own(struct image *im, const char *source, const char *path, struct err *e)
{
	AUTO_FREE char *data = NULL;
	size_t n, cut;
	int r = fs_read(source, 256 * MIB, &data, &n, e);

	if (r < 0)
		return r;
	r = image_need_libs(im, source, (const uint8_t *)data, n, e);
	if (r < 0)
		return r;
	cut = elf_strip((uint8_t *)data, n);
	image_add_text(im, path, 0755, data, cut);
	return 0;
}

static int tree_entry(struct image *im, const char *source, const char *path, struct err *e)
{
	struct stat st;
	char target[PATH_MAX];
	ssize_t n;

	if (lstat(source, &st) < 0)
		return err_errno(e, "stat '%s'", source);
	if (S_ISDIR(st.st_mode))
		return image_add_tree(im, source, path, e);
	if (S_ISREG(st.st_mode))
		return image_add_file(im, source, path, e);
	if (!S_ISLNK(st.st_mode))
		return 0;
	n = readlink(source, target, sizeof(target) - 1);
	if (n < 0)
		return err_errno(e, "read link '%s'", source);
	target[n] = 0;
	image_add_link(im, path, target);
	return 0;
}

int image_add_tree(struct image *im, const char *source, const char *path, struct err *e)
{
	struct dirent **names;
	int n = scandir(source, &names, NULL, alphasort), r = 0;

	if (n < 0)
		return err_errno(e, "read folder '%s'", source);
	image_add_dir(im, path, 0755);
	for (int i = 0; i < n; i++) {
		if (r == 0 && !str_eq(names[i]->d_name, ".") && !str_eq(names[i]->d_name, "..")) {
			AUTO_FREE char *from = fs_join(source, names[i]->d_name), *to = fs_join(path, names[i]->d_name);

			r = tree_entry(im, from, to, e);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

int image_add_prog(struct image *im, const char *name, struct err *e)
{
	AUTO_FREE char *path = child_find(name);

	if (!path)
		return err_set(e, -ENOENT, "program '%s' is not installed", name);
	return image_add_file(im, path, path, e);
}

bool image_has_prog(const struct image *im, const char *name)
{
	static const char *const dirs[] = { "/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin" };

	if (name[0] == '/')
		return image_find(im, name) != NULL;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		AUTO_FREE char *path = fs_join(dirs[i], name);

		if (image_find(im, path))
			return true;
	}
	return false;
}

int image_check(struct image *im, struct err *e)
{
	for (size_t i = 0; i < im->scripts.n; i++) {
		char *nl = strchr(im->scripts.v[i], '\n');
		AUTO_FREE char *interp = xstrndup(im->scripts.v[i], (size_t)(nl - im->scripts.v[i]));

		if (!image_find(im, interp))
			image_note(im, "'%s' is aboard but its interpreter '%s' is not: it will not run", nl + 1, interp);
	}
	if (!image_has_prog(im, "sh"))
		return err_set(e, -ENOENT, "no shell is aboard: install busybox (Debian: busybox-static) or name another shell in the list");
	return 0;
}

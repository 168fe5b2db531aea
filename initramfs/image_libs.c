/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which libraries a file needs, found as the dynamic linker would: RPATH or RUNPATH, ld.so.conf, the usual folders. */
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>

#include "elf_read.h"
#include "fs.h"
#include "image.h"
#include "image_set.h"

static void conf_file(struct strv *dirs, const char *path, int depth);

static void conf_include(struct strv *dirs, const char *pattern, int depth)
{
	glob_t g;

	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			conf_file(dirs, g.gl_pathv[i], depth + 1);
	globfree(&g);
}

static void conf_line(struct strv *dirs, const char *path, char *line, int depth)
{
	char *hash = strchr(line, '#');

	if (hash)
		*hash = 0;
	line = str_trim(line);
	if (str_starts(line, "include ") || str_starts(line, "include\t")) {
		char *what = str_trim(line + 8);
		AUTO_FREE char *copy = xstrdup(path), *full = what[0] == '/' ? xstrdup(what) : fs_join(dirname(copy), what);

		conf_include(dirs, full, depth);
	} else if (line[0] == '/' && !strv_has(dirs, line)) {
		strv_add(dirs, line);
	}
}

static void conf_file(struct strv *dirs, const char *path, int depth)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	char *save, *line;

	if (depth > 8 || fs_read(path, MIB, &text, &n, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		conf_line(dirs, path, line, depth);
}

void image_lib_dirs(struct strv *dirs, const char *conf)
{
	static const char *const usual[] = { "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu",
					     "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib" };

	conf_file(dirs, conf, 0);
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (!strv_has(dirs, usual[i]))
			strv_add(dirs, usual[i]);
}

static bool usable(const char *path, uint16_t machine)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t h[20];

	return fd >= 0 && read(fd, h, sizeof(h)) == sizeof(h) && memcmp(h, "\177ELF\2\1", 6) == 0 &&
	       (!machine || (h[18] | h[19] << 8) == machine);
}

/* $ORIGIN is the folder of the file that asks, after links. */
static char *expand(const char *dir, const char *asker)
{
	static const char *const names[] = { "$ORIGIN", "${ORIGIN}" };
	char real[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *p = strstr(dir, names[i]);

		if (!p)
			continue;
		if (!realpath(asker, real))
			return xstrdup("");
		return xasprintf("%.*s%s%s", (int)(p - dir), dir, dirname(real), p + strlen(names[i]));
	}
	return xstrdup(dir);
}

static char *search_path(const char *path, const char *asker, const char *name, uint16_t machine)
{
	CLEANUP(strv_free) struct strv dirs = STRV_INIT;

	strv_split(&dirs, path ? path : "", ":");
	for (size_t i = 0; i < dirs.n; i++) {
		AUTO_FREE char *dir = expand(dirs.v[i], asker);
		char *full = fs_join(dir, name);

		if (dir[0] && usable(full, machine))
			return full;
		free(full);
	}
	return NULL;
}

static char *search_system(struct image *im, const char *name, uint16_t machine)
{
	if (!im->lib_dirs.n)
		image_lib_dirs(&im->lib_dirs, "/etc/ld.so.conf");
	for (size_t i = 0; i < im->lib_dirs.n; i++) {
		char *full = fs_join(im->lib_dirs.v[i], name);

		if (usable(full, machine))
			return full;
		free(full);
	}
	return NULL;
}

/* Libraries from folders that only ld.so.conf names go where the linker looks without it: beside libc. */
static char *home_of(struct image *im, const char *found, const char *name)
{
	static const char *const own[] = { "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/" };

	if (!im->lib_home) {
		AUTO_FREE char *libc = search_system(im, "libc.so.6", 0);

		im->lib_home = libc ? xstrdup(dirname(libc)) : xstrdup("/usr/lib");
	}
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (str_starts(found, own[i]))
			return xstrdup(found);
	return fs_join(im->lib_home, name);
}

/* "/usr/bin/../lib/x" without the dots, links in the folder resolved. */
static char *straight(const char *found, const char *name)
{
	AUTO_FREE char *copy = xstrdup(found);
	char real[PATH_MAX];

	if (!strstr(found, "/.") || !realpath(dirname(copy), real))
		return xstrdup(found);
	return fs_join(real, name);
}

static int need(struct image *im, const char *asker, const struct elf *f, const char *name, struct err *e)
{
	AUTO_FREE char *found = NULL, *to = NULL;
	bool by_file = true;

	if (name[0] == '/')
		return image_add_file(im, name, name, e);
	found = search_path(f->runpath ? f->runpath : f->rpath, asker, name, f->machine);
	if (!found) {
		found = search_system(im, name, f->machine);
		by_file = false;
	}
	if (!found)
		return err_set(e, -ENOENT, "'%s' needs the library '%s', which is not installed", asker, name);
	to = by_file ? straight(found, name) : home_of(im, found, name);
	return image_add_file(im, found, to, e);
}

int image_need_libs(struct image *im, const char *source, const uint8_t *d, size_t n, struct err *e)
{
	CLEANUP(elf_free) struct elf f;
	int r = elf_parse(d, n, &f, e);

	if (r == -ENOTSUP || r == -ENOEXEC)
		return 0;
	if (r < 0)
		return err_wrap(e, r, "'%s'", source);
	if (f.interp)
		r = image_add_file(im, f.interp, f.interp, e);
	for (size_t i = 0; r == 0 && i < f.needed.n; i++)
		r = need(im, source, &f, f.needed.v[i], e);
	return r;
}

int image_add_lib(struct image *im, const char *soname, struct err *e)
{
	AUTO_FREE char *found = search_system(im, soname, 0), *to = NULL;

	if (!found)
		return err_set(e, -ENOENT, "library '%s' is not installed", soname);
	to = home_of(im, found, soname);
	return image_add_file(im, found, to, e);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A backup leaves out /proc, /sys, /dev, /run, /tmp and empty mount points, folders and all. Without them a restored system does not
 * even take the bind mounts of a chroot. They are made when they are missing, with the modes that every system has.
 */
#include "bac_engine.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fs.h"

static const struct {
	const char *path;
	mode_t mode;
} rows[] = {
	{ "proc", 0555 }, { "sys", 0555 }, { "dev", 0755 }, { "run", 0755 }, { "tmp", 01777 }, { "mnt", 0755 }, { "media", 0755 }, { "srv", 0755 },
	{ "root", 0700 }, { "home", 0755 }, { "var/tmp", 01777 },
};

/* 1 made, 0 was there, -errno. */
static int make(struct bac_eng *g, const char *path, mode_t mode, struct err *e)
{
	const char *base;
	AUTO_CLOSE int dir = bac_open_parent(g, path, true, &base, e);
	struct stat st;

	if (dir < 0)
		return dir;
	if (!*base || fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (mkdirat(dir, base, mode) < 0 || fchmodat(dir, base, mode, 0) < 0)
		return err_errno(e, "make '%s'", path);
	return 1;
}

/* Second word of each line of the restored fstab: an absolute path, octal escapes undone. */
static char *mount_point(char *line)
{
	char *save = NULL, *dev = strtok_r(line, " \t\n", &save), *dir = dev ? strtok_r(NULL, " \t\n", &save) : NULL, *out = dir;

	if (!dir || *dev == '#' || *dir != '/')
		return NULL;
	for (char *p = dir; *p; p++)
		if (p[0] == '\\' && strspn(p + 1, "01234567") >= 3) {
			*out++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 3;
		} else {
			*out++ = *p;
		}
	*out = '\0';
	return dir;
}

static int mount_points(struct bac_eng *g, int *made, struct err *e)
{
	int fd = fs_open_in_root(g->root, "/etc/fstab", O_RDONLY, 0, NULL), r = 0;
	AUTO_FCLOSE FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	AUTO_FREE char *line = NULL;
	size_t cap = 0;

	while (f && r >= 0 && getline(&line, &cap, f) > 0) {
		char *dir = mount_point(line);
		AUTO_FREE char *path = dir ? bac_map_path(g, dir) : NULL;

		if (!path || !*path)
			continue;
		r = make(g, path, 0755, e);
		*made += r > 0;
	}
	return r < 0 ? r : 0;
}

static bool has(struct bac_eng *g, const char *path)
{
	struct stat st;

	return fstatat(g->root, path, &st, 0) == 0;
}

int bac_skeleton(struct bac_eng *g, struct err *e)
{
	int made = 0, r = 0;

	if (!has(g, "etc") || !has(g, "usr") || !has(g, "var"))
		return 0;                       /* not a whole system */
	for (size_t i = 0; i < ARRAY_SIZE(rows) && r >= 0; i++) {
		r = make(g, rows[i].path, rows[i].mode, e);
		made += r > 0;
	}
	if (r >= 0)
		r = mount_points(g, &made, e);
	if (r >= 0 && made && g->o->note) {
		AUTO_FREE char *text = xasprintf("%d folders that the backup leaves out were made (such as /proc and /tmp)", made);

		g->o->note(g->o->arg, text);
	}
	return r < 0 ? r : 0;
}

int bac_make_skeleton(const struct bac_opts *o, struct err *e)
{
	AUTO_CLOSE int root = open(o->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bac_eng g = { .o = o, .root = root };

	return root < 0 ? err_errno(e, "'%s'", o->to) : bac_skeleton(&g, e);
}

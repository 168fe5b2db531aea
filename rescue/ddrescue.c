/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ddrescue.h"

#include <sys/statvfs.h>

#include "blk.h"
#include "child.h"
#include "fs.h"

int ddrescue_check(const char *from, const char *to, bool space, struct err *e)
{
	AUTO_FREE char *tool = child_find("ddrescue"), *dir = xstrndup(to, (size_t)(strrchr(to, '/') - to) + 1);
	char need[32], have[32];
	struct statvfs v;
	struct blk b;
	uint64_t size;

	if (!tool)
		return err_set(e, -ENOENT, "ddrescue: is not installed (package gddrescue)");
	if (blk_get(from, &b, e) < 0)
		return e->code;
	size = b.size;
	blk_free(&b);
	if (!space || statvfs(dir, &v) < 0 || v.f_bavail * v.f_frsize >= size)
		return 0;
	return err_set(e, -ENOSPC, "'%s': too small: %s free, the device has %s", dir,
		       str_human_size(have, sizeof(have), v.f_bavail * v.f_frsize), str_human_size(need, sizeof(need), size));
}

/* ---- the map ---- */

static int add(struct ddrescue_map *m, unsigned long long off, unsigned long long len, char status)
{
	if (len > INT64_MAX || off > INT64_MAX - len || m->good + m->lost > INT64_MAX - len)
		return -EBADMSG;
	if (status == '+') {
		m->good += len;
		return 0;
	}
	if (!strchr("?*/-", status))
		return -EBADMSG;
	m->bad = xrealloc(m->bad, (m->n + 1) * sizeof(*m->bad));
	m->bad[m->n++] = (struct cow_bad){ off, len };
	m->lost += len;
	return 0;
}

/* Lines "0xPOS 0xSIZE STATUS" behind one status line; '+' is rescued, everything else is not. */
int ddrescue_map_parse(const char *text, struct ddrescue_map *ret, struct err *e)
{
	struct ddrescue_map m = { 0 };
	bool first = true;

	for (const char *line = text, *next; *line; line = next) {
		size_t n = strcspn(line, "\n");
		unsigned long long off, len;
		char one[128], status;

		next = line + n + (line[n] == '\n');
		if (*line == '#' || n == 0 || first) {
			first = first && (*line == '#' || n == 0);
			continue;
		}
		snprintf(one, sizeof(one), "%.*s", (int)(n > 127 ? 127 : n), line);
		if (sscanf(one, "%llx %llx %c", &off, &len, &status) != 3 || add(&m, off, len, status) < 0) {
			ddrescue_map_free(&m);
			return err_set(e, -EBADMSG, "not a map of ddrescue");
		}
	}
	*ret = m;
	return 0;
}

int ddrescue_map_read(const char *path, struct ddrescue_map *ret, struct err *e)
{
	AUTO_FREE char *text = NULL;
	int r = fs_read(path, 256 * MIB, &text, NULL, e);

	if (r == 0)
		r = ddrescue_map_parse(text, ret, e);
	return r < 0 ? err_wrap(e, r, "'%s'", path) : 0;
}

void ddrescue_map_free(struct ddrescue_map *m)
{
	free(m->bad);
	*m = (struct ddrescue_map){ 0 };
}

int ddrescue_view(const char *image, const struct ddrescue_map *m, const char *scratch, struct cow **ret, struct err *e)
{
	return cow_open_bad(ret, image, m->good + m->lost, m->bad, m->n, scratch, e);
}

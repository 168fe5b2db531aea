/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second look: what the manifest says was read must be what the destination gives back. */
#include "copy_int.h"

#include "beneath.h"
#include "copy_line.h"
#include "manifest.h"

int copy_line_split(char *line, char *f[F_MAX])
{
	char *save = NULL, *w;

	line[strcspn(line, "\n")] = '\0';
	w = strtok_r(line, " ", &save);
	for (int n = 0; n < F_TARGET; n++, w = strtok_r(NULL, " ", &save)) {
		if (!w)
			return -EINVAL;
		f[n] = w;
	}
	f[F_TARGET] = w && str_eq(w, "->") ? strtok_r(NULL, " ", &save) : NULL;
	return str_unescape(f[F_PATH]);
}

static int same(int dst, const char *path, const char *want, struct err *e)
{
	AUTO_CLOSE int fd = beneath_open(dst, path, O_RDONLY | O_NONBLOCK, e);
	char hex[65];
	int r;

	if (fd < 0)
		return fd;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);     /* from the disk, not from memory */
	r = manifest_hash_fd(fd, hex, NULL);
	if (r < 0)
		return err_code(e, r, "read '%s'", path);
	if (str_eq(hex, want))
		return 1;
	err_set(e, 0, "'%s': its content is not what was read from the source", path);
	return 0;
}

int copy_verify(const char *manifest, int dst, void (*seen)(void *arg, uint64_t files), void *arg, struct err *e)
{
	AUTO_FCLOSE FILE *in = fopen(manifest, "re");
	AUTO_FREE char *line = NULL;
	uint64_t files = 0;
	char *f[F_MAX];
	size_t cap = 0;

	if (!in)
		return err_errno(e, "open '%s'", manifest);
	while (getline(&line, &cap, in) > 0) {
		int r = copy_line_split(line, f);

		if (r < 0)
			return err_set(e, -EBADMSG, "'%s': line %llu makes no sense", manifest, (unsigned long long)files + 1);
		if (!str_eq(f[F_TYPE], "f") || str_eq(f[F_HASH], "-"))
			continue;
		r = same(dst, f[F_PATH], f[F_HASH], e);
		if (r != 1)
			return r;
		if (seen)
			seen(arg, ++files);
	}
	return 1;
}

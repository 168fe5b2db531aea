/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files without a mount. Nothing that comes this way has been checked by anybody (T69). */
#include "ladder.h"

#include "child.h"
#include "fs.h"

#define HOUR 3600ULL

/* "Well block 30474240(gen: 7 level: 0) seems good, ..." and "Found tree root at 30474240 gen 7 level 0": numbers, newest first. */
static void find_roots(const char *device, struct strv *ret)
{
	const char *argv[] = { "btrfs-find-root", device, NULL };
	struct str out = STR_INIT;
	struct child c = { .argv = argv, .out = &out, .timeout_s = 2 * HOUR };
	char *save = NULL;

	(void)child_run(&c, NULL);
	for (char *line = strtok_r(out.s, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *at = strstr(line, "Well block ");
		unsigned long long n;

		if ((at && sscanf(at, "Well block %llu", &n) == 1) || sscanf(line, "Found tree root at %llu", &n) == 1)
			strv_addf(ret, "%llu", n);
	}
	str_free(&out);
}

static bool has_files(const char *dir)
{
	const char *argv[] = { "find", dir, "-mindepth", "1", "-type", "f", "-print", "-quit", NULL };
	AUTO_FREE char *out = NULL;

	return child_output(argv, &out, NULL) == 0 && *out;
}

static bool restore(const char *device, const char *root, const char *super, const char *to)
{
	const char *argv[16] = { "btrfs", "restore", "-s", "-x", "-m", "-S", "-i", "-o", NULL };
	struct child c = { .argv = argv, .timeout_s = 24 * HOUR };
	size_t n = 8;

	if (super) {
		argv[n++] = "-u";
		argv[n++] = super;
	}
	if (root) {
		argv[n++] = "-t";
		argv[n++] = root;
	}
	argv[n++] = device;
	argv[n] = to;
	(void)child_run(&c, NULL);      /* its exit code says little: what counts is what is there */
	return has_files(to);
}

static int dump_btrfs(const char *device, const char *to, char **ret_rung)
{
	CLEANUP(strv_free) struct strv roots = STRV_INIT;
	static const char *const supers[] = { NULL, "1", "2" };

	for (size_t i = 0; i < ARRAY_SIZE(supers); i++)
		if (restore(device, NULL, supers[i], to)) {
			*ret_rung = xasprintf("btrfs restore, superblock %zu", i);
			return 0;
		}
	find_roots(device, &roots);
	for (size_t i = 0; i < roots.n && i < 16; i++)
		if (restore(device, roots.v[i], NULL, to)) {
			*ret_rung = xasprintf("btrfs restore, tree root %s", roots.v[i]);
			return 0;
		}
	return -ENODATA;
}

static int dump_ext(const char *device, const char *to, char **ret_rung)
{
	static const char *const options[][4] = { { "-c", NULL }, { "-c", "-b4096", "-s32768", NULL }, { "-c", "-b1024", "-s8193", NULL } };
	AUTO_FREE char *request = xasprintf("rdump / \"%s\"", to);

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const char *argv[10] = { "debugfs", NULL };
		struct child c = { .argv = argv, .timeout_s = 24 * HOUR };
		size_t n = 1;

		for (size_t k = 0; options[i][k]; k++)
			argv[n++] = options[i][k];
		argv[n++] = "-R";
		argv[n++] = request;
		argv[n] = device;
		(void)child_run(&c, NULL);
		if (has_files(to)) {
			*ret_rung = xasprintf("debugfs rdump%s", i ? ", another superblock" : "");
			return 0;
		}
	}
	return -ENODATA;
}

int ladder_dump(const char *device, const char *type, const char *to, char **ret_rung, struct err *e)
{
	int r = -EOPNOTSUPP;

	if (type && str_eq(type, "btrfs"))
		r = dump_btrfs(device, to, ret_rung);
	else if (type && str_starts(type, "ext"))
		r = dump_ext(device, to, ret_rung);
	if (r == -EOPNOTSUPP)
		return err_set(e, r, "'%s' (%s): there is no tool that reads files without a mount; image it with image-device and ask a specialist",
			       device, type ? type : "unknown type");
	return r < 0 ? err_set(e, r, "'%s' (%s): reading without a mount found no file either", device, type) : 0;
}

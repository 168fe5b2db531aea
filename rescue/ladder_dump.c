/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files without a mount. Nothing that comes this way has been checked by anybody (T69). */
#include "ladder.h"

#include "child.h"
#include "fs.h"
#include "loss.h"
#include "manifest.h"

#define HOUR 3600ULL

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
		if (ladder_has_files(to)) {
			*ret_rung = xasprintf("debugfs rdump%s", i ? ", another superblock" : "");
			return 0;
		}
	}
	return -ENODATA;
}

/* ---- what came out ---- */

static void escape_all(const struct strv *paths, struct strv *ret)
{
	for (size_t i = 0; i < paths->n; i++) {
		CLEANUP(str_free) struct str s = STR_INIT;

		str_addc(&s, ' ');
		str_add_escaped(&s, paths->v[i]);
		strv_add(ret, s.s);
	}
}

static bool ends_with_one(const char *line, const struct strv *ends)
{
	for (size_t i = 0; i < ends->n; i++)
		if (str_ends(line, ends->v[i]))
			return true;
	return false;
}

/* The manifest of the folder as copy.h writes it: a word in front, which is never "good" here. */
int ladder_dump_manifest(const char *to, const char *logs, bool more, const struct strv *partial, struct ladder_dumped *ret, struct err *e)
{
	AUTO_FREE char *path = fs_join(logs, "manifest"), *line = NULL;
	CLEANUP(strv_free) struct strv ends = STRV_INIT;
	AUTO_FCLOSE FILE *out = fopen(path, more ? "ae" : "we"), *all = tmpfile();
	size_t size = 0;
	ssize_t n;
	int r = out && all ? manifest_tree(to, all, true, NULL, e) : err_errno(e, "open '%s'", path);

	if (r < 0)
		return r;
	escape_all(partial, &ends);
	rewind(all);
	while ((n = getline(&line, &size, all)) > 0) {
		bool cut;

		if (more && *line == 'd')
			continue;
		line[n - 1] = '\0';
		cut = *line == 'f' && ends_with_one(line, &ends);
		ret->files += *line == 'f';
		fprintf(out, "%s %s\n", cut ? "partial" : "unproven", line);
	}
	return fflush(out) == 0 ? 0 : err_errno(e, "write '%s'", path);
}

static int report(const char *to, const char *logs, const struct strv *partial, const struct strv *older, struct ladder_dumped *ret, struct err *e)
{
	struct loss losses = LOSS_INIT;
	int r = loss_open(&losses, logs, NULL, e);

	for (size_t i = 0; r == 0 && i < partial->n; i++)
		loss_add(&losses, partial->v[i], "partial", NULL, 0, "cut short: the rest of it could not be read, from no root");
	for (size_t i = 0; r == 0 && i < older->n; i++)
		loss_add(&losses, older->v[i], "older", NULL, 0, "its newest version could not be read; this one is from an older root");
	loss_close(&losses);
	ret->partial = partial->n;
	ret->older = older->n;
	return r < 0 ? r : ladder_dump_manifest(to, logs, false, partial, ret, e);
}

const char *ladder_advice(const char *type)
{
	if (type && str_eq(type, "xfs"))
		return "neither the kernel nor xfs_repair on a copy can make it mount, and no tool reads an xfs without that; next: copy the device with "
		       "image-device and go on with the image alone ('xfs_repair -n IMAGE' says what is broken, a specialist wants the image or its "
		       "xfs_metadump); never run xfs_repair -L on the device itself, it throws away the log and with it the newest files";
	return "there is no tool that reads files without a mount; image it with image-device and ask a specialist";
}

int ladder_dump(const char *device, const char *type, const char *to, const char *logs, struct ladder_dumped *ret, struct err *e)
{
	CLEANUP(strv_free) struct strv partial = STRV_INIT, older = STRV_INIT;
	int r = -EOPNOTSUPP;

	*ret = (struct ladder_dumped){ 0 };
	if (type && str_eq(type, "btrfs"))
		r = ladder_restore(device, to, &partial, &older, &ret->rung);
	else if (type && str_starts(type, "ext"))
		r = dump_ext(device, to, &ret->rung);
	if (r == -EOPNOTSUPP)
		return err_set(e, r, "'%s' (%s): no rung of the ladder holds: %s", device, type ? type : "unknown type", ladder_advice(type));
	if (r < 0)
		return err_set(e, r, "'%s' (%s): reading without a mount found no file either", device, type);
	return report(to, logs, &partial, &older, ret, e);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"
#include "manifest.h"

static bool no_holes;
static struct strv skip;

static const struct cmd_opt opts[] = {
	{ "no-holes", CMD_FLAG, &no_holes, NULL, "Leave out how many bytes are holes: filesystems differ in that." },
	{ "skip", CMD_LIST, &skip, "NAME", "Leave out this entry of the top folder; may be given again." },
	CMD_END
};

static int run(int argc, char **argv)
{
	struct err e = ERR_INIT;
	int r;

	(void)argc;
	r = manifest_tree(argv[0], stdout, !no_holes, &skip, &e);
	strv_free(&skip);
	if (r < 0)
		cmd_error("manifest: %s", e.msg);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct cmd cmd_manifest = {
	.name = "manifest",
	.summary = "List everything that a copy of a folder must keep, one line a file.",
	.usage = "FOLDER",
	.manual = "Lines: TYPE MODE UID GID SIZE MTIME HASH XATTRS FLAGS HOLES LINK PATH [-> TARGET], sorted by path. Two trees are the same when\n"
		  "diff(1) finds nothing. HASH is XXH3-128 of the content, XATTRS a digest of all extended attributes (ACLs and capabilities are\n"
		  "among them), FLAGS those of chattr(1), HOLES bytes without data, LINK the first path of the hard-link group. Spaces, '%' and\n"
		  "bytes that are not printable ASCII are written %XX.",
	.opts = opts,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * write-file - the template of a step type. Copy this file, rename it, and it is half done:
 *
 *   1. a private struct, filled from the plan before each hook;
 *   2. one row an option: parser, ranges, help, manual and completion read it;
 *   3. hooks, each a few lines: preflight looks and changes nothing, run acts, verify looks at the world again;
 *   4. one public symbol, `step_write_file`, and the line STEP(write_file) in steps.def.
 *
 * A hook returns sentences and never prints. It uses step.h and the helpers, nothing of the runner.
 */
#include <fcntl.h>
#include <libgen.h>

#include "fs.h"
#include "step.h"

struct write_file {
	struct opt_path path, root;
	char *content, *mode;
	uint64_t uid, gid;
	bool parents;
};

static const struct opt opts[] = {
	{ "path", OPT_PATH, OPT_FIELD(struct write_file, path), .flags = OPT_REQUIRED, .access = ACCESS_WRITE,
	  .help = "The file. Its folder must exist unless parents is given." },
	{ "content", OPT_STR, OPT_FIELD(struct write_file, content), .flags = OPT_REQUIRED,
	  .help = "The whole text of the file; a YAML block (content: |) keeps its lines." },
	{ "root", OPT_PATH, OPT_FIELD(struct write_file, root), .access = ACCESS_WRITE,
	  .help = "Folder of an installed system: path is looked up as a process inside it would, so that no link leads out." },
	{ "mode", OPT_STR, OPT_FIELD(struct write_file, mode), .def = "0644", .min = 3, .max = 4,
	  .help = "Permissions, in octal digits." },
	{ "uid", OPT_U64, OPT_FIELD(struct write_file, uid), .def = "0", .max = 4294967294, .help = "Number of the owner." },
	{ "gid", OPT_U64, OPT_FIELD(struct write_file, gid), .def = "0", .max = 4294967294, .help = "Number of the group." },
	{ "parents", OPT_BOOL, OPT_FIELD(struct write_file, parents), .def = "no",
	  .help = "Make the folders above it that are missing." },
	OPT_END
};

static int parse_mode(const struct write_file *w, mode_t *ret, struct err *e)
{
	char *end;
	unsigned long m = strtoul(w->mode, &end, 8);

	if (*end || !*w->mode || w->mode[0] == '-' || m > 07777)
		return err_set(e, -EINVAL, "mode '%s': not octal permissions such as 0644", w->mode);
	*ret = (mode_t)m;
	return 0;
}

/* Opens the file's folder (O_PATH), inside root when there is one. */
static int open_folder(const struct write_file *w, struct err *e)
{
	AUTO_FREE char *path = xstrdup(w->path.real);
	const char *dir = dirname(path);
	AUTO_CLOSE int root = -1;
	int fd;

	if (!w->root.real) {
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return fd < 0 ? err_errno(e, "open folder '%s'", dir) : fd;
	}
	root = open(w->root.real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_errno(e, "open folder '%s'", w->root.real);
	return fs_open_in_root(root, dir, O_PATH | O_DIRECTORY, 0, e);
}

/* The file by a name that holds still while it is written: through its folder's descriptor. The caller frees. */
static char *name_in(int folder, const struct write_file *w)
{
	const char *slash = strrchr(w->path.real, '/');

	return xasprintf("/proc/self/fd/%d/%s", folder, slash ? slash + 1 : w->path.real);
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct write_file *w = self;
	mode_t mode;

	(void)io;
	if (parse_mode(w, &mode, e) < 0)
		return -EINVAL;
	if (str_ends(w->path.path, "/"))
		return err_set(e, -EISDIR, "'%s': ends in '/', a file is needed", w->path.path);
	if (!w->path.real || (w->root.path && !w->root.real))
		return STEP_LATER;              /* its device is not mounted yet */
	if (!w->root.path && fs_is_dir(w->path.real))
		return err_set(e, -EISDIR, "'%s': is a folder", w->path.real);
	return 0;
}

static int make_parents(const struct write_file *w, struct err *e)
{
	AUTO_FREE char *path = xstrdup(w->path.real);

	if (w->root.real)
		return err_set(e, -EINVAL, "parents cannot be combined with root: make the folders in a step before");
	return fs_mkdir_p(dirname(path), 0755, e);
}

/* After the rename: the file may get its rights late, never too many. The mode again, because chown takes setuid bits away. */
static int set_owner(const struct write_file *w, const char *name, mode_t mode, struct err *e)
{
	AUTO_CLOSE int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "open '%s'", w->path.real);
	if (fchown(fd, (uid_t)w->uid, (gid_t)w->gid) < 0)
		return err_errno(e, "'%s': change owner to %llu:%llu", w->path.real, (unsigned long long)w->uid, (unsigned long long)w->gid);
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return err_errno(e, "'%s': change mode", w->path.real);
	return 0;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct write_file *w = self;
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int folder = -1;
	mode_t mode;
	int r = parse_mode(w, &mode, e);

	(void)io;
	if (r == 0 && w->parents)
		r = make_parents(w, e);
	if (r < 0)
		return r;
	folder = open_folder(w, e);
	if (folder < 0)
		return folder;
	name = name_in(folder, w);
	r = fs_write_atomic(name, w->content, strlen(w->content), mode, e);
	if (r < 0)
		return err_wrap(e, r, "'%s'", w->path.real);
	return set_owner(w, name, mode, e);
}

static int verify_meta(const struct write_file *w, const char *name, struct err *e)
{
	struct stat st;
	mode_t mode;

	if (parse_mode(w, &mode, e) < 0)
		return -EINVAL;
	if (lstat(name, &st) < 0) {
		err_errno(e, "'%s'", w->path.real);
		return 0;
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & 07777) == mode && st.st_uid == w->uid && st.st_gid == w->gid)
		return 1;
	err_set(e, 0, "'%s': is not a file with mode %s and owner %llu:%llu", w->path.real, w->mode, (unsigned long long)w->uid,
		(unsigned long long)w->gid);
	return 0;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct write_file *w = self;
	AUTO_FREE char *name = NULL, *text = NULL;
	AUTO_CLOSE int folder = open_folder(w, e);
	size_t len;
	int r;

	(void)io;
	if (folder < 0)
		return folder == -ENOENT ? 0 : folder;
	name = name_in(folder, w);
	r = verify_meta(w, name, e);
	if (r != 1)
		return r;
	r = fs_read(name, strlen(w->content), &text, &len, e);
	if (r < 0 && r != -EFBIG)
		return r;
	if (r == 0 && len == strlen(w->content) && memcmp(text, w->content, len) == 0)
		return 1;
	err_set(e, 0, "'%s': has another content", w->path.real);
	return 0;
}

const struct step_type step_write_file = {
	.name = "write-file",
	.summary = "Create or replace one small text file.",
	.manual = "The file is written beside its place, synced, and renamed over it: after a power cut there is the old file or the new one, "
		  "never half of one. It is read back before the step counts as done.",
	.opts = opts, .size = sizeof(struct write_file),
	.effect = STEP_DURABLE, .resume = STEP_VERIFY_FIRST,
	.preflight = preflight, .run = run, .verify = verify,
};

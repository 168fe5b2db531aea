/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * extract - gets everything out of a filesystem that can still be read. The way in is ladder.h, the copying copy.h; here are options,
 * checks and words.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "child.h"
#include "copy.h"
#include "ddrescue.h"
#include "extract.h"
#include "fs.h"
#include "step.h"

static const struct opt opts[] = {
	{ "from", OPT_PATH, OPT_FIELD(struct extract, from), .flags = OPT_REQUIRED | OPT_BARE_DEVICE, .access = ACCESS_READ,
	  .help = "The damaged device, or a folder that can be read." },
	{ "more", OPT_DEVICES, OPT_FIELD(struct extract, more), .access = ACCESS_READ,
	  .help = "Further devices of the same btrfs, those that are left." },
	{ "to", OPT_PATH, OPT_FIELD(struct extract, to), .access = ACCESS_WRITE, .excl = "pipe",
	  .help = "A folder (made when missing, else empty), or an archive when the name ends in .tar or .tar.zst." },
	{ "pipe", OPT_LIST, OPT_FIELD(struct extract, pipe), .flags = OPT_NOT_EMPTY,
	  .help = "Instead of 'to': a program and its arguments that gets a .tar.zst on its standard input, such as "
		  "[ssh, me@host, 'cat >all.tar.zst']. It must end with exit code 0." },
	{ "image-to", OPT_PATH, OPT_FIELD(struct extract, image), .access = ACCESS_WRITE,
	  .help = "For a dying disk: at the first read that fails, ddrescue copies the device into this file, and everything is read from there." },
	{ "first", OPT_LIST, OPT_FIELD(struct extract, first), .help = "Paths that are copied before everything else, in this order." },
	{ "include", OPT_LIST, OPT_FIELD(struct extract, include),
	  .help = "Only what matches one of these patterns. With a '/' the whole path from the top is matched, without one the name." },
	{ "exclude", OPT_LIST, OPT_FIELD(struct extract, exclude), .help = "Nothing that matches one of these patterns, nor what is below it." },
	{ "since", OPT_STR, OPT_FIELD(struct extract, since),
	  .help = "Only files changed since then: 2026-11-28T18:00:00 (UTC) or seconds since 1970 as @1795888800." },
	{ "since-volumes", OPT_PATH, OPT_FIELD(struct extract, volumes), .access = ACCESS_READ, .excl = "since",
	  .help = "Only files changed since the newest good backup on these Bacula volumes (a folder, or one file) began: what Bacula does not have." },
	{ "since-job", OPT_STR, OPT_FIELD(struct extract, job), .help = "The backup job that since-volumes means, where the volumes hold several." },
	{ "since-manifest", OPT_PATH, OPT_FIELD(struct extract, known), .access = ACCESS_READ,
	  .help = "Only files that this manifest (of an earlier extract, or of 'rescue manifest') does not have, or has with another mode, owner, "
		  "size or time." },
	{ "type", OPT_ENUM, OPT_FIELD(struct extract, type), .choices = "auto btrfs ext4 xfs", .def = "auto",
	  .help = "The filesystem, when it can no longer be told from the device." },
	{ "verify", OPT_BOOL, OPT_FIELD(struct extract, verify), .def = "no",
	  .help = "Read the copy back from its disk, an archive too, and compare it with what was read from the source. Not with 'pipe'." },
	{ "merge", OPT_BOOL, OPT_FIELD(struct extract, merge), .def = "no", .help = "The folder need not be empty; files of the same name are replaced." },
	{ "threads", OPT_U64, OPT_FIELD(struct extract, threads), .def = "0", .max = 256, .help = "Threads that copy; 0 chooses." },
	{ "read-timeout", OPT_SECONDS, OPT_FIELD(struct extract, patience), .def = "60s", .max = 86400,
	  .help = "A read without an answer for so long holds up nothing else; it is waited for as long again at the end, then listed as lost. "
		  "0 waits for ever." },
	{ "mark", OPT_SECONDS, OPT_FIELD(struct extract, mark), .def = "5s", .min = 1, .max = 3600,
	  .help = "Sync and mark at most this often: what is repeated after a power cut." },
	OPT_END
};

/* ---- preflight ---- */

static int is_empty(const char *dir, bool *ret, struct err *e)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	if (!d)
		return err_errno(e, "read folder '%s'", dir);
	*ret = true;
	while ((de = readdir(d)))
		if (!str_eq(de->d_name, ".") && !str_eq(de->d_name, "..") && !str_eq(de->d_name, "lost+found"))
			*ret = false;
	closedir(d);
	return 0;
}

static int check_to(const struct extract *x, bool resume, struct err *e)
{
	bool empty = true;
	int r;

	if (extract_is_stream(x) || !fs_exists(x->to.real))
		return 0;
	if (!fs_is_dir(x->to.real))
		return err_set(e, -ENOTDIR, "'%s': is not a folder", x->to.real);
	r = is_empty(x->to.real, &empty, e);
	if (r < 0 || empty || x->merge || resume)
		return r;
	return err_set(e, -ENOTEMPTY, "'%s': is not empty; give another folder, or merge: yes", x->to.real);
}

static int check_pipe(const struct extract *x, struct err *e)
{
	AUTO_FREE char *prog = x->pipe.n ? child_find(x->pipe.v[0]) : NULL;

	if (!x->pipe.n && !x->to.path)
		return err_set(e, -EINVAL, "neither 'to' nor 'pipe' is given: say where the files go");
	if (x->pipe.n && x->verify)
		return err_set(e, -EINVAL, "verify: what went into a pipe cannot be read back from here; take 'verify' out and check the archive where it "
			       "arrives, or give 'to' instead of 'pipe'");
	return x->pipe.n && !prog ? err_set(e, -ENOENT, "pipe: '%s': no such program", x->pipe.v[0]) : 0;
}

static int check_image(const struct extract *x, bool resume, struct err *e)
{
	if (!x->image.path)
		return 0;
	if (!extract_from_device(x))
		return err_set(e, -EINVAL, "image-to: needs a device in 'from', not a folder");
	if (x->pipe.n)
		return err_set(e, -EINVAL, "image-to: what went into a pipe cannot be called back; use image-device first, or 'to'");
	return x->image.real ? ddrescue_check(x->from.real, x->image.real, !resume, e) : STEP_LATER;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct extract *x = self;
	int64_t since;
	int r = extract_since_text(x->since, &since, e);

	if (r < 0)
		return r;
	if (x->job && !x->volumes.path)
		return err_set(e, -EINVAL, "since-job: needs since-volumes, the folder of the Bacula volumes that say when this job ran");
	for (size_t i = 0; i < x->first.n; i++) {
		AUTO_FREE char *path = str_path(x->first.v[i]);

		if (!path || x->first.v[i][0] != '/')
			return err_set(e, -EINVAL, "first '%s': must begin with '/', the top of the source, and have no '.' or '..' in it", x->first.v[i]);
	}
	r = check_pipe(x, e);
	if (r < 0)
		return r;
	if (x->from.real && !x->from.device && !fs_exists(x->from.real))
		return err_set(e, -ENOENT, "'%s': does not exist", x->from.real);
	if (x->known.real && access(x->known.real, R_OK) < 0)
		return err_errno(e, "since-manifest '%s'", x->known.real);
	if (!x->from.real || (!x->pipe.n && !x->to.real))
		return STEP_LATER;
	r = check_image(x, step_is_resume(io), e);
	return r ? r : check_to(x, step_is_resume(io), e);
}

/* ---- run ---- */

static int run(void *self, struct step_io *io, struct err *e)
{
	struct extract_run c = { .x = self, .io = io, .dir = step_dir(io, e) };
	AUTO_FREE char *path = NULL;
	int r;

	if (!c.dir)
		return e->code;
	path = fs_join(c.dir, "report.txt");
	c.report = fopen(path, "ae");
	if (!c.report)
		return err_errno(e, "open '%s'", path);
	r = extract_run(&c, e);
	fclose(c.report);
	str_free(&c.rungs);
	free(c.trust);
	return r;
}

static void on_seen(void *arg, uint64_t files)
{
	step_progress(arg, &(struct step_progress){ .items = files });
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct extract *x = self;
	const char *dir = step_dir(io, e), *mark = step_last_mark(io);
	AUTO_FREE char *manifest = dir ? fs_join(dir, "manifest") : NULL;
	AUTO_CLOSE int dst = -1;

	if (!mark || (!x->pipe.n && !fs_exists(x->to.real))) {
		err_set(e, 0, "'%s': nothing was extracted", x->pipe.n ? x->pipe.v[0] : x->to.real);
		return 0;
	}
	if (!x->verify || !manifest || extract_is_stream(x) || str_eq(mark, "dumped"))
		return 1;
	dst = open(x->to.real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dst < 0 ? err_errno(e, "open folder '%s'", x->to.real) : copy_verify(manifest, dst, on_seen, io, e);
}

const struct step_type step_extract = {
	.name = "extract",
	.summary = "Get every file out of a damaged filesystem, and know what was lost.",
	.manual = "The source is set read-only at the block device and never written to. Rungs of a ladder are tried from the gentlest: a plain "
		  "read-only mount; degraded; a journal replayed on a copy-on-write overlay, because it holds the newest files; without the journal; "
		  "other superblocks; btrfs rescue modes one by one; older roots; a repair on the overlay (ext4, xfs); at last btrfs restore "
		  "(with the roots that btrfs-find-root finds; a file that it leaves short is fetched again from older roots) or debugfs, without a "
		  "mount: neither brings hard links, devices or set-user-ID bits back reliably. With image-to the first read that fails ends this: ddrescue "
		  "copies the device into that file, its map is kept in the state directory, and the ladder begins again on the image, in which "
		  "what could not be read stays an error and so becomes a noted hole. What shows the newest state comes before what shows an older one, and an older one is called that. What the rung that held "
		  "gives up as damaged is looked for once more on those behind it: there only that is taken, and nothing better is replaced. "
		  "Each rung and what it said is in report.txt and report.json; docs/extract.md has their order and what they brought in tests.\n\n"
		  "Owners, modes, times, hard links, holes, links, devices, ACLs, extended attributes, capabilities and chattr flags are kept. A "
		  "file that cannot be read never stops the rest: losses.txt and losses.jsonl list every lost file, every unreadable byte range (a "
		  "hole in the copy) and every lost attribute, and the run ends with the exit code for 'degraded'.\n\n"
		  "manifest has a line for each file, with its hash and one word in front: 'good' was checked by the filesystem's checksums, 'read' "
		  "was read without an error from a filesystem that has none, 'unproven' was read while checksums were ignored, from a repaired copy or without a mount, "
		  "'older' is from a state that is not the newest (an older root, or a log that could not be replayed), "
		  "'partial' has holes, "
		  "'linked' is another name of a file.\n\n"
		  "Interrupted, it goes on: files that were complete before the last mark are kept, all others copied again. An archive is "
		  "cut off behind the last member that a mark knows, and gone on with; it is called NAME.part until it is whole. What goes to a program "
		  "begins anew; when the copy fails, it ends in the middle and nobody takes it for whole. With verify an archive is read back when it is whole, "
		  "and what differs from what was read is in the list of losses.",
	.opts = opts, .size = sizeof(struct extract),
	.effect = STEP_DURABLE, .resume = STEP_FROM_MARK,
	.preflight = preflight, .run = run, .verify = verify,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * extract - gets everything out of a filesystem that can still be read. The way in is ladder.h, the copying copy.h; here are options,
 * checks and words.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "child.h"
#include "copy_to.h"
#include "ddrescue.h"
#include "fault.h"
#include "fs.h"
#include "ladder.h"
#include "loss.h"
#include "manifest_set.h"
#include "mnt.h"
#include "step.h"

struct extract {
	struct opt_path from, to, known, image;
	struct opt_devices more;
	struct strv pipe, first, include, exclude;
	char *since;
	int type;
	uint64_t threads, mark, patience;
	bool verify, merge;
};

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
	{ "since-manifest", OPT_PATH, OPT_FIELD(struct extract, known), .access = ACCESS_READ,
	  .help = "Only files that this manifest (of an earlier extract, or of 'rescue manifest') does not have, or has with another mode, owner, "
		  "size or time." },
	{ "type", OPT_ENUM, OPT_FIELD(struct extract, type), .choices = "auto btrfs ext4 xfs", .def = "auto",
	  .help = "The filesystem, when it can no longer be told from the device." },
	{ "verify", OPT_BOOL, OPT_FIELD(struct extract, verify), .def = "no",
	  .help = "Read the copy back from its disk and compare it with what was read from the source." },
	{ "merge", OPT_BOOL, OPT_FIELD(struct extract, merge), .def = "no", .help = "The folder need not be empty; files of the same name are replaced." },
	{ "threads", OPT_U64, OPT_FIELD(struct extract, threads), .def = "0", .max = 256, .help = "Threads that copy; 0 chooses." },
	{ "read-timeout", OPT_SECONDS, OPT_FIELD(struct extract, patience), .def = "60s", .max = 86400,
	  .help = "A read without an answer for so long holds up nothing else; it is waited for as long again at the end, then listed as lost. "
		  "0 waits for ever." },
	{ "mark", OPT_SECONDS, OPT_FIELD(struct extract, mark), .def = "5s", .min = 1, .max = 3600,
	  .help = "Sync and mark at most this often: what is repeated after a power cut." },
	OPT_END
};

/* An archive, to a file or a program. */
static bool is_stream(const struct extract *x)
{
	return x->pipe.n || str_ends(x->to.path, ".tar") || str_ends(x->to.path, ".tar.zst");
}

static int parse_since(const char *text, int64_t *ret, struct err *e)
{
	struct tm tm = { 0 };
	const char *end;
	char *stop;

	*ret = INT64_MIN;
	if (!text)
		return 0;
	if (*text == '@') {
		*ret = strtoll(text + 1, &stop, 10);
		if (text[1] && !*stop)
			return 0;
	}
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end)
		end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	if (!end)
		end = strptime(text, "%Y-%m-%d", &tm);
	if (!end || (*end && !str_eq(end, "Z")))
		return err_set(e, -EINVAL, "since '%s': not a time such as 2026-11-28T18:00:00 or @1795888800", text);
	*ret = timegm(&tm);
	return 0;
}

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

	if (is_stream(x) || !fs_exists(x->to.real))
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
	return x->pipe.n && !prog ? err_set(e, -ENOENT, "pipe: '%s': no such program", x->pipe.v[0]) : 0;
}

static bool from_device(const struct extract *x)
{
	struct stat st;

	return !x->from.path && stat(x->from.real, &st) == 0 && S_ISBLK(st.st_mode);
}

static int check_image(const struct extract *x, bool resume, struct err *e)
{
	if (!x->image.path)
		return 0;
	if (!from_device(x))
		return err_set(e, -EINVAL, "image-to: needs a device in 'from', not a folder");
	if (x->pipe.n)
		return err_set(e, -EINVAL, "image-to: what went into a pipe cannot be called back; use image-device first, or 'to'");
	return x->image.real ? ddrescue_check(x->from.real, x->image.real, !resume, e) : STEP_LATER;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct extract *x = self;
	int64_t since;
	int r = parse_since(x->since, &since, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < x->first.n; i++)
		if (x->first.v[i][0] != '/')
			return err_set(e, -EINVAL, "first '%s': must begin with '/', the top of the source", x->first.v[i]);
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

/* ---- source ---- */

struct context {
	struct extract *x;
	struct step_io *io;
	const char *dir, *from; /* from: the device */
	bool stop_at_loss, lossy, anew;
	struct cow *view;       /* the device's image */
	char *trust;            /* a mark that is made up for a second pass over the same folder, or NULL */
	struct ladder ladder;
	FILE *report;
	struct str rungs;       /* JSON list */
	uint64_t files, bytes;  /* guesses, 0 unknown */
};

static void on_tried(void *arg, const char *rung, const char *result)
{
	struct context *c = arg;

	fprintf(c->report, "rung '%s': %s\n", rung, result);
	fflush(c->report);
	str_addf(&c->rungs, "%s{\"rung\":\"", c->rungs.len ? "," : "");
	str_add_json(&c->rungs, rung);
	str_add(&c->rungs, "\",\"result\":\"");
	str_add_json(&c->rungs, result);
	str_add(&c->rungs, "\"}");
	step_note(c->io, "rung '%s': %s", rung, result);
}

static const char *type_word(const struct extract *x)
{
	static const char *const words[] = { NULL, "btrfs", "ext4", "xfs" };

	return words[x->type];
}

static int climb(struct context *c, const char *after, struct err *e)
{
	AUTO_FREE char *at = xasprintf("%s/source", step_runtime_dir(c->io));
	CLEANUP(strv_free) struct strv more = STRV_INIT;
	struct ladder_opts o = { .device = c->from, .original = c->view ? c->x->from.real : NULL, .more = &more, .type = type_word(c->x),
				 .at = at, .scratch = c->dir, .after = after, .tried = on_tried, .arg = c };

	for (size_t i = 0; i < c->x->more.n; i++)
		if (c->x->more.v[i].path)
			strv_add(&more, c->x->more.v[i].path);
	return ladder_climb(&o, &c->ladder, e);
}

/* What is in use at the source must fit, unless only a part is wanted. */
static int check_space(struct context *c, const char *from, struct err *e)
{
	const struct extract *x = c->x;
	struct statvfs s, d;
	char need[32], have[32];
	uint64_t used, avail;

	if (statvfs(from, &s) < 0 || statvfs(x->to.real, &d) < 0)
		return 0;
	used = (s.f_blocks - s.f_bfree) * s.f_frsize;
	avail = d.f_bavail * d.f_frsize;
	c->bytes = used;
	c->files = s.f_files ? s.f_files - s.f_ffree : 0;
	if (!c->ladder.at || x->include.n || x->exclude.n || x->since || x->known.path || c->trust || step_is_resume(c->io))
		return 0;
	if (used > avail)
		return err_set(e, -ENOSPC, "'%s': too small: %s free, the source holds %s", x->to.real, str_human_size(have, sizeof(have), avail),
			       str_human_size(need, sizeof(need), used));
	if (d.f_files && c->files > d.f_favail)
		return err_set(e, -ENOSPC, "'%s': too few inodes: %llu free, the source holds %llu files", x->to.real,
			       (unsigned long long)d.f_favail, (unsigned long long)c->files);
	return 0;
}

/* ---- copying ---- */

/* A mark from before the image knows nothing of what was read from it. */
static char *image_phase(const struct context *c)
{
	return fs_join(c->dir, "from-image");
}

static int on_mark(void *arg, const char *text, struct err *e)
{
	struct context *c = arg;
	AUTO_FREE char *phase = image_phase(c);
	int r = c->view && !fs_exists(phase) ? fs_write_atomic(phase, "", 0, 0600, e) : 0;

	return r < 0 ? r : step_mark(c->io, text, e);
}

static void on_progress(void *arg, const struct copy_result *now, const char *current)
{
	struct context *c = arg;

	c->lossy |= now->lost || now->partial;
	step_progress(c->io, &(struct step_progress){ .bytes = now->bytes, .bytes_total = c->bytes,
						      .items = now->files + now->dirs + now->others + now->present, .items_total = c->files,
						      .errors = now->lost + now->partial + now->meta, .current = current });
}

static bool on_cancelled(void *arg)
{
	struct context *c = arg;

	return (c->stop_at_loss && c->lossy) || step_cancelled(c->io);
}

static void write_report(struct context *c, const struct copy_result *r)
{
	AUTO_FREE char *path = fs_join(c->dir, "report.json");
	CLEANUP(str_free) struct str s = STR_INIT;
	const char *rung = c->ladder.rung ? c->ladder.rung : "folder";
	static const char *const proofs[] = { "checksums", "none", "checksums ignored" };
	const char *proof = proofs[c->ladder.rung ? c->ladder.proof : COPY_PROOF_NONE];

	str_addf(&s, "{\"rungs\":[%s],\"rung\":\"%s\",\"proof\":\"%s\",\"files\":%llu,\"folders\":%llu,\"others\":%llu,\"bytes\":%llu,"
		 "\"present\":%llu,\"good\":%llu,\"unproven\":%llu,\"partial\":%llu,\"lost\":%llu,\"attributes\":%llu}\n",
		 str_cstr(&c->rungs), rung, proof, (unsigned long long)r->files, (unsigned long long)r->dirs, (unsigned long long)r->others,
		 (unsigned long long)r->bytes, (unsigned long long)r->present, (unsigned long long)r->good, (unsigned long long)r->unproven,
		 (unsigned long long)r->partial, (unsigned long long)r->lost, (unsigned long long)r->meta);
	(void)fs_write_atomic(path, s.s, s.len, 0644, NULL);
	fprintf(c->report, "read through '%s' (proof: %s): %llu files, %llu from before, %llu good by checksum, %llu unproven, "
		"%llu partial, %llu lost, %llu without some attribute\n", rung, proof, (unsigned long long)r->files,
		(unsigned long long)r->present, (unsigned long long)r->good, (unsigned long long)r->unproven,
		(unsigned long long)r->partial, (unsigned long long)r->lost, (unsigned long long)r->meta);
}

static void say(struct context *c, const struct copy_result *r)
{
	char bytes[32];

	step_note(c->io, "%llu files, %llu folders, %llu others, %s; %llu files were there from before", (unsigned long long)r->files,
		  (unsigned long long)r->dirs, (unsigned long long)r->others, str_human_size(bytes, sizeof(bytes), r->bytes),
		  (unsigned long long)r->present);
	if (r->lost || r->partial || r->meta)
		step_degraded(c->io, "partial: %llu lost, %llu with unreadable ranges, %llu without some attribute: see %s/losses.txt",
			      (unsigned long long)r->lost, (unsigned long long)r->partial, (unsigned long long)r->meta, c->dir);
	if (c->ladder.repaired)
		step_degraded(c->io, "read from a copy that %s was run on: files may be missing, look into lost+found",
			      str_eq(c->ladder.type, "xfs") ? "xfs_repair" : "e2fsck");
	if (r->unproven)
		step_degraded(c->io, "%llu files were read while checksums were ignored: nothing proves that they are good",
			      (unsigned long long)r->unproven);
}

static struct copy_opts copy_options(struct context *c, int src, const char *from)
{
	const struct extract *x = c->x;
	struct copy_opts o = { .src = src, .dst = -1, .src_name = from, .logs = c->dir, .first = &x->first,
			       .include = &x->include, .exclude = &x->exclude, .threads = (unsigned int)x->threads, .patience_s = x->patience,
			       .proof = c->ladder.rung ? c->ladder.proof : COPY_PROOF_NONE,
			       .btrfs = c->ladder.type && str_eq(c->ladder.type, "btrfs"), .mark_s = x->mark,
			       .resume = c->trust ? c->trust : c->anew ? NULL : step_last_mark(c->io),
			       .mark = on_mark, .progress = on_progress, .cancelled = on_cancelled, .arg = c };

	(void)parse_since(x->since, &o.since, NULL);
	return o;
}

static int to_command(struct context *c, struct copy_opts *o, struct copy_result *res, struct err *e)
{
	AUTO_FREE const char **argv = xcalloc(c->x->pipe.n + 1, sizeof(*argv));

	for (size_t i = 0; i < c->x->pipe.n; i++)
		argv[i] = c->x->pipe.v[i];
	return copy_to_command(o, argv, res, e);
}

static void free_set(struct manifest_set **s)
{
	manifest_set_free(*s);
}

static int copy_once(struct context *c, const char *from, struct copy_result *res, struct err *e)
{
	AUTO_CLOSE int src = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(free_set) struct manifest_set *known = NULL;
	struct copy_opts o = copy_options(c, src, from);
	int r;

	if (src < 0)
		return err_errno(e, "open folder '%s'", from);
	if (c->x->known.real && manifest_set_read(&known, c->x->known.real, e) < 0)
		return e->code;
	o.known = known;
	if (!is_stream(c->x)) {
		r = fs_mkdir_p(c->x->to.real, 0755, e);
		if (r == 0)
			r = check_space(c, from, e);
		if (r < 0)
			return r;
		r = copy_to_folder(&o, c->x->to.real, res, e);
	} else {
		r = c->x->pipe.n ? to_command(c, &o, res, e) : copy_to_archive(&o, c->x->to.real, res, e);
		r = r == 0 ? step_mark(c->io, "archive", e) : r;
	}
	c->lossy |= res->lost || res->partial;
	return r;
}

static void finish(struct context *c, const struct copy_result *res)
{
	say(c, res);
	write_report(c, res);
}

/* The ladder's last rung: whatever a tool gives, none of it proven. */
static int dump(struct context *c, struct err *e)
{
	AUTO_FREE char *type = c->x->type ? xstrdup(type_word(c->x)) : ladder_type(c->from), *rung = NULL;
	struct ladder_dumped d;
	int r;

	if (is_stream(c->x))
		return err_wrap(e, e->code, "only a mount can be written to an archive");
	r = fs_mkdir_p(c->x->to.real, 0755, e);
	if (r == 0)
		r = ladder_dump(c->from, type, c->x->to.real, c->dir, &d, e);
	if (r < 0)
		return r;
	rung = c->ladder.rung = d.rung;
	c->ladder.proof = COPY_PROOF_IGNORED;
	on_tried(c, rung, "holds");
	write_report(c, &(struct copy_result){ .files = d.files, .unproven = d.files - d.partial, .partial = d.partial });
	sync();
	step_degraded(c->io, "read by '%s' without a mount: nothing proves that the files are good, or that they are all", rung);
	if (d.partial || d.older)
		step_degraded(c->io, "partial: %llu cut short, %llu only in an older version: see %s/losses.txt", (unsigned long long)d.partial,
			      (unsigned long long)d.older, c->dir);
	return step_mark(c->io, "dumped", e);
}

/* A mark as copy.h makes them: what is in the folder and in the manifest stays, what was lost is looked at again. */
static int trust_all(struct context *c, struct err *e)
{
	AUTO_FREE char *manifest = fs_join(c->dir, "manifest");
	struct timespec now;
	struct stat st;
	uint64_t len[2];
	int r = loss_drop(c->dir, "lost", len, e);

	if (r < 0)
		return r;
	if (stat(manifest, &st) < 0)
		return err_errno(e, "look at '%s'", manifest);
	usleep(60000);                  /* what was just written is older than this mark then */
	clock_gettime(CLOCK_REALTIME, &now);
	free(c->trust);
	c->trust = xasprintf("trust %lld manifest %llu losses %llu text %llu", (long long)now.tv_sec * 1000000000 + now.tv_nsec - 10000000,
			     (unsigned long long)st.st_size, (unsigned long long)len[0], (unsigned long long)len[1]);
	return 0;
}

/* One pass over the same folder from a deeper rung: only what is missing is read, and none of it is called good. */
static int one_deeper(struct context *c, char **rung, struct copy_result *res, struct err *e)
{
	struct copy_result more = { 0 };
	int r = climb(c, *rung, NULL);

	if (r < 0)
		return -ENODATA;
	r = trust_all(c, e);
	if (r == 0)
		r = copy_once(c, c->ladder.at, &more, e);
	if (more.files)
		step_note(c->io, "%llu files that were lost came through rung '%s', unproven", (unsigned long long)more.files, c->ladder.rung);
	free(*rung);
	*rung = xstrdup(c->ladder.rung);
	ladder_end(&c->ladder);
	res->files += more.files;
	res->bytes += more.bytes;
	res->unproven += more.unproven;
	res->partial += more.partial;
	if (r == 0)
		res->lost = more.lost;
	return r;
}

/*
 * btrfs: what a rung that checks everything gives up may be readable where checksums are ignored. Not behind an overlay: there the log was
 * replayed, and a deeper rung would bring older versions.
 */
static int deeper(struct context *c, struct copy_result *res, struct err *e)
{
	struct ladder first = c->ladder;
	AUTO_FREE char *rung = xstrdup(first.rung);
	int r = 0;

	if (!res->lost || first.cow || !first.type || !str_eq(first.type, "btrfs") || is_stream(c->x) || step_cancelled(c->io))
		return 0;
	(void)mnt_umount(first.at, 0, NULL);
	while (r == 0 && res->lost)
		r = one_deeper(c, &rung, res, e);
	c->ladder = first;
	return r == -ENODATA ? 0 : r;
}

static int from_mount(struct context *c, struct err *e)
{
	struct copy_result res = { 0 };
	int r = copy_once(c, c->ladder.at, &res, e);

	if (c->stop_at_loss && c->lossy && !step_cancelled(c->io))
		return r == -ECANCELED ? 0 : r;         /* it begins anew, from the image */
	if (r == 0)
		r = deeper(c, &res, e);
	finish(c, &res);
	return r;
}

static int from_ladder(struct context *c, struct err *e)
{
	int r = climb(c, NULL, e);

	if (r == 0) {
		r = from_mount(c, e);
		ladder_end(&c->ladder);
		return r;
	}
	c->lossy = true;
	if (r == -ENODATA && c->stop_at_loss)
		return 0;
	return r == -ENODATA ? dump(c, e) : r;
}

static int from_folder(struct context *c, struct err *e)
{
	struct copy_result res = { 0 };
	int r = copy_once(c, c->from, &res, e);

	finish(c, &res);
	return r;
}

/* The image in which what could not be read stays an error: nobody takes its zeros for content. */
static int make_image(struct context *c, struct err *e)
{
	AUTO_FREE char *map = fs_join(c->dir, "map"), *phase = image_phase(c);
	CLEANUP(ddrescue_map_free) struct ddrescue_map m = { 0 };
	const char *device = c->x->from.real, *image = c->x->image.real;
	char good[32], lost[32];
	int r;

	c->anew = !fs_exists(phase);
	step_note(c->io, "reading '%s' fails: it is copied into '%s' first", device, image);
	r = ddrescue_run(&(struct ddrescue){ .from = device, .to = image, .map = map, .retries = 1 }, e);
	if (r == 0)
		r = ddrescue_map_read(map, &m, e);
	if (r < 0)
		return r;
	fault_point("extract.image.done");
	fprintf(c->report, "image '%s' of '%s': %llu bytes read, %llu bytes in %zu places unreadable; map: %s\n", image, device,
		(unsigned long long)m.good, (unsigned long long)m.lost, m.n, map);
	if (m.lost)
		step_degraded(c->io, "image of the device: %s read, %s in %zu places could not be read: see %s",
			      str_human_size(good, sizeof(good), m.good), str_human_size(lost, sizeof(lost), m.lost), m.n, map);
	return ddrescue_view(image, &m, c->dir, &c->view, e);
}

static int from_image(struct context *c, struct err *e)
{
	int r = make_image(c, e);

	if (r < 0)
		return r;
	c->from = c->view->device;
	c->stop_at_loss = false;
	r = from_ladder(c, e);
	cow_close(c->view);
	return r;
}

static int run_with(struct context *c, struct err *e)
{
	AUTO_FREE char *map = fs_join(c->dir, "map");
	bool imaged;
	int r = 0;

	c->from = c->x->from.real;
	if (!from_device(c->x))
		return from_folder(c, e);
	c->stop_at_loss = c->x->image.path;
	imaged = fs_exists(map);
	if (!c->stop_at_loss || !imaged)
		r = from_ladder(c, e);
	if (r < 0 || !c->stop_at_loss || !(imaged || c->lossy))
		return r;
	err_clear(e);
	return from_image(c, e);
}

static int run(void *self, struct step_io *io, struct err *e)
{
	struct context c = { .x = self, .io = io, .dir = step_dir(io, e) };
	AUTO_FREE char *path = NULL;
	int r;

	if (!c.dir)
		return e->code;
	path = fs_join(c.dir, "report.txt");
	c.report = fopen(path, "ae");
	if (!c.report)
		return err_errno(e, "open '%s'", path);
	r = run_with(&c, e);
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
	if (!x->verify || !manifest || is_stream(x) || str_eq(mark, "dumped"))
		return 1;
	dst = open(x->to.real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dst < 0 ? err_errno(e, "open folder '%s'", x->to.real) : copy_verify(manifest, dst, on_seen, io, e);
}

const struct step_type step_extract = {
	.name = "extract",
	.summary = "Get every file out of a damaged filesystem, and know what was lost.",
	.manual = "The source is set read-only at the block device and never written to. Rungs of a ladder are tried from the gentlest: a plain "
		  "read-only mount; degraded; a journal replayed on a copy-on-write overlay, because it holds the newest files; without the journal; "
		  "older roots and other superblocks; btrfs rescue modes one by one; a repair on the overlay (ext4, xfs); at last btrfs restore "
		  "(with the roots that btrfs-find-root finds; a file that it leaves short is fetched again from older roots) or debugfs, without a "
		  "mount: neither brings hard links, devices or set-user-ID bits back reliably. With image-to the first read that fails ends this: ddrescue "
		  "copies the device into that file, its map is kept in the state directory, and the ladder begins again on the image, in which "
		  "what could not be read stays an error and so becomes a noted hole. What btrfs gives up as damaged is then looked for once more on the rungs that ignore checksums. "
		  "Each rung and what it said is in report.txt and report.json.\n\n"
		  "Owners, modes, times, hard links, holes, links, devices, ACLs, extended attributes, capabilities and chattr flags are kept. A "
		  "file that cannot be read never stops the rest: losses.txt and losses.jsonl list every lost file, every unreadable byte range (a "
		  "hole in the copy) and every lost attribute, and the run ends with the exit code for 'degraded'.\n\n"
		  "manifest has a line for each file, with its hash and one word in front: 'good' was checked by the filesystem's checksums, 'read' "
		  "was read without an error from a filesystem that has none, 'unproven' was read while checksums were ignored or without a mount, "
		  "'partial' has holes, "
		  "'linked' is another name of a file.\n\n"
		  "Interrupted, it goes on: files that were complete before the last mark are kept, all others copied again. An archive "
		  "and what goes to a program begin anew; when the copy fails, they end in the middle and nobody takes them for whole.",
	.opts = opts, .size = sizeof(struct extract),
	.effect = STEP_DURABLE, .resume = STEP_FROM_MARK,
	.preflight = preflight, .run = run, .verify = verify,
};

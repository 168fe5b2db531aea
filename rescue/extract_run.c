/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "extract.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "child.h"
#include "copy_to.h"
#include "fs.h"
#include "manifest_set.h"
#include "mnt.h"

bool extract_is_stream(const struct extract *x)
{
	return x->pipe.n || str_ends(x->to.path, ".tar") || str_ends(x->to.path, ".tar.zst");
}

bool extract_from_device(const struct extract *x)
{
	struct stat st;

	return !x->from.path && stat(x->from.real, &st) == 0 && S_ISBLK(st.st_mode);
}

static void on_tried(void *arg, const char *rung, const char *result)
{
	struct extract_run *c = arg;

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

int extract_climb(struct extract_run *c, const char *after, struct err *e)
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
static int check_space(struct extract_run *c, const char *from, struct err *e)
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
	if (!c->ladder.at || x->include.n || x->exclude.n || c->since != INT64_MIN || x->known.path || c->trust || step_is_resume(c->io))
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

static int on_mark(void *arg, const char *text, struct err *e)
{
	struct extract_run *c = arg;
	AUTO_FREE char *phase = extract_image_phase(c);
	int r = c->view && !fs_exists(phase) ? fs_write_atomic(phase, "", 0, 0600, e) : 0;

	return r < 0 ? r : step_mark(c->io, text, e);
}

static void on_progress(void *arg, const struct copy_result *now, const char *current)
{
	struct extract_run *c = arg;

	c->lossy |= now->lost || now->partial;
	step_progress(c->io, &(struct step_progress){ .bytes = now->bytes, .bytes_total = c->bytes,
						      .items = now->files + now->dirs + now->others + now->present, .items_total = c->files,
						      .errors = now->lost + now->partial + now->meta, .current = current });
}

static bool on_cancelled(void *arg)
{
	struct extract_run *c = arg;

	return (c->stop_at_loss && c->lossy) || step_cancelled(c->io);
}

static void write_report(struct extract_run *c, const struct copy_result *r)
{
	AUTO_FREE char *path = fs_join(c->dir, "report.json");
	CLEANUP(str_free) struct str s = STR_INIT;
	const char *rung = c->ladder.rung ? c->ladder.rung : "folder";
	static const char *const proofs[] = { "checksums", "none", "checksums ignored", "an older state" };
	const char *proof = proofs[c->ladder.rung ? c->ladder.proof : COPY_PROOF_NONE];

	str_addf(&s, "{\"rungs\":[%s],\"rung\":\"%s\",\"proof\":\"%s\",\"files\":%llu,\"folders\":%llu,\"others\":%llu,\"bytes\":%llu,"
		 "\"present\":%llu,\"good\":%llu,\"older\":%llu,\"unproven\":%llu,\"partial\":%llu,\"lost\":%llu,\"attributes\":%llu}\n",
		 str_cstr(&c->rungs), rung, proof, (unsigned long long)r->files, (unsigned long long)r->dirs, (unsigned long long)r->others,
		 (unsigned long long)r->bytes, (unsigned long long)r->present, (unsigned long long)r->good, (unsigned long long)r->older,
		 (unsigned long long)r->unproven, (unsigned long long)r->partial, (unsigned long long)r->lost, (unsigned long long)r->meta);
	(void)fs_write_atomic(path, s.s, s.len, 0644, NULL);
	fprintf(c->report, "read through '%s' (proof: %s): %llu files, %llu from before, %llu good by checksum, %llu older, "
		"%llu unproven, %llu partial, %llu lost, %llu without some attribute\n", rung, proof, (unsigned long long)r->files,
		(unsigned long long)r->present, (unsigned long long)r->good, (unsigned long long)r->older,
		(unsigned long long)r->unproven, (unsigned long long)r->partial, (unsigned long long)r->lost, (unsigned long long)r->meta);
}

static void say(struct extract_run *c, const struct copy_result *r)
{
	char bytes[32];

	step_note(c->io, "%llu files, %llu folders, %llu others, %s; %llu files were there from before", (unsigned long long)r->files,
		  (unsigned long long)r->dirs, (unsigned long long)r->others, str_human_size(bytes, sizeof(bytes), r->bytes),
		  (unsigned long long)r->present);
	if (r->lost || r->partial || r->meta)
		step_degraded(c->io, "partial: %llu lost, %llu with unreadable ranges, %llu without some attribute: see %s/losses.txt",
			      (unsigned long long)r->lost, (unsigned long long)r->partial, (unsigned long long)r->meta, c->dir);
	if (r->unproven)
		step_degraded(c->io, "%llu files were read while checksums were ignored: nothing proves that they are good",
			      (unsigned long long)r->unproven);
}

static struct copy_opts copy_options(struct extract_run *c, int src, const char *from)
{
	const struct extract *x = c->x;
	struct copy_opts o = { .src = src, .dst = -1, .src_name = from, .logs = c->dir, .first = c->only ? NULL : &x->first,
			       .include = c->only ? c->only : &x->include, .keep_ns = c->keep_ns, .exclude = &x->exclude, .threads = (unsigned int)x->threads, .patience_s = x->patience,
			       .proof = c->ladder.rung ? c->ladder.proof : COPY_PROOF_NONE,
			       .btrfs = c->ladder.type && str_eq(c->ladder.type, "btrfs"), .mark_s = x->mark,
			       .resume = c->trust ? c->trust : c->anew ? NULL : step_last_mark(c->io),
			       .mark = on_mark, .progress = on_progress, .cancelled = on_cancelled, .arg = c };

	o.since = c->since;
	return o;
}

static int to_command(struct extract_run *c, struct copy_opts *o, struct copy_result *res, struct err *e)
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

int extract_copy(struct extract_run *c, const char *from, struct copy_result *res, struct err *e)
{
	AUTO_CLOSE int src = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(free_set) struct manifest_set *known = NULL;
	struct copy_opts o = copy_options(c, src, from);
	int r;

	if (src < 0)
		return err_errno(e, "open folder '%s'", from);
	if (c->x->known.real && manifest_set_read(&known, c->x->known.real, false, e) < 0)
		return e->code;
	o.known = known;
	if (!extract_is_stream(c->x)) {
		r = fs_mkdir_p(c->x->to.real, 0755, e);
		if (r == 0)
			r = check_space(c, from, e);
		if (r < 0)
			return r;
		r = copy_to_folder(&o, c->x->to.real, res, e);
	} else {
		r = c->x->pipe.n ? to_command(c, &o, res, e) : copy_to_archive(&o, c->x->to.real, res, e);
		if (r == 0 && c->x->verify)
			r = extract_written(c, res, e);
		r = r == 0 ? step_mark(c->io, "archive", e) : r;
	}
	c->lossy |= res->lost || res->partial;
	return r;
}

static void finish(struct extract_run *c, const struct copy_result *res)
{
	say(c, res);
	write_report(c, res);
}

/* The ladder's last rung: whatever a tool gives, none of it proven. */
static int dump(struct extract_run *c, struct err *e)
{
	AUTO_FREE char *type = c->x->type ? xstrdup(type_word(c->x)) : ladder_type(c->from), *rung = NULL;
	struct ladder_dumped d;
	int r;

	if (extract_is_stream(c->x) && (!type || !str_eq(type, "xfs")))
		return err_wrap(e, e->code, "only a mount can be written to an archive");
	r = extract_is_stream(c->x) ? 0 : fs_mkdir_p(c->x->to.real, 0755, e);
	if (r == 0)
		r = ladder_dump(c->from, type, c->x->to.real, c->dir, &d, e);
	if (r < 0) {
		fprintf(c->report, "%s\n", e->msg);
		return r;
	}
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

static int from_mount(struct extract_run *c, struct err *e)
{
	struct copy_result res = { 0 };
	int r = extract_copy(c, c->ladder.at, &res, e);

	if (c->stop_at_loss && c->lossy && !step_cancelled(c->io))
		return r == -ECANCELED ? 0 : r;         /* it begins anew, from the image */
	if (r == 0)
		r = extract_deeper(c, &res, e);
	finish(c, &res);
	return r;
}

/* What the rung leaves out is said before anybody waits for the copy, and is no less true when that is interrupted. */
static void say_doubts(struct extract_run *c)
{
	CLEANUP(strv_free) struct strv doubts = STRV_INIT;

	ladder_doubts(&c->ladder, &doubts);
	for (size_t i = 0; i < doubts.n; i++) {
		fprintf(c->report, "rung '%s': %s\n", c->ladder.rung, doubts.v[i]);
		step_degraded(c->io, "%s", doubts.v[i]);
	}
}

static int from_ladder(struct extract_run *c, struct err *e)
{
	int r = extract_climb(c, NULL, e);

	if (r == 0) {
		say_doubts(c);
		r = from_mount(c, e);
		ladder_end(&c->ladder);
		return r;
	}
	c->lossy = true;
	if (r == -ENODATA && c->stop_at_loss)
		return 0;
	return r == -ENODATA ? dump(c, e) : r;
}

static int from_folder(struct extract_run *c, struct err *e)
{
	struct copy_result res = { 0 };
	int r = extract_copy(c, c->from, &res, e);

	finish(c, &res);
	return r;
}

/* All is in the archive since an earlier run; only the second look is left. */
static int from_written(struct extract_run *c, struct err *e)
{
	struct copy_result res = { 0 };
	int r = extract_written_before(c, &res, e);

	if (r == 0)
		r = step_mark(c->io, "archive", e);
	finish(c, &res);
	return r;
}

static int from_image(struct extract_run *c, struct err *e)
{
	int r = extract_make_image(c, e);

	if (r < 0)
		return r;
	c->from = c->view->device;
	c->stop_at_loss = false;
	r = from_ladder(c, e);
	cow_close(c->view);
	return r;
}

int extract_run(struct extract_run *c, struct err *e)
{
	bool imaged;
	int r = 0;

	c->from = c->x->from.real;
	if (extract_is_written(c))
		return from_written(c, e);
	r = extract_since(c, e);
	if (r < 0)
		return r;
	if (!extract_from_device(c->x))
		return from_folder(c, e);
	c->stop_at_loss = c->x->image.path;
	imaged = c->stop_at_loss && extract_has_image(c);
	if (!c->stop_at_loss || !imaged)
		r = from_ladder(c, e);
	if (r < 0 || !c->stop_at_loss || !(imaged || c->lossy))
		return r;
	err_clear(e);
	return from_image(c, e);
}

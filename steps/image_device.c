/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image-device - copies a dying device block by block into a file, good areas first, with GNU ddrescue. Its map file lies in the step's
 * folder of the state directory (T74): an interrupted run goes on where it was, and nothing that was rescued is overwritten (T75).
 */
#include <sys/stat.h>

#include "ddrescue.h"
#include "fs.h"
#include "loss.h"
#include "step.h"

struct image_device {
	struct opt_device from;
	struct opt_path to;
	uint64_t retries, timeout;
};

static const struct opt opts[] = {
	{ "from", OPT_DEVICE, OPT_FIELD(struct image_device, from), .flags = OPT_REQUIRED, .access = ACCESS_READ, .help = "The dying device." },
	{ "to", OPT_PATH, OPT_FIELD(struct image_device, to), .flags = OPT_REQUIRED, .access = ACCESS_WRITE,
	  .help = "The image file. Where nothing could be read it has holes." },
	{ "retries", OPT_U64, OPT_FIELD(struct image_device, retries), .def = "1", .max = 100, .help = "How often bad areas are tried again." },
	{ "give-up", OPT_SECONDS, OPT_FIELD(struct image_device, timeout), .def = "0s", .max = 31536000,
	  .help = "End after this time with what there is; 0 never ends early." },
	OPT_END
};

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct image_device *d = self;

	if (!d->from.path || !d->to.real)
		return STEP_LATER;
	return ddrescue_check(d->from.path, d->to.real, !step_is_resume(io), e);
}

static int tell(const struct image_device *d, struct step_io *io, const char *dir, const char *map, struct err *e)
{
	struct loss losses = LOSS_INIT;
	CLEANUP(ddrescue_map_free) struct ddrescue_map m = { 0 };
	char a[32], b[32];
	int r = loss_open(&losses, dir, NULL, e);

	if (r == 0)
		r = ddrescue_map_read(map, &m, e);
	for (size_t i = 0; r == 0 && i < m.n; i++)
		loss_add(&losses, d->to.real, "partial", &(struct loss_range){ m.bad[i].off, m.bad[i].len }, 1, "could not be read");
	loss_close(&losses);
	if (r < 0)
		return r;
	if (m.lost)
		step_degraded(io, "%s rescued, %s could not be read: see %s/losses.txt", str_human_size(a, sizeof(a), m.good),
			      str_human_size(b, sizeof(b), m.lost), dir);
	else
		step_note(io, "%s rescued, nothing missing", str_human_size(a, sizeof(a), m.good));
	return step_mark(io, "imaged", e);
}

static void on_moved(void *arg, const char *map)
{
	step_warn(arg, "the state directory has no room for the map of ddrescue: it is kept in '%s', beside the image, going on; do not delete it before "
		  "the image is whole", map);
}

static struct ddrescue job(const struct image_device *d, struct step_io *io, const char *map)
{
	return (struct ddrescue){ .from = d->from.path, .to = d->to.real, .map = map, .retries = d->retries, .timeout_s = d->timeout, .resume = step_is_resume(io),
				  .moved = on_moved, .arg = io };
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct image_device *d = self;
	const char *dir = step_dir(io, e);
	AUTO_FREE char *map = dir ? fs_join(dir, "map") : NULL, *best = NULL;
	struct ddrescue job_now;
	int r;

	if (!map)
		return e->code;
	job_now = job(d, io, map);
	r = ddrescue_run(&job_now, e);
	if (r < 0)
		return r;
	best = ddrescue_map_best(&job_now);
	return tell(d, io, dir, best ? best : map, e);
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct image_device *d = self;
	const char *dir = step_dir(io, e);
	AUTO_FREE char *map = dir ? fs_join(dir, "map") : NULL, *best = NULL;
	CLEANUP(ddrescue_map_free) struct ddrescue_map m = { 0 };
	struct ddrescue job_now;
	struct stat st;
	int r;

	if (!map)
		return e->code;
	if (stat(d->to.real, &st) < 0) {
		err_errno(e, "'%s'", d->to.real);
		return 0;
	}
	job_now = job(d, io, map);
	best = ddrescue_map_best(&job_now);
	r = ddrescue_map_read(best ? best : map, &m, e);
	if (r < 0)
		return r;
	if (step_last_mark(io) && (uint64_t)st.st_size <= m.good + m.lost)
		return 1;
	err_set(e, 0, "'%s': the map of ddrescue does not cover it", d->to.real);
	return 0;
}

const struct step_type step_image_device = {
	.name = "image-device",
	.summary = "Copy a dying device into an image file, good areas first.",
	.manual = "GNU ddrescue does the reading. Its map is kept in the state directory, so that an interrupted run goes on and a second one only "
		  "reads what is missing; and a second time as IMAGE.map beside the image, for a state directory that runs full. The device is set read-only first. What could not be read are holes in the image, listed in losses.txt and "
		  "losses.jsonl. To get the files out of a dying disk in one go, give extract the option image-to instead.",
	.opts = opts, .size = sizeof(struct image_device),
	.effect = STEP_DURABLE, .resume = STEP_FROM_MARK,
	.preflight = preflight, .run = run, .verify = verify,
};

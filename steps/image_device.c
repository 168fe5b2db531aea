/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image-device - copies a dying device block by block into a file, good areas first, with GNU ddrescue. Its map file lies in the step's
 * folder of the state directory (T74): an interrupted run goes on where it was, and nothing that was rescued is overwritten (T75).
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "blk.h"
#include "child.h"
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
	AUTO_FREE char *tool = child_find("ddrescue"), *dir = NULL;
	char need[32], have[32];
	struct statvfs v;
	struct blk b;
	uint64_t size;

	if (!tool)
		return err_set(e, -ENOENT, "ddrescue: is not installed (package gddrescue)");
	if (!d->from.path || !d->to.real)
		return STEP_LATER;
	if (blk_get(d->from.path, &b, e) < 0)
		return e->code;
	size = b.size;
	blk_free(&b);
	dir = xstrndup(d->to.real, (size_t)(strrchr(d->to.real, '/') - d->to.real) + 1);
	if (step_is_resume(io) || statvfs(dir, &v) < 0 || v.f_bavail * v.f_frsize >= size)
		return 0;
	return err_set(e, -ENOSPC, "'%s': too small: %s free, the device has %s", dir, str_human_size(have, sizeof(have), v.f_bavail * v.f_frsize),
		       str_human_size(need, sizeof(need), size));
}

/* Map: lines "0xPOS 0xSIZE STATUS" behind one status line; '+' is rescued, everything else is not. */
static int read_map(const char *path, struct loss *losses, const char *image, uint64_t *ret_good, uint64_t *ret_bad, struct err *e)
{
	AUTO_FCLOSE FILE *f = fopen(path, "re");
	char line[256];
	unsigned long long off, len;
	char status;
	bool first = true;

	if (!f)
		return err_errno(e, "open '%s'", path);
	*ret_good = *ret_bad = 0;
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		if (first) {
			first = false;
			continue;
		}
		if (sscanf(line, "%llx %llx %c", &off, &len, &status) != 3)
			return err_set(e, -EBADMSG, "'%s': not a map of ddrescue", path);
		if (status == '+') {
			*ret_good += len;
			continue;
		}
		*ret_bad += len;
		if (losses)
			loss_add(losses, image, "partial", &(struct loss_range){ off, len }, 1, "could not be read");
	}
	return 0;
}

static int tell(const struct image_device *d, struct step_io *io, const char *dir, const char *map, struct err *e)
{
	struct loss losses = LOSS_INIT;
	uint64_t good, bad;
	char a[32], b[32];
	int r = loss_open(&losses, dir, NULL, e);

	if (r == 0)
		r = read_map(map, &losses, d->to.real, &good, &bad, e);
	loss_close(&losses);
	if (r < 0)
		return r;
	if (bad)
		step_degraded(io, "%s rescued, %s could not be read: see %s/losses.txt", str_human_size(a, sizeof(a), good),
			      str_human_size(b, sizeof(b), bad), dir);
	else
		step_note(io, "%s rescued, nothing missing", str_human_size(a, sizeof(a), good));
	return step_mark(io, "imaged", e);
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct image_device *d = self;
	const char *dir = step_dir(io, e);
	AUTO_FREE char *map = dir ? fs_join(dir, "map") : NULL, *retries = xasprintf("-r%llu", (unsigned long long)d->retries),
		       *give_up = xasprintf("--timeout=%llus", (unsigned long long)d->timeout);
	const char *argv[] = { "ddrescue", "-d", "-S", retries, d->from.path, d->to.real, map, d->timeout ? give_up : NULL, NULL };
	struct child c = { .argv = argv };
	bool was;
	int r;

	if (!map)
		return e->code;
	r = blk_set_read_only(d->from.path, true, &was, e);
	if (r == 0)
		r = child_run(&c, e);
	if (r < 0 && !(d->timeout && c.exit_code >= 0))
		return r;
	return tell(d, io, dir, map, e);
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct image_device *d = self;
	const char *dir = step_dir(io, e);
	AUTO_FREE char *map = dir ? fs_join(dir, "map") : NULL;
	uint64_t good, bad;
	struct stat st;
	int r;

	if (!map)
		return e->code;
	if (stat(d->to.real, &st) < 0) {
		err_errno(e, "'%s'", d->to.real);
		return 0;
	}
	r = read_map(map, NULL, NULL, &good, &bad, e);
	if (r < 0)
		return r;
	if (step_last_mark(io) && (uint64_t)st.st_size <= good + bad)
		return 1;
	err_set(e, 0, "'%s': the map of ddrescue does not cover it", d->to.real);
	return 0;
}

const struct step_type step_image_device = {
	.name = "image-device",
	.summary = "Copy a dying device into an image file, good areas first.",
	.manual = "GNU ddrescue does the reading. Its map is kept in the state directory, so that an interrupted run goes on and a second one only "
		  "reads what is missing. The device is set read-only first. What could not be read are holes in the image, listed in losses.txt and "
		  "losses.jsonl. Attach the image to a loop device and give it to extract.",
	.opts = opts, .size = sizeof(struct image_device),
	.effect = STEP_DURABLE, .resume = STEP_FROM_MARK,
	.preflight = preflight, .run = run, .verify = verify,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image of a dying disk that an extract reads from. */
#include "ddrescue.h"
#include "extract.h"
#include "fault.h"
#include "fs.h"

/* A mark from before the image knows nothing of what was read from it. */
char *extract_image_phase(const struct extract_run *c)
{
	return fs_join(c->dir, "from-image");
}

static void on_moved(void *arg, const char *map)
{
	step_warn(arg, "the state directory has no room for the map of ddrescue: it is kept in '%s', beside the image, going on; do not delete it before "
		  "everything is copied", map);
}

bool extract_has_image(const struct extract_run *c)
{
	AUTO_FREE char *map = fs_join(c->dir, "map"), *second = xasprintf("%s.map", c->x->image.real);

	return fs_exists(map) || (step_is_resume(c->io) && fs_exists(second));
}

/* The image in which what could not be read stays an error: nobody takes its zeros for content. */
int extract_make_image(struct extract_run *c, struct err *e)
{
	AUTO_FREE char *map = fs_join(c->dir, "map"), *phase = extract_image_phase(c), *best = NULL;
	CLEANUP(ddrescue_map_free) struct ddrescue_map m = { 0 };
	const char *device = c->x->from.real, *image = c->x->image.real;
	struct ddrescue d = { .from = device, .to = image, .map = map, .retries = 1, .moved = on_moved, .arg = c->io,
			      .resume = step_is_resume(c->io) };
	char good[32], lost[32];
	const char *used;
	int r;

	c->anew = !fs_exists(phase);
	if (c->anew)
		extract_forget_deeper(c);
	step_note(c->io, "reading '%s' fails: it is copied into '%s' first", device, image);
	r = ddrescue_run(&d, e);
	if (r < 0)
		return r;
	best = ddrescue_map_best(&d);
	used = best ? best : map;
	r = ddrescue_map_read(used, &m, e);
	if (r < 0)
		return r;
	fault_point("extract.image.done");
	fprintf(c->report, "image '%s' of '%s': %llu bytes read, %llu bytes in %zu places unreadable; map: %s\n", image, device,
		(unsigned long long)m.good, (unsigned long long)m.lost, m.n, used);
	if (m.lost)
		step_degraded(c->io, "image of the device: %s read, %s in %zu places could not be read: see %s",
			      str_human_size(good, sizeof(good), m.good), str_human_size(lost, sizeof(lost), m.lost), m.n, used);
	return ddrescue_view(image, &m, c->dir, &c->view, e);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chroot: commands inside the target, as if it had booted. */
#include "chroot.h"
#include "step.h"

struct chroot_step {
	struct opt_path root;
	struct strv commands, check;
	uint64_t limit;
};

static const struct opt opts[] = {
	{ .key = "root", .type = OPT_PATH, OPT_FIELD(struct chroot_step, root), .flags = OPT_REQUIRED,
	  .help = "Folder where the target is mounted, with everything that belongs to it." },
	{ .key = "commands", .type = OPT_LIST, OPT_FIELD(struct chroot_step, commands), .flags = OPT_REQUIRED | OPT_NOT_EMPTY,
	  .help = "Shell commands, run one after the other by the target's /bin/sh -e. The first that fails ends the step." },
	{ .key = "check", .type = OPT_LIST, OPT_FIELD(struct chroot_step, check),
	  .help = "Shell commands that must succeed afterwards for the step to hold." },
	{ .key = "limit", .type = OPT_SECONDS, OPT_FIELD(struct chroot_step, limit), .def = "30m", .min = 1, .max = 604800,
	  .help = "How long one command may take before it is stopped and the step fails." },
	OPT_END
};

static int preflight(void *self, struct step_io *io, struct err *e)
{
	struct chroot_step *s = self;
	int r;

	(void)io;
	if (!s->root.real)
		return STEP_LATER;
	r = chroot_can_run(s->root.real, e);
	return r == -ENOENT ? STEP_LATER : r;
}

static int run_lines(struct chroot_step *s, struct step_io *io, const struct strv *lines, size_t from, bool mark, struct err *e)
{
	CLEANUP(chroot_end) struct chroot c = CHROOT_INIT;
	char text[24];
	int r = chroot_begin(&c, s->root.real, e);

	for (size_t i = from; r == 0 && i < lines->n; i++) {
		const char *argv[] = { "/bin/sh", "-e", "-c", lines->v[i], NULL };

		if (mark)
			step_note(io, "%s", lines->v[i]);
		step_progress(io, &(struct step_progress){ .items = i, .items_total = lines->n, .current = lines->v[i] });
		r = chroot_run(&c, argv, s->limit, NULL, e);
		if (r < 0)
			return err_wrap(e, r, "'%s'", lines->v[i]);
		snprintf(text, sizeof(text), "%zu", i + 1);
		if (mark)
			r = step_mark(io, text, e);
	}
	return r;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	struct chroot_step *s = self;
	const char *mark = step_last_mark(io);
	uint64_t done = 0;

	if (mark && str_to_u64(mark, &done) < 0)
		done = 0;
	return run_lines(s, io, &s->commands, (size_t)done, true, e);
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	struct chroot_step *s = self;
	int r = s->check.n ? run_lines(s, io, &s->check, 0, false, e) : 0;

	return r == 0 ? 1 : r == -EIO ? 0 : r;
}

const struct step_type step_chroot = {
	.name = "chroot", .summary = "Run commands inside the target system.",
	.manual = "/proc, /sys, /dev, /run and the firmware's variables are there as in a running system, in a mount namespace that ends with the step. "
		  "The kernel command line that commands see is the target's own, not that of the rescue system. A step that was interrupted goes on "
		  "with the command that had not ended.",
	.opts = opts, .size = sizeof(struct chroot_step), .effect = STEP_DURABLE, .resume = STEP_FROM_MARK,
	.preflight = preflight, .run = run, .verify = verify,
};

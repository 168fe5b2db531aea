/* SPDX-License-Identifier: GPL-2.0-or-later */
/* confirm - a person must agree before the plan goes on. Silence, a timeout or the lack of a console is no. */
#include "step.h"

struct confirm {
	char *message;
};

static const struct opt opts[] = {
	{ "message", OPT_STR, OPT_FIELD(struct confirm, message), .flags = OPT_REQUIRED, .min = 1, .max = 4000,
	  .help = "The question that is put to the person at the console." },
	OPT_END
};

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct confirm *c = self;
	int r = step_ask(io, c->message, e);

	if (r == -EAGAIN)
		return err_set(e, -EAGAIN, "nobody can be asked: '%s': run the plan at a terminal", c->message);
	if (r == 0)
		return err_set(e, -EPERM, "not agreed to: '%s'", c->message);
	return r < 0 ? r : 0;
}

const struct step_type step_confirm = {
	.name = "confirm",
	.summary = "Ask the person at the console, and go on only after yes.",
	.manual = "The answer must be the word yes. A timeout never means yes, and without a terminal the step fails at once. "
		  "A plan that was agreed to and is resumed later does not ask again.",
	.opts = opts, .size = sizeof(struct confirm),
	.effect = STEP_LOOKS, .resume = STEP_RERUN,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reboot - restart the machine in the middle of a plan. The boot id of now is decided before; the step holds once the boot id is another
 * one, so the resumed plan knows that it happened and never loops.
 */
#include <sys/reboot.h>

#include "child.h"
#include "fs.h"
#include "step.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

struct reboot {
	struct strv command;
	uint64_t wait_s;
};

static const struct opt opts[] = {
	{ "command", OPT_LIST, OPT_FIELD(struct reboot, command),
	  .help = "The program that restarts the machine; default: reboot when it is installed, else the kernel is asked directly." },
	{ "wait", OPT_SECONDS, OPT_FIELD(struct reboot, wait_s), .def = "5m", .min = 1, .max = 3600,
	  .help = "How long the restart may take to end this process." },
	OPT_END
};

static int decide(void *self, struct step_io *io, struct err *e)
{
	AUTO_FREE char *id = fs_read_word(BOOT_ID);

	(void)self;
	if (step_fact(io, "boot"))
		return 0;
	if (!id)
		return err_set(e, -EIO, "read " BOOT_ID ": nothing there");
	return step_fact_set(io, "boot", id, e);
}

static int restart(const struct reboot *b, struct err *e)
{
	AUTO_FREE char *prog = child_find("reboot");
	struct child c = { .argv = (const char *const *)b->command.v, .timeout_s = b->wait_s };

	sync();
	if (b->command.n)
		return child_run(&c, e);
	if (prog)
		return child_runl(e, prog, NULL);
	return reboot(RB_AUTOBOOT) < 0 ? err_errno(e, "reboot") : 0;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct reboot *b = self;
	int r;

	step_note(io, "restarting the machine; the plan goes on after the boot");
	r = restart(b, e);
	if (r < 0)
		return r;
	for (uint64_t i = 0; i < b->wait_s && !step_cancelled(io); i++)
		sleep(1);
	return err_set(e, -ETIMEDOUT, "the machine is still running %llu seconds later", (unsigned long long)b->wait_s);
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	AUTO_FREE char *id = fs_read_word(BOOT_ID);
	const char *before = step_fact(io, "boot");

	(void)self;
	if (!id || !before)
		return err_set(e, -EIO, "the boot id is not known");
	if (!str_eq(id, before))
		return 1;
	err_set(e, 0, "the machine has not been restarted");
	return 0;
}

const struct step_type step_reboot = {
	.name = "reboot",
	.summary = "Restart the machine; the plan goes on after the boot.",
	.manual = "To restart after the last step, use the plan's finish: reboot instead.",
	.opts = opts, .size = sizeof(struct reboot),
	.effect = STEP_DURABLE, .resume = STEP_VERIFY_FIRST, .facts = "boot",
	.decide = decide, .run = run, .verify = verify,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot-check: the plan does not say done before it is known that the target will start. */
#include "bootchk.h"
#include "step.h"

#include "fs.h"

struct boot_check {
	struct opt_path root, esp;
	struct opt_device disk;
	int firmware;
	bool required, ignore_entries;
};

static const struct opt opts[] = {
	{ .key = "root", .type = OPT_PATH, OPT_FIELD(struct boot_check, root), .flags = OPT_REQUIRED,
	  .help = "Folder where the target is mounted, with its /boot and EFI system partition." },
	{ .key = "esp", .type = OPT_PATH, OPT_FIELD(struct boot_check, esp),
	  .help = "Folder where the EFI system partition is mounted. Default: as mounted below root." },
	{ .key = "disk", .type = OPT_DEVICE, OPT_FIELD(struct boot_check, disk), .access = ACCESS_READ,
	  .help = "BIOS: the disk that it starts from. Default: the one that carries /boot." },
	{ .key = "firmware", .type = OPT_ENUM, OPT_FIELD(struct boot_check, firmware), .choices = "auto uefi bios", .def = "auto",
	  .help = "Kind of firmware. Auto: UEFI when this machine was started by it or the target has an ESP." },
	{ .key = "required", .type = OPT_BOOL, OPT_FIELD(struct boot_check, required), .def = "yes",
	  .help = "Fail when the target would not start. Otherwise the step ends degraded." },
	{ .key = "ignore-entries", .type = OPT_BOOL, OPT_FIELD(struct boot_check, ignore_entries), .def = "no",
	  .help = "Judge by the removable path alone: the disk goes into another machine." },
	OPT_END
};

static int check(struct boot_check *s, struct bootchk *b, struct err *e)
{
	struct bootchk_req q = { .root = s->root.real, .esp = s->esp.real, .firmware = (enum bootchk_firmware)s->firmware, .disk = s->disk.path,
				 .ignore_nvram = s->ignore_entries };

	return bootchk_run(&q, b, e);
}

static const struct bootchk_link *first_bad(const struct bootchk *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].state == BOOTCHK_BAD)
			return &b->v[i];
	return NULL;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	struct boot_check *s = self;
	AUTO_FREE char *etc = s->root.real ? fs_join(s->root.real, "etc") : NULL;

	(void)io;
	(void)e;
	return etc && fs_is_dir(etc) ? 0 : STEP_LATER;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	struct boot_check *s = self;
	const struct bootchk_link *bad;
	struct bootchk b = { 0 };
	int r = check(s, &b, e);

	for (size_t i = 0; r == 0 && i < b.n; i++) {
		if (b.v[i].state == BOOTCHK_OK)
			step_note(io, "%s: %s", b.v[i].name, b.v[i].text);
		else
			step_warn(io, "%s: %s: %s, going on", b.v[i].name, bootchk_state_name(b.v[i].state), b.v[i].text);
	}
	bad = first_bad(&b);
	if (bad && s->required)
		r = err_set(e, -EIO, "the target will not start by itself: %s: %s", bad->name, bad->text);
	else if (bad)
		step_degraded(io, "the target will not start by itself: %s: %s", bad->name, bad->text);
	bootchk_free(&b);
	return r;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	struct boot_check *s = self;
	const struct bootchk_link *bad;
	struct bootchk b = { 0 };
	int r = check(s, &b, e);

	(void)io;
	if (r < 0)
		return r;
	bad = first_bad(&b);
	if (bad)
		err_set(e, -EIO, "%s: %s", bad->name, bad->text);
	r = !bad || !s->required;
	bootchk_free(&b);
	return r;
}

const struct step_type step_boot_check = {
	.name = "boot-check", .summary = "Prove offline, link by link, that the target will start by itself.",
	.manual = "Firmware entry or removable path, program on the ESP or boot sector, its configuration, kernel, initramfs and its drivers, root=, "
		  "every line of fstab, init. The first broken link is the sentence of the failure.",
	.opts = opts, .size = sizeof(struct boot_check), .effect = STEP_LOOKS, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

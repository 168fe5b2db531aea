/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lvm-activate - logical volumes appear, from the physical volumes that the plan names and from no others.
 */
#include "stack.h"
#include "step.h"

#define MODES "complete degraded partial"

struct lvm_activate {
	struct opt_devices devices;
	char *group;
	struct strv volumes;
	int mode;
	bool read_only;
};

static const struct opt opts[] = {
	{ "group", OPT_STR, OPT_FIELD(struct lvm_activate, group), .flags = OPT_REQUIRED, .min = 1, .max = 127, .help = "The volume group." },
	{ "devices", OPT_DEVICES, OPT_FIELD(struct lvm_activate, devices), .flags = OPT_REQUIRED | OPT_NOT_EMPTY, .access = ACCESS_READ,
	  .help = "Its physical volumes. LVM looks at no other device." },
	{ "volumes", OPT_LIST, OPT_FIELD(struct lvm_activate, volumes), .help = "Logical volumes to activate; all of the group when not given." },
	{ "mode", OPT_ENUM, OPT_FIELD(struct lvm_activate, mode), .choices = MODES, .def = "complete",
	  .help = "What may be missing: nothing, copies of a RAID volume (degraded), or anything (partial)." },
	{ "read-only", OPT_BOOL, OPT_FIELD(struct lvm_activate, read_only), .def = "no", .help = "Activate the volumes read-only." },
	OPT_END
};

static const char *const modes[] = { "complete", "degraded", "partial" };

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct lvm_activate *l = self;
	int r = stack_need("lvm", "lvm2", e);
	size_t i;

	(void)io;
	if (r < 0)
		return r;
	if (!stack_lvm_name(l->group))
		return err_set(e, -EINVAL, "group: '%s' is no name of a volume group", l->group);
	for (i = 0; i < l->volumes.n; i++)
		if (!stack_lvm_name(l->volumes.v[i]))
			return err_set(e, -EINVAL, "volumes: '%s' is no name of a logical volume", l->volumes.v[i]);
	for (i = 0; i < l->devices.n; i++)
		if (!l->devices.v[i].path)
			return STEP_LATER;
	return 0;
}

/* `lvm COMMAND` that sees our devices only. */
static int begin(const struct lvm_activate *l, const char *command, struct strv *a, struct err *e)
{
	size_t i;

	strv_add(a, "lvm");
	strv_add(a, command);
	for (i = 0; i < l->devices.n; i++) {
		if (!l->devices.v[i].path)
			return err_set(e, -ENODEV, "device '%s' is not there", l->devices.v[i].name);
		strv_add(a, "--devices");
		strv_add(a, l->devices.v[i].path);
	}
	return 0;
}

static void end(const struct lvm_activate *l, struct strv *a)
{
	size_t i;

	if (l->volumes.n == 0)
		strv_add(a, l->group);
	for (i = 0; i < l->volumes.n; i++)
		strv_addf(a, "%s/%s", l->group, l->volumes.v[i]);
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct lvm_activate *l = self;
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	int r = begin(l, l->volumes.n ? "lvchange" : "vgchange", &argv, e);

	(void)io;
	if (r < 0)
		return r;
	strv_add(&argv, "--activate");
	strv_add(&argv, "y");
	strv_add(&argv, "--activationmode");
	strv_add(&argv, modes[l->mode]);
	strv_add(&argv, "--ignoremonitoring");
	if (l->read_only) {
		strv_add(&argv, "--config");
		strv_addf(&argv, "activation { read_only_volume_list = [ \"%s\" ] }", l->group);
	}
	end(l, &argv);
	r = stack_run(&argv, NULL, 0, e);
	return r < 0 ? err_wrap(e, r, "activate volume group '%s'", l->group) : 0;
}

/* One line of lvs: "NAME active" or "NAME ". */
static int check_line(char *line, size_t *active, struct err *e)
{
	char *t = str_trim(line), *state = strchr(t, ' ');

	if (state && str_eq(str_trim(state), "active")) {
		*state = '\0';
		++*active;
		return 1;
	}
	if (state)
		*state = '\0';
	err_set(e, 0, "logical volume '%s' is not active", t);
	return 0;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct lvm_activate *l = self;
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	AUTO_FREE char *out = NULL;
	char *line, *save = NULL;
	size_t active = 0;
	int r = begin(l, "lvs", &argv, e);

	(void)io;
	if (r < 0)
		return r;
	strv_add(&argv, "--noheadings");
	strv_add(&argv, "--select");    /* not hidden ones: they are parts of others */
	strv_add(&argv, "lv_role=public");
	strv_add(&argv, "--options");
	strv_add(&argv, "lv_name,lv_active");
	end(l, &argv);
	r = stack_output(&argv, &out, e);
	if (r < 0)
		return r;
	for (line = strtok_r(out, "\n", &save), r = 1; r == 1 && line; line = strtok_r(NULL, "\n", &save))
		r = check_line(line, &active, e);
	if (r == 1 && active == 0) {
		err_set(e, 0, "volume group '%s' has no logical volume", l->group);
		return 0;
	}
	return r;
}

const struct step_type step_lvm_activate = {
	.name = "lvm-activate",
	.summary = "Activate logical volumes for the rest of the run.",
	.manual = "LVM is shown the physical volumes of the plan and no other device. A group of which a part is missing is not activated unless mode "
		  "says so. Volumes are active until the next reboot; a plan that is resumed after it activates them again.",
	.opts = opts, .size = sizeof(struct lvm_activate),
	.effect = STEP_EPHEMERAL, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

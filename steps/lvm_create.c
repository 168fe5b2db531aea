/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lvm-create - physical volumes, a volume group on them, logical volumes in it. Nothing is activated: that is lvm-activate's work, which is
 * done again after a reboot.
 */
#include "blk.h"
#include "fault.h"
#include "stack.h"
#include "step.h"

struct volume {
	char *name;
	uint64_t size;
};

struct lvm_create {
	char *group;
	struct opt_devices devices;
	struct opt_rows volumes;
};

static const struct opt volume_opts[] = {
	{ "name", OPT_STR, OPT_FIELD(struct volume, name), .flags = OPT_REQUIRED, .min = 1, .max = 127, .help = "Its name." },
	{ "size", OPT_SIZE, OPT_FIELD(struct volume, size), .min = MIB, .max = UINT64_MAX,
	  .help = "Its size, rounded up to whole extents of 4 MiB; all that is left when not given, for the last volume only." },
	OPT_END
};

static const struct opt opts[] = {
	{ "group", OPT_STR, OPT_FIELD(struct lvm_create, group), .flags = OPT_REQUIRED, .min = 1, .max = 127, .help = "The volume group." },
	{ "devices", OPT_DEVICES, OPT_FIELD(struct lvm_create, devices), .flags = OPT_REQUIRED | OPT_NOT_EMPTY, .access = ACCESS_ERASE,
	  .help = "What becomes its physical volumes. Everything on them is lost. LVM looks at no other device." },
	{ "volumes", OPT_ROWS, OPT_FIELD(struct lvm_create, volumes), .flags = OPT_REQUIRED | OPT_NOT_EMPTY, .sub = volume_opts,
	  .sub_size = sizeof(struct volume), .help = "The logical volumes, in the order in which they are made." },
	OPT_END
};

static int check_names(const struct lvm_create *l, struct err *e)
{
	const struct volume *v = l->volumes.v;

	if (!stack_lvm_name(l->group))
		return err_set(e, -EINVAL, "group: '%s' is no name of a volume group", l->group);
	for (size_t i = 0; i < l->volumes.n; i++) {
		if (!stack_lvm_name(v[i].name))
			return err_set(e, -EINVAL, "volumes: '%s' is no name of a logical volume", v[i].name);
		if (!v[i].size && i + 1 < l->volumes.n)
			return err_set(e, -EINVAL, "volumes: '%s' has no size and is not the last: nothing would be left for the next", v[i].name);
		for (size_t k = 0; k < i; k++)
			if (str_eq(v[i].name, v[k].name))
				return err_set(e, -EINVAL, "volumes: '%s' is named twice", v[i].name);
	}
	return 0;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct lvm_create *l = self;
	int r = stack_need("lvm", "lvm2", e);

	if (r == 0)
		r = check_names(l, e);
	for (size_t i = 0; r == 0 && i < l->devices.n; i++) {
		const char *path = l->devices.v[i].path;

		if (!path)
			return STEP_LATER;
		r = step_may_erase(io, path) ? blk_unused(path, e) : err_set(e, -EPERM, "'%s' is no device that this plan may erase", path);
	}
	return r;
}

/* `lvm COMMAND` that sees our devices only, without waiting for a person. */
static void begin(const struct lvm_create *l, const char *command, struct strv *a)
{
	strv_add(a, "lvm");
	strv_add(a, command);
	for (size_t i = 0; i < l->devices.n; i++) {
		strv_add(a, "--devices");
		strv_add(a, l->devices.v[i].path);
	}
}

static void add_devices(const struct lvm_create *l, struct strv *a)
{
	for (size_t i = 0; i < l->devices.n; i++)
		strv_add(a, l->devices.v[i].path);
}

static int make_group(const struct lvm_create *l, struct err *e)
{
	CLEANUP(strv_free) struct strv pv = STRV_INIT, vg = STRV_INIT;
	int r;

	begin(l, "pvcreate", &pv);
	strv_add(&pv, "--yes");
	add_devices(l, &pv);
	r = stack_run(&pv, NULL, 0, e);
	if (r < 0)
		return r;
	begin(l, "vgcreate", &vg);
	strv_add(&vg, l->group);
	add_devices(l, &vg);
	return stack_run(&vg, NULL, 0, e);
}

/* Inactive: it is neither zeroed nor looked at now; mkfs wipes it when it is there. */
static int make_volume(const struct lvm_create *l, const struct volume *v, struct err *e)
{
	static const char *const inactive[] = { "--yes", "--activate", "n", "--zero", "n", "--wipesignatures", "n", "--name" };
	CLEANUP(strv_free) struct strv a = STRV_INIT;
	int r;

	begin(l, "lvcreate", &a);
	for (size_t i = 0; i < ARRAY_SIZE(inactive); i++)
		strv_add(&a, inactive[i]);
	strv_add(&a, v->name);
	strv_add(&a, v->size ? "--size" : "--extents");
	if (v->size)
		strv_addf(&a, "%llus", (unsigned long long)(v->size / 512 + (v->size % 512 != 0)));      /* sectors */
	else
		strv_add(&a, "100%FREE");
	strv_add(&a, l->group);
	r = stack_run(&a, NULL, 0, e);
	return r < 0 ? err_wrap(e, r, "logical volume '%s'", v->name) : 0;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct lvm_create *l = self;
	const struct volume *v = l->volumes.v;
	int r = preflight(self, io, e);

	if (r == STEP_LATER)
		return err_set(e, -ENODEV, "one of devices is not there");
	for (size_t i = 0; r == 0 && i < l->devices.n; i++)
		r = blk_wipe(l->devices.v[i].path, e);
	fault_point("lvm_create.wiped");
	if (r == 0)
		r = make_group(l, e);
	fault_point("lvm_create.group");
	for (size_t i = 0; r == 0 && i < l->volumes.n; i++)
		r = make_volume(l, &v[i], e);
	return r < 0 ? err_wrap(e, r, "volume group '%s'", l->group) : 0;
}

static bool is_there(const char *list, const struct volume *v)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;

	strv_split(&lines, list, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *name = str_trim(lines.v[i]), *size = strchr(name, ' ');
		uint64_t have = 0;

		if (size)
			*size++ = '\0';
		if (str_eq(name, v->name))
			return size && str_to_u64(str_trim(size), &have) == 0 && have >= v->size;
	}
	return false;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	static const char *const words[] = { "--noheadings", "--units", "b", "--nosuffix", "--options", "lv_name,lv_size" };
	const struct lvm_create *l = self;
	const struct volume *v = l->volumes.v;
	CLEANUP(strv_free) struct strv a = STRV_INIT;
	AUTO_FREE char *out = NULL;

	(void)io;
	for (size_t i = 0; i < l->devices.n; i++)
		if (!l->devices.v[i].path)
			return err_set(e, 0, "one of devices is not there");
	begin(l, "lvs", &a);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		strv_add(&a, words[i]);
	strv_add(&a, l->group);
	if (stack_output(&a, &out, e) < 0)
		return err_wrap(e, 0, "volume group '%s' is not there", l->group);
	for (size_t i = 0; i < l->volumes.n; i++)
		if (!is_there(out, &v[i]))
			return err_set(e, 0, "logical volume '%s/%s' is not there in its size", l->group, v[i].name);
	return 1;
}

const struct step_type step_lvm_create = {
	.name = "lvm-create",
	.summary = "Make a volume group and its logical volumes anew.",
	.manual = "All signatures of what was on the devices are removed and proven gone. LVM is shown the devices of the plan and no other. The volumes are "
		  "linear and not active: lvm-activate makes them appear, again after each reboot, and mkfs wipes whatever the blocks held before. "
		  "In the plan a volume is named {serial: ..., mapper: GROUP/VOLUME, access: erase}.",
	.opts = opts, .size = sizeof(struct lvm_create),
	.effect = STEP_DESTRUCTIVE, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * md-assemble - a RAID array starts from the members that the plan names. Never by force: of a RAID 5 or 6 that is dirty and lacks a member
 * nobody knows which blocks are wrong (T64).
 */
#include "stack.h"
#include "step.h"

struct md_assemble {
	struct opt_devices devices;
	char *name;
	bool degraded, read_only;
};

static const struct opt opts[] = {
	{ "devices", OPT_DEVICES, OPT_FIELD(struct md_assemble, devices), .flags = OPT_REQUIRED | OPT_NOT_EMPTY, .access = ACCESS_READ,
	  .help = "The members of the array." },
	{ "name", OPT_STR, OPT_FIELD(struct md_assemble, name), .flags = OPT_REQUIRED, .min = 1, .max = 32,
	  .help = "Name of the array: it appears as /dev/md/NAME." },
	{ "degraded", OPT_BOOL, OPT_FIELD(struct md_assemble, degraded), .def = "no",
	  .help = "Start although members are missing. A RAID 5 or 6 that is also dirty is refused all the same." },
	{ "read-only", OPT_BOOL, OPT_FIELD(struct md_assemble, read_only), .def = "yes",
	  .help = "Start it read-only: nothing is written to the members, no repair begins." },
	OPT_END
};

/* What the superblock of a member says (mdadm --examine). */
struct member {
	char uuid[64], level[16];
	uint64_t disks, events;
	bool dirty;
};

static void take_field(struct member *m, const char *key, const char *v)
{
	if (str_eq(key, "Array UUID") || str_eq(key, "UUID"))
		snprintf(m->uuid, sizeof(m->uuid), "%.40s", v);
	else if (str_eq(key, "Raid Level"))
		snprintf(m->level, sizeof(m->level), "%s", v);
	else if (str_eq(key, "Raid Devices"))
		(void)str_to_u64(v, &m->disks);
	else if (str_eq(key, "Events"))
		(void)str_to_u64(v, &m->events);
	else if (str_eq(key, "State"))
		m->dirty = !str_starts(v, "clean");
}

static int examine(const char *path, struct member *m, struct err *e)
{
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	AUTO_FREE char *out = NULL;
	char *line, *save = NULL;
	int r;

	strv_add(&argv, "mdadm");
	strv_add(&argv, "--examine");
	strv_add(&argv, path);
	r = stack_output(&argv, &out, e);
	if (r < 0)
		return err_wrap(e, r, "'%s' is no member of an array", path);
	for (line = strtok_r(out, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strstr(line, " : ");

		if (!colon)
			continue;
		*colon = '\0';
		take_field(m, str_trim(line), str_trim(colon + 3));
	}
	if (!*m->uuid || !m->disks)
		return err_set(e, -EMEDIUMTYPE, "'%s' is no member of an array", path);
	return 0;
}

static bool has_parity(const struct member *m)
{
	return str_eq(m->level, "raid4") || str_eq(m->level, "raid5") || str_eq(m->level, "raid6");
}

/* T64. A member whose events are behind counts as missing: the kernel leaves it out. */
static int judge(const struct md_assemble *a, const struct member *m, size_t n, struct err *e)
{
	uint64_t newest = 0;
	bool dirty = false;
	size_t i, fresh = 0;

	for (i = 0; i < n; i++)
		newest = m[i].events > newest ? m[i].events : newest;
	for (i = 0; i < n; i++) {
		fresh += m[i].events + 1 >= newest;
		dirty |= m[i].dirty && m[i].events == newest;
	}
	if (fresh >= m[0].disks)
		return 0;
	if (has_parity(&m[0]) && dirty)
		return err_set(e, -EUCLEAN, "array '%s' is dirty and has %zu of %llu members: nobody knows which blocks are wrong; add the missing member, "
			       "or copy the members and force the copies by hand", a->name, fresh, (unsigned long long)m[0].disks);
	if (!a->degraded)
		return err_set(e, -ENODEV, "array '%s' has %zu of %llu members: add the missing one, or say 'degraded: yes'", a->name, fresh,
			       (unsigned long long)m[0].disks);
	return 0;
}

static int look(const struct md_assemble *a, struct err *e)
{
	AUTO_FREE struct member *m = xcalloc(a->devices.n, sizeof(*m));
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < a->devices.n; i++) {
		if (!a->devices.v[i].path)
			return STEP_LATER;
		r = examine(a->devices.v[i].path, &m[i], e);
		if (r == 0 && !str_eq(m[i].uuid, m[0].uuid))
			r = err_set(e, -EINVAL, "'%s' and '%s' belong to different arrays", a->devices.v[0].path, a->devices.v[i].path);
	}
	return r < 0 ? r : judge(a, m, a->devices.n, e);
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct md_assemble *a = self;
	int r = stack_need("mdadm", "mdadm", e);

	(void)io;
	if (r < 0)
		return r;
	if (strspn(a->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(a->name) || a->name[0] == '-')
		return err_set(e, -EINVAL, "name: '%s' cannot be the name of an array", a->name);
	return look(a, e);
}

/* The running array on these members, or NULL with a sentence; the caller frees. */
static char *running(const struct md_assemble *a, struct err *e)
{
	AUTO_FREE char *md = a->devices.v[0].path ? stack_md_on(a->devices.v[0].path) : NULL;
	AUTO_FREE char *state = md ? stack_attr(md, "md/array_state") : NULL;
	size_t i, on = 0;

	if (!state || str_eq(state, "inactive") || str_eq(state, "clear")) {
		err_set(e, 0, "array '%s' is not running", a->name);
		return NULL;
	}
	for (i = 0; i < a->devices.n; i++)
		on += a->devices.v[i].path && stack_on(md, a->devices.v[i].path);
	if (on == a->devices.n || (a->degraded && on > 0))
		return TAKE_PTR(md);
	err_set(e, 0, "array '%s' runs on %zu of its %zu devices", a->name, on, a->devices.n);
	return NULL;
}

static void stop(const struct md_assemble *a)
{
	AUTO_FREE char *md = stack_md_on(a->devices.v[0].path);
	CLEANUP(strv_free) struct strv argv = STRV_INIT;

	if (!md)
		return;
	strv_add(&argv, "mdadm");
	strv_add(&argv, "--stop");
	strv_add(&argv, md);
	(void)stack_run(&argv, NULL, 0, NULL);
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct md_assemble *a = self;
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	AUTO_FREE char *md = running(a, NULL);
	size_t i;
	int r = md ? 0 : look(a, e);

	(void)io;
	if (md || r < 0)
		return r;
	if (r == STEP_LATER)
		return err_set(e, -ENODEV, "one of devices is not there");
	strv_add(&argv, "mdadm");
	strv_add(&argv, "--assemble");
	if (a->degraded)
		strv_add(&argv, "--run");
	if (a->read_only)
		strv_add(&argv, "--readonly");
	strv_addf(&argv, "/dev/md/%s", a->name);
	for (i = 0; i < a->devices.n; i++)
		strv_add(&argv, a->devices.v[i].path);
	r = stack_run(&argv, NULL, 0, e);
	if (r == 0)
		return 0;
	stop(a);
	return err_wrap(e, r, "assemble array '%s'", a->name);
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	AUTO_FREE char *md = running(self, e);

	(void)io;
	return md != NULL;
}

const struct step_type step_md_assemble = {
	.name = "md-assemble",
	.summary = "Start a RAID array for the rest of the run.",
	.manual = "The array is built from the devices of the plan, read-only unless told otherwise. Missing members need 'degraded: yes'. A RAID 4, 5 or "
		  "6 that is dirty and lacks a member is never started: a write was in flight when it died, and no one can tell which blocks of "
		  "the missing member can still be computed. The array runs until the next reboot; a plan that is resumed after it starts it again.",
	.opts = opts, .size = sizeof(struct md_assemble),
	.effect = STEP_EPHEMERAL, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

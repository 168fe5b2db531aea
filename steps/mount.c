/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mount - mounts for the rest of the run, in the run's own namespace: one, or a tree of them in the right order.
 */
#include <sys/stat.h>

#include "blk.h"
#include "fs.h"
#include "mnt.h"
#include "step.h"

struct row {
	struct opt_device device;
	struct opt_path source;
	char *at, *type, *options;
	bool read_only;
};

struct mount_step {
	struct opt_device device;
	struct opt_path source, at;
	char *type, *options;
	bool read_only, discard_hibernation;
	struct opt_rows tree;
};

static const struct opt row_opts[] = {
	{ "device", OPT_DEVICE, OPT_FIELD(struct row, device), .access = ACCESS_READ, .excl = "source",
	  .help = "The device to mount." },
	{ "source", OPT_PATH, OPT_FIELD(struct row, source), .access = ACCESS_READ,
	  .help = "A folder or file that appears there too (a bind mount)." },
	{ "at", OPT_STR, OPT_FIELD(struct row, at), .flags = OPT_REQUIRED, .min = 1, .max = 4095,
	  .help = "The mount point, below the step's at: \"/\", \"/home\"." },
	{ "type", OPT_STR, OPT_FIELD(struct row, type), .min = 1, .max = 64, .help = "Filesystem type; found out when it is not given." },
	{ "options", OPT_STR, OPT_FIELD(struct row, options), .help = "Mount options, separated by commas." },
	{ "read-only", OPT_BOOL, OPT_FIELD(struct row, read_only), .def = "no", .help = "Write nothing to it." },
	OPT_END
};

static const struct opt opts[] = {
	{ "at", OPT_PATH, OPT_FIELD(struct mount_step, at), .flags = OPT_REQUIRED,
	  .help = "The mount point, or with tree the folder below which all of them are. Missing folders are made." },
	{ "device", OPT_DEVICE, OPT_FIELD(struct mount_step, device), .access = ACCESS_READ, .excl = "source tree",
	  .help = "The device to mount. One that the plan may only read is mounted read-only." },
	{ "source", OPT_PATH, OPT_FIELD(struct mount_step, source), .access = ACCESS_READ, .excl = "tree",
	  .help = "A folder or file that appears there too (a bind mount)." },
	{ "type", OPT_STR, OPT_FIELD(struct mount_step, type), .min = 1, .max = 64, .excl = "tree",
	  .help = "Filesystem type; found out when it is not given. Without device and source: tmpfs, proc and other types that need none." },
	{ "options", OPT_STR, OPT_FIELD(struct mount_step, options), .excl = "tree",
	  .help = "Mount options, separated by commas: \"subvol=@,compress=zstd\"." },
	{ "read-only", OPT_BOOL, OPT_FIELD(struct mount_step, read_only), .def = "no",
	  .help = "Write nothing to it: the block device is set read-only first, and a dirty journal is not replayed." },
	{ "discard-hibernation", OPT_BOOL, OPT_FIELD(struct mount_step, discard_hibernation), .def = "no",
	  .help = "Mount for writing although a swap space on the same disk holds a suspended system." },
	{ "tree", OPT_ROWS, OPT_FIELD(struct mount_step, tree), .sub = row_opts, .sub_size = sizeof(struct row),
	  .help = "Several mounts; parents are mounted first, whatever their order here." },
	OPT_END
};

/* One mount, ready to do. */
struct job {
	const char *device, *bind, *type, *options;
	char *target;
	bool read_only, pending;
};

static void jobs_free(struct job **l)
{
	struct job *j;

	for (j = *l; j && j->target; j++)
		free(j->target);
	free(*l);
}

#define AUTO_JOBS CLEANUP(jobs_free) struct job *

static struct job job_of(const struct opt_device *d, const struct opt_path *source, char *target)
{
	return (struct job) {
		.device = d->path, .bind = source->real, .target = target,
		.pending = (d->name && !d->path) || ((source->path || source->device) && !source->real),
	};
}

static int by_target(const void *a, const void *b)
{
	return strcmp(((const struct job *)a)->target, ((const struct job *)b)->target);
}

/* All mounts of the step, parents first: a parent's path is the start of its children's and so sorts before them. */
static struct job *jobs(const struct mount_step *m, size_t *ret_n)
{
	const struct row *rows = m->tree.v;
	size_t n = m->tree.n ? m->tree.n : 1, i;
	struct job *l = xcalloc(n + 1, sizeof(*l));

	*ret_n = n;
	if (m->tree.n == 0) {
		l[0] = job_of(&m->device, &m->source, xstrdup(m->at.real));
		l[0].type = m->type;
		l[0].options = m->options;
		l[0].read_only = m->read_only;
		return l;
	}
	for (i = 0; i < n; i++) {
		l[i] = job_of(&rows[i].device, &rows[i].source, fs_join(m->at.real, rows[i].at));
		l[i].type = rows[i].type;
		l[i].options = rows[i].options;
		l[i].read_only = m->read_only || rows[i].read_only;
		while (strlen(l[i].target) > 1 && str_ends(l[i].target, "/"))
			l[i].target[strlen(l[i].target) - 1] = '\0';
	}
	qsort(l, n, sizeof(*l), by_target);
	return l;
}

static int check_source(const char *at, const struct opt_device *d, const struct opt_path *s, const char *type, struct err *e)
{
	if (d->name || s->path || s->device || type)
		return 0;
	return err_set(e, -EINVAL, "'%s': device, source or type is needed", at);
}

static int check_tree(const struct mount_step *m, struct err *e)
{
	const struct row *rows = m->tree.v;
	size_t i, k;
	int r;

	for (i = 0; i < m->tree.n; i++) {
		r = check_source(rows[i].at, &rows[i].device, &rows[i].source, rows[i].type, e);
		if (r < 0)
			return err_wrap(e, r, "tree");
		if (rows[i].at[0] != '/' || strstr(rows[i].at, "/../") || str_ends(rows[i].at, "/.."))
			return err_set(e, -EINVAL, "tree: '%s': a path that starts with '/' and has no '..' is needed", rows[i].at);
		for (k = 0; k < i; k++)
			if (str_eq(rows[i].at, rows[k].at))
				return err_set(e, -EINVAL, "tree: '%s' is named twice", rows[i].at);
	}
	return 0;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct mount_step *m = self;
	AUTO_JOBS l = NULL;
	size_t n, i;
	int r;

	(void)io;
	r = m->tree.n ? check_tree(m, e) : check_source(m->at.path ? m->at.path : "at", &m->device, &m->source, m->type, e);
	if (r < 0)
		return r;
	if (!m->at.real)
		return STEP_LATER;
	l = jobs(m, &n);
	for (i = 0; i < n; i++)
		if (l[i].pending)
			return STEP_LATER;
	return 0;
}

static bool wants_read_only(const struct job *j)
{
	return j->read_only || (j->options && mnt_has_option(j->options, "ro"));
}

/* `subvol=@` must show as root /@ (or below, when it is bound). */
static bool subvolume_fits(const struct job *j, const struct mnt_info *i)
{
	const char *p = j->options ? strstr(j->options, "subvol=") : NULL;
	size_t n;

	if (!p)
		return true;
	p += strlen("subvol=");
	p += *p == '/' ? 1 : 0;
	n = strcspn(p, ",");
	return i->root[0] == '/' && strlen(i->root + 1) == n && strncmp(i->root + 1, p, n) == 0;
}

static bool device_fits(const struct job *j)
{
	CLEANUP(strv_free) struct strv devices = STRV_INIT;
	struct stat want, have;
	size_t i;

	if (stat(j->device, &want) < 0 || mnt_devices_of(j->target, &devices, NULL) < 0)
		return false;
	for (i = 0; i < devices.n; i++)
		if (stat(devices.v[i], &have) == 0 && have.st_rdev == want.st_rdev)
			return true;
	return false;
}

static bool bind_fits(const struct job *j)
{
	struct stat want, have;

	return stat(j->bind, &want) == 0 && stat(j->target, &have) == 0 && want.st_dev == have.st_dev && want.st_ino == have.st_ino;
}

/* 1 exactly this mount is there, 0 not (with a sentence), -errno. */
static int holds(const struct job *j, struct err *e)
{
	CLEANUP(mnt_info_free) struct mnt_info i = { 0 };
	const char *what = NULL;
	int r = mnt_find(j->target, &i, e);

	if (r < 0)
		return r;
	if (r == 0)
		what = "nothing is mounted there";
	else if (j->device && !device_fits(j))
		what = "another device is mounted there";
	else if (j->bind && !bind_fits(j))
		what = "something else is mounted there";
	else if (!j->bind && j->type && !str_eq(j->type, i.type))
		what = "another type of filesystem is mounted there";
	else if (!j->bind && !subvolume_fits(j, &i))
		what = "another subvolume is mounted there";
	else if (wants_read_only(j) != i.read_only && (wants_read_only(j) || j->device))
		what = i.read_only ? "it is mounted read-only" : "it is mounted for writing";
	if (!what)
		return 1;
	err_set(e, 0, "'%s': %s", j->target, what);
	return 0;
}

/* T65: a system that is suspended on the same disk has these filesystems mounted and will go on with its own idea of them. */
static int check_hibernation(const struct mount_step *m, const struct blk *b, struct step_io *io, struct err *e)
{
	struct blk *l = NULL;
	size_t n = 0, i;
	int r = blk_list(&l, &n, e);

	for (i = 0; r == 0 && i < n; i++) {
		if (!l[i].hibernated)
			continue;
		if (!str_eq(l[i].disk, b->disk) || m->discard_hibernation)
			step_warn(io, "'%s' holds a suspended system: never resume it after this, going on", l[i].path);
		else
			r = err_set(e, -EBUSY, "'%s' on the same disk holds a suspended system that has '%s' mounted perhaps: resume it and shut it "
				    "down, mount read-only, or say 'discard-hibernation: yes'", l[i].path, b->path);
	}
	blk_list_free(l, n);
	return r;
}

/* T62: a copy beside its original. Devices stacked on each other (multipath) show one filesystem and are fine. */
static int check_unique(const struct blk *b, struct err *e)
{
	struct blk *l = NULL;
	size_t n = 0, i;
	int r = b->uuid ? blk_list(&l, &n, e) : 0;

	for (i = 0; r == 0 && i < n; i++)
		if (l[i].uuid && l[i].fs_type && b->fs_type && str_eq(l[i].uuid, b->uuid) && str_eq(l[i].fs_type, b->fs_type) &&
		    !str_eq(l[i].path, b->path) && !str_eq(b->fs_type, "btrfs") && !strv_has(&b->holders, l[i].name) &&
		    !strv_has(&l[i].holders, b->name))
			r = err_set(e, -ENOTUNIQ, "'%s' and '%s' hold the same %s %s (a copy beside its original): take one away first", b->path,
				    l[i].path, b->fs_type, b->uuid);
	blk_list_free(l, n);
	return r;
}

static int mount_device(const struct mount_step *m, struct job *j, struct step_io *io, struct err *e)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	AUTO_FREE char *extra = NULL;
	int r = blk_get(j->device, &b, e);

	if (r < 0)
		return r;
	if (b.ambivalent && !j->type)
		return err_set(e, -EMEDIUMTYPE, "'%s' carries signatures of more than one filesystem: say which with type", j->device);
	r = check_unique(&b, e);
	if (r < 0)
		return r;
	if (!wants_read_only(j) && b.read_only) {
		step_note(io, "'%s' is read-only, so it is mounted read-only", j->device);
		j->read_only = true;
	}
	if (!wants_read_only(j)) {
		r = check_hibernation(m, &b, io, e);
		return r < 0 ? r : mnt_mount(j->device, j->target, j->type, j->options, MNT_F_MKDIR, e);
	}
	r = mnt_mount_read_only(j->device, j->target, j->type, j->options, MNT_F_MKDIR, &extra, e);
	if (extra)
		step_warn(io, "'%s' was not unmounted cleanly; its journal is not replayed (%s), the newest changes may be missing, going on",
			  j->device, extra);
	return r;
}

static int make_bind_point(const struct job *j, struct err *e)
{
	AUTO_FREE char *parent = NULL;
	struct stat st;
	int r;

	if (stat(j->bind, &st) < 0)
		return err_errno(e, "bind '%s'", j->bind);
	if (S_ISDIR(st.st_mode))
		return fs_mkdir_p(j->target, 0755, e);
	if (fs_exists(j->target))
		return 0;
	parent = xstrndup(j->target, (size_t)(strrchr(j->target, '/') - j->target));
	r = *parent ? fs_mkdir_p(parent, 0755, e) : 0;
	return r < 0 ? r : fs_write_atomic(j->target, "", 0, 0644, e);
}

static int mount_one(const struct mount_step *m, struct job *j, struct step_io *io, struct err *e)
{
	unsigned int ro = wants_read_only(j) ? MNT_F_READ_ONLY : 0;
	int r = holds(j, NULL);

	if (r != 0)
		return r < 0 ? r : 0;
	if (mnt_is_mounted(j->target, NULL) == 1 && !str_eq(j->target, "/"))
		return err_set(e, -EBUSY, "'%s' is a mount point already, of something else: unmount it first", j->target);
	if (j->device)
		return mount_device(m, j, io, e);
	if (j->bind) {
		r = make_bind_point(j, e);
		return r < 0 ? r : mnt_mount(j->bind, j->target, NULL, j->options, MNT_F_BIND | ro, e);
	}
	return mnt_mount(j->type, j->target, j->type, j->options, MNT_F_MKDIR | ro, e);
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct mount_step *m = self;
	AUTO_JOBS l = NULL;
	size_t n, i;
	int r = 0;

	if (!m->at.real)
		return err_set(e, -ENOENT, "at: '%s' is not there", m->at.path);
	l = jobs(m, &n);
	for (i = 0; r == 0 && i < n; i++)
		r = l[i].pending ? err_set(e, -ENODEV, "'%s': its device is not there", l[i].target) : mount_one(m, &l[i], io, e);
	return r;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct mount_step *m = self;
	AUTO_JOBS l = NULL;
	size_t n, i;
	int r = 1;

	(void)io;
	if (!m->at.real)
		return 0;
	l = jobs(m, &n);
	for (i = 0; r == 1 && i < n; i++) {
		CLEANUP(blk_free) struct blk b = { 0 };

		if (l[i].device && blk_get(l[i].device, &b, NULL) == 0 && b.read_only)
			l[i].read_only = true;
		r = holds(&l[i], e);
	}
	return r;
}

const struct step_type step_mount = {
	.name = "mount",
	.summary = "Mount filesystems for the rest of the run.",
	.manual = "Mounts live in the run's own mount namespace: nobody else sees them, and none is left behind when the run ends, however it ends. "
		  "When the plan is resumed they are made again.\n\n"
		  "A read-only mount writes nothing at all: the block device itself is set read-only first, because a plain read-only mount of a "
		  "filesystem that was not unmounted cleanly replays its journal. Such a filesystem is then mounted without its journal "
		  "(noload, norecovery, nologreplay), and a warning says that the newest changes may be missing.\n\n"
		  "All devices of a btrfs are found by its UUID. Two devices that claim to be the same one are refused: a copy beside its "
		  "original must be taken away first.",
	.opts = opts, .size = sizeof(struct mount_step),
	.effect = STEP_EPHEMERAL, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

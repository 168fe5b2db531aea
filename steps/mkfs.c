/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkfs - a new filesystem, whose identity is in the journal before the first byte of it is on the disk.
 *
 * A crash in the middle is no question: the step was begun and is not done, so it starts again, with the same UUID.
 */
#include <fcntl.h>

#include "blk.h"
#include "child.h"
#include "fault.h"
#include "guid.h"
#include "mkfs.h"
#include "step.h"

struct mkfs {
	struct opt_device device;
	struct opt_devices more;
	int type, data, metadata, fat;
	char *label, *uuid;
	uint64_t node_size;
	struct strv features;
	bool discard, discard_hibernation;
};

static const struct opt opts[] = {
	{ "device", OPT_DEVICE, OPT_FIELD(struct mkfs, device), .flags = OPT_REQUIRED, .access = ACCESS_ERASE,
	  .help = "The device that gets the new filesystem. Everything on it is lost." },
	{ "type", OPT_ENUM, OPT_FIELD(struct mkfs, type), .flags = OPT_REQUIRED, .choices = MKFS_TYPES,
	  .help = "The filesystem to make." },
	{ "label", OPT_STR, OPT_FIELD(struct mkfs, label), .min = 1, .max = 255,
	  .help = "Its label: at most 255 bytes for btrfs, 16 for ext4, 15 for swap, 12 for xfs, 11 for vfat." },
	{ "uuid", OPT_UUID, OPT_FIELD(struct mkfs, uuid),
	  .help = "Its UUID; for vfat the volume id as XXXX-XXXX. A new one is chosen when it is not given." },
	{ "devices", OPT_DEVICES, OPT_FIELD(struct mkfs, more), .access = ACCESS_ERASE,
	  .help = "More devices of the same filesystem, for btrfs." },
	{ "data", OPT_ENUM, OPT_FIELD(struct mkfs, data), .choices = MKFS_PROFILES, .def = "default",
	  .help = "How btrfs stores data." },
	{ "metadata", OPT_ENUM, OPT_FIELD(struct mkfs, metadata), .choices = MKFS_PROFILES, .def = "default",
	  .help = "How btrfs stores metadata." },
	{ "nodesize", OPT_SIZE, OPT_FIELD(struct mkfs, node_size),
	  .help = "Size of a metadata block of btrfs, a power of two from 4K to 64K." },
	{ "features", OPT_LIST, OPT_FIELD(struct mkfs, features),
	  .help = "Features as the tool's own option calls them: -O of mkfs.btrfs and mke2fs, -m of mkfs.xfs." },
	{ "fat", OPT_ENUM, OPT_FIELD(struct mkfs, fat), .choices = "32 16", .def = "32",
	  .help = "Bits of a FAT entry. The cluster size is chosen so that a small EFI system partition is FAT32 all the same." },
	{ "discard", OPT_BOOL, OPT_FIELD(struct mkfs, discard), .def = "no",
	  .help = "Tell the device first that all its blocks are unused. What was there cannot be read again after that." },
	{ "discard-hibernation", OPT_BOOL, OPT_FIELD(struct mkfs, discard_hibernation), .def = "no",
	  .help = "Go on although the device is a swap space that holds a suspended system, which is lost then." },
	OPT_END
};

/* What the plan says, without looking at any device. */
static struct mkfs_spec spec_of(const struct mkfs *m, struct step_io *io)
{
	return (struct mkfs_spec) {
		.type = (enum mkfs_type)m->type, .uuid = step_fact(io, "uuid"), .label = m->label,
		.data = mkfs_profile(m->data), .metadata = mkfs_profile(m->metadata),
		.node_size = m->node_size, .features = &m->features, .fat16 = m->fat == 1, .discard = m->discard,
		.n_devices = 1 + m->more.n,
	};
}

static void spec_free(struct mkfs_spec *s)
{
	strv_free(&s->devices);
}

static int add_device(struct mkfs_spec *s, const struct opt_device *d, struct err *e)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	int r = blk_get(d->path, &b, e);

	if (r < 0)
		return r;
	if (strv_has(&s->devices, b.path))
		return err_set(e, -EINVAL, "devices: '%s' is named twice", d->name);
	if (s->devices.n == 0)
		s->sector = b.sector;
	if (s->devices.n == 0 || b.size < s->size)
		s->size = b.size;
	strv_add(&s->devices, b.path);
	return 0;
}

/* Adds the nodes and what they are like. 0; STEP_LATER while one is missing; -errno. */
static int add_devices(struct mkfs_spec *s, const struct mkfs *m, struct err *e)
{
	size_t i;
	int r;

	if (!m->device.path)
		return STEP_LATER;
	r = add_device(s, &m->device, e);
	for (i = 0; r == 0 && i < m->more.n; i++)
		r = m->more.v[i].path ? add_device(s, &m->more.v[i], e) : STEP_LATER;
	return r;
}

static int decide(void *self, struct step_io *io, struct err *e)
{
	const struct mkfs *m = self;
	char uuid[37];
	uint32_t id;
	int r;

	if (m->uuid)
		return step_fact_set(io, "uuid", m->uuid, e);
	if (step_fact(io, "uuid"))
		return 0;
	if (m->type == MKFS_VFAT) {
		r = guid_random_u32(&id, e);
		snprintf(uuid, sizeof(uuid), "%04X-%04X", id >> 16, id & 0xffff);
	} else {
		r = guid_random(uuid, e);
	}
	return r < 0 ? r : step_fact_set(io, "uuid", uuid, e);
}

static int check_uuid(const struct mkfs *m, struct err *e)
{
	bool fat = m->uuid && strlen(m->uuid) == 9;

	if (m->uuid && fat != (m->type == MKFS_VFAT))
		return err_set(e, -EINVAL, "uuid: '%s' is not %s", m->uuid, fat ? "a UUID" : "a FAT volume id such as 1A2B-3C4D");
	return 0;
}

static int check_tool(const struct mkfs_kind *k, struct err *e)
{
	AUTO_FREE char *found = child_find(k->tool);

	return found ? 0 : err_set(e, -ENOENT, "%s is not installed (package %s)", k->tool, k->package);
}

/* T65: a suspended system in the swap space goes on where it stopped, and its filesystems with it. */
static int check_hibernation(const struct mkfs *m, const struct blk *b, struct step_io *io, struct err *e)
{
	if (!b->hibernated)
		return 0;
	if (!m->discard_hibernation)
		return err_set(e, -EBUSY, "'%s' holds a suspended system, which would be lost: resume it and shut it down, "
			       "or say 'discard-hibernation: yes'", b->path);
	step_warn(io, "'%s' holds a suspended system, which is lost now, going on because of discard-hibernation", b->path);
	return 0;
}

static int check_device(const struct mkfs *m, const char *path, struct step_io *io, struct err *e)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	int r;

	if (!step_may_erase(io, path))
		return err_set(e, -EPERM, "'%s' is no device that this plan may erase", path);
	r = blk_get(path, &b, e);
	if (r == 0 && b.read_only)
		r = err_set(e, -EROFS, "'%s' is read-only: 'blockdev --setrw %s' if that is a mistake", path, path);
	if (r == 0)
		r = blk_unused(path, e);
	return r < 0 ? r : check_hibernation(m, &b, io, e);
}

/* T62: one UUID, one filesystem. */
static int check_unique(const struct mkfs_spec *s, struct err *e)
{
	struct blk *l = NULL;
	size_t n = 0, i;
	int r = blk_list(&l, &n, e);

	for (i = 0; r == 0 && i < n; i++)
		if (l[i].uuid && s->uuid && strcasecmp(l[i].uuid, s->uuid) == 0 && !strv_has(&s->devices, l[i].path))
			r = err_set(e, -EEXIST, "uuid: %s is the UUID of '%s' already: two filesystems with one UUID cannot be told apart", s->uuid,
				    l[i].path);
	blk_list_free(l, n);
	return r;
}

static int check_devices(const struct mkfs *m, const struct mkfs_spec *s, struct step_io *io, struct err *e)
{
	size_t i;
	int r = mkfs_check_size(s, e);

	if (r < 0)
		return err_wrap(e, r, "'%s'", s->devices.v[0]);
	for (i = 0; r == 0 && i < s->devices.n; i++)
		r = check_device(m, s->devices.v[i], io, e);
	return r < 0 ? r : check_unique(s, e);
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct mkfs *m = self;
	CLEANUP(spec_free) struct mkfs_spec s = spec_of(m, io);
	int r = check_uuid(m, e);

	if (r == 0)
		r = mkfs_check(&s, e);
	if (r == 0)
		r = check_tool(mkfs_kind(s.type), e);
	if (r == 0)
		r = add_devices(&s, m, e);
	return r != 0 ? r : check_devices(m, &s, io, e);
}

static int sync_device(const char *path, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "open '%s'", path);
	return fsync(fd) < 0 ? err_errno(e, "sync '%s'", path) : 0;
}

static int make(const struct mkfs_spec *s, struct err *e)
{
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	struct child c = { 0 };
	size_t i;
	int r = mkfs_argv(s, &argv, e);

	c.argv = (const char *const *)argv.v;
	if (r == 0)
		r = child_run(&c, e);
	for (i = 0; r == 0 && i < s->devices.n; i++)
		r = sync_device(s->devices.v[i], e);
	return r;
}

/* T61: whatever was there before is gone and proven gone before anything new is there. */
static int run(void *self, struct step_io *io, struct err *e)
{
	const struct mkfs *m = self;
	CLEANUP(spec_free) struct mkfs_spec s = spec_of(m, io);
	int r = add_devices(&s, m, e);
	size_t i;

	if (r == STEP_LATER)
		return err_set(e, -ENODEV, "'%s' is not there", m->device.path ? "one of devices" : m->device.name);
	if (r == 0)
		r = check_devices(m, &s, io, e);
	for (i = 0; r == 0 && i < s.devices.n; i++)
		r = blk_wipe(s.devices.v[i], e);
	if (r < 0)
		return r;
	fault_point("mkfs.wiped");
	r = make(&s, e);
	fault_point("mkfs.made");
	if (r == 0)
		step_note(io, "%s with UUID %s on %s", mkfs_kind(s.type)->name, s.uuid, s.devices.v[0]);
	return r;
}

static int differs(struct err *e, const char *path, const char *what, const char *have, const char *want)
{
	err_set(e, 0, "'%s': %s is '%s', not '%s'", path, what, have ? have : "", want ? want : "");
	return 0;
}

static bool same(const char *a, const char *b)
{
	return strcasecmp(a ? a : "", b ? b : "") == 0;
}

/* 1 exactly this filesystem is there and nothing beside it, 0 not, -errno. */
static int is_mine(const struct mkfs_spec *s, const char *path, struct err *e)
{
	const char *type = mkfs_kind(s->type)->blkid;
	CLEANUP(blk_free) struct blk b = { 0 };
	int r = blk_get(path, &b, e);

	if (r < 0)
		return r;
	if (b.unreadable)
		return err_code(e, b.unreadable, "read '%s'", path);
	if (b.ambivalent)
		return differs(e, path, "content", "more than one signature", type);
	if (!same(b.fs_type, type))
		return differs(e, path, "content", b.fs_type, type);
	if (!same(b.uuid, s->uuid))
		return differs(e, path, "UUID", b.uuid, s->uuid);
	if (strcmp(b.label ? b.label : "", s->label ? s->label : "") != 0)
		return differs(e, path, "label", b.label, s->label);
	return 1;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct mkfs *m = self;
	CLEANUP(spec_free) struct mkfs_spec s = spec_of(m, io);
	int r = add_devices(&s, m, e);
	size_t i;

	if (r == STEP_LATER) {
		err_set(e, 0, "its device is not there");
		return 0;
	}
	if (r < 0)
		return r;
	for (i = 0, r = 1; r == 1 && i < s.devices.n; i++)
		r = is_mine(&s, s.devices.v[i], e);
	return r;
}

const struct step_type step_mkfs = {
	.name = "mkfs",
	.summary = "Make a new filesystem or swap space.",
	.manual = "Its UUID is decided and written to the journal first, so that later steps can use it as ${ID.uuid} and the result can be "
		  "recognised. All signatures of what was on the devices before (filesystems, RAID, LVM, partition tables, at both ends) are "
		  "removed and proven gone. Then the filesystem's own tool runs, and libblkid must find exactly the new filesystem, with its "
		  "UUID and label, and nothing beside it.\n\n"
		  "A step that was interrupted starts again from the beginning with the same UUID.",
	.opts = opts, .size = sizeof(struct mkfs),
	.effect = STEP_DESTRUCTIVE, .resume = STEP_RERUN, .facts = "uuid",
	.decide = decide, .preflight = preflight, .run = run, .verify = verify,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * subvolumes - subvolumes of a btrfs, by path; the default one is set by path too, because ids change with every restore (T66).
 */
#include "btrfs.h"
#include "fault.h"
#include "fs.h"
#include "mnt.h"
#include "step.h"

struct subvolumes {
	struct opt_device device;
	struct opt_path path;
	struct strv create, read_only;
	char *def;
};

static const struct opt opts[] = {
	{ "device", OPT_DEVICE, OPT_FIELD(struct subvolumes, device), .access = ACCESS_WRITE, .excl = "path",
	  .help = "A device of the filesystem. Names count from its top level, whatever the default subvolume is; it need not be mounted." },
	{ "path", OPT_PATH, OPT_FIELD(struct subvolumes, path), .access = ACCESS_WRITE,
	  .help = "A folder of a mounted btrfs. Names count from there." },
	{ "create", OPT_LIST, OPT_FIELD(struct subvolumes, create),
	  .help = "Subvolumes to create, parents first or not. Folders on the way are made. One that exists already is left as it is." },
	{ "default", OPT_STR, OPT_FIELD(struct subvolumes, def), .min = 1,
	  .help = "The subvolume that is mounted when nobody says which; \"/\" is the top level." },
	{ "read-only", OPT_LIST, OPT_FIELD(struct subvolumes, read_only),
	  .help = "Subvolumes that become read-only, after everything else." },
	OPT_END
};

/* A name stays below its base: relative, without "." and "..". */
static int check_name(const char *name, struct err *e)
{
	CLEANUP(strv_free) struct strv parts = STRV_INIT;
	size_t i;

	strv_split(&parts, name, "/");
	if (name[0] == '/' || parts.n == 0)
		return err_set(e, -EINVAL, "subvolume '%s': a path without '/' at its start is needed", name);
	for (i = 0; i < parts.n; i++)
		if (str_eq(parts.v[i], ".") || str_eq(parts.v[i], "..") || strlen(parts.v[i]) > 255)
			return err_set(e, -EINVAL, "subvolume '%s': '%s' cannot be part of its path", name, parts.v[i]);
	return 0;
}

static int check_names(const struct strv *l, struct err *e)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < l->n; i++)
		r = check_name(l->v[i], e);
	return r;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct subvolumes *s = self;
	int r = check_names(&s->create, e);

	(void)io;
	if (r == 0)
		r = check_names(&s->read_only, e);
	if (r == 0 && s->def && !str_eq(s->def, "/"))
		r = check_name(s->def, e);
	if (r < 0)
		return r;
	if (!s->device.name && !s->path.path)
		return err_set(e, -EINVAL, "device or path is needed");
	if (s->create.n == 0 && s->read_only.n == 0 && !s->def)
		return err_set(e, -EINVAL, "nothing to do: say create, default or read-only");
	return (s->device.name && !s->device.path) || (s->path.path && !s->path.real) ? STEP_LATER : 0;
}

/* Where names count from. */
struct base {
	char *path;
	bool mounted;
};

static void base_end(struct base *b)
{
	if (b->mounted)
		mnt_umount(b->path, MNT_F_LAZY, NULL);
	free(b->path);
}

/* A device is mounted for this process alone, so nothing is left behind whatever happens. */
static int base_begin(const struct subvolumes *s, struct step_io *io, struct base *ret, struct err *e)
{
	int r;

	if (!s->device.name) {
		if (!s->path.real)
			return err_set(e, -ENOENT, "'%s' is not mounted", s->path.path);
		ret->path = xstrdup(s->path.real);
		return 0;
	}
	if (!s->device.path)
		return err_set(e, -ENODEV, "device '%s' is not there", s->device.name);
	ret->path = fs_join(step_runtime_dir(io), "top-level");
	r = mnt_private_namespace(e);
	if (r == 0)
		r = mnt_mount(s->device.path, ret->path, "btrfs", "subvolid=5", MNT_F_MKDIR, e);
	ret->mounted = r == 0;
	return r;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int create_one(const char *base, const char *name, struct err *e)
{
	AUTO_FREE char *path = fs_join(base, name), *parent = NULL;
	int r = btrfs_is_subvolume(path, e);

	if (r != 0)
		return r < 0 ? r : 0;
	if (fs_exists(path))
		return err_set(e, -EEXIST, "create subvolume '%s': something else has that name already", name);
	while (str_ends(path, "/"))
		path[strlen(path) - 1] = '\0';
	parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	r = fs_mkdir_p(parent, 0755, e);
	return r < 0 ? r : btrfs_subvolume_create(path, e);
}

static int create_all(const struct subvolumes *s, const char *base, struct err *e)
{
	CLEANUP(strv_free) struct strv sorted = STRV_INIT;
	size_t i;
	int r = 0;

	for (i = 0; i < s->create.n; i++)
		strv_add(&sorted, s->create.v[i]);
	if (sorted.n)
		qsort(sorted.v, sorted.n, sizeof(*sorted.v), by_text);         /* a parent sorts before what is in it */
	for (i = 0; r == 0 && i < sorted.n; i++) {
		r = create_one(base, sorted.v[i], e);
		fault_point("subvolumes.created");
	}
	return r;
}

static int default_id(const struct subvolumes *s, const char *base, uint64_t *ret, struct err *e)
{
	AUTO_FREE char *path = str_eq(s->def, "/") ? NULL : fs_join(base, s->def);
	int r;

	*ret = 5;
	if (!path)
		return 0;
	r = btrfs_is_subvolume(path, e);
	if (r == 0)
		return err_set(e, -ENOENT, "default: '%s' is not a subvolume", s->def);
	return r < 0 ? r : btrfs_subvolume_id(path, ret, e);
}

/* What was found: "@=256 @home=257", for people and for later steps. */
static int tell_ids(const struct subvolumes *s, const char *base, struct step_io *io, struct err *e)
{
	CLEANUP(str_free) struct str ids = STR_INIT;
	uint64_t id;
	size_t i;
	int r;

	for (i = 0; i < s->create.n; i++) {
		AUTO_FREE char *path = fs_join(base, s->create.v[i]);

		r = btrfs_subvolume_id(path, &id, e);
		if (r < 0)
			return r;
		str_add(&ids, i ? " " : "");
		str_add_escaped(&ids, s->create.v[i]);
		str_addf(&ids, "=%llu", (unsigned long long)id);
	}
	return ids.len ? step_fact_set(io, "ids", str_cstr(&ids), e) : 0;
}

static int set_default(const struct subvolumes *s, const char *base, struct step_io *io, struct err *e)
{
	char text[24];
	uint64_t id;
	int r = default_id(s, base, &id, e);

	if (r == 0)
		r = btrfs_set_default(base, id, e);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
	return r < 0 ? r : step_fact_set(io, "default_id", text, e);
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct subvolumes *s = self;
	CLEANUP(base_end) struct base at = { 0 };
	size_t i;
	int r = base_begin(s, io, &at, e);
	const char *base = at.path;

	if (r == 0)
		r = create_all(s, base, e);
	if (r == 0)
		r = tell_ids(s, base, io, e);
	if (r == 0 && s->def)
		r = set_default(s, base, io, e);
	for (i = 0; r == 0 && i < s->read_only.n; i++) {
		AUTO_FREE char *path = fs_join(base, s->read_only.v[i]);

		r = btrfs_set_read_only(path, true, e);
	}
	return r < 0 ? r : btrfs_sync(base, e);
}

static int all_there(const struct strv *l, const char *base, bool read_only, struct err *e)
{
	bool on = true;
	size_t i;
	int r;

	for (i = 0; i < l->n; i++) {
		AUTO_FREE char *path = fs_join(base, l->v[i]);

		r = btrfs_is_subvolume(path, e);
		if (r == 1 && read_only && (r = btrfs_read_only(path, &on, e)) == 0)
			r = on;
		if (r == 0)
			err_set(e, 0, "'%s' is not a %ssubvolume", l->v[i], read_only ? "read-only " : "");
		if (r != 1)
			return r;
	}
	return 1;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct subvolumes *s = self;
	CLEANUP(base_end) struct base at = { 0 };
	uint64_t want, have;
	int r = base_begin(s, io, &at, e);
	const char *base = at.path;

	if (r < 0)
		return r;
	r = all_there(&s->create, base, false, e);
	if (r == 1)
		r = all_there(&s->read_only, base, true, e);
	if (r != 1 || !s->def)
		return r;
	r = default_id(s, base, &want, e);
	if (r == 0)
		r = btrfs_default_id(base, &have, e);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (have == want)
		return 1;
	err_set(e, 0, "the default subvolume is %llu, not %llu ('%s')", (unsigned long long)have, (unsigned long long)want, s->def);
	return 0;
}

const struct step_type step_subvolumes = {
	.name = "subvolumes",
	.summary = "Create btrfs subvolumes, set the default one, make some read-only.",
	.manual = "A filesystem that is named by its device is mounted at its top level for this step alone. Subvolumes are named by path, and "
		  "their new ids become facts: ${ID.ids} lists them (\"@=256 @home=257\"), ${ID.default_id} is the default one.",
	.opts = opts, .size = sizeof(struct subvolumes),
	.effect = STEP_DURABLE, .resume = STEP_RERUN, .facts = "ids default_id",
	.preflight = preflight, .run = run, .verify = verify,
};

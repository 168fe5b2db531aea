/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identifiers: after new UUIDs, every file of the target that named the old ones names the new ones. */
#include "fs.h"
#include "ident.h"
#include "step.h"

struct pair {
	char *old, *new;
};

struct identifiers {
	struct opt_path root;
	struct opt_rows map;
	bool find, keep_resume;
};

static const struct opt pair_opts[] = {
	{ .key = "old", .type = OPT_STR, OPT_FIELD(struct pair, old), .flags = OPT_REQUIRED, .min = 8, .max = 80,
	  .help = "The identifier that is gone: a filesystem's UUID, a PARTUUID, an MD UUID." },
	{ .key = "new", .type = OPT_STR, OPT_FIELD(struct pair, new), .flags = OPT_REQUIRED, .min = 4, .max = 80,
	  .help = "What takes its place, for example ${rootfs.uuid}." },
	OPT_END
};

static const struct opt opts[] = {
	{ .key = "root", .type = OPT_PATH, OPT_FIELD(struct identifiers, root), .flags = OPT_REQUIRED,
	  .help = "Folder where the target is mounted, with its /boot and EFI system partition." },
	{ .key = "map", .type = OPT_ROWS, OPT_FIELD(struct identifiers, map), .sub = pair_opts, .sub_size = sizeof(struct pair),
	  .help = "Pairs of old and new identifiers." },
	{ .key = "find", .type = OPT_BOOL, OPT_FIELD(struct identifiers, find), .def = "yes",
	  .help = "Find pairs too: what fstab, crypttab and kernel command lines name and this machine does not have becomes what is mounted there." },
	{ .key = "keep-resume", .type = OPT_BOOL, OPT_FIELD(struct identifiers, keep_resume), .def = "no",
	  .help = "Leave resume= as it is even when its device is gone. Some systems wait for it for ever." },
	OPT_END
};

struct run {
	struct step_io *io;
	const char *dir;        /* the step's own folder */
	struct str report;
};

static void note(void *arg, const char *line)
{
	step_note(((struct run *)arg)->io, "%s", line);
}

/* ---- the map outlives a crash: it is written before the first file is ---- */

static int map_load(const char *dir, struct ident_map *m, struct err *e)
{
	AUTO_FREE char *path = fs_join(dir, "map"), *text = NULL;
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	size_t n;
	int r = fs_read(path, MIB, &text, &n, e);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	strv_split(&lines, text, "\n");
	for (size_t i = 0; r == 0 && i < lines.n; i++) {
		char *space = strchr(lines.v[i], ' ');

		if (!space)
			return err_set(e, -EBADMSG, "'%s' is damaged", path);
		*space = 0;
		r = ident_map_add(m, lines.v[i], space + 1, e);
	}
	return r;
}

static int map_save(const char *dir, const struct ident_map *m, struct err *e)
{
	AUTO_FREE char *path = fs_join(dir, "map");
	CLEANUP(str_free) struct str s = STR_INIT;

	for (size_t i = 0; i < m->n; i++)
		str_addf(&s, "%s %s\n", m->v[i].old, m->v[i].new);
	return fs_write_atomic(path, str_cstr(&s), s.len, 0600, e);
}

static int map_build(struct identifiers *s, struct run *r, struct ident_map *m, struct err *e)
{
	const struct pair *p = s->map.v;
	int rc = map_load(r->dir, m, e);

	for (size_t i = 0; rc == 0 && i < s->map.n; i++)
		rc = ident_map_add(m, p[i].old, p[i].new, e);
	if (rc == 0 && s->find)
		rc = ident_find(s->root.real, m, note, r, e);
	return rc < 0 ? rc : map_save(r->dir, m, e);
}

/* ---- what ident_rewrite tells ---- */

static void rewritten(void *arg, const char *path, size_t count)
{
	struct run *r = arg;

	str_addf(&r->report, "%s: %zu\n", path, count);
	step_note(r->io, "%s: %zu %s", path, count, count == 1 ? "place" : "places");
}

static void binary(void *arg, const char *path)
{
	step_warn(((struct run *)arg)->io, "%s carries an old identifier inside: it has to be installed anew (step grub-install), going on", path);
}

/* The first copy counts: after a crash the file may be new already. */
static int keep(void *arg, const char *path, const char *old, size_t n, struct err *e)
{
	AUTO_FREE char *to = xasprintf("%s/old%s", ((struct run *)arg)->dir, path), *dir = xstrdup(to);
	int r;

	if (fs_exists(to))
		return 0;
	*strrchr(dir, '/') = 0;
	r = fs_mkdir_p(dir, 0700, e);
	return r < 0 ? r : fs_write_atomic(to, old, n, 0600, e);
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	struct identifiers *s = self;
	AUTO_FREE char *etc = s->root.real ? fs_join(s->root.real, "etc") : NULL;

	(void)io;
	(void)e;
	return etc && fs_exists(etc) ? 0 : STEP_LATER;
}

static int rewrite(struct identifiers *s, struct run *r, const struct ident_map *m, struct err *e)
{
	struct ident_report rep = { .rewritten = rewritten, .keep = keep, .binary = binary, .arg = r };
	AUTO_FREE char *path = fs_join(r->dir, "report");
	size_t subvolids = 0;
	int rc = ident_rewrite(s->root.real, m, s->keep_resume ? NULL : ident_spec_is_gone, NULL, &rep, e);

	if (rc == 0)
		rc = ident_subvolids(s->root.real, true, &rep, &subvolids, e);
	if (rc == 0 && rep.stale)
		rc = e ? e->code : -EEXIST;
	if (rc == 0)
		rc = fs_write_atomic(path, str_cstr(&r->report), r->report.len, 0600, e);
	if (rc == 0)
		step_note(r->io, "%zu identifiers, %zu files, %zu places; none of the old ones is left; old copies are in %s/old",
			  m->n, rep.files, rep.places + subvolids, r->dir);
	return rc;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	CLEANUP(ident_map_free) struct ident_map m = { 0 };
	struct run r = { .io = io, .dir = step_dir(io, e), .report = STR_INIT };
	int rc = r.dir ? map_build(self, &r, &m, e) : -EIO;

	if (rc == 0)
		rc = rewrite(self, &r, &m, e);
	str_free(&r.report);
	return rc;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	CLEANUP(ident_map_free) struct ident_map m = { 0 };
	struct identifiers *s = self;
	struct ident_report rep = { 0 };
	const char *dir = step_dir(io, e);
	AUTO_FREE char *map = dir ? fs_join(dir, "map") : NULL;
	size_t stale = 0, subvolids = 0;
	int rc = dir ? map_load(dir, &m, e) : -EIO;

	if (rc < 0)
		return rc;
	if (!fs_exists(map)) {
		err_set(e, -ENOENT, "nothing was compared yet");
		return 0;
	}
	rc = ident_stale(s->root.real, &m, &stale, e);
	if (rc == 0 && !stale)
		rc = ident_subvolids(s->root.real, false, &rep, &subvolids, e);
	if (rc == 0 && subvolids)
		err_set(e, -EEXIST, "%zu subvolid= in fstab and kernel command lines belong to another filesystem", subvolids);
	return rc < 0 ? rc : !stale && !subvolids;
}

const struct step_type step_identifiers = {
	.name = "identifiers", .summary = "Replace identifiers that are gone by those that took their place, in every file of the target.",
	.manual = "Looks at every text file below /etc, /boot and /efi of the target: fstab, crypttab, mdadm.conf, /etc/default/grub, "
		  "/etc/kernel/cmdline, boot loader entries, grub.cfg and its stubs on the EFI system partition, grubenv (its 1024 bytes are kept), "
		  "initramfs configuration, systemd units. Nothing but the identifiers changes in them. resume= of a device that is gone is taken out; "
		  "subvolid= in fstab becomes that of the subvolume that is mounted there, subvolid= in rootflags= that of root.\n\n"
		  "Old copies and a report stay in the step's folder. The step ends only when no old identifier is left.",
	.opts = opts, .size = sizeof(struct identifiers), .effect = STEP_DURABLE, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

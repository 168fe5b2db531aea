/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ladder_int.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "blk.h"
#include "fs.h"
#include "mnt.h"

struct rung {
	const char *type, *name;
	enum ladder_prepare prepare;
	const char *options;
	enum copy_proof proof;
	bool older;             /* may show an older state than the newest that there is */
};

#define SUM COPY_PROOF_CSUM
#define IGN COPY_PROOF_IGNORED
#define NON COPY_PROOF_NONE
#define TOP "subvolid=5"
#define NOLOG ",rescue=nologreplay"
#define BAD ",rescue=ibadroots"

#define OLD ",rescue=usebackuproot"

/*
 * A chunk tree is made anew last, because the whole device is read for that: without one no other rung holds.
 * What can show the newest state comes before what can show an older one, checked or not: an older one must never win silently.
 * Each rescue mode is an option of its own: kernels since 6.8 refuse "rescue=a:b", all others take both (T73).
 */
static const struct rung rungs[] = {
	{ "btrfs", "read-only", CLEAN_ONLY, TOP, SUM, false },
	{ "btrfs", "degraded", CLEAN_ONLY, TOP ",degraded", SUM, false },
	{ "btrfs", "log replayed on an overlay", ON_OVERLAY, TOP ",degraded", SUM, false },
	{ "btrfs", "nologreplay", ON_DEVICE, TOP ",degraded" NOLOG, SUM, false },
	{ "btrfs", "another superblock on an overlay", BTRFS_SUPER, TOP ",degraded", SUM, false },
	{ "btrfs", "ibadroots", ON_DEVICE, TOP ",degraded" NOLOG BAD, IGN, false },
	{ "btrfs", "idatacsums", ON_DEVICE, TOP ",degraded" NOLOG BAD ",rescue=idatacsums", IGN, false },
	{ "btrfs", "imetacsums", ON_DEVICE, TOP ",degraded" NOLOG BAD ",rescue=idatacsums,rescue=imetacsums", IGN, false },
	{ "btrfs", "isuperflags", ON_DEVICE, TOP ",degraded" NOLOG BAD ",rescue=idatacsums,rescue=isuperflags", IGN, false },
	{ "btrfs", "all", ON_DEVICE, TOP ",degraded,rescue=all", IGN, false },
	{ "btrfs", "another superblock on an overlay, all", BTRFS_SUPER, TOP ",degraded,rescue=all", IGN, false },
	{ "btrfs", "older chunk root on an overlay", BTRFS_CHUNKS, TOP ",degraded" NOLOG, SUM, false },
	{ "btrfs", "root before the newest, on an overlay", BTRFS_OLDER_1, TOP ",degraded" NOLOG, SUM, true },
	{ "btrfs", "second root before the newest, on an overlay", BTRFS_OLDER_2, TOP ",degraded" NOLOG, SUM, true },
	{ "btrfs", "third root before the newest, on an overlay", BTRFS_OLDER_3, TOP ",degraded" NOLOG, SUM, true },
	{ "btrfs", "older roots", ON_DEVICE, TOP ",degraded" NOLOG OLD, SUM, true },
	{ "btrfs", "root before the newest, on an overlay, all", BTRFS_OLDER_1, TOP ",degraded,rescue=all", IGN, true },
	{ "btrfs", "second root before the newest, on an overlay, all", BTRFS_OLDER_2, TOP ",degraded,rescue=all", IGN, true },
	{ "btrfs", "third root before the newest, on an overlay, all", BTRFS_OLDER_3, TOP ",degraded,rescue=all", IGN, true },
	{ "btrfs", "older roots, all", ON_DEVICE, TOP ",degraded,rescue=all" OLD, IGN, true },
	{ "btrfs", "chunk tree made anew on an overlay", BTRFS_REMAP, TOP ",degraded" NOLOG, SUM, false },
	{ "ext4", "read-only", CLEAN_ONLY, NULL, NON, false },
	{ "ext4", "journal replayed on an overlay", ON_OVERLAY, NULL, NON, false },
	{ "ext4", "another superblock on an overlay, journal replayed", EXT_SUPER, NULL, NON, false },
	{ "ext4", "noload", ON_DEVICE, "noload", NON, false },
	{ "ext4", "superblock of group 1 (4 KiB blocks)", ON_DEVICE, "noload,sb=131072", NON, false },
	{ "ext4", "superblock of group 1 (1 KiB blocks)", ON_DEVICE, "noload,sb=8193", NON, false },
	{ "ext4", "repaired on an overlay", REPAIR, NULL, NON, false },
	{ "ext4", "group descriptors made anew on an overlay", EXT_GROUPS, NULL, NON, false },
	{ "xfs", "read-only", CLEAN_ONLY, "nouuid", NON, false },
	{ "xfs", "log replayed on an overlay", ON_OVERLAY, "nouuid", NON, false },
	{ "xfs", "norecovery", ON_DEVICE, "nouuid,norecovery", NON, false },
	{ "xfs", "repaired on an overlay", REPAIR, "nouuid", NON, false },
	{ NULL, "read-only", CLEAN_ONLY, NULL, NON, false },
	{ NULL, "without its journal", ON_DEVICE, NULL, NON, false },
};

/* ---- what is it? ---- */

static bool magic_at(int fd, off_t at, const void *want, size_t n)
{
	char have[16];

	return pread(fd, have, n, at) == (ssize_t)n && memcmp(have, want, n) == 0;
}

/*
 * The copies of an xfs's superblock begin each allocation group; its usual sizes are a 4th, a 16th or a 32nd of the device, and 1 TiB (mkfs.xfs(8)).
 */
static bool is_xfs(int fd)
{
	uint64_t blocks = (uint64_t)lseek(fd, 0, SEEK_END) / 4096;
	const uint64_t groups[] = { 0, (blocks + 3) / 4, (blocks + 15) / 16, (blocks + 31) / 32, (1ULL << 40) / 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (magic_at(fd, (off_t)(groups[i] * 4096), "XFSB", 4))
			return true;
	return false;
}

char *ladder_type(const char *device)
{
	AUTO_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC);
	struct blk b;
	char *type = NULL;

	if (blk_get(device, &b, NULL) == 0) {
		if (b.fs_type && !b.ambivalent)
			type = xstrdup(b.fs_type);
		blk_free(&b);
	}
	if (type || fd < 0)
		return type;
	if (magic_at(fd, 64 * (off_t)KIB + 64, "_BHRfS_M", 8) || magic_at(fd, 64 * (off_t)MIB + 64, "_BHRfS_M", 8))
		return xstrdup("btrfs");
	if (is_xfs(fd))
		return xstrdup("xfs");
	for (size_t i = 0; i < LADDER_EXT_SUPERS; i++)
		if (magic_at(fd, ladder_ext_at[i] + 56, "\x53\xef", 2))
			return xstrdup("ext4");
	return NULL;
}

/* ---- one rung ---- */

/* ov: the overlays that are mounted, none: the devices themselves. */
static char *options_of(const struct ladder_opts *o, const struct rung *g, const struct ladder_overlay *ov)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_add(&s, "ro");
	if (g->options)
		str_addf(&s, ",%s", g->options);
	for (size_t i = 0; o->more && i < o->more->n; i++)
		str_addf(&s, ",device=%s", ov->n ? ov->v[i + 1]->device : o->more->v[i]);
	return str_take(&s);
}

/* A mount that cannot list its own root is none. *ret_empty: there is nothing in it. */
static int check_root(const char *at, bool *ret_empty, struct err *e)
{
	DIR *d = opendir(at);
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_errno(e, "list the root folder");
	*ret_empty = true;
	errno = 0;
	while (*ret_empty && (de = readdir(d)))
		*ret_empty = str_eq(de->d_name, ".") || str_eq(de->d_name, "..") || str_eq(de->d_name, "lost+found");
	if (*ret_empty && errno)
		r = err_errno(e, "list the root folder");
	closedir(d);
	return r;
}

/* By the system call: mnt_mount() refuses a copy beside its original (T62), and here that is what is wanted, the original forgotten. */
static int mount_overlay(const struct ladder_opts *o, const char *device, const char *type, const char *options, struct err *e)
{
	const char *rest = strchr(options, ',');

	if (fs_mkdir_p(o->at, 0700, e) < 0)
		return e->code;
	if (o->original && str_eq(type ? type : "", "btrfs"))   /* whoever lists devices may have made it known again */
		ladder_btrfs_forget(o->original);
	if (mount(device, o->at, type ? type : "auto", MS_RDONLY, rest ? rest + 1 : NULL) < 0)
		return err_errno(e, "mount '%s' (%s)", device, options);
	return 0;
}

static int mount_device(const struct ladder_opts *o, const struct rung *g, const char *type, const char *options, struct err *e)
{
	AUTO_FREE char *extra = NULL;
	int r;

	if (o->original)
		return mount_overlay(o, o->device, type, options, e);
	r = mnt_mount_read_only(o->device, o->at, type, options, MNT_F_MKDIR, &extra, e);

	if (r == 0 && extra && g->prepare == CLEAN_ONLY) {
		(void)mnt_umount(o->at, 0, NULL);
		return err_set(e, -EUCLEAN, "its journal holds changes that this rung would leave out");
	}
	return r;
}

static bool leaves_log(const struct ladder_opts *o, const struct rung *g, const struct ladder_super *s)
{
	if (g->prepare != ON_DEVICE && !(g->options && strstr(g->options, "rescue=")))
		return false;
	if (str_eq(g->type ? g->type : "", "btrfs"))
		return s->log_root != 0;
	return !str_eq(g->type ? g->type : "", "ext4") || !str_eq(g->name, "noload") || ladder_ext_dirty(o->device);
}

/* Is what the rung shows the newest state that there is? */
static void judge(const struct ladder_opts *o, const struct rung *g, struct ladder *l)
{
	struct ladder_super s = { 0 };

	if (l->type && str_eq(l->type, "btrfs")) {
		ladder_btrfs_newest(o->device, o->more, &s);
		l->newest = s.generation;
		l->generation = ladder_btrfs_mounted(o->at);
		l->older = l->generation ? l->generation < l->newest : g->older;
	}
	l->log_left = leaves_log(o, g, &s);
	if (l->proof != IGN && (l->older || l->log_left))
		l->proof = COPY_PROOF_OLDER;
	if (l->repaired)
		l->proof = IGN;
}

static int mount_rung(const struct ladder_opts *o, const struct rung *g, const char *type, struct ladder_overlay *ov, bool *ret_empty, struct err *e)
{
	bool below = g->prepare == ON_DEVICE || g->prepare == CLEAN_ONLY;
	int r = below ? 0 : ladder_overlay_open(ov, o, g->prepare, type, e);
	AUTO_FREE char *options = r == 0 ? options_of(o, g, ov) : NULL;

	if (r == 0)
		r = below ? mount_device(o, g, type, options, e) : mount_overlay(o, ov->v[0]->device, type, options, e);
	if (r < 0)
		return r;
	r = check_root(o->at, ret_empty, e);
	if (r < 0)
		(void)mnt_umount(o->at, MNT_F_LAZY, NULL);
	return r;
}

static int try_rung(const struct ladder_opts *o, const struct rung *g, const char *type, struct ladder *ret, struct err *e)
{
	struct ladder_overlay ov = { 0 };
	bool empty = false;
	int r = mount_rung(o, g, type, &ov, &empty, e);

	if (r < 0) {
		ladder_overlay_close(&ov);
		return r;
	}
	*ret = (struct ladder){ .rung = xstrdup(g->name), .type = type ? xstrdup(type) : NULL, .at = xstrdup(o->at), .proof = g->proof,
				.repaired = g->prepare == REPAIR || g->prepare == EXT_GROUPS, .empty = empty, .overlay = ov };
	judge(o, g, ret);
	return 0;
}

static bool fits(const struct rung *g, const char *type)
{
	bool known = type && (str_eq(type, "btrfs") || str_eq(type, "ext4") || str_eq(type, "xfs"));

	return known ? g->type && str_eq(g->type, type) : !g->type;
}

static void tell(const struct ladder_opts *o, const char *rung, const char *result)
{
	if (o->tried)
		o->tried(o->arg, rung, result);
}

/* Another superblock shows nothing more when it was the first one that held. */
static bool shows_more(const struct ladder_opts *o, const struct rung *g)
{
	if (g->prepare == BTRFS_SUPER && !strstr(o->after, "another superblock"))
		return false;
	return g->proof == IGN || g->older || g->prepare == REPAIR;
}

static const char *result(const struct ladder *l)
{
	if (l->empty)
		return "holds, but its root folder is empty";
	return !l->overlay.n ? "holds" : l->overlay.v[0]->dm_name ? "holds (dm-snapshot)" : "holds (fuse)";
}

/* An empty root is what a broken log or a lost root folder looks like, too. A btrfs's roots are checked, and older ones would show what was deleted. */
static bool doubtful(const struct ladder_opts *o, const struct ladder *l)
{
	return l->empty && !o->rung && !o->after && l->type && !str_eq(l->type, "btrfs");
}

int ladder_climb(const struct ladder_opts *o, struct ladder *ret, struct err *e)
{
	const char *empty = NULL;
	AUTO_FREE char *found = o->type ? xstrdup(o->type) : ladder_type(o->device);
	const char *type = found && (str_eq(found, "ext2") || str_eq(found, "ext3")) ? "ext4" : found;
	struct err last = ERR_INIT;
	bool was, reached = !o->after;
	int r = blk_set_read_only(o->device, true, &was, e);

	for (size_t i = 0; r == 0 && o->more && i < o->more->n; i++)
		r = blk_set_read_only(o->more->v[i], true, &was, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(rungs); i++) {
		if (!fits(&rungs[i], type) || (o->rung && !str_eq(o->rung, rungs[i].name)))
			continue;
		if (!reached || (o->after && !shows_more(o, &rungs[i]))) {
			reached |= o->after && str_eq(o->after, rungs[i].name);
			continue;
		}
		err_clear(&last);
		r = try_rung(o, &rungs[i], type, ret, &last);
		tell(o, rungs[i].name, r < 0 ? last.msg : result(ret));
		if (r == 0 && !doubtful(o, ret))
			return 0;
		if (r == 0) {
			empty = empty ? empty : rungs[i].name;
			ladder_end(ret);
		}
	}
	if (empty) {
		struct ladder_opts again = *o;

		again.rung = empty;
		return ladder_climb(&again, ret, e);
	}
	return err_set(e, -ENODATA, "'%s' (%s): no rung of the ladder holds; the last one said: %s", o->device, type ? type : "unknown type",
		       *last.msg ? last.msg : "nothing");
}

void ladder_doubts(const struct ladder *l, struct strv *ret)
{
	if (l->older && l->generation)
		strv_addf(ret, "the newest state cannot be shown: this is the one of generation %llu, the newest is %llu; what was written between "
			  "them is missing or older", (unsigned long long)l->generation, (unsigned long long)l->newest);
	else if (l->older)
		strv_addf(ret, "this may be an older state of the filesystem: what was written last is missing or older");
	if (l->log_left)
		strv_addf(ret, "its log could not be replayed: what was written in the last seconds before the crash is missing or older");
	if (l->empty)
		strv_addf(ret, "there is no file in it: unless it was empty, its log or its root folder is lost, and no rung shows more; copy the device with "
			  "image-device, and let a specialist or a program that finds files by their content (photorec) look at the image");
	if (l->repaired)
		strv_addf(ret, "read from a copy that %s was run on: files may be missing, look into lost+found",
			  str_eq(l->type, "xfs") ? "xfs_repair" : "e2fsck");
}

void ladder_leave(struct ladder *l)
{
	if (l->at)
		(void)mnt_umount(l->at, MNT_F_LAZY, NULL);
	ladder_overlay_close(&l->overlay);
	free(l->at);
	l->at = NULL;
}

void ladder_end(struct ladder *l)
{
	ladder_leave(l);
	free(l->rung);
	free(l->type);
	*l = (struct ladder){ 0 };
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ladder.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "blk.h"
#include "child.h"
#include "fs.h"
#include "hash.h"
#include "mnt.h"

enum prepare {
	ON_DEVICE,              /* the device itself, read-only */
	CLEAN_ONLY,             /* the same, but not when its journal would have to be left out */
	ON_OVERLAY,             /* a writable copy: the kernel replays the journal there */
	BTRFS_SUPER,            /* overlay: the second superblock over the first */
	REPAIR,                 /* overlay: fsck there */
};

struct rung {
	const char *type, *name;
	enum prepare prepare;
	const char *options;
	enum copy_proof proof;
};

#define SUM COPY_PROOF_CSUM
#define IGN COPY_PROOF_IGNORED
#define NON COPY_PROOF_NONE
#define TOP "subvolid=5"

/* Each rescue mode is an option of its own: kernels since 6.8 refuse "rescue=a:b", all others take both (T73). */
static const struct rung rungs[] = {
	{ "btrfs", "read-only", CLEAN_ONLY, TOP, SUM },
	{ "btrfs", "degraded", CLEAN_ONLY, TOP ",degraded", SUM },
	{ "btrfs", "log replayed on an overlay", ON_OVERLAY, TOP ",degraded", SUM },
	{ "btrfs", "nologreplay", ON_DEVICE, TOP ",degraded,rescue=nologreplay", SUM },
	{ "btrfs", "older roots", ON_DEVICE, TOP ",degraded,rescue=nologreplay,rescue=usebackuproot", SUM },
	{ "btrfs", "second superblock on an overlay", BTRFS_SUPER, TOP ",degraded", SUM },
	{ "btrfs", "second superblock on an overlay, older roots", BTRFS_SUPER, TOP ",degraded,rescue=nologreplay,rescue=usebackuproot", SUM },
	{ "btrfs", "ibadroots", ON_DEVICE, TOP ",degraded,rescue=nologreplay,rescue=ibadroots", IGN },
	{ "btrfs", "ibadroots, older roots", ON_DEVICE, TOP ",degraded,rescue=nologreplay,rescue=ibadroots,rescue=usebackuproot", IGN },
	{ "btrfs", "idatacsums", ON_DEVICE, TOP ",degraded,rescue=nologreplay,rescue=ibadroots,rescue=idatacsums", IGN },
	{ "btrfs", "imetacsums", ON_DEVICE, TOP ",degraded,rescue=nologreplay,rescue=ibadroots,rescue=idatacsums,rescue=imetacsums", IGN },
	{ "btrfs", "isuperflags", ON_DEVICE, TOP ",degraded,rescue=nologreplay,rescue=ibadroots,rescue=idatacsums,rescue=isuperflags", IGN },
	{ "btrfs", "all", ON_DEVICE, TOP ",degraded,rescue=all", IGN },
	{ "btrfs", "second superblock on an overlay, all", BTRFS_SUPER, TOP ",degraded,rescue=all", IGN },
	{ "ext4", "read-only", CLEAN_ONLY, NULL, NON },
	{ "ext4", "journal replayed on an overlay", ON_OVERLAY, NULL, NON },
	{ "ext4", "noload", ON_DEVICE, "noload", NON },
	{ "ext4", "superblock of group 1 (4 KiB blocks)", ON_DEVICE, "noload,sb=131072", NON },
	{ "ext4", "superblock of group 1 (1 KiB blocks)", ON_DEVICE, "noload,sb=8193", NON },
	{ "ext4", "repaired on an overlay", REPAIR, NULL, NON },
	{ "xfs", "read-only", CLEAN_ONLY, "nouuid", NON },
	{ "xfs", "log replayed on an overlay", ON_OVERLAY, "nouuid", NON },
	{ "xfs", "norecovery", ON_DEVICE, "nouuid,norecovery", NON },
	{ "xfs", "repaired on an overlay", REPAIR, "nouuid", NON },
	{ NULL, "read-only", CLEAN_ONLY, NULL, NON },
	{ NULL, "without its journal", ON_DEVICE, NULL, NON },
};

/* ---- what is it? ---- */

static bool magic_at(int fd, off_t at, const void *want, size_t n)
{
	char have[16];

	return pread(fd, have, n, at) == (ssize_t)n && memcmp(have, want, n) == 0;
}

char *ladder_type(const char *device)
{
	static const off_t ext[] = { 1024, 8193 * 1024, 16384 * 2048, 32768LL * 4096, 98304LL * 4096 };
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
	if (magic_at(fd, 0, "XFSB", 4))
		return xstrdup("xfs");
	for (size_t i = 0; i < ARRAY_SIZE(ext); i++)
		if (magic_at(fd, ext[i] + 56, "\x53\xef", 2))
			return xstrdup("ext4");
	return NULL;
}

/* ---- preparing an overlay ---- */

/* The kernel knows a btrfs by its UUID: the device below must be forgotten before its copy is shown (T62). */
static void forget_btrfs(const char *device)
{
	AUTO_CLOSE int fd = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);
	struct btrfs_ioctl_vol_args args = { 0 };

	snprintf(args.name, sizeof(args.name), "%s", device);
	if (fd >= 0)
		(void)ioctl(fd, BTRFS_IOC_FORGET_DEV, &args);
}

#define SUPER_SIZE 4096
#define SUPER_FIRST (64 * KIB)

/* On the overlay only: the copy gets the address and the checksum of the first one. */
static int second_super(const char *overlay, struct err *e)
{
	AUTO_CLOSE int fd = open(overlay, O_RDWR | O_CLOEXEC);
	uint8_t sb[SUPER_SIZE];
	uint64_t at = SUPER_FIRST;
	uint32_t crc;

	if (fd < 0 || pread(fd, sb, sizeof(sb), 64 * (off_t)MIB) != SUPER_SIZE)
		return err_errno(e, "read the second superblock");
	if (memcmp(sb + 0x40, "_BHRfS_M", 8) != 0)
		return err_set(e, -ENODATA, "there is no second superblock");
	if (sb[0xc4] || sb[0xc5])
		return err_set(e, -EOPNOTSUPP, "its checksum is not CRC-32C");
	memcpy(sb + 0x30, &at, 8);
	crc = hash_crc32c(0, sb + 32, SUPER_SIZE - 32);
	memset(sb, 0, 32);
	memcpy(sb, &crc, 4);
	if (pwrite(fd, sb, sizeof(sb), (off_t)SUPER_FIRST) != SUPER_SIZE || fsync(fd) < 0)
		return err_errno(e, "write the first superblock of the overlay");
	return 0;
}

static int repair(const char *overlay, const char *type, struct err *e)
{
	static const char *const supers[] = { NULL, "32768", "8193", "98304" };
	struct child c = { .timeout_s = 86400 };
	int r = -EOPNOTSUPP;

	if (str_eq(type, "xfs"))
		return child_runl(e, "xfs_repair", "-L", overlay, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(supers); i++) {
		const char *plain[] = { "e2fsck", "-fy", overlay, NULL }, *other[] = { "e2fsck", "-fy", "-b", supers[i], overlay, NULL };

		c.argv = supers[i] ? other : plain;
		r = child_run(&c, e);
		if (r == 0 || (c.exit_code >= 0 && c.exit_code < 4))
			return 0;
	}
	return r;
}

static int overlay(const struct ladder_opts *o, const struct rung *g, const char *type, struct cow **ret, struct err *e)
{
	int r = cow_open(ret, o->device, o->scratch, e);

	if (r < 0)
		return r;
	if (str_eq(type, "btrfs"))
		forget_btrfs(o->device);
	if (g->prepare == BTRFS_SUPER)
		r = second_super((*ret)->device, e);
	else if (g->prepare == REPAIR)
		r = repair((*ret)->device, type, e);
	if (r < 0) {
		cow_close(*ret);
		*ret = NULL;
	}
	return r;
}

/* ---- one rung ---- */

static char *options_of(const struct ladder_opts *o, const struct rung *g)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	str_add(&s, "ro");
	if (g->options)
		str_addf(&s, ",%s", g->options);
	for (size_t i = 0; o->more && i < o->more->n; i++)
		str_addf(&s, ",device=%s", o->more->v[i]);
	return str_take(&s);
}

/* A mount that cannot list its own root is none. */
static int check_root(const char *at, struct err *e)
{
	AUTO_CLOSE int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buf[4096];

	if (fd < 0 || syscall(SYS_getdents64, fd, buf, sizeof(buf)) < 0)
		return err_errno(e, "list the root folder");
	return 0;
}

/* By the system call: mnt_mount() refuses a copy beside its original (T62), and here that is what is wanted, the original forgotten. */
static int mount_overlay(const struct ladder_opts *o, const char *device, const char *type, const char *options, struct err *e)
{
	const char *rest = strchr(options, ',');

	if (fs_mkdir_p(o->at, 0700, e) < 0)
		return e->code;
	if (o->original && str_eq(type ? type : "", "btrfs"))
		forget_btrfs(o->original);
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

static int try_rung(const struct ladder_opts *o, const struct rung *g, const char *type, struct ladder *ret, struct err *e)
{
	AUTO_FREE char *options = options_of(o, g);
	struct cow *cow = NULL;
	int r;

	if (g->prepare == ON_DEVICE || g->prepare == CLEAN_ONLY) {
		r = mount_device(o, g, type, options, e);
	} else {
		r = overlay(o, g, type, &cow, e);
		if (r == 0)
			r = mount_overlay(o, cow->device, type, options, e);
	}
	if (r == 0) {
		r = check_root(o->at, e);
		if (r < 0)
			(void)mnt_umount(o->at, MNT_F_LAZY, NULL);
	}
	if (r < 0) {
		cow_close(cow);
		return r;
	}
	*ret = (struct ladder){ xstrdup(g->name), type ? xstrdup(type) : NULL, xstrdup(o->at), g->proof, g->prepare == REPAIR,
				 cow };
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

int ladder_climb(const struct ladder_opts *o, struct ladder *ret, struct err *e)
{
	AUTO_FREE char *found = o->type ? xstrdup(o->type) : ladder_type(o->device);
	const char *type = found && (str_eq(found, "ext2") || str_eq(found, "ext3")) ? "ext4" : found;
	struct err last = ERR_INIT;
	bool was, reached = !o->after;
	int r = blk_set_read_only(o->device, true, &was, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(rungs); i++) {
		if (!fits(&rungs[i], type) || (o->rung && !str_eq(o->rung, rungs[i].name)))
			continue;
		if (!reached || (o->after && rungs[i].proof != IGN)) {
			reached |= o->after && str_eq(o->after, rungs[i].name);
			continue;
		}
		err_clear(&last);
		r = try_rung(o, &rungs[i], type, ret, &last);
		tell(o, rungs[i].name, r < 0 ? last.msg : "holds");
		if (r == 0)
			return 0;
	}
	return err_set(e, -ENODATA, "'%s' (%s): no rung of the ladder holds; the last one said: %s", o->device, type ? type : "unknown type",
		       *last.msg ? last.msg : "nothing");
}

void ladder_end(struct ladder *l)
{
	if (l->at)
		(void)mnt_umount(l->at, MNT_F_LAZY, NULL);
	cow_close(l->cow);
	free(l->rung);
	free(l->type);
	free(l->at);
	*l = (struct ladder){ 0 };
}

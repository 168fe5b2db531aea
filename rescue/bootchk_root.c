/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the kernel's command line to the first program of the target. */
#include "bootchk_int.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "btrfs.h"
#include "child.h"
#include "fs.h"
#include "fstab.h"

/* ---- root= ---- */

static char *strip_slashes(const char *s)
{
	size_t n;

	while (*s == '/')
		s++;
	n = strlen(s);
	while (n && s[n - 1] == '/')
		n--;
	return xstrndup(s, n);
}

/* Which subvolume becomes the root, and is it the one that was checked? */
static void subvolume(struct bootctx *c, const struct bootfs *root)
{
	AUTO_FREE char *flags = bootchk_arg(c->args, "rootflags"), *sub = flags ? fstab_option(flags, "subvol") : NULL, *want = NULL;
	AUTO_FREE char *have = strip_slashes(root->sub), *id = flags ? fstab_option(flags, "subvolid") : NULL;
	uint64_t def = 0, mine = 0, asked = 0;

	if (sub) {
		want = strip_slashes(sub);
		if (!str_eq(want, have))
			bootchk_say(c, "root", BOOTCHK_BAD, "rootflags=subvol=%s, but the system that was checked is in subvolume '%s'", sub,
				    *have ? have : "/");
		else
			bootchk_say(c, "root", BOOTCHK_OK, "subvolume '%s' is there", sub);
		return;
	}
	if (btrfs_subvolume_id(c->q->root, &mine, NULL) < 0)
		return;
	if (id && str_to_u64(id, &asked) == 0) {
		if (asked != mine)
			bootchk_say(c, "root", BOOTCHK_BAD, "rootflags=subvolid=%s, but the system that was checked is subvolume %llu", id,
				    (unsigned long long)mine);
		return;
	}
	if (btrfs_default_id(c->q->root, &def, NULL) == 0 && def != mine)
		bootchk_say(c, "root", BOOTCHK_BAD, "no rootflags=subvol=: the default subvolume %llu becomes the root, not '%s' (%llu)",
			    (unsigned long long)def, have, (unsigned long long)mine);
}

static void resume(struct bootctx *c)
{
	AUTO_FREE char *spec = bootchk_arg(c->args, "resume");
	const struct blk *b;
	const struct bootfs *f;

	if (spec && !str_eq(spec, "none") && !bootfs_spec(c, spec, &b, &f))     /* T43 */
		bootchk_say(c, "root", BOOTCHK_WARN, "resume=%s is not in this machine: some systems wait for it, a minute or for ever", spec);
}

void bootchk_root(struct bootctx *c)
{
	const struct bootfs *root = bootfs_at(c, "/"), *f;
	AUTO_FREE char *spec = bootchk_arg(c->args, "root");
	const struct blk *b;

	if (!c->args)
		return;         /* an earlier link is broken */
	if (!spec) {
		bootchk_say(c, "root", BOOTCHK_BAD, "the kernel command line has no root=: '%s'", c->args);
		return;
	}
	if (!bootfs_spec(c, spec, &b, &f)) {
		bootchk_say(c, "root", BOOTCHK_BAD, "root=%s is not in this machine", spec);
		return;
	}
	if (!(b && root && root->blk == b) && !(b && root && b->uuid && root->uuid && str_eq(b->uuid, root->uuid)) && !(f && f == root)) {
		bootchk_say(c, "root", BOOTCHK_BAD, "root=%s is %s, not the system that was checked", spec, b ? b->path : f->dir);
		return;
	}
	bootchk_say(c, "root", BOOTCHK_OK, "root=%s is the filesystem of '%s'", spec, c->q->root);
	if (str_starts(spec, "/dev/") && !str_starts(spec, "/dev/disk/") && !str_starts(spec, "/dev/mapper/"))
		bootchk_say(c, "root", BOOTCHK_WARN, "root=%s is the device's name of this minute; with another disk or order of disks it is another", spec);
	if (root->type && str_eq(root->type, "btrfs"))
		subvolume(c, root);
	resume(c);
}

/* ---- fstab ---- */

static bool is_virtual(const struct fstab_line *l)
{
	static const char *const types[] = { "proc", "sysfs", "tmpfs", "devtmpfs", "devpts", "efivarfs", "securityfs", "debugfs", "cgroup2", "overlay", "none",
					     "nfs", "nfs4", "cifs", "9p", "virtiofs", "fuse", "fuse.sshfs", "iso9660", "udf", "auto" };
	const char *spec = l->f[FSTAB_SOURCE].text, *type = l->f[FSTAB_TYPE].text;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(type, types[i]) && !str_starts(spec, "UUID=") && !str_starts(spec, "PARTUUID="))
			return true;
	return !strchr(spec, '=') && spec[0] != '/';
}

static bool has(const char *options, const char *name)
{
	AUTO_FREE char *v = fstab_option(options, name);

	return v != NULL;
}

/* 1 the filesystem that `dir` lies on has a subvolume of this name, 0 it has not, -1 nobody can say (no btrfs program). */
static int subvolume_exists(const char *dir, const char *name)
{
	const char *const argv[] = { "btrfs", "subvolume", "list", dir, NULL };
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	AUTO_FREE char *out = NULL;

	if (child_output(argv, &out, NULL) < 0)
		return -1;
	strv_split(&lines, out, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *path = strstr(lines.v[i], " path ");

		if (path && str_eq(path + 6, name))
			return 1;
	}
	return 0;
}

/* A missing subvolume fails the mount as a missing device does. 1 there, 0 missing, -1 not known. */
static int subvolume_state(struct bootctx *c, const struct fstab_line *l, const struct blk *b)
{
	AUTO_FREE char *sub = fstab_option(l->f[FSTAB_OPTIONS].text, "subvol"), *want = sub ? strip_slashes(sub) : NULL;
	const struct bootfs *any = NULL;

	if (!sub || !*want || !b || !b->uuid)
		return 1;
	for (size_t i = 0; i < c->n_fs; i++) {
		AUTO_FREE char *have = strip_slashes(c->fs[i].sub);

		if (!c->fs[i].uuid || !str_eq(c->fs[i].uuid, b->uuid))
			continue;
		if (str_eq(have, want))
			return 1;
		any = &c->fs[i];
	}
	return any ? subvolume_exists(any->dir, want) : -1;
}

static unsigned int judge_subvolume(struct bootctx *c, const struct fstab_line *l, const struct blk *b, bool soft)
{
	int there = str_eq(l->f[FSTAB_TYPE].text, "btrfs") ? subvolume_state(c, l, b) : 1;

	if (there < 0)
		bootchk_say(c, "fstab", BOOTCHK_WARN, "line %u: whether the subvolume for %s exists cannot be said; mount it below the root",
			    l->line, l->f[FSTAB_TARGET].text);
	else if (!there)
		bootchk_say(c, "fstab", soft ? BOOTCHK_WARN : BOOTCHK_BAD, "line %u: the subvolume for %s (%s) does not exist", l->line,
			    l->f[FSTAB_TARGET].text, l->f[FSTAB_OPTIONS].text);
	return there != 1;
}

static unsigned int fstab_line(struct bootctx *c, const struct fstab_line *l)
{
	const char *spec = l->f[FSTAB_SOURCE].text, *at = l->f[FSTAB_TARGET].text, *opts = l->f[FSTAB_OPTIONS].text;
	bool soft = has(opts, "nofail") || has(opts, "noauto") || has(opts, "x-systemd.automount") || str_eq(l->f[FSTAB_TYPE].text, "swap");
	const struct bootfs *f;
	const struct blk *b;

	if (is_virtual(l) || (spec[0] == '/' && !str_starts(spec, "/dev/")))
		return 0;
	if (!bootfs_spec(c, spec, &b, &f)) {
		bootchk_say(c, "fstab", soft ? BOOTCHK_WARN : BOOTCHK_BAD, "line %u: %s for %s is not in this machine%s", l->line, spec, at,
			    soft ? "; it is waited for, then left out" : ": systemd waits for it, then stops in emergency mode");
		return 1;
	}
	if (b && b->fs_type && *l->f[FSTAB_TYPE].text && str_eq(at, "/") && !str_eq(l->f[FSTAB_TYPE].text, b->fs_type) &&
	    !str_starts(l->f[FSTAB_TYPE].text, "ext")) {
		bootchk_say(c, "fstab", BOOTCHK_BAD, "line %u: %s is %s, not %s", l->line, spec, b->fs_type, l->f[FSTAB_TYPE].text);
		return 1;
	}
	return judge_subvolume(c, l, b, soft);
}

static unsigned int crypttab(struct bootctx *c)
{
	size_t n = 0, lines = 0;
	AUTO_FREE char *text = bootchk_read_in_root(c, "/etc/crypttab", &n);
	struct fstab_line *v = NULL;
	unsigned int bad = 0;

	if (text)
		fstab_parse(text, n, 2, &v, &lines);
	for (size_t i = 0; i < lines; i++) {
		const struct bootfs *f;
		const struct blk *b;
		bool soft = has(v[i].f[3].text, "nofail") || has(v[i].f[3].text, "noauto");

		if (bootfs_spec(c, v[i].f[1].text, &b, &f))
			continue;
		bootchk_say(c, "fstab", soft ? BOOTCHK_WARN : BOOTCHK_BAD, "crypttab line %u: %s for '%s' is not in this machine", v[i].line,
			    v[i].f[1].text, v[i].f[0].text);
		bad++;
	}
	fstab_free(v, lines);
	return bad;
}

void bootchk_fstab(struct bootctx *c)
{
	size_t n = 0, lines = 0;
	AUTO_FREE char *text = bootchk_read_in_root(c, "/etc/fstab", &n);
	struct fstab_line *v = NULL;
	unsigned int bad = 0;

	if (!text) {
		bootchk_say(c, "fstab", BOOTCHK_WARN, "there is no /etc/fstab: only the root filesystem is mounted, perhaps read-only");
		return;
	}
	fstab_parse(text, n, 2, &v, &lines);
	for (size_t i = 0; i < lines; i++)
		bad += fstab_line(c, &v[i]);
	bad += crypttab(c);
	if (!bad)
		bootchk_say(c, "fstab", BOOTCHK_OK, "all %zu lines resolve", lines);
	fstab_free(v, lines);
}

/* ---- init ---- */

/* The interpreter that a program asks for, or NULL. The caller frees. */
static char *elf_interpreter(const char *d, size_t n)
{
	const Elf64_Ehdr *h = (const void *)d;

	if (n < sizeof(*h) || h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_phentsize != sizeof(Elf64_Phdr))
		return NULL;
	for (size_t i = 0; i < h->e_phnum; i++) {
		Elf64_Phdr p;

		if (h->e_phoff > n || n - h->e_phoff < (i + 1) * sizeof(p))
			return NULL;
		memcpy(&p, d + h->e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_INTERP && p.p_offset < n && p.p_filesz < 4096 && p.p_filesz <= n - p.p_offset)
			return xstrndup(d + p.p_offset, p.p_filesz);
	}
	return NULL;
}

static char *interpreter(const char *d, size_t n)
{
	if (n > 4 && memcmp(d, "\177ELF", 4) == 0)
		return elf_interpreter(d, n);
	if (n > 2 && d[0] == '#' && d[1] == '!') {
		AUTO_FREE char *line = xstrndup(d + 2, strcspn(d + 2, "\n")), *t = xstrdup(str_trim(line));

		t[strcspn(t, " \t")] = 0;
		return TAKE_PTR(t);
	}
	return NULL;
}

/* 0 it can be started; else a reason. */
static const char *cannot_start(struct bootctx *c, const char *path)
{
	AUTO_CLOSE int fd = fs_open_in_root(c->rootfd, path, O_PATH, 0, NULL), ifd = -1;
	AUTO_FREE char *data = NULL, *interp = NULL;
	struct stat st;
	size_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return "does not exist (or its link leads nowhere)";
	if (!S_ISREG(st.st_mode))
		return "is no program";
	if (!(st.st_mode & 0111))
		return "is not executable";
	data = bootchk_read_in_root(c, path, &n);
	if (!data || n == 0)
		return "is empty";
	if (memcmp(data, "#!", n < 2 ? n : 2) != 0 && (n < 20 || memcmp(data, "\177ELF", 4) != 0))
		return "is no program: neither ELF nor a script";
	interp = interpreter(data, n);
	if (!interp)
		return NULL;
	ifd = fs_open_in_root(c->rootfd, interp, O_PATH, 0, NULL);
	return ifd < 0 ? "needs an interpreter or loader that is not there" : NULL;
}

void bootchk_init(struct bootctx *c)
{
	AUTO_FREE char *given = bootchk_arg(c->args, "init");

	const char *first = given ? given : "/sbin/init", *why = cannot_start(c, first);

	if (!why) {
		bootchk_say(c, "init", BOOTCHK_OK, "%s can be started", first);
		return;
	}
	bootchk_say(c, "init", BOOTCHK_BAD, "%s %s: the kernel has nothing to start", first, why);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chroot.h"

#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "blk.h"
#include "child.h"
#include "fs.h"
#include "fstab.h"

/* ---- what is in a root ---- */

static char *read_in_root(const char *root, const char *path, size_t max, size_t *ret_n)
{
	AUTO_CLOSE int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = rootfd < 0 ? -1 : fs_open_in_root(rootfd, path, O_RDONLY | O_NONBLOCK, 0, NULL);
	AUTO_FREE char *proc = fd < 0 ? NULL : xasprintf("/proc/self/fd/%d", fd);
	char *text = NULL;

	return proc && fs_read(proc, max, &text, ret_n, NULL) == 0 ? text : NULL;
}

char *chroot_find(const char *root, const char *prog)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin" };
	AUTO_CLOSE int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; rootfd >= 0 && i < ARRAY_SIZE(dirs); i++) {
		AUTO_FREE char *path = fs_join(dirs[i], prog);
		AUTO_CLOSE int fd = fs_open_in_root(rootfd, path, O_PATH, 0, NULL);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111))
			return TAKE_PTR(path);
	}
	return NULL;
}

const char *chroot_find_any(const char *root, const char *const *progs, char **ret_path)
{
	for (; *progs; progs++) {
		*ret_path = chroot_find(root, *progs);
		if (*ret_path)
			return *progs;
	}
	return NULL;
}

static const struct { uint16_t machine; uint8_t class; const char *name, *uname; } archs[] = {
	{ EM_X86_64, ELFCLASS64, "x86_64", "x86_64" }, { EM_386, ELFCLASS32, "i386", "i686 x86_64" },
	{ EM_AARCH64, ELFCLASS64, "aarch64", "aarch64" }, { EM_ARM, ELFCLASS32, "arm", "armv7l armv6l aarch64" },
	{ EM_RISCV, ELFCLASS64, "riscv64", "riscv64" }, { EM_PPC64, ELFCLASS64, "ppc64", "ppc64 ppc64le" },
	{ EM_S390, ELFCLASS64, "s390x", "s390x" },
};

static int compare_arch(const unsigned char *elf, struct err *e)
{
	uint16_t machine = (uint16_t)(elf[18] | elf[19] << 8);
	const char *name = "another architecture";
	struct utsname u;

	if (uname(&u) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		if (archs[i].machine != machine || archs[i].class != elf[EI_CLASS])
			continue;
		if (strstr(archs[i].uname, u.machine))
			return 0;
		name = archs[i].name;
	}
	return err_set(e, -ENOEXEC, "the target is %s, this machine is %s: its programs cannot run here; start a rescue medium for %s",
		       name, u.machine, name);
}

int chroot_can_run(const char *root, struct err *e)
{
	static const char *const names[] = { "/bin/sh", "/usr/bin/sh", "/sbin/init" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = 0;
		AUTO_FREE char *elf = read_in_root(root, names[i], 64 * MIB, &n);

		if (elf && n > 20 && memcmp(elf, ELFMAG, SELFMAG) == 0)
			return compare_arch((const unsigned char *)elf, e);
	}
	return err_set(e, -ENOENT, "'%s' has no /bin/sh: it is not an installed system, or it was not restored yet", root);
}

char *chroot_cmdline(const char *root)
{
	size_t n = 0, lines = 0;
	AUTO_FREE char *own = read_in_root(root, "/etc/kernel/cmdline", 64 * KIB, &n), *fstab = NULL;
	struct fstab_line *v = NULL;
	CLEANUP(str_free) struct str s = STR_INIT;

	if (own)
		return xstrdup(str_trim(own));
	fstab = read_in_root(root, "/etc/fstab", MIB, &n);
	if (fstab)
		fstab_parse(fstab, n, 2, &v, &lines);
	for (size_t i = 0; i < lines && !s.len; i++) {
		AUTO_FREE char *sub = fstab_option(v[i].f[FSTAB_OPTIONS].text, "subvol");

		if (!str_eq(v[i].f[FSTAB_TARGET].text, "/"))
			continue;
		str_addf(&s, "root=%s ro", v[i].f[FSTAB_SOURCE].text);
		if (sub && *sub)
			str_addf(&s, " rootflags=subvol=%s", sub);
	}
	fstab_free(v, lines);
	return str_take(&s);
}

/* ---- the namespace ---- */

static int bind(const char *from, const char *to, unsigned long more, struct err *e)
{
	return mount(from, to, NULL, MS_BIND | more, NULL) < 0 ? err_errno(e, "bind '%s' to '%s'", from, to) : 0;
}

/* Inside the root, whatever its links say. The caller frees. */
static char *inside(const char *root, const char *path)
{
	AUTO_CLOSE int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = rootfd < 0 ? -1 : fs_open_in_root(rootfd, path, O_PATH, 0, NULL);
	AUTO_FREE char *proc = fd < 0 ? NULL : xasprintf("/proc/self/fd/%d", fd);

	return proc ? realpath(proc, NULL) : NULL;
}

/* A backup leaves /proc and its like out, and then no bind works: made with the modes that they have everywhere. */
static int make_points(const char *root, struct err *e)
{
	static const struct { const char *name; mode_t mode; } points[] = {
		{ "proc", 0555 }, { "sys", 0555 }, { "dev", 0755 }, { "run", 0755 }, { "tmp", 01777 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		AUTO_FREE char *path = fs_join(root, points[i].name);

		if (fs_exists(path))
			continue;
		if (mkdir(path, points[i].mode) < 0 || chmod(path, points[i].mode) < 0)
			return err_errno(e, "create '%s'", path);
	}
	return 0;
}

static int hide_cmdline(struct chroot *c, struct err *e)
{
	AUTO_FREE char *own = chroot_cmdline(c->root), *to = fs_join(c->root, "proc/cmdline"), *text = xasprintf("%s\n", own);
	char name[] = "/tmp/rescue-cmdline-XXXXXX";
	AUTO_CLOSE int fd = mkstemp(name);
	int r;

	if (fd < 0)
		return err_errno(e, "create '%s'", name);
	c->scratch = xstrdup(name);
	r = fs_write_all(fd, text, strlen(text), e);
	if (r == 0 && fchmod(fd, 0444) < 0)
		r = err_errno(e, "mode of '%s'", name);
	return r < 0 ? r : bind(name, to, 0, e);
}

/* Names for GRUB and others where no udev runs: one folder of our own over /dev/disk when a link is missing. */
static int link_disks(const char *root, struct err *e)
{
	static const char *const kinds[] = { "by-uuid", "by-partuuid" };
	AUTO_FREE char *disk = fs_join(root, "dev/disk");
	struct blk *l = NULL;
	size_t n = 0;
	bool complete = true;
	int r = blk_list(&l, &n, e);

	for (size_t i = 0; r == 0 && complete && i < n; i++) {
		AUTO_FREE char *p = l[i].uuid ? xasprintf("%s/by-uuid/%s", disk, l[i].uuid) : NULL;

		complete = !p || fs_exists(p);
	}
	if (r == 0 && !complete) {
		r = fs_mkdir_p(disk, 0755, e);
		if (r == 0 && mount("tmpfs", disk, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=4m") < 0)
			r = err_errno(e, "mount tmpfs on '%s'", disk);
		for (size_t k = 0; r == 0 && k < ARRAY_SIZE(kinds); k++) {
			AUTO_FREE char *dir = fs_join(disk, kinds[k]);

			r = fs_mkdir_p(dir, 0755, e);
			for (size_t i = 0; r == 0 && i < n; i++) {
				const char *id = k ? l[i].part_uuid : l[i].uuid;
				AUTO_FREE char *p = id ? fs_join(dir, id) : NULL, *to = xasprintf("../../%s", l[i].name);

				if (p && symlink(to, p) < 0 && errno != EEXIST)
					r = err_errno(e, "link '%s'", p);
			}
		}
	}
	blk_list_free(l, n);
	return r;
}

static void bind_resolver(const char *root)
{
	AUTO_FREE char *to = inside(root, "/etc/resolv.conf");

	if (to && fs_exists("/etc/resolv.conf"))
		(void)mount("/etc/resolv.conf", to, NULL, MS_BIND, NULL);
}

static void mount_efivars(const char *root)
{
	AUTO_FREE char *vars = fs_join(root, "sys/firmware/efi/efivars"), *any = fs_join(vars, "BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c");

	if (fs_is_dir(vars) && !fs_exists(any))
		(void)mount("efivarfs", vars, "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static int bind_all(struct chroot *c, struct err *e)
{
	AUTO_FREE char *proc = fs_join(c->root, "proc"), *sys = fs_join(c->root, "sys"), *dev = fs_join(c->root, "dev");
	AUTO_FREE char *run = fs_join(c->root, "run");
	int r = bind(c->root, c->root, MS_REC, e);      /* a mount point, as grub-probe wants it (T45) */

	if (r == 0)
		r = make_points(c->root, e);
	if (r == 0 && mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		r = err_errno(e, "mount proc on '%s'", proc);
	if (r == 0)
		r = bind("/sys", sys, MS_REC, e);
	if (r == 0)
		r = bind("/dev", dev, MS_REC, e);
	if (r == 0)
		r = bind("/run", run, MS_REC, e);
	if (r == 0)
		r = hide_cmdline(c, e);
	if (r == 0)
		r = link_disks(c->root, e);
	if (r == 0) {
		bind_resolver(c->root);
		mount_efivars(c->root);
	}
	return r;
}

int chroot_begin(struct chroot *c, const char *root, struct err *e)
{
	int r = chroot_can_run(root, e);

	if (r < 0)
		return r;
	c->root = realpath(root, NULL);
	if (!c->root)
		return err_errno(e, "root '%s'", root);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(e, "own mount namespace");
	return bind_all(c, e);
}

void chroot_end(struct chroot *c)
{
	if (c->scratch)
		(void)unlink(c->scratch);
	free(c->scratch);
	free(c->root);
	*c = (struct chroot)CHROOT_INIT;
}

/*
 * What a command left behind (a daemon that a package script started, the children of one that was stopped) became our child. It would keep
 * the target mounted for ever.
 */
static void end_leftovers(void)
{
	AUTO_FREE char *path = xasprintf("/proc/self/task/%d/children", (int)gettid());

	for (int round = 0; round < 50; round++) {
		AUTO_FREE char *text = NULL;
		CLEANUP(strv_free) struct strv pids = STRV_INIT;
		size_t n;

		if (fs_read(path, MIB, &text, &n, NULL) < 0)
			return;
		strv_split(&pids, text, " \n");
		if (!pids.n)
			return;
		for (size_t i = 0; i < pids.n; i++)
			if (kill((pid_t)atoi(pids.v[i]), SIGKILL) == 0)
				(void)waitpid((pid_t)atoi(pids.v[i]), NULL, 0);
	}
}

int chroot_run(struct chroot *c, const char *const *argv, uint64_t timeout_s, struct str *out, struct err *e)
{
	static const char *const env[] = { "DEBIAN_FRONTEND=noninteractive", "HOME=/root", "TERM=dumb", NULL };
	struct child child = { .argv = argv, .root = c->root, .env = env, .timeout_s = timeout_s, .out = out };
	int r = child_run(&child, e);

	end_leftovers();
	return r;
}

int chroot_runl(struct chroot *c, uint64_t timeout_s, struct err *e, const char *prog, ...)
{
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	va_list ap;

	strv_add(&argv, prog);
	va_start(ap, prog);
	for (const char *a; (a = va_arg(ap, const char *));)
		strv_add(&argv, a);
	va_end(ap);
	return chroot_run(c, (const char *const *)argv.v, timeout_s, NULL, e);
}

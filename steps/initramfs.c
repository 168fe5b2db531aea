/* SPDX-License-Identifier: GPL-2.0-or-later */
/* initramfs: rebuilt by the target's own tool, then looked into: are the drivers of the root filesystem there? (T44) */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>

#include "chroot.h"
#include "fs.h"
#include "initrd.h"
#include "mnt.h"
#include "pe.h"
#include "step.h"

struct initramfs {
	struct opt_path root;
	int tool;
	struct strv modules;
	uint64_t limit;
};

static const struct opt opts[] = {
	{ .key = "root", .type = OPT_PATH, OPT_FIELD(struct initramfs, root), .flags = OPT_REQUIRED, .help = "Folder where the target is mounted, with its /boot." },
	{ .key = "tool", .type = OPT_ENUM, OPT_FIELD(struct initramfs, tool),
	  .choices = "auto update-initramfs dracut mkinitcpio booster genkernel kernel-install", .def = "auto",
	  .help = "What builds it. Auto: the first of these that the target has." },
	{ .key = "modules", .type = OPT_LIST, OPT_FIELD(struct initramfs, modules),
	  .help = "Kernel modules that must be in it, beside the root filesystem's." },
	{ .key = "limit", .type = OPT_SECONDS, OPT_FIELD(struct initramfs, limit), .def = "30m", .min = 1, .max = 86400,
	  .help = "How long the tool may take for one kernel." },
	OPT_END
};

/* How each tool is told to build for one kernel; %v: its version, %k: its file. Those without %v build for all. */
static const struct tool {
	const char *name;
	const char *argv[8];
} tools[] = {
	{ "update-initramfs", { "update-initramfs", "-c", "-k", "%v" } },
	{ "dracut", { "dracut", "--force", "--kver", "%v" } },
	{ "mkinitcpio", { "mkinitcpio", "-P" } },
	{ "booster", { "/usr/lib/booster/regenerate_images" } },
	{ "genkernel", { "genkernel", "--no-mountboot", "initramfs" } },
	{ "kernel-install", { "kernel-install", "add", "%v", "%k" } },
};

static const struct tool *find_tool(const struct initramfs *s, struct err *e)
{
	const char *want = s->tool ? tools[s->tool - 1].name : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		AUTO_FREE char *path = !want || str_eq(want, tools[i].name) ? chroot_find(s->root.real, tools[i].name) : NULL;

		if (path)
			return &tools[i];
	}
	err_set(e, -ENOENT, "the target has %s%s", want ? "no " : "no program that builds an initramfs (update-initramfs, dracut, mkinitcpio, ...)",
		want ? want : "");
	return NULL;
}

/* The kernel's file inside the target, or NULL. */
static char *kernel_file(int rootfd, const char *version)
{
	static const char *const forms[] = { "/boot/vmlinuz-%s", "/lib/modules/%s/vmlinuz", "/boot/kernel-%s", "/boot/vmlinuz-linux" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		AUTO_FREE char *path = xasprintf(forms[i], version);
		AUTO_CLOSE int k = fs_open_in_root(rootfd, path, O_PATH, 0, NULL);

		if (k >= 0)
			return TAKE_PTR(path);
	}
	return NULL;
}

/* Kernels of the target: folders of /lib/modules whose kernel is there too. */
static int kernels(const char *root, struct strv *ret, struct err *e)
{
	AUTO_CLOSE int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = rootfd < 0 ? -1 : fs_open_in_root(rootfd, "/lib/modules", O_RDONLY | O_DIRECTORY, 0, NULL);
	DIR *d = fd < 0 ? NULL : fdopendir(dup(fd));

	for (struct dirent *de; d && (de = readdir(d));) {
		AUTO_FREE char *file = de->d_name[0] != '.' ? kernel_file(rootfd, de->d_name) : NULL;

		if (file)
			strv_add(ret, de->d_name);
	}
	if (d)
		closedir(d);
	return ret->n ? 0 : err_set(e, -ENOENT, "the target has no kernel: nothing in /boot/vmlinuz-* that fits a folder of /lib/modules");
}

/* A word with %v and %k put in. */
static char *expand(const char *word, const char *version, const char *file)
{
	const char *at = strchr(word, '%');

	return at ? xasprintf("%.*s%s%s", (int)(at - word), word, at[1] == 'k' ? file : version, at + 2) : xstrdup(word);
}

static int build(struct chroot *c, const struct initramfs *s, const struct tool *t, const char *version, struct err *e)
{
	AUTO_CLOSE int rootfd = open(s->root.real, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *file = rootfd < 0 ? NULL : kernel_file(rootfd, version);
	CLEANUP(strv_free) struct strv argv = STRV_INIT;

	if (!file)
		return err_set(e, -ENOENT, "the file of kernel %s is gone", version);
	for (size_t i = 0; t->argv[i]; i++) {
		AUTO_FREE char *word = expand(t->argv[i], version, file);

		strv_add(&argv, word);
	}
	return chroot_run(c, (const char *const *)argv.v, s->limit, NULL, e);
}

static bool per_kernel(const struct tool *t)
{
	for (size_t i = 0; t->argv[i]; i++)
		if (strstr(t->argv[i], "%v"))
			return true;
	return false;
}

/* ---- looking into it ---- */

static char *first_match(const char *root, const char *const *forms, const char *version)
{
	for (size_t i = 0; forms[i]; i++) {
		AUTO_FREE char *name = xasprintf(forms[i], version), *pattern = xasprintf("%s/%s", root, name), *found = NULL;
		glob_t g = { 0 };

		if (glob(pattern, 0, NULL, &g) == 0 && g.gl_pathc)
			found = xstrdup(g.gl_pathv[0]);
		globfree(&g);
		if (found)
			return TAKE_PTR(found);
	}
	return NULL;
}

/* What kernel-install puts before the loader comes first: a copy, or a unified kernel image. */
static char *image_of(const struct initramfs *s, const char *version)
{
	static const char *const placed[] = { "boot/efi/*/%s/init*", "efi/*/%s/init*", "boot/*/%s/init*", "boot/efi/EFI/Linux/*%s*.efi",
					      "efi/EFI/Linux/*%s*.efi", "boot/EFI/Linux/*%s*.efi", NULL };
	static const char *const built[] = { "boot/initrd.img-%s", "boot/initramfs-%s.img", "boot/initrd-%s", "boot/initramfs-%s", "boot/initramfs-linux.img",
					     "boot/booster-linux.img", "boot/initramfs-genkernel-*-%s", "boot/*/%s/initrd", "boot/efi/*/%s/initrd", NULL };
	bool place = s->tool && str_eq(tools[s->tool - 1].name, "kernel-install");
	char *found = place ? first_match(s->root.real, placed, version) : NULL;

	return found || place ? found : first_match(s->root.real, built, version);
}

/* Whole, and what is in it; a unified kernel image carries it in a section. */
static int read_image(const char *data, size_t n, struct initrd *ret, struct err *e)
{
	const struct pe_section *in;
	struct pe pe;
	int r;

	*ret = (struct initrd){ 0 };
	if (n < 2 || memcmp(data, "MZ", 2) != 0)
		return initrd_read(data, n, ret, e);
	r = pe_parse(data, n, &pe, e);
	if (r < 0)
		return r;
	in = pe_section(&pe, ".initrd");
	r = in ? initrd_read(data + in->at, in->len, ret, e) : err_set(e, -ENOENT, "it carries no initramfs");
	pe_free(&pe);
	return r;
}

static bool is_builtin(const char *root, const char *version, const char *module)
{
	AUTO_CLOSE int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *path = xasprintf("/lib/modules/%s/modules.builtin", version), *proc = NULL, *text = NULL;
	AUTO_CLOSE int fd = rootfd < 0 ? -1 : fs_open_in_root(rootfd, path, O_RDONLY, 0, NULL);
	struct initrd i = { .names = STRV_INIT };
	size_t n;

	proc = fd < 0 ? NULL : xasprintf("/proc/self/fd/%d", fd);
	if (!proc || fs_read(proc, 4 * MIB, &text, &n, NULL) < 0)
		return false;
	i.builtin = (struct str){ text, n, n };
	return initrd_has_module(&i, NULL, module);
}

/* 1 complete, 0 with a sentence. */
static int judge(const struct initramfs *s, const char *version, const struct strv *need, struct err *e)
{
	AUTO_FREE char *path = image_of(s, version), *data = NULL;
	struct initrd i;
	size_t n;
	int r;

	if (!path) {
		err_set(e, -ENOENT, "no initramfs for kernel %s in /boot or on the ESP", version);
		return 0;
	}
	r = fs_read(path, GIB, &data, &n, e);
	if (r < 0)
		return r;
	r = read_image(data, n, &i, e);
	if (r < 0) {
		err_wrap(e, r, "%s", path);
		initrd_free(&i);
		return 0;
	}
	r = 1;
	for (size_t k = 0; r && k < need->n; k++)
		if (!initrd_has_module(&i, version, need->v[k]) && !is_builtin(s->root.real, version, need->v[k])) {
			err_set(e, -ENOENT, "%s has no driver '%s' for kernel %s", path, need->v[k], version);
			r = 0;
		}
	initrd_free(&i);
	return r;
}

static int judge_all(const struct initramfs *s, struct err *e)
{
	CLEANUP(strv_free) struct strv versions = STRV_INIT, need = STRV_INIT;
	struct mnt_info m = { 0 };
	int r = kernels(s->root.real, &versions, e);

	if (r < 0)
		return r;
	if (mnt_of(s->root.real, &m, NULL) == 0 && m.type && !str_eq(m.type, "overlay") && !str_eq(m.type, "tmpfs"))
		strv_add(&need, m.type);
	mnt_info_free(&m);
	for (size_t i = 0; i < s->modules.n; i++)
		strv_add(&need, s->modules.v[i]);
	r = 1;
	for (size_t i = 0; r == 1 && i < versions.n; i++)
		r = judge(s, versions.v[i], &need, e);
	return r;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	struct initramfs *s = self;
	int r;

	(void)io;
	if (!s->root.real)
		return STEP_LATER;
	r = chroot_can_run(s->root.real, e);
	if (r < 0)
		return r == -ENOENT ? STEP_LATER : r;
	return find_tool(s, e) ? 0 : -ENOENT;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	CLEANUP(chroot_end) struct chroot c = CHROOT_INIT;
	CLEANUP(strv_free) struct strv versions = STRV_INIT;
	struct initramfs *s = self;
	const struct tool *t = find_tool(s, e);
	int r = t ? kernels(s->root.real, &versions, e) : -ENOENT;

	if (r == 0)
		r = chroot_begin(&c, s->root.real, e);
	for (size_t i = 0; r == 0 && i < (per_kernel(t) ? versions.n : 1); i++) {
		step_note(io, "%s builds the initramfs for %s", t->name, per_kernel(t) ? versions.v[i] : "every kernel");
		step_progress(io, &(struct step_progress){ .items = i, .items_total = versions.n, .current = versions.v[i] });
		r = build(&c, s, t, versions.v[i], e);
	}
	sync();
	return r;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	struct initramfs *s = self;

	(void)io;
	return judge_all(s, e);
}

const struct step_type step_initramfs = {
	.name = "initramfs", .summary = "Rebuild the target's initramfs and check that it can mount the root filesystem.",
	.manual = "The target's own program builds it, for every kernel that the target has, in a chroot where the rescue system's kernel command line is not "
		  "to be seen. Afterwards the image is read: it must be whole and hold the driver of the root filesystem and the modules that were asked for.\n\n"
		  "With systemd-boot, kernel-install puts copies of kernel and initramfs, or a unified kernel image, where the loader looks, and writes the "
		  "entry with the options of /etc/kernel/cmdline; these copies are what is read then. Where it builds no initramfs itself (Debian), a step with "
		  "the tool that does stands before it.",
	.opts = opts, .size = sizeof(struct initramfs), .effect = STEP_DURABLE, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

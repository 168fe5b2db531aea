/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub-mkconfig: the target's GRUB menu, written by the target's own program, then read: does it start a kernel? (T50, T53) */
#include <sys/stat.h>

#include "chroot.h"
#include "esp.h"
#include "fs.h"
#include "step.h"

struct grub_mkconfig {
	struct opt_path root;
	uint64_t limit;
};

static const struct opt opts[] = {
	{ .key = "root", .type = OPT_PATH, OPT_FIELD(struct grub_mkconfig, root), .flags = OPT_REQUIRED,
	  .help = "Folder where the target is mounted, with its /boot." },
	{ .key = "limit", .type = OPT_SECONDS, OPT_FIELD(struct grub_mkconfig, limit), .def = "15m", .min = 1, .max = 86400,
	  .help = "How long it may take." },
	OPT_END
};

static const char *const names[] = { "grub-mkconfig", "grub2-mkconfig", NULL };

/* /boot/grub2/grub.cfg where that folder is, else /boot/grub/grub.cfg. The caller frees. */
static char *config_path(const char *root)
{
	AUTO_FREE char *grub2 = fs_join(root, "boot/grub2"), *grub = fs_join(root, "boot/grub");

	return xstrdup(fs_is_dir(grub2) && !fs_is_dir(grub) ? "/boot/grub2/grub.cfg" : "/boot/grub/grub.cfg");
}

/* T47: grubenv may be a link onto the ESP, which must be there before a tool writes through it. */
static int check_grubenv(const char *root, const char *config, struct err *e)
{
	AUTO_FREE char *dir = xasprintf("%s%s", root, config), *env = NULL, *esp = esp_not_mounted(root);
	struct stat st;

	*strrchr(dir, '/') = 0;
	env = fs_join(dir, "grubenv");
	if (!esp || lstat(env, &st) < 0 || !S_ISLNK(st.st_mode))
		return 0;
	return err_set(e, -ENOENT, "grubenv is a link, and the EFI system partition at '%s' is not mounted: mount it first", esp);
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	struct grub_mkconfig *s = self;
	AUTO_FREE char *prog = NULL;
	int r;

	(void)io;
	if (!s->root.real)
		return STEP_LATER;
	r = chroot_can_run(s->root.real, e);
	if (r < 0)
		return r == -ENOENT ? STEP_LATER : r;
	if (!chroot_find_any(s->root.real, names, &prog))
		return err_set(e, -ENOENT, "the target has neither grub-mkconfig nor grub2-mkconfig");
	return 0;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	CLEANUP(chroot_end) struct chroot c = CHROOT_INIT;
	struct grub_mkconfig *s = self;
	AUTO_FREE char *prog = NULL, *out = config_path(s->root.real), *dir = xasprintf("%s%s", s->root.real, out);
	int r;

	if (!chroot_find_any(s->root.real, names, &prog))
		return err_set(e, -ENOENT, "the target has neither grub-mkconfig nor grub2-mkconfig");
	r = check_grubenv(s->root.real, out, e);
	if (r < 0)
		return r;
	*strrchr(dir, '/') = 0;
	r = fs_mkdir_p(dir, 0755, e);
	if (r == 0)
		r = chroot_begin(&c, s->root.real, e);
	if (r == 0)
		r = chroot_runl(&c, s->limit, e, prog, "-o", out, NULL);
	if (r < 0)
		return r;
	step_note(io, "%s wrote %s", prog, out);
	sync();
	return 0;
}

/* A menu that starts a kernel by a name that will be another one tomorrow is not good enough. */
static int verify(void *self, struct step_io *io, struct err *e)
{
	struct grub_mkconfig *s = self;
	AUTO_FREE char *out = config_path(s->root.real), *path = xasprintf("%s%s", s->root.real, out), *text = NULL;
	size_t n;

	if (fs_read(path, 16 * MIB, &text, &n, NULL) < 0) {
		err_set(e, -ENOENT, "%s is not there", out);
		return 0;
	}
	if (!strstr(text, "\tlinux") && !strstr(text, " linux") && !strstr(text, "blscfg")) {
		err_set(e, -ENOENT, "%s starts no kernel: the menu is empty", out);
		return 0;
	}
	if (strstr(text, "root=/dev/sd") || strstr(text, "root=/dev/vd") || strstr(text, "root=/dev/nvme") || strstr(text, "root=/dev/loop"))
		step_warn(io, "%s names the root filesystem by its device of this minute; boot-check will say whether it is found, going on", out);
	return 1;
}

const struct step_type step_grub_mkconfig = {
	.name = "grub-mkconfig", .summary = "Write the target's GRUB menu anew with its own program.",
	.manual = "Runs grub-mkconfig or grub2-mkconfig in the target, with /dev/disk/by-uuid complete even where no udev runs. A program that fails "
		  "fails the step.",
	.opts = opts, .size = sizeof(struct grub_mkconfig), .effect = STEP_DURABLE, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RESCUE-STATE: found by its label alone, and only when exactly one filesystem has it (T62). */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "fs.h"
#include "init.h"

static bool has_label(const char *device)
{
	AUTO_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t head[2048];
	char label[17];

	return fd >= 0 && pread(fd, head, sizeof(head), 0) == sizeof(head) && boot_ext_label(head, sizeof(head), label) &&
	       str_eq(label, STATE_LABEL);
}

static void candidates(struct strv *ret)
{
	DIR *d = opendir("/sys/class/block");

	for (struct dirent *x = d ? readdir(d) : NULL; x; x = readdir(d)) {
		AUTO_FREE char *device = x->d_name[0] == '.' ? NULL : fs_join("/dev", x->d_name);

		if (device && !str_starts(x->d_name, "ram") && has_label(device))
			strv_add(ret, device);
	}
	if (d)
		closedir(d);
}

static bool found(struct session *s)
{
	CLEANUP(strv_free) struct strv l = STRV_INIT;

	candidates(&l);
	if (l.n == 1)
		s->state_device = xstrdup(l.v[0]);
	if (l.n > 1)
		s->state_why = xasprintf("'%s' and '%s' both have the label " STATE_LABEL ": unplug one", l.v[0], l.v[1]);
	return l.n > 0;
}

static int try_mount(const char *device)
{
	return mount(device, STATE_DIR, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, "errors=remount-ro") < 0 ? -errno : 0;
}

static void mount_it(struct session *s)
{
	int r;

	mkdir(STATE_DIR, 0700);
	r = try_mount(s->state_device);
	if (r < 0) {
		say("mount '%s': %s; checking it first", s->state_device, strerror(-r));
		run_quiet(600, NULL, NULL, "e2fsck", "-p", s->state_device, NULL);
		r = try_mount(s->state_device);
	}
	if (r < 0)
		s->state_why = xasprintf(STATE_LABEL " on '%s' cannot be mounted: %s", s->state_device, strerror(-r));
	else
		s->state = true;
}

static void start_log(void)
{
	AUTO_FREE char *id = fs_read_word("/proc/sys/kernel/random/boot_id");
	AUTO_FREE char *path = xasprintf(STATE_DIR "/logs/boot-%.8s.log", id ? id : "unknown");

	if (fs_mkdir_p(STATE_DIR "/logs", 0755, NULL) == 0)
		say_to_file(path);
}

void state_mount(struct session *s)
{
	if (!devices_wait(s, found, "a partition labelled " STATE_LABEL))
		s->state_why = xstrdup("no partition is labelled " STATE_LABEL);
	else if (s->state_device)
		mount_it(s);
	if (s->state) {
		say("journals, logs and crash dumps are kept on %s (" STATE_LABEL ")", s->state_device);
		start_log();
	} else {
		say("%s: journals and logs are lost with the power", s->state_why);
	}
}

void state_release(struct session *s)
{
	sync();
	if (s->state && umount(STATE_DIR) < 0)
		say("unmount " STATE_LABEL ": %s; its journal protects it", strerror(errno));
}

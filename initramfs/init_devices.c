/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices appear: udev with its rules, a coldplug, and waiting that says what it waits for. */
#include <sys/mount.h>
#include <time.h>

#include "fs.h"
#include "init.h"

#define UDEVD "/usr/lib/systemd/systemd-udevd"
#define SETTLE_S 60     /* for devices that are there; it ends as soon as all have their driver */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool devices_wait(struct session *s, bool (*ready)(struct session *s), const char *what)
{
	uint64_t start = now_ms(), end = start + s->args.wait_s * 1000, next_word = start + 3000;

	while (!ready(s)) {
		uint64_t now = now_ms();

		if (now >= end)
			return false;
		if (now >= next_word) {
			say("waiting for %s: %llu s left", what, (unsigned long long)((end - now + 999) / 1000));
			next_word = now + 5000;
		}
		usleep(200000);
	}
	return true;
}

static void firmware_variables(void)
{
	if (!fs_is_dir("/sys/firmware/efi"))
		return;
	run_quiet(20, NULL, NULL, "modprobe", "-q", "efivarfs", NULL);
	if (mount("efivarfs", "/sys/firmware/efi/efivars", "efivarfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0 && errno != EBUSY)
		say("EFI variables: %s, going on", strerror(errno));
}

static void settle(struct session *s)
{
	uint64_t seconds = s->args.wait_s > SETTLE_S ? s->args.wait_s : SETTLE_S;
	AUTO_FREE char *limit = xasprintf("--timeout=%llu", (unsigned long long)seconds);

	if (run_quiet(seconds + 30, NULL, NULL, "udevadm", "settle", limit, NULL) < 0)
		say("devices are still appearing after %llu s, going on without waiting for them", (unsigned long long)seconds);
}

void devices_start(struct session *s)
{
	static const char *const drivers[] = { "virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod", "nvme", "usb_storage", "uas", NULL };
	struct err e = ERR_INIT;

	if (run_quiet(20, NULL, &e, UDEVD, "--daemon", NULL) < 0) {
		say("udev does not start: %s; only the commonest drivers are loaded", e.msg);
		for (size_t i = 0; drivers[i]; i++)
			run_quiet(20, NULL, NULL, "modprobe", "-q", drivers[i], NULL);
		return;
	}
	if (run_quiet(30, NULL, &e, "udevadm", "trigger", "--type=subsystems", "--action=add", NULL) < 0 ||
	    run_quiet(30, NULL, &e, "udevadm", "trigger", "--type=devices", "--action=add", NULL) < 0)
		say("coldplug: %s, going on", e.msg);
	settle(s);
	firmware_variables();
}

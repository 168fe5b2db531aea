/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What PID 1 needs: first mounts, last resort, the end. */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>

#include "fs.h"
#include "init.h"

static const struct {
	const char *type, *at, *options;
	unsigned long flags;
	bool optional;
} mounts[] = {
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV, false },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV, false },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID, false },
	{ "devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=000", MS_NOSUID | MS_NOEXEC, true },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, true },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, false },
	{ "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, true },
	{ "cgroup2", "/sys/fs/cgroup", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV, true },
	{ "securityfs", "/sys/kernel/security", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV, true },
};

void pid1_mounts(void)
{
	umask(022);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].at, 0755);
		if (mount(mounts[i].type, mounts[i].at, mounts[i].type, mounts[i].flags, mounts[i].options) < 0 && !mounts[i].optional &&
		    errno != EBUSY)
			say("mount %s on %s: %s, going on", mounts[i].type, mounts[i].at, strerror(errno));
	}
	mkdir(RUN_DIR, 0755);
	if (symlink("/proc/self/fd", "/dev/fd") < 0 || symlink("fd/0", "/dev/stdin") < 0 || symlink("fd/1", "/dev/stdout") < 0 ||
	    symlink("fd/2", "/dev/stderr") < 0)
		errno = 0;      /* somebody was faster: fine */
	klogctl(8, NULL, 4);    /* warnings of the kernel reach the consoles, its chatter does not */
}

pid_t pid1_console_shell(const char *device)
{
	static char *const argv[] = { (char *)"-sh", NULL };
	pid_t pid = fork();
	sigset_t none;
	int fd;

	if (pid != 0)
		return pid;
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	fd = open(device, O_RDWR | O_NOCTTY);
	if (fd < 0)
		_exit(1);
	ioctl(fd, TIOCSCTTY, 1);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", str_starts(device, "/dev/ttyS") ? "vt220" : "linux", 0);
	execv("/bin/sh", argv);
	_exit(127);
}

/* Newest first; what is busy is detached, after its data was synced. */
static void unmount_all(void)
{
	AUTO_FREE char *text = NULL;
	CLEANUP(strv_free) struct strv points = STRV_INIT;
	char *save, *line;
	size_t n;

	if (fs_read("/proc/self/mounts", 4 * MIB, &text, &n, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *at = strchr(line, ' ');

		if (!at || line[0] != '/')
			continue;
		*at++ = 0;
		at[strcspn(at, " ")] = 0;
		strv_add(&points, at);
	}
	for (size_t i = points.n; i-- > 0;)
		if (umount2(points.v[i], 0) < 0 && (mount(NULL, points.v[i], NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0 || true))
			umount2(points.v[i], MNT_DETACH);
}

static void end_processes(void)
{
	kill(-1, SIGTERM);
	for (int i = 0; i < 30; i++) {
		usleep(100000);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return;
	}
	kill(-1, SIGKILL);
	usleep(200000);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

void pid1_end(int how)
{
	static const struct {
		int how, cmd;
		const char *text;
	} ends[] = { { SESSION_REBOOT, (int)RB_AUTOBOOT, "restarting" }, { SESSION_POWEROFF, (int)RB_POWER_OFF, "powering off" },
		     { SESSION_HALT, (int)RB_HALT_SYSTEM, "halting" } };
	size_t i = 0;

	while (i < ARRAY_SIZE(ends) - 1 && ends[i].how != how)
		i++;
	say_open();
	say("%s: stopping programs, unmounting", ends[i].text);
	end_processes();
	sync();
	unmount_all();
	sync();
	say("%s now", ends[i].text);
	if (fork() == 0) {      /* reboot(2) in PID 1 itself would end it first, and the kernel calls that a panic */
		reboot(ends[i].cmd);
		_exit(1);
	}
	for (;;)
		pause();
}

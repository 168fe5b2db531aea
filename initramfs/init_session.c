/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The session: what happens between the first mounts and the menus, in order. */
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "child.h"
#include "fs.h"
#include "init.h"

int run_quiet(uint64_t timeout_s, struct str *out, struct err *e, const char *prog, ...)
{
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	CLEANUP(str_free) struct str drop = STR_INIT;
	struct child c = { .timeout_s = timeout_s, .out = out ? out : &drop, .quiet_stderr = true };
	const char *word;
	va_list ap;

	strv_add(&argv, prog);
	va_start(ap, prog);
	while ((word = va_arg(ap, const char *)))
		strv_add(&argv, word);
	va_end(ap);
	c.argv = (const char *const *)argv.v;
	return child_run(&c, e);
}

/* ---- first things ---- */

static void set_up_process(void)
{
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	signal(SIGPIPE, SIG_IGN);
	if (sethostname("rescue", 6) < 0)
		say("set the host name: %s, going on", strerror(errno));
}

static void loopback_up(void)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { .ifr_flags = IFF_UP | IFF_RUNNING };

	strcpy(r.ifr_name, "lo");
	if (fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		say("loopback network: %s, going on", strerror(errno));
}

static void read_args(struct session *s)
{
	AUTO_FREE char *text = NULL;
	struct err e = ERR_INIT;
	size_t n;

	if (fs_read("/proc/cmdline", 64 * KIB, &text, &n, &e) < 0) {
		say("%s: no words from the kernel command line", e.msg);
		text = xstrdup("");
	}
	boot_args_parse(text, &s->args);
	for (size_t i = 0; i < s->args.unknown.n; i++)
		say("the kernel command line says '%s', which means nothing here", s->args.unknown.v[i]);
	if (s->again)
		s->args.automatic = false;
}

static void check_complete(struct session *s)
{
	if (fs_exists("/etc/rescue/complete"))
		return;
	strv_add(&s->findings, "this machine's memory is too small for the rescue system: files are missing, expect programs to fail");
	say("%s", s->findings.v[s->findings.n - 1]);
}

static void keymap(const struct session *s)
{
	AUTO_FREE char *name = s->args.keymap ? xstrdup(s->args.keymap) : fs_read_word("/etc/rescue/keymap");
	struct err e = ERR_INIT;

	if (name && *name && *name != '-' && run_quiet(20, NULL, &e, "loadkeys", name, NULL) < 0)
		say("keymap '%s': %s, going on with the kernel's own", name, e.msg);
}

/* ---- menus ---- */

static void on_console(const struct session *s, const char *device)
{
	int fd;

	setsid();
	fd = open(device, O_RDWR | O_NOCTTY);
	if (fd < 0)
		_exit(1);
	ioctl(fd, TIOCSCTTY, 1);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	setenv("TERM", str_starts(device, "/dev/ttyS") ? "vt220" : "linux", 0);
	if (s->args.shell)
		execl("/bin/sh", "-sh", (char *)NULL);
	menu_loop(s);
}

static pid_t start_menu(const struct session *s, const char *device)
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		on_console(s, device);
		_exit(0);
	}
	return pid;
}

struct seat {
	const char *device;
	pid_t pid;
	time_t started;
	int quick_ends;         /* a menu that ends at once, again and again, gives way to a shell */
};

static void restart_seat(const struct session *s, struct seat *t)
{
	time_t now = time(NULL);

	t->quick_ends = now - t->started < 2 ? t->quick_ends + 1 : 0;
	if (t->quick_ends)
		sleep(1);
	t->started = time(NULL);
	if (t->quick_ends < 3) {
		t->pid = start_menu(s, t->device);
		return;
	}
	say("the menu on %s does not stay up: a plain shell there", t->device);
	t->quick_ends = 0;
	t->pid = pid1_console_shell(t->device);
}

static void menus(const struct session *s)
{
	const struct strv *l = say_consoles();
	AUTO_FREE struct seat *seats = xcalloc(l->n + 1, sizeof(*seats));
	int status;
	pid_t pid;

	for (size_t i = 0; i < l->n; i++)
		seats[i] = (struct seat){ .device = l->v[i], .pid = start_menu(s, l->v[i]), .started = time(NULL) };
	while ((pid = waitpid(-1, &status, 0)) >= 0 || errno == EINTR)
		for (size_t i = 0; pid > 0 && i < l->n; i++)
			if (seats[i].pid == pid)
				restart_seat(s, &seats[i]);
	for (;;)
		pause();
}

/* ---- the plan with nobody asked ---- */

static void why_not_automatic(const struct session *s)
{
	if (!s->plan)
		say("no plan to run: %s", s->plan_why ? s->plan_why : "none was found");
	else if (s->finished)
		say("the plan finished in an earlier boot: it does not run again by itself");
	else if (!s->state && !s->args.volatile_state)
		say("the plan does not run by itself: %s. Its journal would be lost with the power; rescue.volatile on the kernel command line "
		    "accepts that", s->state_why ? s->state_why : "no " STATE_LABEL " partition");
	else
		say("the plan restarts the machine, and its journal is in memory only: it would start again and again; start it by hand");
}

static bool may_run(const struct session *s)
{
	AUTO_FREE char *text = NULL;
	size_t n;

	if (!s->plan || s->finished || (!s->state && !s->args.volatile_state))
		return false;
	return s->state || (fs_read(PLAN_FILE, 16 * MIB, &text, &n, NULL) == 0 && !boot_plan_has(text, "reboot"));
}

static int automatic(struct session *s)
{
	if (!may_run(s)) {
		why_not_automatic(s);
		return 0;
	}
	if (plan_run(s) < 0)
		return 0;
	if (str_eq(s->finish, "poweroff"))
		return SESSION_POWEROFF;
	if (str_eq(s->finish, "reboot") && !s->state) {
		say("the plan wants a restart, but its journal was in memory only: powering off instead, so that it does not start over");
		return SESSION_POWEROFF;
	}
	return str_eq(s->finish, "reboot") ? SESSION_REBOOT : 0;
}

static void ssh_server(const struct session *s)
{
	struct err e = ERR_INIT;
	bool given = fs_exists("/etc/dropbear/host_key");

	if (!s->args.ip || !fs_exists("/root/.ssh/authorized_keys"))
		return;
	fs_mkdir_p("/etc/dropbear", 0700, NULL);
	if (run_quiet(30, NULL, &e, "dropbear", "-s", "-g", given ? "-r" : "-R", given ? "/etc/dropbear/host_key" : NULL, NULL) < 0)
		say("ssh server: %s", e.msg);
	else
		say("ssh server is up (keys only)");
}

int session_main(bool again)
{
	struct session s = { .again = again };
	int how = 0;

	say_open();
	set_up_process();
	read_args(&s);
	say("rescue %s, kernel command line read; looking at this machine, changing nothing", RESCUE_VERSION);
	check_complete(&s);
	loopback_up();
	devices_start(&s);
	say_open();             /* some consoles come with a driver */
	keymap(&s);
	state_mount(&s);
	net_start(&s);
	plan_find(&s);
	pstore_look(&s);
	banner_look(&s);
	ssh_server(&s);
	if (s.args.automatic)
		how = automatic(&s);
	if (how) {
		state_release(&s);
		return how;
	}
	say("rescue-menu-ready");
	menus(&s);
	return 1;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PID 1: small, and never the one that fails. */
#include "init.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>

#define CRASHES_MAX 3

/* A fault in PID 1 itself would be the kernel's panic: become a shell instead. Only async-signal-safe calls. */
static void last_resort(int sig)
{
	static const char text[] = "\nrescue: PID 1 crashed; this is a plain shell. 'reboot -f' restarts the machine.\n";
	char *const argv[] = { (char *)"sh", NULL }, *const env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"TERM=linux", NULL };
	sigset_t none;
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	(void)sig;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		(void)!write(fd, text, sizeof(text) - 1);
	}
	execve("/bin/sh", argv, env);
	for (;;)
		pause();
}

static void catch_faults(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction a = { .sa_handler = last_resort, .sa_flags = SA_NODEFER };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		sigaction(faults[i], &a, NULL);
}

static void block_signals(sigset_t *set)
{
	static const int wanted[] = { SIGCHLD, SIGTERM, SIGUSR1, SIGUSR2, SIGINT };

	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		sigaddset(set, wanted[i]);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static pid_t start_session(bool again)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	_exit(session_main(again));
}

static void shells_everywhere(void)
{
	const struct strv *l = say_consoles();

	say("the rescue session does not stay up: a plain shell on every console. 'reboot -f' restarts the machine");
	for (size_t i = 0; i < l->n; i++)
		pid1_console_shell(l->v[i]);
}

static void describe_end(int status)
{
	if (WIFSIGNALED(status))
		say("the rescue session crashed (signal %d): starting it again; nothing runs by itself now", WTERMSIG(status));
	else
		say("the rescue session ended (exit code %d): starting it again; nothing runs by itself now", WEXITSTATUS(status));
}

/* Reaps everything. What the session's end means, or 0. */
static int reap(pid_t *session, int *crashes)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != *session)
			continue;
		if (WIFEXITED(status) && WEXITSTATUS(status) >= SESSION_REBOOT && WEXITSTATUS(status) <= SESSION_HALT)
			return WEXITSTATUS(status);
		describe_end(status);
		if (++*crashes < CRASHES_MAX) {
			*session = start_session(true);
		} else {
			*session = -1;
			shells_everywhere();
		}
	}
	return 0;
}

static int meaning(int sig)
{
	return sig == SIGUSR1 ? SESSION_HALT : sig == SIGUSR2 ? SESSION_POWEROFF : SESSION_REBOOT;
}

int main(int argc, char **argv)
{
	sigset_t set;
	pid_t session;
	int crashes = 0, how = 0;

	if (getpid() != 1) {
		fprintf(stderr, "%s: this is the first process of a rescue image; started as anything else it does nothing\n", argc ? argv[0] : "init");
		return 2;
	}
	catch_faults();
	block_signals(&set);
	pid1_mounts();
	say_open();
	reboot(RB_DISABLE_CAD);
	session = start_session(false);
	while (!how) {
		const struct timespec tick = { .tv_sec = 5 };
		int sig = sigtimedwait(&set, NULL, &tick);

		how = sig > 0 && sig != SIGCHLD ? meaning(sig) : reap(&session, &crashes);
	}
	pid1_end(how);
}

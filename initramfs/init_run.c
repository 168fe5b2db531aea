/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the plan with nobody asked, shows its progress on every console, and remembers that it finished (T59). */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "exitcode.h"
#include "fs.h"
#include "init.h"

static char *state_dir(const struct session *s)
{
	return xasprintf("%s/runs/%.16s", s->state ? STATE_DIR : RUN_DIR, s->digest);
}

char *plan_command(const struct session *s)
{
	AUTO_FREE char *dir = state_dir(s);

	return xasprintf("rescue run %s --state %s%s", PLAN_FILE, dir, s->state ? "" : " --volatile-state");
}

static void become_runner(const struct session *s, int out)
{
	AUTO_FREE char *dir = state_dir(s);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setsid();
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	signal(SIGPIPE, SIG_DFL);
	execlp("rescue", "rescue", "run", PLAN_FILE, "--stay", "--state", dir, s->state ? (char *)NULL : "--volatile-state", (char *)NULL);
	dprintf(2, "rescue: start 'rescue': %s\n", strerror(errno));
	_exit(127);
}

/* Exit code of the run, or -errno. */
static int run(const struct session *s)
{
	char buf[4096];
	int p[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		become_runner(s, p[1]);
	close(p[1]);
	while (pid > 0 && ((n = read(p[0], buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0)
			say_lines(buf, (size_t)n);
	close(p[0]);
	if (pid < 0)
		return -EAGAIN;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static const char *meaning(int code)
{
#define EXIT_CODE_CASE(name, number, text) if (code == number) return text;
	EXIT_CODES(EXIT_CODE_CASE)
	return code < 0 ? strerror(-code) : "the runner could not be started";
}

static void remember(const struct session *s, int code)
{
	AUTO_FREE char *path = xasprintf(STATE_DIR "/finished-%.16s", s->digest);
	AUTO_FREE char *text = xasprintf("%s\nexit code %d\n", s->digest, code);
	struct err e = ERR_INIT;

	if (s->state && fs_write_atomic(path, text, strlen(text), 0644, &e) < 0)
		say("%s: the next boot will ask the journal instead", e.msg);
}

int plan_run(struct session *s)
{
	AUTO_FREE char *command = plan_command(s), *dir = state_dir(s);
	struct err e = ERR_INIT;
	int code;

	if (fs_mkdir_p(dir, 0700, &e) < 0)
		say("%s", e.msg);
	say("running the plan, nobody is asked: %s", command);
	code = run(s);
	if (code == EXIT_DONE || code == EXIT_DEGRADED) {
		say("PLAN FINISHED: %s", meaning(code));
		s->finished = true;
		remember(s, code);
		return 0;
	}
	s->failed = true;
	say("PLAN FAILED (exit code %d): %s", code, meaning(code));
	say("logs are in %s; go on with: %s", dir, command);
	return -EIO;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper outlives a killed runner for a moment: it ends every process that is left in the run's mount namespace (whatever its parent,
 * group or session), and with the last of them the mounts. Until then it holds the journal's lock, so that the next run does not start
 * among the ruins of this one. It stands outside the namespace and does nothing else.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fs.h"
#include "run.h"

#define GIVE_UP_MS 10000

struct where {
	dev_t dev;
	ino_t ino;
};

static bool namespace_of(const char *pid, struct where *ret)
{
	AUTO_FREE char *path = xasprintf("/proc/%s/ns/mnt", pid);
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	*ret = (struct where){ st.st_dev, st.st_ino };
	return true;
}

/* Until it is gone for good, its mounts with it: the pidfd says so only after that. */
static void wait_gone(int pidfd, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0)
		(void)poll(&p, 1, ms);
	else
		usleep(20000);
}

/* Number of processes that were still there. */
static size_t kill_round(const struct where *ns)
{
	DIR *d = opendir("/proc");
	size_t n = 0;

	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d)) {
		struct where w;
		pid_t pid = (pid_t)strtol(de->d_name, NULL, 10);
		AUTO_CLOSE int pidfd = -1;

		if (pid <= 1 || !namespace_of(de->d_name, &w) || w.dev != ns->dev || w.ino != ns->ino)
			continue;
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0u);
		kill(pid, SIGKILL);
		wait_gone(pidfd, 500);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static void keep(int fd)
{
	struct where ns, mine;
	uint64_t end;
	char bye;

	if (read(fd, &ns, sizeof(ns)) != sizeof(ns) || !namespace_of("self", &mine) || (ns.dev == mine.dev && ns.ino == mine.ino))
		return;
	if (read(fd, &bye, 1) == 1)
		return;                 /* the runner ended as it should */
	end = ui_now_ms() + GIVE_UP_MS;
	while (kill_round(&ns) > 0 && ui_now_ms() < end)
		;
}

/* Its own session, nothing open but the pipe and the journal with its lock. */
static void keeper_main(int fd, int journal)
{
	int null = open("/dev/null", O_RDWR), lock = fcntl(journal, F_DUPFD, 10), in = fcntl(fd, F_DUPFD, 10);

	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	prctl(PR_SET_NAME, "rescue-keeper");
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	dup2(in, 3);
	dup2(lock, 4);
	if (syscall(SYS_close_range, 5u, ~0u, 0u) < 0)
		for (int i = 5; i < 1024; i++)
			close(i);
	if (chdir("/") == 0)
		keep(3);
	_exit(0);
}

/* Forked twice, before we become a subreaper: it is nobody's child, and no step's end finds it. */
int run_keeper_start(struct run *r, struct err *e)
{
	int p[2], status;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(e, "pipe");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(p[1]);
		if (fork() == 0)
			keeper_main(p[0], r->j.fd);
		_exit(0);
	}
	close(p[0]);
	r->keeper = p[1];
	if (pid < 0)
		return err_errno(e, "fork");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* After the namespace was entered. */
int run_keeper_tell(struct run *r, struct err *e)
{
	struct where ns = { 0 };

	if (!namespace_of("self", &ns))
		return err_errno(e, "look at the mount namespace");
	return fs_write_all(r->keeper, &ns, sizeof(ns), e);
}

void run_keeper_stop(struct run *r)
{
	if (r->keeper < 0)
		return;
	(void)fs_write_all(r->keeper, "q", 1, NULL);
	close(take_fd(&r->keeper));
}

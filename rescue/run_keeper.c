/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper outlives a killed runner for a moment: it ends every process that is left in the run's mount namespace (whatever its parent,
 * group or session), and with the last of them the mounts. Until then it holds the journal's lock, so that the next run does not start
 * among the ruins of this one. It stands outside the namespace and does nothing else.
 *
 * It holds the namespace by a descriptor: its number alone would not do, the kernel gives the number of a namespace that has gone to the
 * next one at once, and strangers would be killed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fs.h"
#include "run.h"

#define GIVE_UP_MS 10000

struct where {
	dev_t dev;
	ino_t ino;
};

static bool where_is(int fd, struct where *ret)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	*ret = (struct where){ st.st_dev, st.st_ino };
	return true;
}

static int namespace_of(const char *pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%s/ns/mnt", pid);

	return open(path, O_RDONLY | O_CLOEXEC);
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
		pid_t pid = (pid_t)strtol(de->d_name, NULL, 10);
		AUTO_CLOSE int fd = pid > 1 ? namespace_of(de->d_name) : -1, pidfd = -1;
		struct where w;

		if (!where_is(fd, &w) || w.dev != ns->dev || w.ino != ns->ino)
			continue;
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0u);
		kill(pid, SIGKILL);
		base_close(&fd);
		fd = -1;
		wait_gone(pidfd, 500);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

union control {
	struct cmsghdr h;
	char room[CMSG_SPACE(sizeof(int))];
};

/* A descriptor that was sent with one byte, or -1 at the end. */
static int receive(int sock)
{
	union control c = { .room = { 0 } };
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c) };
	struct cmsghdr *h;
	int fd = -1;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	h = CMSG_FIRSTHDR(&m);
	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}

static int send_fd(int sock, int fd, struct err *e)
{
	union control c = { .room = { 0 } };
	char byte = 'n';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	return sendmsg(sock, &m, MSG_NOSIGNAL) == 1 ? 0 : err_errno(e, "speak to the keeper");
}

static void keep(int sock)
{
	AUTO_CLOSE int ns_fd = receive(sock), own = namespace_of("self");
	struct where ns, mine;
	uint64_t end;
	char bye;

	if (!where_is(ns_fd, &ns) || !where_is(own, &mine) || (ns.dev == mine.dev && ns.ino == mine.ino))
		return;
	if (read(sock, &bye, 1) == 1)
		return;                 /* the runner ended as it should */
	end = ui_now_ms() + GIVE_UP_MS;
	while (kill_round(&ns) > 0 && ui_now_ms() < end)
		;
}

/* Its own session, nothing open but the socket and the journal with its lock. */
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

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0)
		return err_errno(e, "make a socket pair");
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
	AUTO_CLOSE int fd = namespace_of("self");

	if (fd < 0)
		return err_errno(e, "look at the mount namespace");
	return send_fd(r->keeper, fd, e);
}

/* Waits until it let go of the namespace, so that our own end is the end of the mounts. */
void run_keeper_stop(struct run *r)
{
	char byte;

	if (r->keeper < 0)
		return;
	if (send(r->keeper, "q", 1, MSG_NOSIGNAL) == 1)
		while (read(r->keeper, &byte, 1) < 0 && errno == EINTR)
			;
	close(take_fd(&r->keeper));
}

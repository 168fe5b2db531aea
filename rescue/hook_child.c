/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hook_watch.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "child.h"

static void child_signals(const sigset_t *mask)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &dfl, NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
}

/* Nothing of the runner stays open in a step: not the journal's lock, not the terminal, not another pipe. */
static void child_fds(int *sock, int out, bool keep_stdin)
{
	int null = open("/dev/null", O_RDONLY), safe = fcntl(*sock, F_DUPFD, 10), output = fcntl(out, F_DUPFD, 10);

	if (!keep_stdin)
		dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	dup2(safe, 3);
	fcntl(3, F_SETFD, FD_CLOEXEC);
	*sock = 3;
	if (syscall(SYS_close_range, 4u, ~0u, 0u) < 0)
		for (int fd = 4; fd < 1024; fd++)
			close(fd);
}

static void child_main(struct watch *w, int sock, int out, pid_t parent)
{
	struct err e = ERR_INIT;
	struct step_io *io;
	int code;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	child_fds(&sock, out, w->h->keep_stdin);
	child_signals(&w->hs->old_mask);
	child_outlive_term();
	w->h->io.fd = sock;
	io = step_io_new(&w->h->io);
	code = w->h->fn(w->h->arg, io, &e);
	fflush(NULL);
	step_io_result(io, code, &e);
	step_io_free(io);
	_exit(0);
}

int watch_spawn(struct watch *w, struct err *e)
{
	int sv[2] = { -1, -1 }, p[2] = { -1, -1 };
	AUTO_CLOSE int sock = -1;
	AUTO_CLOSE int out = -1;
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, "socketpair");
	w->sock = sv[0];
	sock = sv[1];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(e, "pipe");
	w->out = p[0];
	out = p[1];
	fcntl(w->out, F_SETFL, O_NONBLOCK);
	fflush(NULL);
	w->pid = fork();
	if (w->pid < 0)
		return err_errno(e, "fork");
	if (w->pid == 0)
		child_main(w, sock, out, parent);
	setpgid(w->pid, w->pid);        /* in both, whoever is first */
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0u);
	if (w->pidfd >= 0)
		return watch_add(w->hs->ep, w->pidfd, SRC_CHILD, e);
	return errno == ENOSYS ? 0 : err_errno(e, "pidfd_open");
}

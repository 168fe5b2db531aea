/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "fs.h"

#define SBIN ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
#define GRACE_MS 5000           /* between SIGTERM and SIGKILL */
#define ERR_KEEP 600            /* bytes of standard error that fit into a sentence */

struct run {
	struct child *c;
	pid_t pid;
	int in, out, err, report;       /* our ends of the pipes, -1 when closed; report: errno of a failed exec */
	size_t in_done;
	struct str errors;              /* the end of standard error */
	int exec_errno;
	uint64_t deadline;              /* ms, 0: none */
	bool terminated, timed_out;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static char *search_path(void)
{
	const char *path = getenv("PATH");

	return xasprintf("%s%s", path && *path ? path : "/usr/bin", SBIN);
}

char *child_find(const char *prog)
{
	AUTO_FREE char *path = search_path();
	CLEANUP(strv_free) struct strv dirs = STRV_INIT;

	if (strchr(prog, '/'))
		return access(prog, X_OK) == 0 ? xstrdup(prog) : NULL;
	strv_split(&dirs, path, ":");
	for (size_t i = 0; i < dirs.n; i++) {
		char *full = fs_join(dirs.v[i], prog);

		if (access(full, X_OK) == 0 && !fs_is_dir(full))
			return full;
		free(full);
	}
	return NULL;
}

static void child_end(int report)
{
	int code = errno;

	if (write(report, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

static void child_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Only async-signal-safe calls and execvpe between fork and exec; allocations were made before. */
static void child_exec(const struct child *c, const int fds[3], int report, pid_t parent, char *path)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	child_signals();
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0 && dup2(fds[i], i) < 0)
			child_end(report);
	if (c->root && (chroot(c->root) < 0 || chdir("/") < 0))
		child_end(report);
	if (c->cwd && chdir(c->cwd) < 0)
		child_end(report);
	setenv("PATH", path, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	for (size_t i = 0; c->env && c->env[i]; i++)
		putenv((char *)(uintptr_t)c->env[i]);
	execvp(c->argv[0], (char *const *)(uintptr_t)c->argv);
	child_end(report);
}

static int make_pipe(int p[2], bool wanted, struct err *e)
{
	p[0] = p[1] = -1;
	return !wanted || pipe2(p, O_CLOEXEC) == 0 ? 0 : err_errno(e, "pipe");
}

static void nonblock(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int start_with(struct run *r, int in[2], int out[2], int errs[2], int report[2], struct err *e)
{
	struct child *c = r->c;
	AUTO_FREE char *path = search_path();
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t parent = getpid();
	int fds[3];

	if (null < 0)
		return err_errno(e, "open /dev/null");
	fds[0] = c->stdin_fd > 0 ? c->stdin_fd : in[0] >= 0 ? in[0] : null;
	fds[1] = c->stdout_fd > 0 ? c->stdout_fd : out[1];
	fds[2] = errs[1];
	fflush(NULL);
	r->pid = fork();
	if (r->pid < 0)
		return err_errno(e, "fork");
	if (r->pid == 0)
		child_exec(c, fds, report[1], parent, path);
	r->in = take_fd(&in[1]);
	r->out = take_fd(&out[0]);
	r->err = take_fd(&errs[0]);
	r->report = take_fd(&report[0]);
	return 0;
}

static int start(struct run *r, struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, errs[2] = { -1, -1 }, report[2] = { -1, -1 };
	int rc = make_pipe(in, r->c->input && r->c->stdin_fd <= 0, e);

	if (rc == 0)
		rc = make_pipe(out, r->c->out && r->c->stdout_fd <= 0, e);
	if (rc == 0)
		rc = make_pipe(errs, true, e);
	if (rc == 0)
		rc = make_pipe(report, true, e);
	if (rc == 0)
		rc = start_with(r, in, out, errs, report, e);
	for (int i = 0; i < 2; i++) {
		close_end(&in[i]);
		close_end(&out[i]);
		close_end(&errs[i]);
		close_end(&report[i]);
	}
	nonblock(r->in);
	nonblock(r->out);
	nonblock(r->err);
	return rc;
}

static void feed(struct run *r)
{
	ssize_t n = write(r->in, r->c->input + r->in_done, r->c->input_len - r->in_done);

	if (n > 0)
		r->in_done += (size_t)n;
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || r->in_done == r->c->input_len)
		close_end(&r->in);
}

static ssize_t take(int *fd, char *buf, size_t n)
{
	ssize_t got = read(*fd, buf, n);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		close_end(fd);
	return got;
}

static void take_out(struct run *r)
{
	size_t max = r->c->out_max ? r->c->out_max : 16 * MIB;
	char buf[65536];
	ssize_t n = take(&r->out, buf, sizeof(buf));

	if (n > 0 && r->c->out->len < max)
		str_addn(r->c->out, buf, (size_t)n < max - r->c->out->len ? (size_t)n : max - r->c->out->len);
}

static void take_err(struct run *r)
{
	char buf[4096];
	ssize_t n = take(&r->err, buf, sizeof(buf));

	if (n <= 0)
		return;
	if (!r->c->quiet_stderr)
		(void)fs_write_all(STDERR_FILENO, buf, (size_t)n, NULL);
	str_addn(&r->errors, buf, (size_t)n);
	if (r->errors.len > 2 * ERR_KEEP) {
		memmove(r->errors.s, r->errors.s + r->errors.len - ERR_KEEP, ERR_KEEP);
		r->errors.len = ERR_KEEP;
		r->errors.s[ERR_KEEP] = '\0';
	}
}

static void take_report(struct run *r)
{
	ssize_t n = read(r->report, &r->exec_errno, sizeof(r->exec_errno));

	if (n < 0 && errno == EINTR)
		return;
	if (n != sizeof(r->exec_errno))
		r->exec_errno = 0;
	close_end(&r->report);
}

static void expire(struct run *r)
{
	kill(r->pid, r->terminated ? SIGKILL : SIGTERM);
	r->deadline = now_ms() + GRACE_MS;
	r->terminated = true;
	r->timed_out = true;
}

static int wait_ms(const struct run *r, bool ended)
{
	uint64_t now = now_ms();
	int ms = r->deadline == 0 ? -1 : r->deadline <= now ? 0 : (int)(r->deadline - now < INT_MAX ? r->deadline - now : INT_MAX);

	if (ended)
		return 0;
	return ms < 0 || ms > 50 ? 50 : ms;
}

/* Nothing can come or go any more, so that waiting for the end alone is enough. */
static bool quiet(const struct run *r)
{
	return r->in < 0 && r->out < 0 && r->err < 0 && !r->deadline;
}

/*
 * Moves bytes until the program has ended and what it wrote is read. A grandchild that keeps the pipes open does not hold us:
 * after the end only what is there at once is taken.
 */
static int pump(struct run *r, int *ret_status)
{
	bool ended = false;

	for (;;) {
		struct pollfd p[4] = {
			{ .fd = r->in, .events = POLLOUT }, { .fd = r->out, .events = POLLIN },
			{ .fd = r->err, .events = POLLIN }, { .fd = r->report, .events = POLLIN },
		};
		int n = poll(p, 4, wait_ms(r, ended));

		if (p[0].revents)
			feed(r);
		if (p[1].revents)
			take_out(r);
		if (p[2].revents)
			take_err(r);
		if (p[3].revents)
			take_report(r);
		if (ended && (n <= 0 || (r->out < 0 && r->err < 0)))
			return 0;
		if (!ended && waitpid(r->pid, ret_status, quiet(r) ? 0 : WNOHANG) == r->pid)
			ended = true;
		if (!ended && r->deadline && now_ms() >= r->deadline)
			expire(r);
	}
}

/* The last line of standard error that says something. */
static const char *last_words(struct run *r)
{
	char *text = str_trim((char *)(uintptr_t)str_cstr(&r->errors)), *line;

	if (strlen(text) > ERR_KEEP)
		text += strlen(text) - ERR_KEEP;
	line = strrchr(text, '\n');
	return line ? str_trim(line + 1) : text;
}

static int judge(struct run *r, int status, struct err *e)
{
	const char *prog = r->c->argv[0], *words = last_words(r), *sep = *words ? ": " : "";

	if (r->exec_errno)
		return err_code(e, -r->exec_errno, "start '%s'", prog);
	r->c->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	r->c->term_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (r->timed_out)
		return err_set(e, -ETIMEDOUT, "%s: stopped after %llu s without an end%s%s", prog,
			       (unsigned long long)r->c->timeout_s, sep, words);
	if (WIFSIGNALED(status))
		return err_set(e, -EINTR, "%s: ended by signal %d (%s)%s%s", prog, WTERMSIG(status), strsignal(WTERMSIG(status)), sep, words);
	if (WEXITSTATUS(status) != 0)
		return err_set(e, -EIO, "%s: exit code %d%s%s", prog, WEXITSTATUS(status), sep, words);
	return 0;
}

static bool outlive_term;

void child_outlive_term(void)
{
	outlive_term = true;
}

/* A step that never asks step_cancelled() would be gone at once, and the program's own clean-up with it. Whoever has a handler needs no help. */
static void hold_term(sigset_t *old)
{
	struct sigaction now;
	sigset_t set;

	sigemptyset(&set);
	if (outlive_term && sigaction(SIGTERM, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, old);
}

int child_run(struct child *c, struct err *e)
{
	struct run r = { .c = c, .in = -1, .out = -1, .err = -1, .report = -1, .errors = STR_INIT };
	struct sigaction ign = { .sa_handler = SIG_IGN }, old;
	int status = 0, rc;
	sigset_t mask;

	c->exit_code = -1;
	c->term_signal = 0;
	sigaction(SIGPIPE, &ign, &old);
	hold_term(&mask);
	rc = start(&r, e);
	if (rc == 0) {
		r.deadline = c->timeout_s ? now_ms() + c->timeout_s * 1000 : 0;
		pump(&r, &status);
		if (r.report >= 0)
			take_report(&r);
		rc = judge(&r, status, e);
	}
	close_end(&r.in);
	close_end(&r.out);
	close_end(&r.err);
	close_end(&r.report);
	str_free(&r.errors);
	sigaction(SIGPIPE, &old, NULL);
	return rc;
}

int child_runl(struct err *e, const char *prog, ...)
{
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	struct child c = { 0 };
	const char *arg;
	va_list ap;

	strv_add(&argv, prog);
	va_start(ap, prog);
	while ((arg = va_arg(ap, const char *)))
		strv_add(&argv, arg);
	va_end(ap);
	c.argv = (const char *const *)argv.v;
	return child_run(&c, e);
}

int child_output(const char *const *argv, char **ret, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct child c = { .argv = argv, .out = &out, .quiet_stderr = true };
	int r = child_run(&c, e);

	if (r < 0)
		return r;
	while (out.len && out.s[out.len - 1] == '\n')
		out.s[--out.len] = '\0';
	*ret = str_take(&out);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hook_watch.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define TICK_MS 100
#define GRACE_MS 30000          /* between SIGTERM and SIGKILL: time to sync and mark */
#define GIVE_UP_MS 5000         /* after SIGKILL */

/* ---- the loop's descriptors ---- */

int watch_add(int ep, int fd, enum source src, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = src };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0 ? err_errno(e, "epoll_ctl") : 0;
}

static int open_signals(struct hooks *hs)
{
	static const int list[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		sigaddset(&set, list[i]);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, &hs->old_mask) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int hooks_open(struct hooks *hs, struct ui *ui, struct err *e)
{
	struct itimerspec tick = { .it_interval.tv_nsec = TICK_MS * 1000000, .it_value.tv_nsec = TICK_MS * 1000000 };
	int r;

	*hs = (struct hooks){ .ui = ui, .ep = epoll_create1(EPOLL_CLOEXEC), .sig = open_signals(hs), .old_mask = hs->old_mask };
	hs->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (hs->ep < 0 || hs->sig < 0 || hs->timer < 0 || timerfd_settime(hs->timer, 0, &tick, NULL) < 0)
		return err_errno(e, "set up the event loop");
	r = watch_add(hs->ep, hs->sig, SRC_SIGNAL, e);
	return r < 0 ? r : watch_add(hs->ep, hs->timer, SRC_TIMER, e);
}

void hooks_adopt(void)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void hooks_close(struct hooks *hs)
{
	close(hs->timer);
	close(hs->sig);
	close(hs->ep);
	sigprocmask(SIG_SETMASK, &hs->old_mask, NULL);
}

static void stop(struct watch *w, int why, uint64_t now)
{
	if (w->stopped || w->ended)
		return;
	w->why = why;
	w->stopped = now;
	kill(-w->pid, SIGTERM);
}

void watch_kill(struct watch *w, uint64_t now)
{
	if (w->killed || w->ended)
		return;
	w->killed = now;
	kill(-w->pid, SIGKILL);
	kill(w->pid, SIGKILL);
}

/* Ours is one of the dead; the others are orphans that came to us. */
static void reap(struct watch *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != w->pid)
			continue;
		w->status = status;
		w->ended = true;
	}
}

/* ---- what arrives ---- */

/* Output first goes into a buffer of ours: the pipe is emptied whatever the disk below the log does next. */
static void on_output(struct watch *w, bool all)
{
	char buf[65536];

	for (int i = 0; w->out >= 0 && (all || i < 16); i++) {
		ssize_t n = read(w->out, buf, sizeof(buf));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			close(take_fd(&w->out));
			return;
		}
		hook_log_write(&w->log, buf, (size_t)n);
		w->alive = ui_now_ms();
		w->stalls = 0;
	}
}

/* ---- time ---- */

static void report_stall(struct watch *w, uint64_t quiet)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	proc_describe(w->pid, &s);
	hook_log_line(&w->log, "==== no progress for %llu s:\n%s====", (unsigned long long)quiet, str_cstr(&s));
	ui_event(w->hs->ui, UI_WARN, "stall", w->h->step, w->h->place, "no progress for %llu s; what its threads do is in %s, %s",
		 (unsigned long long)quiet, w->h->log_path, w->h->stall_cancel ? "stopping it" : "waiting on");
}

/* Reported after `stall` seconds, then after twice as long, and so on: a night's log stays readable. */
static void check_stall(struct watch *w, uint64_t now)
{
	uint64_t quiet = (now - w->alive) / 1000;

	if (!w->h->stall_s || w->asking || w->stopped || quiet < w->h->stall_s << (w->stalls < 20 ? w->stalls : 20))
		return;
	w->stalls++;
	report_stall(w, quiet);
	if (!w->h->stall_cancel)
		return;
	snprintf(w->why_text, sizeof(w->why_text), "no progress for %llu s", (unsigned long long)quiet);
	stop(w, -ETIMEDOUT, now);
}

static void check_end(struct watch *w, uint64_t now)
{
	if (w->stopped && !w->killed && now - w->stopped >= GRACE_MS)
		watch_kill(w, now);
	if (w->killed && !w->ended && now - w->killed >= GIVE_UP_MS)
		w->given_up = true;
}

static void on_tick(struct watch *w)
{
	uint64_t ticks, now = ui_now_ms();

	if (read(w->hs->timer, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
		return;
	(void)ui_drain();
	if (!w->asking)
		ui_progress_show(w->hs->ui, &w->progress, w->h->step, w->h->place, now);
	check_stall(w, now);
	if (w->h->timeout_s && now - w->started >= w->h->timeout_s * 1000 && !w->stopped) {
		snprintf(w->why_text, sizeof(w->why_text), "took longer than %llu s", (unsigned long long)w->h->timeout_s);
		stop(w, -ETIMEDOUT, now);
	}
	check_end(w, now);
}

/* ---- signals ---- */

static void read_signals(struct hooks *hs)
{
	struct signalfd_siginfo si;

	while (read(hs->sig, &si, sizeof(si)) == sizeof(si))
		if (si.ssi_signo != SIGCHLD)
			hs->cancel++;
}

bool hooks_cancelled(struct hooks *hs)
{
	read_signals(hs);
	return hs->cancel > 0;
}

static void on_signals(struct watch *w)
{
	int before = w->hs->cancel;
	uint64_t now = ui_now_ms();

	read_signals(w->hs);
	if (w->hs->cancel == before)
		return;
	if (w->hs->cancel == 1)
		ui_event(w->hs->ui, UI_STEP, "cancel", w->h->step, w->h->place, "stopping where it can be resumed (once more: kill)");
	stop(w, -ECANCELED, now);
	if (w->hs->cancel > 1)
		watch_kill(w, now);
}

/* ---- one hook ---- */

static void dispatch(struct watch *w, const struct epoll_event *ev)
{
	switch ((enum source)ev->data.u32) {
	case SRC_SIGNAL:
		on_signals(w);
		break;
	case SRC_TIMER:
		on_tick(w);
		break;
	case SRC_CHILD:
		break;
	case SRC_MESSAGE:
		watch_messages(w, false);
		break;
	case SRC_OUTPUT:
		on_output(w, false);
		break;
	case SRC_TERMINAL:
		watch_terminal(w);
		break;
	}
}

static int loop(struct watch *w, struct err *e)
{
	int r = watch_add(w->hs->ep, w->sock, SRC_MESSAGE, e);

	if (r == 0)
		r = watch_add(w->hs->ep, w->out, SRC_OUTPUT, e);
	while (r == 0 && !w->ended && !w->given_up) {
		struct epoll_event ev[8];
		int n = epoll_wait(w->hs->ep, ev, ARRAY_SIZE(ev), 1000);

		if (n < 0 && errno != EINTR)
			r = err_errno(e, "epoll_wait");
		for (int i = 0; i < n; i++)
			dispatch(w, &ev[i]);
		reap(w);
	}
	return r;
}

static void report_rest(struct watch *w, size_t n)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	if (!n)
		return;
	proc_describe(getpid(), &s);
	hook_log_line(&w->log, "==== left behind, and SIGKILL does not end it:\n%s====", str_cstr(&s));
	ui_event(w->hs->ui, UI_WARN, "stuck", w->h->step, w->h->place,
		 "%zu of its processes do not react to SIGKILL: stuck in the kernel, they may still write when it lets go (where: %s), going on", n,
		 w->h->log_path);
}

/* The child is gone (or given up): what it left goes too, then what it said last is taken in. */
static void finish(struct watch *w)
{
	kill(-w->pid, SIGKILL);
	if (!w->given_up)
		report_rest(w, proc_kill_rest(GIVE_UP_MS));
	watch_messages(w, true);
	on_output(w, true);
	if (w->asking)
		epoll_ctl(w->hs->ep, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	ui_progress_end(w->hs->ui);
	if (w->pidfd >= 0)
		close(w->pidfd);
	if (w->sock >= 0)
		close(w->sock);
	if (w->out >= 0)
		close(w->out);
}

static int outcome(struct watch *w, struct err *e)
{
	w->h->ended_by_us = w->stopped != 0 && (!w->result || w->code < 0);
	if (w->given_up)
		return err_set(e, -EIO, "does not react to SIGKILL: it is stuck in the kernel, see %s", w->h->log_path);
	if (w->h->ended_by_us && w->why == -ECANCELED)
		return err_set(e, -ECANCELED, "cancelled");
	if (w->h->ended_by_us)
		return err_set(e, w->why, "%s", w->why_text);
	if (w->result) {
		err_set(e, w->code, "%s", w->err.msg);
		return w->code;
	}
	if (WIFSIGNALED(w->status))
		return err_set(e, -EIO, "the step's process was ended by signal %d (%s)", WTERMSIG(w->status), strsignal(WTERMSIG(w->status)));
	return err_set(e, -EIO, "the step's process ended with exit code %d and no result", WEXITSTATUS(w->status));
}

int hook_run(struct hooks *hs, struct hook *h, struct err *e)
{
	struct watch w = { .hs = hs, .h = h, .pidfd = -1, .sock = -1, .out = -1, .started = ui_now_ms() };
	int r;

	w.log = (struct hook_log){ .fd = -1, .path = h->log_path, .head = h->name };
	w.alive = w.progress.started_ms = w.started;
	h->ended_by_us = false;
	r = watch_spawn(&w, e);
	if (r == 0)
		r = loop(&w, e);
	if (w.pid <= 0) {
		if (w.sock >= 0)
			close(w.sock);
		if (w.out >= 0)
			close(w.out);
		return r;
	}
	if (r < 0) {
		watch_kill(&w, ui_now_ms());
		waitpid(w.pid, &w.status, 0);
		w.ended = true;
	}
	if (w.given_up)
		report_stall(&w, (ui_now_ms() - w.alive) / 1000);
	finish(&w);
	if (r == 0)
		r = outcome(&w, e);
	if (r < 0)
		hook_log_line(&w.log, "%s: failed: %s", h->name, e->msg);
	hook_log_close(&w.log);
	return r;
}

/* ---- a line from a person ---- */

int hooks_read_line(struct hooks *hs, char **ret, struct err *e)
{
	char buf[1024];
	ssize_t n = -1;

	if (hs->ui->json || !isatty(STDIN_FILENO))
		return err_set(e, -EAGAIN, "nobody can be asked");
	if (watch_add(hs->ep, STDIN_FILENO, SRC_TERMINAL, e) < 0)
		return e->code;
	while (n < 0 && !hooks_cancelled(hs)) {
		struct epoll_event ev;
		uint64_t ticks;

		if (epoll_wait(hs->ep, &ev, 1, 1000) != 1)
			continue;
		if (ev.data.u32 == SRC_TERMINAL)
			n = read(STDIN_FILENO, buf, sizeof(buf) - 1);
		else if (ev.data.u32 == SRC_TIMER && read(hs->timer, &ticks, sizeof(ticks)) < 0)
			continue;
	}
	epoll_ctl(hs->ep, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	if (n < 0)
		return err_set(e, -ECANCELED, "cancelled");
	buf[n] = '\0';
	*ret = xstrdup(str_trim(buf));
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "step_io.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "fault.h"
#include "fs.h"

#define PROGRESS_MS 100

struct step_io {
	int fd;                         /* -1: a unit test's, everything stays in memory */
	pthread_mutex_t lock;           /* one question at a time, from whatever thread */
	struct strv facts;
	char *last_mark;
	bool resume, dir_made;
	char *dir, *runtime_dir;
	struct step_io_device *devices;
	size_t n_devices;
	uint64_t sent_ms;
	bool unsent;                    /* progress that came too soon after the last one */
	struct step_progress progress;
	struct str log;                 /* unit tests */
	int answer;
};

struct step_io *step_io_new(const struct step_io_init *init)
{
	struct step_io *io = xcalloc(1, sizeof(*io));

	io->fd = init->fd;
	pthread_mutex_init(&io->lock, NULL);
	for (size_t i = 0; init->facts && init->facts[i]; i++)
		strv_add(&io->facts, init->facts[i]);
	io->last_mark = init->last_mark ? xstrdup(init->last_mark) : NULL;
	io->resume = init->resume;
	io->dir = xstrdup(init->dir);
	io->runtime_dir = xstrdup(init->runtime_dir);
	io->devices = xcalloc(init->n_devices, sizeof(*io->devices));
	io->n_devices = init->n_devices;
	for (size_t i = 0; i < init->n_devices; i++) {
		io->devices[i] = init->devices[i];
		io->devices[i].name = xstrdup(init->devices[i].name);
		io->devices[i].identity = xstrdup(init->devices[i].identity);
	}
	return io;
}

struct step_io *step_io_new_test(const char *dir)
{
	struct step_io *io = step_io_new(&(struct step_io_init){ .fd = -1, .dir = dir, .runtime_dir = dir });

	io->answer = -EAGAIN;
	return io;
}

void step_io_free(struct step_io *io)
{
	if (!io)
		return;
	if (io->fd >= 0)
		close(io->fd);
	pthread_mutex_destroy(&io->lock);
	strv_free(&io->facts);
	str_free(&io->log);
	for (size_t i = 0; i < io->n_devices; i++) {
		free(io->devices[i].name);
		free(io->devices[i].identity);
	}
	free(io->devices);
	free(io->last_mark);
	free(io->dir);
	free(io->runtime_dir);
	free(io);
}

/* ---- asking the runner ---- */

/* Sends and waits for the answer. The code of the answer, its sentence in e. */
static int ask(struct step_io *io, enum step_msg_type type, const char *text, struct err *e)
{
	struct step_msg m;
	int r;

	pthread_mutex_lock(&io->lock);
	r = step_msg_send(io->fd, type, 0, NULL, text, 0);
	if (r == 0)
		r = step_msg_recv(io->fd, &m, 0);
	pthread_mutex_unlock(&io->lock);
	if (r < 0)
		return err_code(e, r, "ask the runner");
	if (r == 0 || m.type != STEP_MSG_ACK)
		return err_set(e, -EPIPE, "ask the runner: it is gone");
	return m.code < 0 ? err_set(e, m.code, "%s", m.text) : m.code;
}

static int check_line(const char *what, const char *text, struct err *e)
{
	if (strchr(text, '\n'))
		return err_set(e, -EINVAL, "%s: must be one line", what);
	if (strlen(text) > STEP_MSG_TEXT / 2)
		return err_set(e, -EMSGSIZE, "%s: longer than %d bytes", what, STEP_MSG_TEXT / 2);
	return 0;
}

/* ---- facts and marks ---- */

const char *step_fact(struct step_io *io, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = io->facts.n; i-- > 0;)
		if (strncmp(io->facts.v[i], key, n) == 0 && io->facts.v[i][n] == '=')
			return io->facts.v[i] + n + 1;
	return NULL;
}

int step_fact_set(struct step_io *io, const char *key, const char *value, struct err *e)
{
	AUTO_FREE char *pair = xasprintf("%s=%s", key, value);
	int r = 0;

	if (!*key || key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_")])
		return err_set(e, -EINVAL, "fact '%s': a key is made of a-z, 0-9 and _", key);
	if (check_line("fact", pair, e) < 0)
		return -EINVAL;
	if (io->fd >= 0)
		r = ask(io, STEP_MSG_FACT, pair, e);
	if (r < 0)
		return r;
	strv_add(&io->facts, pair);
	return 0;
}

int step_mark(struct step_io *io, const char *text, struct err *e)
{
	int r = check_line("mark", text, e);

	fault_point("step.mark.before");
	if (r == 0 && io->fd >= 0)
		r = ask(io, STEP_MSG_MARK, text, e);
	if (r < 0)
		return r;
	fault_point("step.mark.after");
	free(io->last_mark);
	io->last_mark = xstrdup(text);
	return 0;
}

const char *step_last_mark(struct step_io *io)
{
	return io->last_mark;
}

bool step_is_resume(struct step_io *io)
{
	return io->resume;
}

/* ---- progress ---- */

static uint64_t coarse_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void send_progress(struct step_io *io, int flags)
{
	const struct step_progress *p = &io->progress;
	uint64_t v[5] = { p->bytes, p->bytes_total, p->items, p->items_total, p->errors };

	io->unsent = step_msg_send(io->fd, STEP_MSG_PROGRESS, 0, v, p->current, MSG_DONTWAIT | flags) < 0;
}

void step_progress(struct step_io *io, const struct step_progress *p)
{
	uint64_t now;

	if (io->fd < 0 || pthread_mutex_trylock(&io->lock) != 0)
		return;
	now = coarse_ms();
	io->progress = *p;
	io->unsent = true;
	if (now - io->sent_ms >= PROGRESS_MS) {
		io->sent_ms = now;
		send_progress(io, 0);
	}
	io->progress.current = NULL;    /* the caller's memory */
	pthread_mutex_unlock(&io->lock);
}

void step_io_result(struct step_io *io, int code, const struct err *e)
{
	if (io->fd < 0)
		return;
	if (io->unsent)
		send_progress(io, 0);
	(void)step_msg_send(io->fd, STEP_MSG_RESULT, code, NULL, e->msg, 0);
}

/* ---- words ---- */

static void say(struct step_io *io, enum step_msg_type type, const char *what, const char *fmt, va_list ap)
{
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (io->fd < 0)
		str_addf(&io->log, "%s: %s\n", what, text);
	else if (type == STEP_MSG_DEGRADED)
		(void)ask(io, type, text, NULL);
	else
		(void)step_msg_send(io->fd, type, 0, NULL, text, 0);
}

void step_note(struct step_io *io, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(io, STEP_MSG_NOTE, "note", fmt, ap);
	va_end(ap);
}

void step_warn(struct step_io *io, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(io, STEP_MSG_WARN, "warning", fmt, ap);
	va_end(ap);
}

void step_degraded(struct step_io *io, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(io, STEP_MSG_DEGRADED, "degraded", fmt, ap);
	va_end(ap);
}

int step_ask(struct step_io *io, const char *question, struct err *e)
{
	return io->fd < 0 ? io->answer : ask(io, STEP_MSG_ASK, question, e);
}

/* ---- places ---- */

const char *step_dir(struct step_io *io, struct err *e)
{
	if (!io->dir_made) {
		if (fs_mkdir_p(io->dir, 0700, e) < 0 || fs_sync_parent(io->dir, e) < 0)
			return NULL;
		io->dir_made = true;
	}
	return io->dir;
}

const char *step_runtime_dir(struct step_io *io)
{
	return io->runtime_dir;
}

const char *step_identity(struct step_io *io, const char *device_name)
{
	for (size_t i = 0; device_name && i < io->n_devices; i++)
		if (str_eq(io->devices[i].name, device_name))
			return io->devices[i].identity;
	return device_name ? device_name : "?";
}

bool step_may_erase(struct step_io *io, const char *device_path)
{
	struct stat st;

	if (io->fd < 0)
		return true;
	if (stat(device_path, &st) < 0 || !S_ISBLK(st.st_mode))
		return false;
	for (size_t i = 0; i < io->n_devices; i++)
		if (io->devices[i].rdev == st.st_rdev)
			return io->devices[i].may_erase;
	return false;
}

/* ---- cancel ---- */

static volatile sig_atomic_t cancelled;

static void on_term(int sig)
{
	(void)sig;
	cancelled = 1;
}

/* The handler comes with the first question: a step that never asks keeps the default and is simply ended. */
bool step_cancelled(struct step_io *io)
{
	static volatile sig_atomic_t installed;

	if (!installed && io->fd >= 0) {
		struct sigaction sa = { .sa_handler = on_term, .sa_flags = SA_RESTART };

		sigaction(SIGTERM, &sa, NULL);
		installed = 1;
	}
	return cancelled != 0;
}

/* ---- unit tests ---- */

const char *step_io_test_log(struct step_io *io)
{
	return str_cstr(&io->log);
}

void step_io_test_resume(struct step_io *io, const char *last_mark)
{
	free(io->last_mark);
	io->last_mark = last_mark ? xstrdup(last_mark) : NULL;
	io->resume = true;
}

void step_io_test_answer(struct step_io *io, int answer)
{
	io->answer = answer;
}

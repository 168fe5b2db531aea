/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ui.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#define KEEP (1 * MIB)          /* of output that a terminal that stands still (Ctrl-S, a stuck serial line) does not take */
#define LAST_MS 60000           /* what a terminal is waited for at the end: nobody may be there; a pipe has a reader */

struct out {
	int fd;                         /* what it is called by: 1 or 2 */
	int own;                        /* the same terminal or pipe opened once more, not blocking; -1: written to with patience */
	bool opened;
	struct str waiting;
	uint64_t lost;                  /* messages that found it full */
};

static struct out outs[] = { { .fd = STDOUT_FILENO, .own = -1 }, { .fd = STDERR_FILENO, .own = -1 } };

/* A description of our own: O_NONBLOCK on the one that we were given would hit everybody who shares it. A file would begin at its start again. */
static void open_own(struct out *o)
{
	char path[32];
	struct stat st;

	o->opened = true;
	if (fstat(o->fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || isatty(o->fd)))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", o->fd);
	o->own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/* Writes what goes now. Whoever is gone (EPIPE, EIO) gets nothing more. */
static void drain(struct out *o)
{
	size_t at = 0;

	while (at < o->waiting.len) {
		ssize_t n = write(o->own >= 0 ? o->own : o->fd, o->waiting.s + at, o->waiting.len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		at = n < 0 ? o->waiting.len : at + (size_t)n;
	}
	memmove(o->waiting.s, o->waiting.s + at, o->waiting.len - at);
	o->waiting.len -= at;
	if (o->waiting.len || !o->lost)
		return;
	str_addf(&o->waiting, "(%llu messages were not shown while the terminal stood still; 'rescue log' has what the steps said)\n",
		 (unsigned long long)o->lost);
	o->lost = 0;
}

void ui_put(int fd, const char *text)
{
	struct out *o = &outs[fd == STDERR_FILENO];

	fflush(fd == STDERR_FILENO ? stderr : stdout);
	if (!o->opened)
		open_own(o);
	if (o->waiting.len > KEEP)
		o->lost++;
	else
		str_add(&o->waiting, text);
	if (o->waiting.len)
		drain(o);
}

bool ui_drain(void)
{
	bool waiting = false;

	for (size_t i = 0; i < ARRAY_SIZE(outs); i++) {
		if (outs[i].waiting.len)
			drain(&outs[i]);
		waiting = waiting || outs[i].waiting.len;
	}
	return waiting;
}

static void flush_one(struct out *o)
{
	uint64_t end = ui_now_ms() + LAST_MS;
	struct pollfd p = { .fd = o->own, .events = POLLOUT };

	while (o->waiting.len && !(isatty(o->fd) && ui_now_ms() > end)) {
		if (p.fd >= 0)
			(void)poll(&p, 1, 1000);
		drain(o);
	}
}

void ui_flush(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(outs); i++)
		flush_one(&outs[i]);
}

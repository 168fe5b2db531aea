/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdarg.h>
#include <time.h>

#include "fs.h"
#include "hook.h"

static bool put(struct hook_log *l, const void *data, size_t n)
{
	if (fs_write_all(l->fd, data, n, NULL) < 0)
		return false;
	l->size += n;
	return true;
}

/* Opened by the first line, so that a quiet preflight leaves no file. */
static bool ready(struct hook_log *l)
{
	char when[32];
	time_t now = time(NULL);
	struct tm tm;
	struct stat st;

	if (l->fd != -1 || !l->path)
		return l->fd >= 0;
	l->fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->fd < 0) {
		l->fd = -2;
		return false;
	}
	l->size = fstat(l->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	hook_log_line(l, "==== %s %s", when, l->head);
	return true;
}

/* A full disk or a talkative step loses log lines, never the run. */
void hook_log_write(struct hook_log *l, const void *data, size_t n)
{
	static const char cut[] = "\n==== the log is full: the rest is dropped\n";

	if (l->full || !n || !ready(l))
		return;
	if (l->size + n <= LOG_MAX && put(l, data, n))
		return;
	l->full = true;
	(void)put(l, cut, sizeof(cut) - 1);
}

void hook_log_line(struct hook_log *l, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL, *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	line = xasprintf("%s\n", text ? text : fmt);
	hook_log_write(l, line, strlen(line));
}

void hook_log_close(struct hook_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

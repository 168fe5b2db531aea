/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sentences to every console that console= named, to the kernel log, and to a file. */
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <termios.h>

#include "fs.h"
#include "init.h"

#define KEEP (256 * KIB)        /* what was said before there was a file */

static struct strv consoles;
static struct str early;
static int log_fd = -1;

/* "tty0" is whichever virtual console is in front: people log in on tty1. */
static bool add_console(const char *name)
{
	AUTO_FREE char *path = str_eq(name, "tty0") ? xstrdup("/dev/tty1") : xasprintf("/dev/%s", name);

	if (strv_has(&consoles, path) || !fs_exists(path))
		return false;
	strv_add(&consoles, path);
	return true;
}

/* Nodes of serial lines are there without the hardware, too. */
static bool is_there(const char *name)
{
	AUTO_FREE char *at = xasprintf("/sys/class/tty/%s/type", name), *type = fs_read_word(at);

	return !strchr(name, '/') && !str_eq(name, "null") && !str_eq(name, "ttynull") && !(type && str_eq(type, "0"));
}

/* "115200n8": the kernel sets up one serial console only, the others are ours. */
static void set_speed(const char *name, const char *options)
{
	AUTO_FREE char *path = xasprintf("/dev/%s", name);
	AUTO_CLOSE int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	unsigned long speed = strtoul(options, NULL, 10);
	struct termios t;

	if (fd >= 0 && speed && tcgetattr(fd, &t) == 0 && cfsetspeed(&t, (speed_t)speed) == 0)
		tcsetattr(fd, TCSANOW, &t);
}

/* The kernel itself writes to one console of each kind; console= may name more. */
static void add_named(void)
{
	AUTO_FREE char *line = fs_read_word("/proc/cmdline");
	CLEANUP(strv_free) struct strv words = STRV_INIT;

	strv_split(&words, line ? line : "", " ");
	for (size_t i = 0; i < words.n; i++) {
		char *name = words.v[i] + strlen("console="), *options;

		if (!str_starts(words.v[i], "console="))
			continue;
		options = name + strcspn(name, ",");
		if (*options)
			*options++ = 0;
		if (is_there(name) && add_console(name))
			set_speed(name, options);
	}
}

void say_open(void)
{
	AUTO_FREE char *active = fs_read_word("/sys/class/tty/console/active");
	CLEANUP(strv_free) struct strv names = STRV_INIT;

	strv_split(&names, active ? active : "", " ");
	for (size_t i = 0; i < names.n; i++)
		add_console(names.v[i]);
	add_named();
}

const struct strv *say_consoles(void)
{
	if (!consoles.n)
		strv_add(&consoles, "/dev/console");
	return &consoles;
}

/* A console that takes nothing for a second is left alone: a serial line without a reader must not stop a recovery. */
static void put(const char *path, const char *text, size_t n)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (fd >= 0 && n) {
		ssize_t w = write(fd, text, n);

		if (w > 0) {
			text += w;
			n -= (size_t)w;
		} else if (w < 0 && errno != EAGAIN && errno != EINTR) {
			return;
		} else if (poll(&p, 1, 1000) <= 0) {
			return;
		}
	}
}

static void to_file(const char *text, size_t n)
{
	if (log_fd >= 0)
		(void)!write(log_fd, text, n);
	else if (early.len + n < KEEP)
		str_addn(&early, text, n);
}

static void to_kernel_log(const char *text)
{
	AUTO_CLOSE int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	AUTO_FREE char *line = xasprintf("<6>rescue: %s", text);

	if (fd >= 0)
		(void)!write(fd, line, strlen(line));
}

void say(const char *fmt, ...)
{
	AUTO_FREE char *text = NULL, *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return;
	line = xasprintf("rescue: %s\r\n", text);
	if (!consoles.n)
		put("/dev/console", line, strlen(line));
	for (size_t i = 0; i < consoles.n; i++)
		put(consoles.v[i], line, strlen(line));
	line[strlen(line) - 2] = '\n';
	to_file(line, strlen(line) - 1);
	to_kernel_log(text);
}

void say_lines(const char *text, size_t n)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n')
			str_addc(&s, '\r');
		str_addc(&s, text[i]);
	}
	for (size_t i = 0; i < consoles.n; i++)
		put(consoles.v[i], str_cstr(&s), s.len);
	to_file(text, n);
}

void say_to_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0) {
		say("open '%s': %s: the log of this boot is kept in memory only", path, strerror(errno));
		return;
	}
	if (early.len)
		(void)!write(fd, early.s, early.len);
	str_free(&early);
	if (log_fd >= 0)
		close(log_fd);
	log_fd = fd;
}

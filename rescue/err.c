/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "err.h"

#include <stdarg.h>

static void cut(struct err *e, int n)
{
	if (n >= (int)sizeof(e->msg))
		memcpy(e->msg + sizeof(e->msg) - 4, "...", 4);
}

static int set_v(struct err *e, int code, const char *why, const char *fmt, va_list ap)
{
	int n, m = 0;

	if (!e)
		return code;
	e->code = code;
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	if (why && n >= 0 && n < (int)sizeof(e->msg))
		m = snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s", why);
	cut(e, n + m);
	return code;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_v(e, code, NULL, fmt, ap);
	va_end(ap);
	return code;
}

int err_errno(struct err *e, const char *fmt, ...)
{
	int code = errno ? -errno : -EIO;
	va_list ap;

	va_start(ap, fmt);
	set_v(e, code, strerror(-code), fmt, ap);
	va_end(ap);
	return code;
}

int err_code(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_v(e, code, strerror(-code), fmt, ap);
	va_end(ap);
	return code;
}

int err_wrap(struct err *e, int code, const char *fmt, ...)
{
	char old[sizeof(e->msg)];
	va_list ap;
	int n;

	if (!e)
		return code;
	memcpy(old, e->msg, sizeof(old));
	e->code = code;
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && n < (int)sizeof(e->msg))
		n += snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s", old);
	cut(e, n);
	return code;
}

void err_clear(struct err *e)
{
	if (!e)
		return;
	e->code = 0;
	e->msg[0] = '\0';
}

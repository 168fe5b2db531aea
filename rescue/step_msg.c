/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/socket.h>

#include "step_io.h"

#define HEAD offsetof(struct step_msg, text)

int step_msg_send(int fd, enum step_msg_type type, int code, const uint64_t v[5], const char *text, int flags)
{
	struct step_msg m;
	size_t n = text ? strnlen(text, sizeof(m.text) - 1) : 0;
	ssize_t done;

	memset(&m, 0, HEAD);
	m.type = type;
	m.code = code;
	if (v)
		memcpy(m.v, v, sizeof(m.v));
	if (n)
		memcpy(m.text, text, n);
	m.text[n] = '\0';
	do
		done = send(fd, &m, HEAD + n + 1, MSG_NOSIGNAL | flags);
	while (done < 0 && errno == EINTR);
	return done < 0 ? -errno : 0;
}

int step_msg_recv(int fd, struct step_msg *m, int flags)
{
	ssize_t n;

	do
		n = recv(fd, m, sizeof(*m), flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n <= HEAD || m->type >= STEP_MSG_MAX)
		return 0;
	m->text[(size_t)n - HEAD - 1] = '\0';
	return 1;
}

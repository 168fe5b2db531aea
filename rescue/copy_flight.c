/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two reads of one big file at the same time, past the page cache: while one answer is hashed and handed on to the writer, the disk already works on
 * the next. With one at a time a quick disk stood still for a third of the time. Not where the writer passes the cache by, too: then the disk has a read
 * and a write at once anyway, and another read only holds up the write (xfs to xfs: 2.4 s instead of 2.0). io_submit(2) and io_getevents(2), linux/aio_abi.h.
 */
#include "copy_int.h"

#include <linux/aio_abi.h>

struct copy_flight {
	aio_context_t ctx;
	struct iocb cb[COPY_FLIGHT];
	ssize_t got[COPY_FLIGHT];
	bool landed[COPY_FLIGHT];
	unsigned int sent, taken;       /* counts; number i is in the place i % COPY_FLIGHT */
};

struct copy_flight *copy_flight_new(void)
{
	struct copy_flight *f = xcalloc(1, sizeof(*f));

	if (syscall(SYS_io_setup, COPY_FLIGHT, &f->ctx) == 0)
		return f;
	free(f);
	return NULL;
}

unsigned int copy_flight_count(const struct copy_flight *f)
{
	return f->sent - f->taken;
}

bool copy_flight_send(struct copy_worker *w, struct copy_flight *f, int fd, char *buf, size_t n, uint64_t off)
{
	unsigned int i = f->sent % COPY_FLIGHT;
	struct iocb *cb = &f->cb[i];
	long r;

	*cb = (struct iocb){ .aio_data = i, .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)fd, .aio_buf = (uintptr_t)buf,
			     .aio_nbytes = n, .aio_offset = (int64_t)off };
	f->landed[i] = false;
	copy_ask_bytes(w, n);
	r = syscall(SYS_io_submit, f->ctx, 1, &cb);
	copy_answered(w);
	f->sent += r == 1;
	return r == 1;
}

ssize_t copy_flight_take(struct copy_worker *w, struct copy_flight *f)
{
	unsigned int i = f->taken % COPY_FLIGHT;

	while (!f->landed[i]) {
		struct io_event e;
		long r;

		copy_ask_bytes(w, COPY_BUF);
		r = syscall(SYS_io_getevents, f->ctx, 1, 1, &e, NULL);
		copy_answered(w);
		if (r < 0 && errno == EINTR)
			continue;
		if (r != 1) {
			f->got[i] = -EIO;
			break;
		}
		f->got[e.data % COPY_FLIGHT] = (ssize_t)e.res;
		f->landed[e.data % COPY_FLIGHT] = true;
	}
	f->taken++;
	return f->got[i];
}

void copy_flight_end(struct copy_worker *w, struct copy_flight *f)
{
	if (!f)
		return;
	while (copy_flight_count(f))
		(void)copy_flight_take(w, f);
	(void)syscall(SYS_io_destroy, f->ctx);
	free(f);
}

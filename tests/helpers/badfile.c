/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * badfile BELOW AT OFF LEN...: shows the file BELOW, read-only, at the file AT; reading the given ranges is an I/O error. OFF stop: before the
 * first read there it stops itself (SIGSTOP), once. Ends when AT is unmounted.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "cow.h"

static off_t stop_at = -1;

/* In front of libc's: what cow_serve() reads with. */
ssize_t pread(int fd, void *buf, size_t n, off_t off)
{
	if (stop_at >= 0 && off <= stop_at && off + (off_t)n > stop_at) {
		stop_at = -1;
		raise(SIGSTOP);
	}
	return syscall(SYS_pread64, fd, buf, n, off);
}

int main(int argc, char **argv)
{
	struct cow_bad bad[16];
	struct cow_file f = { .below = argc > 2 ? open(argv[1], O_RDONLY) : -1, .store = -1, .bad = bad };
	struct err e = ERR_INIT;
	struct stat st;

	if (f.below < 0 || fstat(f.below, &st) < 0)
		return 2;
	f.size = (uint64_t)st.st_size;
	for (int i = 3; i + 1 < argc && f.n_bad < ARRAY_SIZE(bad); i += 2)
		if (str_eq(argv[i + 1], "stop"))
			stop_at = strtoll(argv[i], NULL, 0);
		else
			bad[f.n_bad++] = (struct cow_bad){ strtoull(argv[i], NULL, 0), strtoull(argv[i + 1], NULL, 0) };
	if (cow_serve(&f, argv[2], -1, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_to.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "arc.h"
#include "child.h"
#include "fs.h"

int copy_to_folder(struct copy_opts *o, const char *path, struct copy_result *ret, struct err *e)
{
	AUTO_CLOSE int dst = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dst < 0)
		return err_errno(e, "open folder '%s'", path);
	o->dst = dst;
	o->dst_name = path;
	return copy_tree(o, ret, e);
}

/* The archive to fd: finished when all went well, else left without its end. */
static int stream(struct copy_opts *o, int fd, enum arc_filter filter, const char *name, struct copy_result *ret, struct err *e)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = arc_out_open(&o->archive, fd, filter, cpus > 0 ? (unsigned int)cpus : 1, e);

	if (r < 0)
		return r;
	o->dst = -1;
	o->dst_name = name;
	r = copy_tree(o, ret, e);
	if (r == 0)
		return arc_out_close(o->archive, e);
	arc_out_abandon(o->archive);
	return r;
}

/* An earlier run's archive up to its last mark, or an empty one. */
static int open_part(struct copy_opts *o, const char *part, struct err *e)
{
	int64_t at = copy_archive_mark(o->resume);
	struct stat st;
	int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "open '%s'", part);
	if (at < 0 || fstat(fd, &st) < 0 || st.st_size < at) {
		at = 0;
		o->resume = NULL;
	}
	if (ftruncate(fd, at) < 0 || lseek(fd, at, SEEK_SET) < 0) {
		err_errno(e, "cut '%s'", part);
		close(fd);
		return e->code;
	}
	return fd;
}

int copy_to_archive(struct copy_opts *o, const char *path, struct copy_result *ret, struct err *e)
{
	AUTO_FREE char *part = xasprintf("%s.part", path);
	AUTO_CLOSE int fd = open_part(o, part, e);
	int r;

	if (fd < 0)
		return fd;
	r = stream(o, fd, str_ends(path, ".zst") ? ARC_ZSTD : ARC_PLAIN, path, ret, e);
	if (r == 0 && (fsync(fd) < 0 || rename(part, path) < 0))
		r = err_errno(e, "finish '%s'", path);
	if (r == 0)
		return fs_sync_parent(path, e);
	if (!o->mark_s)                 /* else it goes on from there, when there is room again */
		(void)unlink(part);
	return r;
}

/* ---- a program ---- */

struct reader {
	struct child child;
	struct err e;
	int in, r;
};

static void *reader_main(void *arg)
{
	struct reader *p = arg;

	p->r = child_run(&p->child, &p->e);
	close(p->in);           /* only now: whoever still writes gets EPIPE instead of waiting */
	return NULL;
}

static int start_reader(struct reader *p, const char *const *argv, pthread_t *ret_thread, int *ret_out, struct err *e)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, "make a pipe");
	(void)fcntl(ends[1], F_SETPIPE_SZ, (int)MIB);
	*p = (struct reader){ .child = { .argv = argv, .stdin_fd = ends[0] }, .e = ERR_INIT, .in = ends[0] };
	r = pthread_create(ret_thread, NULL, reader_main, p);
	if (r != 0) {
		close(ends[0]);
		close(ends[1]);
		return err_code(e, -r, "start a thread");
	}
	*ret_out = ends[1];
	return 0;
}

int copy_to_command(struct copy_opts *o, const char *const *argv, struct copy_result *ret, struct err *e)
{
	struct sigaction ign = { .sa_handler = SIG_IGN }, old;
	struct reader p;
	pthread_t thread;
	int out = -1, r;

	sigaction(SIGPIPE, &ign, &old); /* before the thread that runs the program, which gives back what it finds when the program ends */
	r = start_reader(&p, argv, &thread, &out, e);
	if (r < 0) {
		sigaction(SIGPIPE, &old, NULL);
		return r;
	}
	o->resume = NULL;
	o->mark_s = 0;
	r = stream(o, out, ARC_ZSTD, argv[0], ret, e);
	close(out);
	pthread_join(thread, NULL);
	sigaction(SIGPIPE, &old, NULL);
	if (r == 0 || r == -EPIPE) {            /* the program knows better why it did not read on */
		r = p.r < 0 ? p.r : r;
		if (p.r < 0)
			*e = p.e;
	}
	return r;
}

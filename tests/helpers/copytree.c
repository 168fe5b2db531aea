/* SPDX-License-Identifier: GPL-2.0-or-later */
/* copytree FROM TO [threads=N] [logs=DIR] [mark=S] [patience=S] [hash=no] [archive=yes] [since=T] [include=P] [exclude=P] [first=P] [resume=MARK]: the engine alone. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

#include "arc.h"
#include "copy.h"

static FILE *marks;

static int on_mark(void *arg, const char *text, struct err *e)
{
	(void)arg;
	(void)e;
	if (marks) {
		fprintf(marks, "%s\n", text);
		fflush(marks);
	}
	return 0;
}

static void set(struct copy_opts *o, const char *arg, struct strv l[3], bool *archive)
{
	const char *v = strchr(arg, '=');

	if (!v++)
		exit(2);
	if (str_starts(arg, "threads="))
		o->threads = (unsigned int)atoi(v);
	else if (str_starts(arg, "logs="))
		o->logs = v;
	else if (str_starts(arg, "mark="))
		o->mark_s = (uint64_t)atoi(v);
	else if (str_starts(arg, "patience="))
		o->patience_s = (uint64_t)atoi(v);
	else if (str_starts(arg, "hash="))
		o->no_hash = str_eq(v, "no");
	else if (str_starts(arg, "archive="))
		*archive = true;
	else if (str_starts(arg, "since="))
		o->since = atoll(v);
	else if (str_starts(arg, "include="))
		strv_add(&l[0], v);
	else if (str_starts(arg, "exclude="))
		strv_add(&l[1], v);
	else if (str_starts(arg, "first="))
		strv_add(&l[2], v);
	else if (str_starts(arg, "resume="))
		o->resume = v;
	else if (str_starts(arg, "marks="))
		marks = fopen(v, "a");
	else
		exit(2);
}

int main(int argc, char **argv)
{
	struct strv l[3] = { STRV_INIT, STRV_INIT, STRV_INIT };
	struct copy_opts o = { .since = INT64_MIN, .mark = on_mark, .include = &l[0], .exclude = &l[1], .first = &l[2], .dst = -1 };
	struct copy_result res;
	struct rusage use;
	struct err e = ERR_INIT;
	bool archive = false;
	int r, fd = -1;

	if (argc < 3)
		return 2;
	for (int i = 3; i < argc; i++)
		set(&o, argv[i], l, &archive);
	o.src_name = argv[1];
	o.dst_name = argv[2];
	o.src = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (archive) {
		fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
		r = arc_out_open(&o.archive, fd, ARC_ZSTD, 2, &e);
	} else {
		o.dst = open(argv[2], O_RDONLY | O_DIRECTORY);
		r = 0;
	}
	if (o.src < 0 || (o.dst < 0 && fd < 0) || r < 0) {
		perror("open");
		return 1;
	}
	r = copy_tree(&o, &res, &e);
	if (archive && r == 0)
		r = arc_out_close(o.archive, &e);
	getrusage(RUSAGE_SELF, &use);
	printf("files %llu folders %llu others %llu present %llu lost %llu partial %llu attributes %llu bytes %llu bulk %llu peak %ld KiB\n",
	       (unsigned long long)res.files, (unsigned long long)res.dirs, (unsigned long long)res.others, (unsigned long long)res.present,
	       (unsigned long long)res.lost, (unsigned long long)res.partial, (unsigned long long)res.meta, (unsigned long long)res.bytes, (unsigned long long)res.bulk,
	       use.ru_maxrss);
	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	for (int i = 0; i < 3; i++)
		strv_free(&l[i]);
	return r < 0 ? 1 : 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rotating IMAGE MOUNTPOINT: shows the image as MOUNTPOINT/disk, as slow as a disk that turns: 150 MB/s where one read goes on where the last
 * one ended (or up to 1 MiB further), else a seek: 1 ms and up to 8 ms more with the root of the way, and half a turn at 7,200 a minute.
 * One read after the other. The extended attribute user.seeks has the number of seeks. Writes cost nothing.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>

#define NS_A_BYTE (1e9 / 150e6)
#define NEAR (1 << 20)
#define HALF_TURN_NS (30e9 / 7200)
#define SLEEP_NS 2000000        /* shorter sleeps come out too long: they are gathered */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int image;
static off_t size, head;
static double due_ns;
static unsigned long seeks;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double way_ns(off_t to)
{
	off_t way = to - head;

	if (way >= 0 && way <= NEAR)
		return (double)way * NS_A_BYTE;
	seeks++;
	return HALF_TURN_NS + 1e6 + 8e6 * sqrt(fabs((double)way) / (double)size);
}

static void turn(off_t off, size_t n)
{
	pthread_mutex_lock(&lock);
	due_ns += way_ns(off) + (double)n * NS_A_BYTE;
	head = off + (off_t)n;
	if (due_ns > SLEEP_NS) {
		double t0 = now_ns();
		struct timespec t = { (time_t)(due_ns / 1e9), (long)(due_ns - 1e9 * (double)(time_t)(due_ns / 1e9)) };

		nanosleep(&t, NULL);
		due_ns -= now_ns() - t0;
	}
	pthread_mutex_unlock(&lock);
}

static int get_attr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	memset(st, 0, sizeof(*st));
	st->st_mode = strcmp(path, "/") == 0 ? S_IFDIR | 0755 : S_IFREG | 0600;
	st->st_nlink = 1;
	st->st_size = size;
	return strcmp(path, "/") == 0 || strcmp(path, "/disk") == 0 ? 0 : -ENOENT;
}

static int open_disk(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	fi->direct_io = 1;
	return 0;
}

static int read_disk(const char *path, char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	(void)path;
	(void)fi;
	turn(off, n);
	return (int)pread(image, buf, n, off);
}

static int write_disk(const char *path, const char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	(void)path;
	(void)fi;
	return (int)pwrite(image, buf, n, off);
}

static int get_xattr(const char *path, const char *name, char *buf, size_t n)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%lu", seeks);

	(void)path;
	if (strcmp(name, "user.seeks") != 0)
		return -ENODATA;
	if (n)
		memcpy(buf, text, (size_t)len < n ? (size_t)len : n);
	return len;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations ops = { .getattr = get_attr, .open = open_disk, .read = read_disk, .write = write_disk,
						    .getxattr = get_xattr };
	char *args[] = { argv[0], (char *)"-f", argv[argc > 2 ? 2 : 0], NULL };

	if (argc != 3)
		return 2;
	image = open(argv[1], O_RDWR | O_CLOEXEC);
	size = lseek(image, 0, SEEK_END);
	return image < 0 ? 1 : fuse_main(3, args, &ops, NULL);
}

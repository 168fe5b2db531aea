/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "copy_int.h"

#include <sys/xattr.h>

#define FAILED 10000            /* dst of a folder that could not be made: -errno - FAILED (-1 is "not made yet") */

struct copy_dir *copy_dir_new(struct copy_dir *up, const char *name)
{
	struct copy_dir *d = xcalloc(1, sizeof(*d));

	d->up = up ? copy_dir_ref(up) : NULL;
	d->name = xstrdup(name);
	d->src = d->dst = -1;
	atomic_init(&d->refs, 1);
	return d;
}

struct copy_dir *copy_dir_ref(struct copy_dir *d)
{
	atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
	return d;
}

static void path_of(const struct copy_dir *d, struct str *ret)
{
	if (!d->up)
		return;
	path_of(d->up, ret);
	str_addc(ret, '/');
	str_add(ret, d->name);
}

void copy_dir_path(const struct copy_dir *d, const char *name, struct str *ret)
{
	path_of(d, ret);
	if (name) {
		str_addc(ret, '/');
		str_add(ret, name);
	} else if (!ret->len) {
		str_addc(ret, '/');
	}
}

void copy_dir_keep(struct copy_dir *d, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return;
	d->kept = true;
	d->st.stx_atime.tv_sec = st.st_atim.tv_sec;
	d->st.stx_atime.tv_nsec = (uint32_t)st.st_atim.tv_nsec;
	d->st.stx_mtime.tv_sec = st.st_mtim.tv_sec;
	d->st.stx_mtime.tv_nsec = (uint32_t)st.st_mtim.tv_nsec;
}

/* Makes the folder, or takes the one that an earlier run left. */
static int make(struct copy *c, struct copy_dir *d, int up, const char *name)
{
	bool made = mkdirat(up, name, 0700) == 0;
	int fd;

	if (!made && errno != EEXIST)
		return -errno;
	fd = openat(up, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP) && unlinkat(up, name, 0) == 0 && mkdirat(up, name, 0700) == 0)
		fd = openat(up, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!made && c->o->keep_ns) {
		copy_dir_keep(d, fd);
		return fd;
	}
	if (!made) {                    /* its flags and set-group-ID bit come back when it is finished */
		(void)copy_flags_clear(fd);
		(void)fchmod(fd, 0700);
	}
	/* Children get their own ACL, not one that was inherited. Asking costs nothing, removing what is not there a place in a transaction. */
	if (fgetxattr(fd, XATTR_ACL_DEFAULT, NULL, 0) >= 0)
		(void)fremovexattr(fd, XATTR_ACL_DEFAULT);
	return fd;
}

static int make_below(struct copy_worker *w, struct copy_dir *d)
{
	int up = copy_dir_dst(w, d->up), fd;

	if (up < 0)
		return up;
	fd = make(w->c, d, up, d->name);
	if (fd < 0) {
		CLEANUP(str_free) struct str path = STR_INIT;

		copy_dir_path(d, NULL, &path);
		if (copy_write_is_fatal(-fd))
			return copy_fatal(w->c, fd, "make folder '%s%s'", w->c->o->dst_name, str_cstr(&path));
		copy_lost(w, d->up, d->name, "lost", -fd, "make the folder");
	}
	return fd;
}

/* A folder is usually made by the thread that scans it, before anybody else knows it; with include patterns by whoever needs it first. */
int copy_dir_dst(struct copy_worker *w, struct copy_dir *d)
{
	static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
	int fd = __atomic_load_n(&d->dst, __ATOMIC_ACQUIRE);

	if (fd != -1)
		return fd >= 0 ? fd : fd + FAILED;
	if (d->up && __atomic_load_n(&d->up->dst, __ATOMIC_ACQUIRE) == -1)
		(void)copy_dir_dst(w, d->up);
	pthread_mutex_lock(&making);
	fd = __atomic_load_n(&d->dst, __ATOMIC_ACQUIRE);
	if (fd == -1) {
		fd = make_below(w, d);
		__atomic_store_n(&d->dst, fd < 0 ? fd - FAILED : fd, __ATOMIC_RELEASE);
	} else if (fd < 0) {
		fd += FAILED;
	}
	pthread_mutex_unlock(&making);
	return fd;
}

static void close_dir(struct copy_worker *w, struct copy_dir *d)
{
	CLEANUP(xattrs_free) struct xattrs x = XATTRS_INIT;
	struct timespec ts[2];

	if (d->dst < 0 || d->foreign || copy_stopped(w->c))
		return;
	if (!d->up)
		copy_link_finish(w->c);
	copy_times(&d->st, ts);
	if (d->kept) {
		(void)futimens(d->dst, ts);
		return;
	}
	copy_meta_read(w, d->up ? d->up : d, d->up ? d->name : NULL, d->src, &x);
	copy_meta_fd(w, d->up ? d->up : d, d->up ? d->name : NULL, d->dst, &d->st, &x);
	copy_flags(w, d->up ? d->up : d, d->up ? d->name : NULL, &d->st);
	pthread_mutex_lock(&w->lock);
	(void)futimens(d->dst, ts);
	w->res.dirs++;
	copy_log_file(w, d->up ? d->up : d, d->up ? d->name : NULL, &d->st, "read", NULL, &x, NULL);
	pthread_mutex_unlock(&w->lock);
}

void copy_dir_put(struct copy_worker *w, struct copy_dir *d)
{
	while (d && atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) == 1) {
		struct copy_dir *up = d->up;

		w->closing = d;
		close_dir(w, d);
		w->closing = NULL;
		if (d->src >= 0)
			close(d->src);
		if (d->dst >= 0)
			close(d->dst);
		free(d->name);
		free(d);
		d = up;
	}
}

void copy_dir_dead(struct copy_worker *as, struct copy_dir *d)
{
	struct timespec ts[2];

	copy_lost(as, d->up ? d->up : d, d->up ? d->name : NULL, "attributes", ETIMEDOUT, "read: no answer");
	copy_times(&d->st, ts);
	(void)futimens(d->dst, ts);
	as->res.dirs++;
	copy_dir_put(as, d->up);
}

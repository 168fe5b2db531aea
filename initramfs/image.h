/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image.h - the content of a rescue image before it is written: a sorted set of paths, each with the part of the report it belongs to.
 *
 *   struct image *im = image_new();
 *   image_part(im, "filesystem tools");
 *   image_add_prog(im, "mkfs.ext4", &e);          with libraries, under the path where it was found
 *   image_write(im, "out.img", &how, &e);
 *   image_free(im);
 *
 * Paths are absolute, without "." and "..", and under /usr where /bin, /sbin, /lib, /lib64 would be meant. Adding a path again is no error: the
 * first one stays. The same file under two names becomes one file and a symbolic link. Nothing here runs a program of the host.
 */
#ifndef RESCUE_IMAGE_H
#define RESCUE_IMAGE_H

#include <sys/stat.h>

#include "err.h"
#include "str.h"

struct image_entry {
	char *path;             /* "/usr/bin/btrfs" */
	mode_t mode;            /* type and permissions */
	char *source;           /* regular file: read from here; or NULL and ... */
	uint8_t *data;          /* ... this */
	uint64_t size;
	char *target;           /* symbolic link */
	unsigned int major, minor;      /* device node */
	unsigned int part;
};

struct image_part {
	char *name;
	uint64_t files, bytes;
};

struct image {
	void *by_path;          /* tsearch(3) trees */
	void *by_inode;
	void *missing_interp;
	struct image_part *parts;
	size_t n_parts;
	unsigned int part;      /* the one that new entries belong to */
	uint64_t files, bytes;
	struct strv notes;      /* what was asked for and is not aboard, one sentence each */
	struct strv lib_dirs;   /* where libraries are looked for when a file does not say */
	char *lib_home;         /* a folder that the dynamic linker searches by itself */
	struct strv scripts;    /* "interpreter\nscript": checked at the end */
};

struct image *image_new(void);
void image_free(struct image *im);
#define AUTO_IMAGE __attribute__((cleanup(image_cleanup)))
static inline void image_cleanup(struct image **im)
{
	image_free(*im);
}

void image_part(struct image *im, const char *name);
void image_note(struct image *im, const char *fmt, ...) PRINTF_LIKE(2, 3);
const struct image_entry *image_find(const struct image *im, const char *path);
/* Every entry in byte order of the paths. A non-zero result of fn ends the walk and is returned. */
int image_each(struct image *im, int (*fn)(const struct image_entry *x, void *arg), void *arg);

void image_add_dir(struct image *im, const char *path, mode_t mode);
void image_add_link(struct image *im, const char *path, const char *target);
void image_add_node(struct image *im, const char *path, mode_t mode, unsigned int major, unsigned int minor);
void image_add_text(struct image *im, const char *path, mode_t mode, const void *data, size_t n);
/* A file of this system, links followed, under another path; ELF files bring their libraries, scripts are checked for their interpreter. */
int image_add_file(struct image *im, const char *source, const char *path, struct err *e);
int image_add_tree(struct image *im, const char *source, const char *path, struct err *e);
int image_add_prog(struct image *im, const char *name, struct err *e);          /* -ENOENT: not installed */
int image_add_lib(struct image *im, const char *soname, struct err *e);         /* for dlopen(3); -ENOENT */
/* One of our own programs: symbols cut off. */
int image_add_own(struct image *im, const char *source, const char *path, struct err *e);
bool image_has_prog(const struct image *im, const char *name);
int image_check(struct image *im, struct err *e);        /* links and interpreters lead somewhere */

/* ---- libraries (image_libs.c) ---- */
int image_need_libs(struct image *im, const char *source, const uint8_t *d, size_t n, struct err *e);
void image_lib_dirs(struct strv *dirs, const char *conf);       /* the folders that ld.so.conf names, then the usual ones */

/* ---- text list (image_list.c) ---- */
extern const char image_list_text[];    /* initramfs/image.list */
extern const size_t image_list_len;

struct image_selection {                /* what the list says about kernel modules */
	struct strv modules, patterns, not, maybe;
};
void image_selection_free(struct image_selection *s);
int image_list_apply(struct image *im, const char *where, const char *text, size_t n, struct image_selection *sel, struct err *e);

/* ---- kernel modules (image_modules.c) ---- */
struct image_kernel {
	const char *version;    /* of /lib/modules/VERSION */
	const char *modules;    /* folder with that name's content */
	const char *firmware;   /* "/lib/firmware" */
	bool this_machine;
};
int image_add_modules(struct image *im, const struct image_kernel *k, const struct image_selection *sel, struct err *e);

/* ---- plan (image_plan.c) ---- */
/* Every tool that the plan's steps run is aboard, else -ENOENT with the step and the tool. */
int image_check_plan(const struct image *im, const char *plan_path, struct err *e);

/* ---- writing (image_cpio.c) ---- */
struct image_write {
	int level;              /* zstd 1-19; 0: not compressed */
	int threads;
	uint64_t mtime;
};
/* `fd` is empty and opened for writing. */
int image_write(struct image *im, int fd, const struct image_write *how, struct err *e);

#endif

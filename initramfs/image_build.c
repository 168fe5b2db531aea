/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image_build.h"

#include <fcntl.h>
#include <time.h>

#include "child.h"
#include "fs.h"
#include "hash.h"
#include "image_content.h"
#include "media.h"
#include "out_file.h"

#define CMDLINE "rootfstype=ramfs console=tty0 console=ttyS0,115200 panic=60 raid=noautodetect"
#define KERNEL_AND_PROGRAMS (64 * MIB)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct build {
	const struct image_job *job;
	struct image_result *res;
	char *initramfs;        /* where the finished initramfs is */
	char *cmdline;
	char *plan_digest;      /* or NULL */
	char *scratch;
};

/* ---- checks before anything is made ---- */

static int check_outputs(const struct image_job *j, struct err *e)
{
	const char *outs[] = { j->out_initramfs, j->out_uki, j->out_iso, j->out_usb };
	const char *ins[] = { j->kernel, j->plan, j->list, j->ssh_keys, j->ssh_host_key, j->program, j->init, j->sign_key, j->sign_cert };
	int r = 0;

	for (size_t o = 0; o < ARRAY_SIZE(outs); o++) {
		for (size_t i = 0; r == 0 && i < ARRAY_SIZE(ins); i++)
			r = out_file_not_input(outs[o], ins[i], e);
		for (size_t i = 0; r == 0 && j->add && i < j->add->n; i++)
			r = out_file_not_input(outs[o], j->add->v[i], e);
		for (size_t i = o + 1; outs[o] && i < ARRAY_SIZE(outs); i++)
			if (outs[i] && str_eq(outs[o], outs[i]))
				return err_set(e, -EINVAL, "two outputs have the name '%s'", outs[o]);
	}
	return r;
}

static bool needs_kernel(const struct image_job *j)
{
	return j->out_uki || j->out_iso || j->out_usb || j->out_netboot;
}

static int check_kernel(const struct image_job *j, struct err *e)
{
	if (!needs_kernel(j))
		return 0;
	if (!j->kernel)
		return err_set(e, -ENOENT, "no kernel image was found in /boot: name one with --kernel");
	if (access(j->kernel, R_OK) < 0)
		return err_errno(e, "kernel '%s'", j->kernel);
	return 0;
}

/* ---- the initramfs ---- */

static int digest_file(int fd, char out[65], uint64_t *ret_size, struct err *e)
{
	struct hash *h = hash_new(HASH_SHA256);
	static uint8_t buf[256 * KIB];
	uint8_t d[HASH_MAX];
	ssize_t n;
	int r = 0;

	*ret_size = 0;
	if (!h)
		return err_set(e, -ENOTSUP, "SHA-256 is not available");
	if (lseek(fd, 0, SEEK_SET) < 0)
		r = err_errno(e, "read the initramfs again");
	while (r == 0 && (n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0) {
			r = err_errno(e, "read the initramfs again");
			break;
		}
		hash_add(h, buf, (size_t)n);
		*ret_size += (uint64_t)n;
	}
	hash_hex(d, hash_end(h, d), out);
	hash_free(h);
	return r;
}

/*
 * While the kernel unpacks it, the initramfs is in memory twice, compressed and not, each file in whole pages; the kernel itself and the first programs want
 * some too. Measured (tests/vm/image_trouble.sh): with 64 MiB for those the machine comes to its menu.
 */
static uint64_t memory_needed(const struct image_result *res)
{
	uint64_t n = res->im->bytes + res->im->files * 2048 + res->initramfs_size + KERNEL_AND_PROGRAMS;

	return (n + 16 * MIB - 1) / (16 * MIB) * (16 * MIB);
}

static int write_initramfs(struct build *b, int fd, struct err *e)
{
	const struct image_write how = { .level = b->job->level, .threads = b->job->threads, .mtime = b->job->mtime };
	double t = now();
	int r = image_write(b->res->im, fd, &how, e);

	if (r == 0)
		r = digest_file(fd, b->res->digest, &b->res->initramfs_size, e);
	if (r == 0)
		b->res->memory = memory_needed(b->res);
	b->res->seconds_write = now() - t;
	return r;
}

/* ---- outputs ---- */

static const char *any_output(const struct image_job *j)
{
	return j->out_initramfs ? j->out_initramfs : j->out_usb ? j->out_usb : j->out_iso ? j->out_iso : j->out_uki ? j->out_uki : j->out_netboot;
}

/* Intermediate files go beside the output: that is where the room is. */
static int make_scratch(struct build *b, struct err *e)
{
	b->scratch = xasprintf("%s.build.XXXXXX", any_output(b->job));
	if (!mkdtemp(b->scratch)) {
		int r = err_errno(e, "create a folder beside '%s'", any_output(b->job));

		free(b->scratch);
		b->scratch = NULL;
		return r;
	}
	return 0;
}

static void drop_scratch(struct build *b)
{
	if (b->scratch)
		fs_remove_tree(b->scratch, NULL);
	free(b->scratch);
}

static int sign(const struct image_job *j, const char *path, struct err *e)
{
	AUTO_FREE char *signed_path = NULL;

	if (!j->sign_key)
		return 0;
	signed_path = xasprintf("%s.signed", path);
	if (child_runl(e, "sbsign", "--key", j->sign_key, "--cert", j->sign_cert, "--output", signed_path, path, NULL) < 0) {
		unlink(signed_path);
		return e->code;
	}
	return rename(signed_path, path) < 0 ? err_errno(e, "rename '%s'", signed_path) : 0;
}

static struct media media_of(struct build *b)
{
	return (struct media){ .kernel = b->job->kernel, .initramfs = b->initramfs, .release = b->job->version, .cmdline = b->cmdline,
			       .unattended = b->job->unattended, .plan_digest = b->plan_digest, .id = b->res->digest, .mtime = b->job->mtime, .memory = b->res->memory,
			       .state_size = b->job->state_size, .scratch = b->scratch, .loaders = b->job->loaders, .said = &b->res->said };
}

static void said_size(struct build *b, const char *path, const char *what)
{
	struct stat st;
	char size[16];

	if (stat(path, &st) == 0)
		strv_addf(&b->res->said, "%s: %s, %s", path, what, str_human_size(size, sizeof(size), (uint64_t)st.st_size));
}

static int out_uki(struct build *b, const struct media *m, struct err *e)
{
	CLEANUP(out_file_drop) struct out_file o = OUT_FILE_INIT;
	int r = out_file_open(&o, b->job->out_uki, e);

	if (r == 0)
		r = media_uki(m, o.fd, e);
	if (r == 0)
		r = sign(b->job, o.tmp, e);
	if (r == 0)
		r = out_file_commit(&o, 0644, e);
	if (r == 0)
		said_size(b, b->job->out_uki, b->job->sign_key ? "unified kernel image, signed" : "unified kernel image");
	return r;
}

static int out_iso(struct build *b, const struct media *m, struct err *e)
{
	CLEANUP(out_file_drop) struct out_file o = OUT_FILE_INIT;
	int r = out_file_open(&o, b->job->out_iso, e);

	if (r == 0)
		r = media_iso(m, o.tmp, e);
	if (r == 0)
		r = out_file_commit(&o, 0644, e);
	if (r == 0)
		said_size(b, b->job->out_iso, "ISO image for BIOS and UEFI");
	return r;
}

static int out_usb(struct build *b, const struct media *m, struct err *e)
{
	CLEANUP(out_file_drop) struct out_file o = OUT_FILE_INIT;
	int r = out_file_open(&o, b->job->out_usb, e);

	if (r == 0)
		r = media_usb(m, o.fd, e);
	if (r == 0)
		r = out_file_commit(&o, 0644, e);
	if (r == 0)
		said_size(b, b->job->out_usb, "disk image with a RESCUE-STATE partition");
	return r;
}

static int out_media(struct build *b, struct err *e)
{
	const struct media m = media_of(b);
	const struct image_job *j = b->job;
	int r = 0;

	if (j->out_uki)
		r = out_uki(b, &m, e);
	if (r == 0 && j->out_iso)
		r = out_iso(b, &m, e);
	if (r == 0 && j->out_usb)
		r = out_usb(b, &m, e);
	if (r == 0 && j->out_netboot)
		r = media_netboot(&m, j->out_netboot, e);
	return r;
}

/* The initramfs is written once: to its own output, or to an intermediate file. */
static int outputs(struct build *b, struct err *e)
{
	CLEANUP(out_file_drop) struct out_file o = OUT_FILE_INIT;
	int r = make_scratch(b, e);
	AUTO_FREE char *inner = NULL;

	if (r < 0)
		return r;
	inner = fs_join(b->scratch, "initramfs.img");
	r = out_file_open(&o, b->job->out_initramfs ? b->job->out_initramfs : inner, e);
	if (r == 0)
		r = write_initramfs(b, o.fd, e);
	if (r < 0)
		return r;
	b->initramfs = xstrdup(o.tmp);
	if (needs_kernel(b->job))
		r = out_media(b, e);
	if (r < 0 || !b->job->out_initramfs)
		return r;
	r = out_file_commit(&o, 0644, e);
	if (r == 0)
		said_size(b, b->job->out_initramfs, "initramfs");
	return r;
}

static int plan_digest(struct build *b, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r;

	if (!b->job->plan)
		return 0;
	r = fs_read(b->job->plan, 16 * MIB, &text, &n, e);
	if (r < 0)
		return r;
	b->plan_digest = xmalloc(65);
	hash_sha256_hex(text, n, b->plan_digest);
	return 0;
}

int image_build(const struct image_job *job, struct image_result *ret, struct err *e)
{
	struct build b = { .job = job, .res = ret };
	double t = now();
	int r;

	*ret = (struct image_result){ 0 };
	b.cmdline = xasprintf("%s%s%s", CMDLINE, job->cmdline ? " " : "", job->cmdline ? job->cmdline : "");
	r = check_outputs(job, e);
	if (r == 0)
		r = check_kernel(job, e);
	if (r == 0)
		r = plan_digest(&b, e);
	if (r == 0)
		r = image_content(job, &ret->im, e);
	ret->seconds_collect = now() - t;
	if (r == 0)
		r = outputs(&b, e);
	drop_scratch(&b);
	free(b.initramfs);
	free(b.cmdline);
	free(b.plan_digest);
	return r;
}

void image_result_free(struct image_result *r)
{
	image_free(r->im);
	strv_free(&r->said);
	*r = (struct image_result){ 0 };
}

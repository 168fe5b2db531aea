/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that goes into the image: our own two programs, the list, modules, the plan, keys. */
#include <fcntl.h>

#include "fs.h"
#include "image_content.h"

#define LIST_MAX (4 * MIB)

static int add_list_file(struct image *im, const char *path, struct image_selection *sel, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r = fs_read(path, LIST_MAX, &text, &n, e);

	return r < 0 ? r : image_list_apply(im, path, text, n, sel, e);
}

/* "@LIST", "FOLDER", "FILE", "SOURCE:/DEST". */
static int add_one(struct image *im, const char *what, struct image_selection *sel, struct err *e)
{
	const char *colon = strstr(what, ":/");
	AUTO_FREE char *from = colon ? xstrndup(what, (size_t)(colon - what)) : xstrdup(what);
	const char *to = colon ? colon + 1 : from;

	if (what[0] == '@')
		return add_list_file(im, what + 1, sel, e);
	if (from[0] != '/' && !colon)
		return err_set(e, -EINVAL, "'%s': give an absolute path, or SOURCE:/DEST", what);
	if (strstr(to, "/../") || str_ends(to, "/.."))
		return err_set(e, -EINVAL, "'%s': '..' in the path inside the image", what);
	return fs_is_dir(from) ? image_add_tree(im, from, to, e) : image_add_file(im, from, to, e);
}

static int add_secret(struct image *im, const char *source, const char *path, struct err *e)
{
	AUTO_FREE char *data = NULL;
	size_t n;
	int r;

	if (!source)
		return 0;
	r = fs_read(source, MIB, &data, &n, e);
	if (r == 0)
		image_add_text(im, path, 0600, data, n);
	return r;
}

static int add_ssh(struct image *im, const struct image_job *job, struct err *e)
{
	int r;

	if (!job->ssh_keys && !job->ssh_host_key)
		return 0;
	if (!image_has_prog(im, "dropbear") && !image_has_prog(im, "sshd"))
		return err_set(e, -ENOENT, "ssh keys were given, but no ssh server is aboard: install dropbear");
	image_add_dir(im, "/root/.ssh", 0700);
	r = add_secret(im, job->ssh_keys, "/root/.ssh/authorized_keys", e);
	return r < 0 ? r : add_secret(im, job->ssh_host_key, "/etc/dropbear/host_key", e);
}

static int add_plan(struct image *im, const char *plan, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	int r;

	if (!plan)
		return 0;
	r = fs_read(plan, 16 * MIB, &text, &n, e);
	if (r < 0)
		return r;
	image_add_text(im, "/etc/rescue/plan.yaml", 0644, text, n);
	return image_check_plan(im, plan, e);
}

static void add_texts(struct image *im, const struct image_job *job)
{
	AUTO_FREE char *medium = xasprintf("version=%s\nkernel=%s\nmodules=%s\n", RESCUE_VERSION, job->version ? job->version : "none",
					   job->this_machine ? "this-machine" : "generic");

	image_part(im, "base");
	image_add_text(im, "/etc/rescue/medium", 0644, medium, strlen(medium));
	if (job->keymap)
		image_add_text(im, "/etc/rescue/keymap", 0644, job->keymap, strlen(job->keymap));
	image_add_text(im, "/etc/rescue/complete", 0644, "", 0);
	image_add_node(im, "/dev/console", S_IFCHR | 0600, 5, 1);
	image_add_node(im, "/dev/null", S_IFCHR | 0666, 1, 3);
}

static int add_own(struct image *im, const struct image_job *job, struct err *e)
{
	int r;

	image_part(im, "rescue");
	r = image_add_own(im, job->init, "/init", e);
	return r < 0 ? r : image_add_own(im, job->program, "/usr/sbin/rescue", e);
}

static int add_asked_for(struct image *im, const struct image_job *job, struct image_selection *sel, struct err *e)
{
	int r = 0;

	image_part(im, "added");
	for (size_t i = 0; r == 0 && job->add && i < job->add->n; i++)
		r = add_one(im, job->add->v[i], sel, e);
	return r;
}

static int fill(struct image *im, const struct image_job *job, struct image_selection *sel, struct err *e)
{
	const struct image_kernel k = { .version = job->version, .modules = job->modules, .firmware = job->firmware, .this_machine = job->this_machine };
	int r = add_own(im, job, e);

	if (r == 0)
		r = add_asked_for(im, job, sel, e);
	if (r == 0)
		r = job->list ? add_list_file(im, job->list, sel, e)
			      : image_list_apply(im, "image.list", image_list_text, image_list_len, sel, e);
	if (r == 0 && job->version)
		r = image_add_modules(im, &k, sel, e);
	if (r < 0)
		return r;
	add_texts(im, job);
	r = add_ssh(im, job, e);
	if (r == 0)
		r = add_plan(im, job->plan, e);
	return r < 0 ? r : image_check(im, e);
}

int image_content(const struct image_job *job, struct image **ret, struct err *e)
{
	AUTO_IMAGE struct image *im = image_new();
	struct image_selection sel = { 0 };
	int r = fill(im, job, &sel, e);

	image_selection_free(&sel);
	if (r == 0)
		*ret = TAKE_PTR(im);
	return r;
}

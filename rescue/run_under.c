/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies under a folder: a state directory on the disk that the plan erases would be gone when it is needed. */
#include <dirent.h>
#include <sys/sysmacros.h>

#include "fs.h"
#include "mnt.h"
#include "run.h"

/* The device and everything that it is made of: the whole disk, the members of a stack, the disk that carries a loop device's file. */
static void under(dev_t dev, dev_t *v, size_t max, size_t *n);

static void under_path(const char *path, dev_t *v, size_t max, size_t *n)
{
	CLEANUP(strv_free) struct strv nodes = STRV_INIT;

	if (mnt_devices_of(path, &nodes, NULL) < 0)
		return;
	for (size_t i = 0; i < nodes.n; i++)
		under(run_rdev(nodes.v[i]), v, max, n);
}

static void under_sysfs(const char *sys, const char *what, dev_t *v, size_t max, size_t *n)
{
	AUTO_FREE char *path = xasprintf("%s/%s", sys, what);
	AUTO_FREE char *word = fs_read_word(path);
	unsigned int major, minor;

	if (word && sscanf(word, "%u:%u", &major, &minor) == 2)
		under(makedev(major, minor), v, max, n);
}

static void list_slaves(const char *sys, struct strv *ret)
{
	AUTO_FREE char *path = fs_join(sys, "slaves");
	DIR *d = opendir(path);

	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d))
		if (de->d_name[0] != '.')
			strv_addf(ret, "slaves/%s/dev", de->d_name);
	if (d)
		closedir(d);
}

static void under(dev_t dev, dev_t *v, size_t max, size_t *n)
{
	AUTO_FREE char *sys = xasprintf("/sys/dev/block/%u:%u", major(dev), minor(dev));
	AUTO_FREE char *backing_path = fs_join(sys, "loop/backing_file");
	AUTO_FREE char *backing = fs_read_word(backing_path);
	AUTO_FREE char *part = fs_join(sys, "partition");
	CLEANUP(strv_free) struct strv slaves = STRV_INIT;

	for (size_t i = 0; i < *n; i++)
		if (v[i] == dev)
			return;
	if (!dev || *n == max)
		return;
	v[(*n)++] = dev;
	if (backing)
		under_path(backing, v, max, n);
	if (fs_exists(part))
		under_sysfs(sys, "../dev", v, max, n);
	list_slaves(sys, &slaves);
	for (size_t i = 0; i < slaves.n; i++)
		under_sysfs(sys, slaves.v[i], v, max, n);
}

bool run_dev_conflict(struct run *r, const char *dir, struct err *e)
{
	dev_t v[64];
	size_t n = 0;

	under_path(dir, v, ARRAY_SIZE(v), &n);
	for (size_t i = 0; i < r->n_dev; i++) {
		const struct run_dev *d = &r->dev[i];

		for (size_t k = 0; k < n; k++) {
			if (d->rdev != v[k] || !d->rdev || d->pd->access == ACCESS_WRITE)
				continue;
			err_set(e, -EPERM, "it lies on device '%s' (%s, %s), which %s: give --state DIR on another disk", d->pd->name, d->identity, d->node,
				d->pd->access == ACCESS_ERASE ? "the plan erases" : "the plan may only read");
			return true;
		}
	}
	return false;
}

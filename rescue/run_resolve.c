/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "blk.h"
#include "device.h"
#include "run.h"

/* Steps after which there are more devices than before. */
static bool plan_makes_devices(const struct plan *p)
{
	static const char *const types[] = { "partition", "luks-open", "lvm-activate", "lvm-create", "md-assemble", "exec" };

	for (size_t i = 0; i < p->n_steps; i++)
		for (size_t k = 0; k < ARRAY_SIZE(types); k++)
			if (str_eq(p->steps[i].type->name, types[k]))
				return true;
	return false;
}

static bool disk_is_here(const struct plan_device *d, const struct blk *l, size_t n)
{
	struct plan_device disk = *d;
	const struct blk *b;

	disk.partition = disk.size = 0;
	disk.mapper = disk.array = disk.part_uuid = disk.uuid = disk.label = disk.fs_type = NULL;
	return (d->serial || d->wwn || d->loop_file) && device_resolve(&disk, l, n, &b, NULL) == 0;
}

/* What a step of the plan makes may be missing, as long as the disk that it will be on is here. */
static bool comes_later(const struct plan *p, const struct plan_device *d, const struct blk *l, size_t n)
{
	bool on_disk = d->serial || d->wwn || d->loop_file;

	return plan_makes_devices(p) && (on_disk ? (d->partition || d->part_uuid || d->mapper) && disk_is_here(d, l, n)
						 : d->access != ACCESS_ERASE || d->part_uuid || d->array);
}

/* Asked before every hook: the one node where it was, before every device of the machine is probed again. */
static bool still_there(const struct plan_device *d, const char *known)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	const struct blk *found;

	return known && !d->uuid && !d->label && blk_get(known, &b, NULL) == 0 && device_resolve(d, &b, 1, &found, NULL) == 0;
}

int run_resolve(const struct plan *p, const struct plan_device *d, const char *known, char **ret_node, struct err *e)
{
	const struct blk *b = NULL;
	struct blk *l = NULL;
	size_t n = 0;
	int r;

	if (still_there(d, known)) {
		*ret_node = xstrdup(known);
		return 0;
	}
	r = blk_list(&l, &n, e);
	if (r < 0)
		return r;
	r = device_resolve(d, l, n, &b, e);
	if (r == -ENODEV && comes_later(p, d, l, n))
		r = 0;
	if (r == 0)
		*ret_node = b ? xstrdup(b->path) : NULL;
	blk_list_free(l, n);
	return r < 0 ? err_wrap(e, r, "%s:%d:%d", p->path, d->line, d->col) : 0;
}

int run_guard(const struct plan_device *d, const char *node, struct err *e)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	int r = blk_get(node, &b, e);

	return r < 0 ? r : device_guard_erase(d, &b, e);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of the devices that may be written to, and what is done to them before they are mounted. */
#include "ladder_int.h"

#include "child.h"

static int prepare(enum ladder_prepare how, const char *overlay, const char *type, struct err *e)
{
	switch (how) {
	case BTRFS_SUPER:
		return ladder_btrfs_other(overlay, e);
	case BTRFS_CHUNKS:
		return ladder_btrfs_older_chunks(overlay, e);
	case BTRFS_REMAP:
		return ladder_btrfs_chunks(overlay, e);
	case BTRFS_OLDER_1:
	case BTRFS_OLDER_2:
	case BTRFS_OLDER_3:
		return ladder_btrfs_older(overlay, how - BTRFS_OLDER_1 + 1, e);
	case EXT_SUPER:
		return ladder_ext_journal(overlay, e);
	case EXT_GROUPS:
		return ladder_ext_groups(overlay, e);
	case REPAIR:
		return str_eq(type, "xfs") ? child_runl(e, "xfs_repair", "-L", overlay, NULL) : ladder_ext_repair(overlay, e);
	default:
		return 0;
	}
}

/* The kernel takes the roots of the device with the newest superblock, so all get theirs; a device that has nothing to give is left as it is. */
static int prepare_all(enum ladder_prepare how, const struct ladder_overlay *o, const char *type, struct err *e)
{
	struct err first = ERR_INIT;
	bool done = false;

	for (size_t i = 0; i < o->n; i++) {
		struct err one = ERR_INIT;
		int r = prepare(how, o->v[i]->device, type, &one);

		if (r < 0 && r != -ENODATA && r != -ESTALE)
			return err_set(e, r, "%s", one.msg);
		if (r < 0 && !first.code)
			first = one;
		done |= r == 0;
	}
	return done ? 0 : err_set(e, first.code, "%s", first.msg);
}

static int add(struct ladder_overlay *o, const char *below, const char *scratch, struct err *e)
{
	int r;

	o->v = xrealloc(o->v, (o->n + 1) * sizeof(struct cow *));
	r = cow_open(&o->v[o->n], below, scratch, e);
	o->n += r == 0;
	return r;
}

/* The kernel knows a btrfs by its UUID: it would mix the devices below with their copies (T62). */
static void forget(const struct ladder_opts *o)
{
	ladder_btrfs_forget(o->device);
	if (o->original)
		ladder_btrfs_forget(o->original);
	for (size_t i = 0; o->more && i < o->more->n; i++)
		ladder_btrfs_forget(o->more->v[i]);
}

int ladder_overlay_open(struct ladder_overlay *ret, const struct ladder_opts *o, enum ladder_prepare how, const char *type, struct err *e)
{
	struct ladder_overlay ov = { 0 };
	int r = add(&ov, o->device, o->scratch, e);

	for (size_t i = 0; r == 0 && o->more && i < o->more->n; i++)
		r = add(&ov, o->more->v[i], o->scratch, e);
	if (str_eq(type ? type : "", "btrfs"))
		forget(o);
	if (r == 0)
		r = prepare_all(how, &ov, type, e);
	if (r < 0)
		ladder_overlay_close(&ov);
	else
		*ret = ov;
	return r;
}

/* The kernel would go on taking them for the newest devices of their UUID, and refuse those below (T62). */
void ladder_overlay_close(struct ladder_overlay *o)
{
	for (size_t i = 0; i < o->n; i++) {
		ladder_btrfs_forget(o->v[i]->device);
		cow_close(o->v[i]);
	}
	free(o->v);
	*o = (struct ladder_overlay){ 0 };
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device.h"

#include <strings.h>

char *device_wanted(const struct plan_device *d)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	const struct { const char *word, *value; } parts[] = {
		{ "serial", d->serial }, { "wwn", d->wwn }, { "loop file", d->loop_file }, { "partuuid", d->part_uuid },
		{ "mapper", d->mapper },
		{ "array", d->array }, { "uuid", d->uuid }, { "label", d->label },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].value)
			str_addf(&s, "%s%s %s", s.len ? ", " : "", parts[i].word, parts[i].value);
	if (d->partition)
		str_addf(&s, " partition %llu", (unsigned long long)d->partition);
	return str_take(&s);
}

/* A WWN is written "naa.5000...", "0x5000...", "eui.0025..." or bare; the number is what counts. */
static const char *wwn_number(const char *s)
{
	static const char *const prefixes[] = { "naa.", "eui.", "0x" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncasecmp(s, prefixes[i], strlen(prefixes[i])) == 0)
			return s + strlen(prefixes[i]);
	return s;
}

static bool same(const char *want, const char *have)
{
	return !want || (have && str_eq(want, have));
}

static bool same_wwn(const char *want, const char *have)
{
	return !want || (have && strcasecmp(wwn_number(want), wwn_number(have)) == 0);
}

static bool names_disk(const struct plan_device *d)
{
	return d->serial || d->wwn || d->loop_file;
}

/* "vg-one/root" is "vg--one-root" below /dev/mapper. */
static char *mapper_name(const char *written)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	if (!strchr(written, '/'))
		return xstrdup(written);
	for (const char *p = written; *p; p++)
		str_add(&s, *p == '/' ? "-" : *p == '-' ? "--" : (char[]){ *p, '\0' });
	return str_take(&s);
}

static bool same_mapper(const char *want, const char *have)
{
	AUTO_FREE char *name = want ? mapper_name(want) : NULL;

	return same(name, have);
}

/* A stacked device is on a disk when it, or a part of it, lies there. */
static bool on_disk(const struct plan_device *d, const struct blk *b)
{
	bool on = same(d->serial, b->serial) && same_wwn(d->wwn, b->wwn) && same(d->loop_file, b->loop_file);

	for (size_t i = 0; d->mapper && names_disk(d) && !on && i < b->n_under; i++)
		on = same(d->serial, b->under[i].serial) && same_wwn(d->wwn, b->under[i].wwn) && same(d->loop_file, b->under[i].loop_file);
	return on;
}

static bool disk_fits(const struct plan_device *d, const struct blk *b)
{
	return on_disk(d, b) && same_mapper(d->mapper, b->mapper) && (!d->array || (b->array && blk_same_array(d->array, b->array)));
}

static bool names_content(const struct plan_device *d)
{
	return d->part_uuid || d->uuid || d->label;
}

static bool uuid_fits(const char *want, const char *have)
{
	return !want || (have && strcasecmp(want, have) == 0);
}

static bool fits(const struct plan_device *d, const struct blk *b)
{
	if (!disk_fits(d, b) || !uuid_fits(d->part_uuid, b->part_uuid) || !uuid_fits(d->uuid, b->uuid) || !same(d->label, b->label))
		return false;
	if (d->partition)
		return b->partition == d->partition;
	return names_content(d) || b->partition == 0;
}

static const struct blk *disk_in(const struct blk *list, size_t n, const struct blk *b)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i].name, b->disk))
			return &list[i];
	return b;
}

/* Size and type are checks on what was found by identity, not a way to find it. */
static int check(const struct plan_device *d, const struct blk *list, size_t n, const struct blk *b, struct err *e)
{
	const struct blk *sized = names_disk(d) ? disk_in(list, n, b) : b;

	if (d->size && d->size != sized->size)
		return err_set(e, -EUCLEAN, "%s has the right identity, but %llu bytes where the plan says %llu: not touched", sized->path,
			       (unsigned long long)sized->size, (unsigned long long)d->size);
	if (d->fs_type && !same(d->fs_type, b->fs_type))
		return err_set(e, -EUCLEAN, "%s has the right identity, but holds %s where the plan says %s: not touched", b->path,
			       b->fs_type ? b->fs_type : "nothing known", d->fs_type);
	if (b->ambivalent && names_content(d))
		return err_set(e, -EUCLEAN, "%s has signatures of more than one filesystem: say which is right by wiping the other (wipefs)", b->path);
	return 0;
}

/* Devices of one multi-device btrfs share the UUID and differ in the device UUID; a copy made with dd shares both (T62). */
static bool one_btrfs(const struct blk *a, const struct blk *b)
{
	return a->fs_type && b->fs_type && str_eq(a->fs_type, "btrfs") && str_eq(b->fs_type, "btrfs") && a->uuid && b->uuid &&
	       str_eq(a->uuid, b->uuid) && a->uuid_sub && b->uuid_sub && !str_eq(a->uuid_sub, b->uuid_sub);
}

static void describe(struct str *s, const struct blk *b)
{
	AUTO_FREE char *id = blk_identity(b);
	char size[16];

	str_addf(s, "%s%s (%s, %s%s%s)", s->len ? "; " : "", b->path, id, str_human_size(size, sizeof(size), b->size),
		 b->label ? ", label " : "", b->label ? b->label : "");
}

static bool shares_something(const struct plan_device *d, const struct blk *b)
{
	return names_disk(d) ? on_disk(d, b) : names_content(d) && (b->uuid || b->label || b->part_uuid);
}

/* What is there instead: parts of the right disk, else all disks. */
static int nothing(const struct blk *list, size_t n, const struct plan_device *d, struct err *e)
{
	CLEANUP(str_free) struct str near = STR_INIT, all = STR_INIT;

	for (size_t i = 0; i < n; i++) {
		if (shares_something(d, &list[i]))
			describe(&near, &list[i]);
		else if (!list[i].partition)
			describe(&all, &list[i]);
	}
	if (near.len && names_disk(d))
		return err_set(e, -ENODEV, "the disk is there, but nothing on it fits; there is: %s", near.s);
	if (near.len)
		return err_set(e, -ENODEV, "nothing in this machine fits; there is: %s", near.s);
	return err_set(e, -ENODEV, "nothing in this machine fits; there is: %s", all.len ? all.s : "no disk at all");
}

int device_resolve(const struct plan_device *d, const struct blk *list, size_t n, const struct blk **ret, struct err *e)
{
	AUTO_FREE char *wanted = device_wanted(d);
	const struct blk *found = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!fits(d, &list[i]) || (found && one_btrfs(found, &list[i])))
			continue;
		if (found)
			r = err_set(e, -ENOTUNIQ, "%s and %s both fit: which one is meant? Detach one, or add serial, partition or partuuid",
				    found->path, list[i].path);
		found = &list[i];
	}
	if (r == 0)
		r = found ? check(d, list, n, found, e) : nothing(list, n, d, e);
	if (r < 0)
		return err_wrap(e, r, "device '%s' (%s)", d->name, wanted);
	*ret = found;
	return 0;
}

static bool lies_on(const struct blk *b, const struct blk *lower)
{
	for (size_t i = 0; i < b->n_under; i++)
		if (str_eq(b->under[i].name, lower->name))
			return true;
	return false;
}

static int apart(const struct plan_device *erased, const struct blk *a, const struct plan_device *kept, const struct blk *b, struct err *e)
{
	if (str_eq(a->name, b->name))
		return err_set(e, -EINVAL, "devices '%s' and '%s' are both %s: the plan erases one and wants to keep the other; name it once, with access: erase",
			       erased->name, kept->name, a->path);
	if (str_eq(a->name, b->disk))
		return err_set(e, -EINVAL, "device '%s' (%s) is a part of device '%s' (%s), which the plan erases", kept->name, b->path,
			       erased->name, a->path);
	if (lies_on(b, a))
		return err_set(e, -EINVAL, "device '%s' (%s) lies on device '%s' (%s), which the plan erases", kept->name, b->path, erased->name, a->path);
	if (lies_on(a, b))
		return err_set(e, -EINVAL, "device '%s' (%s), which the plan erases, lies on device '%s' (%s), which it may only read: give that one access: write",
			       erased->name, a->path, kept->name, b->path);
	return 0;
}

int device_apart(const struct plan *p, const struct blk *list, size_t n, struct err *e)
{
	const struct blk *a, *b;
	int r = 0;

	for (size_t i = 0; i < p->n_devices; i++)
		for (size_t k = 0; r == 0 && k < p->n_devices; k++)
			if (p->devices[i].access == ACCESS_ERASE && p->devices[k].access == ACCESS_READ &&
			    device_resolve(&p->devices[i], list, n, &a, NULL) == 0 && device_resolve(&p->devices[k], list, n, &b, NULL) == 0)
				r = apart(&p->devices[i], a, &p->devices[k], b, e);
	return r;
}

bool device_consent_matches(const struct plan_device *d UNUSED, const struct blk *b, const char *text)
{
	const char *const ids[] = { b->serial, b->wwn, b->loop_file, b->part_uuid, b->array };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i] && strcasecmp(ids[i], text) == 0)
			return true;
	return b->wwn && strcasecmp(wwn_number(b->wwn), wwn_number(text)) == 0;
}

char *device_consent_word(const struct plan_device *d, const struct blk *b)
{
	if (d->serial)
		return xstrdup(d->serial);
	if (d->loop_file)
		return xstrdup(d->loop_file);
	if (d->part_uuid)
		return xstrdup(d->part_uuid);
	if (d->wwn)
		return xstrdup(d->wwn);
	if (d->array)
		return xstrdup(d->array);
	return blk_identity(b);
}

int device_guard_erase(const struct plan_device *d, const struct blk *b, struct err *e)
{
	CLEANUP(blk_free) struct blk now = { 0 };
	int r = blk_get(b->path, &now, e);

	if (r < 0)
		return err_wrap(e, r, "device '%s'", d->name);
	if (!disk_fits(d, &now) || (d->partition && now.partition != d->partition) || !uuid_fits(d->part_uuid, now.part_uuid) || now.size != b->size)
		return err_set(e, -ESTALE, "device '%s': %s is another device than a moment ago: not touched", d->name, b->path);
	if (now.read_only)
		return err_set(e, -EROFS, "device '%s': %s is read-only: nothing can be written to it%s", d->name, b->path,
			       now.n_under ? " (what it lies on may have only access: read in the plan)" : "");
	r = blk_unused(b->path, e);
	return r < 0 ? err_wrap(e, r, "device '%s'", d->name) : 0;
}

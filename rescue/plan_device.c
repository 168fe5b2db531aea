/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The `devices:` of a plan: names bound to identities, with rules about which identity is enough. */
#include <ctype.h>

#include "plan_device.h"

static const struct opt opts[] = {
	{ "access", OPT_ENUM, OPT_FIELD(struct plan_device, access), .choices = "read write erase", .def = "read",
	  .help = "What may happen to it: read (the block device is set read-only), write (files may be added), erase (needs consent)." },
	{ "consent", OPT_STR, OPT_FIELD(struct plan_device, consent), .min = 1, .max = 400,
	  .help = "Agreement to erase it, written as the identity that will be lost: serial number, WWN, partition GUID, array UUID or loop file." },
	{ "serial", OPT_STR, OPT_FIELD(struct plan_device, serial), .min = 1, .max = 200, .help = "Serial number of the disk." },
	{ "wwn", OPT_STR, OPT_FIELD(struct plan_device, wwn), .min = 1, .max = 200, .help = "World wide name of the disk." },
	{ "size", OPT_SIZE, OPT_FIELD(struct plan_device, size), .min = 1, .max = UINT64_MAX,
	  .help = "Size of the whole disk in bytes; an additional check, never an identity by itself." },
	{ "partition", OPT_U64, OPT_FIELD(struct plan_device, partition), .min = 1, .max = 1024, .help = "Number of the partition on the disk." },
	{ "partuuid", OPT_UUID, OPT_FIELD(struct plan_device, part_uuid), .help = "GUID of the partition (PARTUUID)." },
	{ "uuid", OPT_STR, OPT_FIELD(struct plan_device, uuid), .min = 1, .max = 64, .help = "UUID of the filesystem on it." },
	{ "label", OPT_STR, OPT_FIELD(struct plan_device, label), .min = 1, .max = 255, .help = "Label of the filesystem on it." },
	{ "loop", OPT_STR, OPT_FIELD(struct plan_device, loop_file), .min = 1, .max = 4096, .help = "Backing file of a loop device, an absolute path." },
	{ "mapper", OPT_STR, OPT_FIELD(struct plan_device, mapper), .min = 1, .max = 300, .excl = "partition partuuid array",
	  .help = "A logical volume, as GROUP/VOLUME, or an opened LUKS volume, by its name below /dev/mapper. With serial, wwn or loop: the one that "
		  "lies on that disk, wholly or with a part of it." },
	{ "array", OPT_STR, OPT_FIELD(struct plan_device, array), .min = 32, .max = 47, .help = "UUID of an md array, in either spelling of it." },
	{ "type", OPT_STR, OPT_FIELD(struct plan_device, fs_type), .min = 1, .max = 32, .help = "Type of the filesystem on it; an additional check." },
	OPT_END
};

const struct opt *plan_device_opts(void)
{
	return opts;
}

static int bad(const struct plan *p, const struct plan_device *d, struct err *e, const char *why)
{
	return err_set(e, -EINVAL, "%s:%d:%d: device '%s': %s", p->path, d->line, d->col, d->name, why);
}

static bool is_array_uuid(const char *s)
{
	size_t digits = 0;

	for (; *s; s++)
		if (isxdigit((unsigned char)*s))
			digits++;
		else if (*s != ':' && *s != '-')
			return false;
	return digits == 32;
}

/* An erased device must still be found by the same words when the plan resumes after the mkfs. */
static int check_identity(const struct plan *p, const struct plan_device *d, struct err *e)
{
	bool disk = d->serial || d->wwn || d->loop_file;

	if (!disk && !d->part_uuid && !d->uuid && !d->label && !d->mapper && !d->array)
		return bad(p, d, e, d->size ? "a size alone is no identity, two disks can have it: add serial, wwn or loop"
				 : "no identity is given: name it by serial, wwn, loop, partuuid, uuid, label, mapper or array");
	if (d->access == ACCESS_ERASE && (d->uuid || d->label || d->fs_type))
		return bad(p, d, e, "an 'erase' device cannot be named by uuid, label or type, which are gone after erasing: use serial, wwn, loop or partuuid");
	if (d->access == ACCESS_ERASE && d->mapper && !disk)
		return bad(p, d, e, "'mapper' is a name that a volume on another disk can have too: add serial, wwn or loop of a disk that it lies on");
	if (d->partition && !disk && !d->array)
		return bad(p, d, e, "'partition' needs the disk it is on: add serial, wwn or loop");
	if (d->array && !is_array_uuid(d->array))
		return bad(p, d, e, "array: 32 hexadecimal digits are needed, as 'mdadm --examine' or 'blkid' show them for a member");
	if (d->loop_file && d->loop_file[0] != '/')
		return bad(p, d, e, "loop: an absolute path is needed");
	if (d->consent && d->access != ACCESS_ERASE)
		return bad(p, d, e, "'consent' is only for access: erase");
	return 0;
}

static int read_device(struct plan *p, struct plan_device *d, const struct opt_val *v, struct err *e)
{
	AUTO_FREE char *what = xasprintf("device '%s'", v->key);
	int r;

	d->name = xstrdup(v->key);
	d->line = v->key_line;
	d->col = v->key_col;
	if (strspn(d->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(d->name))
		return bad(p, d, e, "a name has letters, digits, '-' and '_' only");
	r = opt_apply(opts, d, v, p->path, what, e);
	d->access = (enum access)((int)d->access + ACCESS_READ);        /* the words begin at read */
	return r < 0 ? r : check_identity(p, d, e);
}

int plan_read_devices(struct plan *p, const struct opt_val *v, struct err *e)
{
	int r = 0;

	if (!v)
		return 0;
	if (v->kind != OPT_MAP)
		return err_set(e, -EINVAL, "%s:%d:%d: devices: a map is needed, 'name: {identity}'", p->path, v->line, v->col);
	p->devices = xcalloc(v->n_kids, sizeof(*p->devices));
	while (r == 0 && p->n_devices < v->n_kids) {
		size_t i = p->n_devices++;

		r = read_device(p, &p->devices[i], &v->kids[i], e);
	}
	return r;
}

void plan_free_devices(struct plan *p)
{
	for (size_t i = 0; i < p->n_devices; i++) {
		opt_release(opts, &p->devices[i]);
		free(p->devices[i].name);
	}
	free(p->devices);
}

const struct plan_device *plan_device(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n_devices; i++)
		if (p->devices[i].name && str_eq(p->devices[i].name, name))
			return &p->devices[i];
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a block device is, read from sysfs (Documentation/ABI/stable/sysfs-block in the kernel tree). */
#include "blk.h"

#include <dirent.h>
#include <limits.h>

#include "blk_impl.h"
#include "fs.h"

char *blk_sys(const char *name, const char *attr)
{
	AUTO_FREE char *path = xasprintf(SYS_BLOCK "/%s/%s", name, attr);
	AUTO_FREE char *word = fs_read_word(path);

	return word && *word ? TAKE_PTR(word) : NULL;
}

uint64_t blk_sys_u64(const char *name, const char *attr)
{
	AUTO_FREE char *word = blk_sys(name, attr);
	uint64_t v = 0;

	return word && str_to_u64(word, &v) == 0 ? v : 0;
}

static char *real_sys(const char *name)
{
	AUTO_FREE char *path = xasprintf(SYS_BLOCK "/%s", name);

	return realpath(path, NULL);
}

/* A partition's folder in sysfs lies inside its disk's. */
char *blk_disk_of(const char *name, bool partition)
{
	AUTO_FREE char *real = partition ? real_sys(name) : NULL;
	char *slash = real ? strrchr(real, '/') : NULL;

	if (!slash)
		return xstrdup(name);
	*slash = '\0';
	slash = strrchr(real, '/');
	return xstrdup(slash ? slash + 1 : name);
}

/* Unit serial number of a SCSI or SATA disk: VPD page 0x80, 4 bytes header with the length in byte 3 (SPC-4 7.8.15). */
static char *vpd_serial(const char *disk)
{
	AUTO_FREE char *path = xasprintf(SYS_BLOCK "/%s/device/vpd_pg80", disk);
	AUTO_FREE char *page = NULL, *text = NULL;
	size_t n;

	if (fs_read(path, 4096, &page, &n, NULL) < 0 || n < 5)
		return NULL;
	n = (size_t)(unsigned char)page[3] < n - 4 ? (size_t)(unsigned char)page[3] : n - 4;
	text = xstrndup(page + 4, n);
	return *str_trim(text) ? xstrdup(str_trim(text)) : NULL;
}

/* A USB disk has its serial number in the USB device above it, the first folder upwards with an idVendor. */
static char *usb_serial(const char *disk)
{
	AUTO_FREE char *dir = real_sys(disk);
	char *slash;

	while (dir && (slash = strrchr(dir, '/')) && slash > dir + strlen("/sys/devices")) {
		AUTO_FREE char *vendor = NULL, *serial = NULL;

		*slash = '\0';
		vendor = fs_join(dir, "idVendor");
		serial = fs_join(dir, "serial");
		if (fs_exists(vendor))
			return fs_read_word(serial);
	}
	return NULL;
}

/* What udev found, for drivers that show no serial number themselves (udev's own database, format "E:KEY=value"). */
static char *udev_value(const char *disk, const char *key)
{
	AUTO_FREE char *dev = blk_sys(disk, "dev"), *path = NULL, *text = NULL;
	char *line, *save = NULL;
	size_t n = strlen(key);

	if (!dev)
		return NULL;
	path = xasprintf("/run/udev/data/b%s", dev);
	if (fs_read(path, MIB, &text, NULL, NULL) < 0)
		return NULL;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (str_starts(line, "E:") && strncmp(line + 2, key, n) == 0 && line[2 + n] == '=')
			return xstrdup(line + 3 + n);
	return NULL;
}

char *blk_serial(const char *disk)
{
	char *s = blk_sys(disk, "serial");

	s = s ? s : blk_sys(disk, "device/serial");
	s = s ? s : vpd_serial(disk);
	s = s ? s : usb_serial(disk);
	return s ? s : udev_value(disk, "ID_SERIAL_SHORT");
}

char *blk_wwn(const char *disk)
{
	char *s = blk_sys(disk, "wwid");

	s = s ? s : blk_sys(disk, "device/wwid");
	return s ? s : udev_value(disk, "ID_WWN");
}

char *blk_loop_file(const char *disk)
{
	char *s = blk_sys(disk, "loop/backing_file");

	if (s && str_ends(s, " (deleted)"))
		s[strlen(s) - strlen(" (deleted)")] = '\0';
	return s;
}

/* "cciss!c0d0" is /dev/cciss/c0d0. */
static char *node_of(const char *name)
{
	char *path = xasprintf("/dev/%s", name);

	for (char *p = path; *p; p++)
		if (*p == '!')
			*p = '/';
	return path;
}

static void fill(struct blk *b, const char *name)
{
	*b = (struct blk){ .name = xstrdup(name), .path = node_of(name) };
	b->partition = blk_sys_u64(name, "partition");
	b->disk = blk_disk_of(name, b->partition != 0);
	b->size = blk_sys_u64(name, "size") * 512;
	b->start = blk_sys_u64(name, "start") * 512;
	b->sector = (unsigned int)blk_sys_u64(b->disk, "queue/logical_block_size");
	b->sector = b->sector ? b->sector : 512;
	b->rotational = blk_sys_u64(b->disk, "queue/rotational") == 1;
	b->removable = blk_sys_u64(b->disk, "removable") == 1;
	b->read_only = blk_sys_u64(name, "ro") == 1;
	b->serial = blk_serial(b->disk);
	b->wwn = blk_wwn(b->disk);
	b->model = blk_sys(b->disk, "device/model");
	b->loop_file = blk_loop_file(b->disk);
	blk_stack(b);
	blk_probe(b);
	blk_use_mounts(b, &b->mounts);
	blk_use_holders(b, &b->holders);
	b->swap = blk_use_swap(b);
}

int blk_get(const char *path, struct blk *ret, struct err *e)
{
	AUTO_FREE char *sys = NULL, *real = realpath(path, NULL);
	struct stat st;

	if (!real || stat(real, &st) < 0)
		return err_errno(e, "look at '%s'", path);
	if (!S_ISBLK(st.st_mode))
		return err_set(e, -ENOTBLK, "'%s' is not a block device", path);
	sys = xasprintf("/sys/dev/block/%u:%u", (unsigned int)(st.st_rdev >> 8 & 0xfff),
			(unsigned int)((st.st_rdev & 0xff) | (st.st_rdev >> 12 & 0xfff00)));
	free(TAKE_PTR(real));
	real = realpath(sys, NULL);
	if (!real)
		return err_set(e, -ENODEV, "'%s': the kernel has no such block device any more", path);
	fill(ret, strrchr(real, '/') + 1);
	return 0;
}

/* "sda2" before "sda10": digits compare as numbers. */
static int by_name(const void *a, const void *b)
{
	return strverscmp(((const struct blk *)a)->name, ((const struct blk *)b)->name);
}

int blk_list(struct blk **ret, size_t *ret_n, struct err *e)
{
	DIR *d = opendir(SYS_BLOCK);
	struct dirent *ent;
	struct blk *l = NULL;
	size_t n = 0;

	if (!d)
		return err_errno(e, "read folder '" SYS_BLOCK "'");
	while ((ent = readdir(d))) {
		if (ent->d_name[0] == '.' || str_starts(ent->d_name, "ram") || blk_sys_u64(ent->d_name, "size") == 0)
			continue;
		l = xrealloc(l, (n + 1) * sizeof(*l));
		fill(&l[n++], ent->d_name);
	}
	closedir(d);
	if (n)
		qsort(l, n, sizeof(*l), by_name);
	*ret = l;
	*ret_n = n;
	return 0;
}

void blk_free(struct blk *b)
{
	char *const owned[] = { b->path, b->name, b->disk, b->serial, b->wwn, b->model, b->loop_file, b->part_uuid, b->part_label,
				b->part_type, b->pttype, b->fs_type, b->uuid, b->uuid_sub, b->label, b->usage };

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(owned[i]);
	strv_free(&b->holders);
	strv_free(&b->mounts);
	blk_stack_free(b);
	*b = (struct blk){ 0 };
}

void blk_list_free(struct blk *l, size_t n)
{
	for (size_t i = 0; i < n; i++)
		blk_free(&l[i]);
	free(l);
}

char *blk_identity(const struct blk *b)
{
	CLEANUP(str_free) struct str s = STR_INIT;

	if (b->mapper)
		str_addf(&s, "mapper %s", b->mapper);
	else if (b->array)
		str_addf(&s, "array %s", b->array);
	else if (b->loop_file)
		str_addf(&s, "loop file %s", b->loop_file);
	else if (b->serial)
		str_addf(&s, "serial %s", b->serial);
	else if (b->wwn)
		str_addf(&s, "wwn %s", b->wwn);
	else
		str_addf(&s, "no serial number, %s now", b->path);
	if (b->partition)
		str_addf(&s, " partition %llu", (unsigned long long)b->partition);
	return str_take(&s);
}

char *blk_partition_path(const char *disk, uint64_t number)
{
	const char *name = str_starts(disk, "/dev/") ? disk + 5 : disk;
	AUTO_FREE char *dir = xasprintf(SYS_BLOCK "/%s", name);
	DIR *d = opendir(dir);
	struct dirent *ent;
	char *found = NULL;

	while (d && !found && (ent = readdir(d)))
		if (ent->d_name[0] != '.' && number && blk_sys_u64(ent->d_name, "partition") == number)
			found = node_of(ent->d_name);
	if (d)
		closedir(d);
	return found;
}

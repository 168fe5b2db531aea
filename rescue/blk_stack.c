/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a device mapper or md device is called, and what it is made of (sysfs: dm/name, slaves/). */
#include <ctype.h>
#include <dirent.h>

#include "blk_impl.h"

#define DEPTH_MAX 8             /* LVM on LUKS on RAID on a partition is 4 */

static bool has_part(const struct blk *b, const char *name)
{
	for (size_t i = 0; i < b->n_under; i++)
		if (str_eq(b->under[i].name, name))
			return true;
	return false;
}

static void add_part(struct blk *b, const char *name, const char *disk)
{
	if (has_part(b, name))
		return;
	b->under = xrealloc(b->under, (b->n_under + 1) * sizeof(*b->under));
	b->under[b->n_under++] = (struct blk_part){
		.name = xstrdup(name), .serial = blk_serial(disk), .wwn = blk_wwn(disk), .loop_file = blk_loop_file(disk),
	};
}

static void slaves(struct blk *b, const char *name, int depth);

static void slave(struct blk *b, const char *name, int depth)
{
	AUTO_FREE char *disk = blk_disk_of(name, blk_sys_u64(name, "partition") != 0);

	add_part(b, name, disk);
	add_part(b, disk, disk);
	slaves(b, name, depth + 1);
	if (!str_eq(disk, name))
		slaves(b, disk, depth + 1);
}

static void slaves(struct blk *b, const char *name, int depth)
{
	AUTO_FREE char *dir = xasprintf(SYS_BLOCK "/%s/slaves", name);
	DIR *d = depth < DEPTH_MAX ? opendir(dir) : NULL;
	struct dirent *ent;

	while (d && (ent = readdir(d)))
		if (ent->d_name[0] != '.')
			slave(b, ent->d_name, depth);
	if (d)
		closedir(d);
}

/* Every member says which array it belongs to; what is on the array does not matter. */
static char *array_of(const char *disk)
{
	AUTO_FREE char *dir = xasprintf(SYS_BLOCK "/%s/slaves", disk);
	DIR *d = str_starts(disk, "md") ? opendir(dir) : NULL;
	struct dirent *ent;
	char *found = NULL;

	while (d && !found && (ent = readdir(d))) {
		struct blk member = { 0 };

		if (ent->d_name[0] == '.')
			continue;
		member.path = xasprintf("/dev/%s", ent->d_name);
		blk_probe(&member);
		if (member.fs_type && str_eq(member.fs_type, "linux_raid_member") && member.uuid)
			found = xstrdup(member.uuid);
		blk_free(&member);
	}
	if (d)
		closedir(d);
	return found;
}

bool blk_same_array(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, ":-");
		b += strspn(b, ":-");
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
	}
}

void blk_stack(struct blk *b)
{
	b->mapper = blk_sys(b->name, "dm/name");
	b->array = array_of(b->disk);
	slaves(b, b->name, 0);
	if (!str_eq(b->disk, b->name))
		slaves(b, b->disk, 0);
}

void blk_stack_free(struct blk *b)
{
	for (size_t i = 0; i < b->n_under; i++) {
		free(b->under[i].name);
		free(b->under[i].serial);
		free(b->under[i].wwn);
		free(b->under[i].loop_file);
	}
	free(b->under);
	free(b->mapper);
	free(b->array);
}

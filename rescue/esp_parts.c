/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "esp.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "blk.h"
#include "fs.h"

#define ESP_TYPE "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"

void esp_parts_free(struct esp_part *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].dev);
	free(v);
}

struct parts {
	struct esp_part *v;
	size_t n;
};

/* The HD() node of one partition, or a sentence why the firmware cannot know it. */
static int hd_of(const struct blk *b, struct efi_hd *hd, struct err *e)
{
	unsigned int sector = b->sector ? b->sector : 512;
	unsigned long id;

	if (!b->partition || !b->part_uuid)
		return err_set(e, -ENXIO, "'%s' is not a partition of a disk that the firmware knows", b->path);
	*hd = (struct efi_hd){ .number = (uint32_t)b->partition, .start = b->start / sector, .size = b->size / sector };
	if (strlen(b->part_uuid) == 36) {        /* the form tells GPT from MBR, whatever is inside the partition */
		hd->format = hd->sig_type = 2;
		return efi_guid_parse(b->part_uuid, hd->sig) < 0 ? err_set(e, -EINVAL, "'%s': partition GUID '%s'", b->path, b->part_uuid) : 0;
	}
	id = strtoul(b->part_uuid, NULL, 16);   /* MBR: "1234abcd-01" */
	hd->format = hd->sig_type = 1;
	for (int i = 0; i < 4; i++)
		hd->sig[i] = (uint8_t)(id >> (8 * i));
	return 0;
}

static int add_device(struct parts *p, const char *path, struct err *e)
{
	CLEANUP(blk_free) struct blk b = { 0 };
	struct efi_hd hd;
	int r = blk_get(path, &b, e);

	if (r == 0)
		r = hd_of(&b, &hd, e);
	if (r < 0)
		return r;
	p->v = xrealloc(p->v, (p->n + 1) * sizeof(*p->v));
	p->v[p->n++] = (struct esp_part){ .dev = xstrdup(path), .hd = hd };
	return 0;
}

/* A RAID1 carries the same ESP on every member: the firmware sees the members (T30). */
static int add_with_members(struct parts *p, const char *path, dev_t dev, struct err *e)
{
	AUTO_FREE char *slaves = xasprintf("/sys/dev/block/%u:%u/slaves", major(dev), minor(dev));
	struct dirent **list = NULL;
	int n = scandir(slaves, &list, NULL, alphasort), r = 0, members = 0;

	for (int i = 0; i < n; i++) {
		AUTO_FREE char *node = xasprintf("/dev/%s", list[i]->d_name);

		if (list[i]->d_name[0] != '.' && r == 0) {
			members++;
			r = add_device(p, node, e);
		}
		free(list[i]);
	}
	free(list);
	return members ? r : add_device(p, path, e);
}

int esp_parts(const char *where, struct esp_part **ret, size_t *ret_n, struct err *e)
{
	AUTO_FREE char *node = NULL;
	struct parts p = { NULL, 0 };
	struct stat st;
	dev_t dev;
	int r;

	if (stat(where, &st) < 0)
		return err_errno(e, "ESP '%s'", where);
	dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	if (S_ISBLK(st.st_mode)) {
		node = xstrdup(where);
	} else {
		AUTO_FREE char *link = xasprintf("/sys/dev/block/%u:%u", major(dev), minor(dev)), *real = realpath(link, NULL);

		if (!real)
			return err_set(e, -ENXIO, "ESP '%s': no partition is mounted there", where);
		node = xasprintf("/dev/%s", strrchr(real, '/') + 1);
	}
	r = add_with_members(&p, node, dev, e);
	if (r < 0) {
		esp_parts_free(p.v, p.n);
		return err_wrap(e, r, "ESP '%s'", where);
	}
	*ret = p.v;
	*ret_n = p.n;
	return 0;
}

bool esp_hd_is_gone(const struct efi_hd *hd, void *unused)
{
	struct blk *l = NULL;
	size_t n = 0;
	bool found = false;

	(void)unused;
	if (blk_list(&l, &n, NULL) < 0)
		return false;   /* not known: not gone */
	for (size_t i = 0; !found && i < n; i++) {
		struct efi_hd have;

		found = hd_of(&l[i], &have, NULL) == 0 && efi_hd_same(&have, hd);
	}
	blk_list_free(l, n);
	return !found;
}

int esp_devices(struct strv *ret, struct err *e)
{
	struct blk *l = NULL;
	size_t n = 0;
	int r = blk_list(&l, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (l[i].part_type && (strcasecmp(l[i].part_type, ESP_TYPE) == 0 || str_eq(l[i].part_type, "0xef")))
			strv_add(ret, l[i].path);
	blk_list_free(l, n);
	return r;
}

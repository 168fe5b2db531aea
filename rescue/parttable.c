/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes and reads partition tables through libfdisk; its warnings arrive through a callback and become part of our sentence. */
#include "parttable.h"

#include <fcntl.h>
#include <libfdisk/libfdisk.h>
#include <linux/fs.h>
#include <strings.h>
#include <sys/ioctl.h>

struct table {
	struct fdisk_context *cxt;
	int fd;
	char said[256];         /* last warning of the library */
};

static int on_ask(struct fdisk_context *cxt, struct fdisk_ask *ask, void *data)
{
	struct table *t = data;

	(void)cxt;
	switch (fdisk_ask_get_type(ask)) {
	case FDISK_ASKTYPE_WARN:
	case FDISK_ASKTYPE_WARNX:
		snprintf(t->said, sizeof(t->said), "%s", fdisk_ask_print_get_mesg(ask));
		return 0;
	case FDISK_ASKTYPE_INFO:
		return 0;
	case FDISK_ASKTYPE_YESNO:
		return fdisk_ask_yesno_set_result(ask, 0);
	default:
		return -EINVAL; /* nobody is there to answer */
	}
}

static void table_close(struct table *t)
{
	if (t->cxt) {
		fdisk_deassign_device(t->cxt, 1);
		fdisk_unref_context(t->cxt);
	}
	base_close(&t->fd);
}

#define TABLE_INIT { NULL, -1, "" }

static int failed(const struct table *t, struct err *e, int r, const char *path, const char *what)
{
	int code = r < 0 && r > -4096 ? r : -EIO;

	if (*t->said)
		return err_set(e, code, "'%s': %s: %s", path, what, t->said);
	return err_code(e, code, "'%s': %s", path, what);
}

static int table_open(struct table *t, const char *path, bool write, struct err *e)
{
	int r;

	t->fd = open(path, (write ? O_RDWR | O_EXCL : O_RDONLY) | O_CLOEXEC);
	if (t->fd < 0)
		return err_errno(e, "open '%s'", path);
	t->cxt = fdisk_new_context();
	if (!t->cxt)
		return err_set(e, -ENOMEM, "open '%s': out of memory", path);
	fdisk_set_ask(t->cxt, on_ask, t);
	r = fdisk_assign_device_by_fd(t->cxt, t->fd, path, !write);
	return r ? failed(t, e, r, path, "read its partition table") : 0;
}

static char *flags_text(uint64_t flags)
{
	CLEANUP(str_free) struct str s = STR_INIT;
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (flags & (1ULL << bit)) {
			static const char *const words[] = { "RequiredPartition", "NoBlockIOProtocol", "LegacyBIOSBootable" };

			str_add(&s, s.len ? "," : "");
			if (bit < 3)
				str_add(&s, words[bit]);
			else
				str_addf(&s, "%u", bit);
		}
	return s.len ? str_take(&s) : NULL;
}

static struct fdisk_parttype *library_type(struct fdisk_context *cxt, enum part_scheme s, const char *type)
{
	const struct fdisk_label *lb = fdisk_get_label(cxt, NULL);

	if (s == PART_MBR)
		return fdisk_label_advparse_parttype(lb, type, FDISK_PARTTYPE_PARSE_DATA);
	return fdisk_label_parse_parttype(lb, type);
}

static int fill(struct fdisk_context *cxt, struct fdisk_partition *pa, const struct part_layout *l, const struct part *p)
{
	unsigned long sector = fdisk_get_sector_size(cxt);
	struct fdisk_parttype *t = library_type(cxt, l->scheme, p->type);
	AUTO_FREE char *attrs = l->scheme == PART_GPT ? flags_text(p->flags) : NULL;
	int r = t ? 0 : -EINVAL;

	r = r ? r : fdisk_partition_set_type(pa, t);
	r = r ? r : fdisk_partition_set_partno(pa, p->number - 1);
	r = r ? r : fdisk_partition_set_start(pa, p->start / sector);
	r = r ? r : fdisk_partition_set_size(pa, p->size / sector);
	r = r ? r : fdisk_partition_size_explicit(pa, 1);
	if (l->scheme == PART_GPT) {
		r = r ? r : fdisk_partition_set_uuid(pa, p->uuid);
		r = r || !p->name ? r : fdisk_partition_set_name(pa, p->name);
		r = r || !attrs ? r : fdisk_partition_set_attrs(pa, attrs);
	}
	fdisk_unref_parttype(t);
	return r;
}

static int add_part(struct table *t, const struct part_layout *l, const struct part *p)
{
	struct fdisk_partition *pa = fdisk_new_partition();
	size_t number;
	int r = pa ? fill(t->cxt, pa, l, p) : -ENOMEM;

	r = r ? r : fdisk_add_partition(t->cxt, pa, &number);
	if (r == 0 && l->scheme == PART_MBR && (p->flags & PART_ACTIVE))
		r = fdisk_toggle_partition_flag(t->cxt, p->number - 1, DOS_FLAG_ACTIVE);
	fdisk_unref_partition(pa);
	return r;
}

static int add_parts(struct table *t, const char *path, const struct part_layout *l, struct err *e)
{
	uint64_t number;
	size_t i;
	int r = 0;

	/* in the order of their numbers: logical partitions cannot be added otherwise */
	for (number = 1; r == 0 && number <= PART_MAX; number++)
		for (i = 0; r == 0 && i < l->n; i++)
			if (l->parts[i].number == number) {
				AUTO_FREE char *what = xasprintf("add partition %llu", (unsigned long long)number);

				t->said[0] = '\0';
				r = add_part(t, l, &l->parts[i]);
				if (r)
					r = failed(t, e, r, path, what);
			}
	return r;
}

int part_write(const char *path, const struct part_layout *l, struct err *e)
{
	CLEANUP(table_close) struct table t = TABLE_INIT;
	int r = table_open(&t, path, true, e);

	if (r < 0)
		return r;
	fdisk_disable_dialogs(t.cxt, 1);
	r = fdisk_create_disklabel(t.cxt, l->scheme == PART_GPT ? "gpt" : "dos");
	if (r)
		return failed(&t, e, r, path, "make a new partition table");
	r = fdisk_set_disklabel_id_from_string(t.cxt, l->id);
	if (r)
		return failed(&t, e, r, path, "set the id of the partition table");
	r = add_parts(&t, path, l, e);
	if (r < 0)
		return r;
	r = fdisk_write_disklabel(t.cxt);
	if (r)
		return failed(&t, e, r, path, "write the partition table");
	return fsync(t.fd) < 0 ? err_errno(e, "sync '%s'", path) : 0;
}

/* ---- reading back ---- */

static int differs(struct err *e, const char *path, const char *what, const char *have, const char *want)
{
	err_set(e, 0, "'%s': %s is '%s', not '%s'", path, what, have ? have : "", want ? want : "");
	return 0;
}

static bool same(const char *a, const char *b)
{
	return strcasecmp(a ? a : "", b ? b : "") == 0;
}

static uint64_t flags_read(const char *text)
{
	CLEANUP(strv_free) struct strv words = STRV_INIT;
	uint64_t flags = 0;
	size_t i;

	strv_split(&words, text ? text : "", ", ");
	for (i = 0; i < words.n; i++)
		(void)part_flag(PART_GPT, words.v[i], &flags);
	return flags;
}

static bool type_is(enum part_scheme s, struct fdisk_partition *pa, const char *want)
{
	struct fdisk_parttype *t = fdisk_partition_get_type(pa);

	if (s == PART_GPT)
		return t && same(fdisk_parttype_get_string(t), want);
	return t && fdisk_parttype_get_code(t) == strtoul(want, NULL, 16);
}

static int compare_ids(const struct part_layout *l, const struct part *p, struct fdisk_partition *pa, const char *path, const char *what,
		       struct err *e)
{
	bool active = fdisk_partition_is_bootable(pa) == 1;

	if (l->scheme == PART_MBR)
		return active == ((p->flags & PART_ACTIVE) != 0) ? 1 : differs(e, path, what, active ? "active" : "not active", "the other");
	if (!same(fdisk_partition_get_uuid(pa), p->uuid))
		return differs(e, path, what, fdisk_partition_get_uuid(pa), p->uuid);
	if (strcmp(fdisk_partition_get_name(pa) ? fdisk_partition_get_name(pa) : "", p->name ? p->name : "") != 0)
		return differs(e, path, what, fdisk_partition_get_name(pa), p->name);
	if (flags_read(fdisk_partition_get_attrs(pa)) != p->flags)
		return differs(e, path, what, fdisk_partition_get_attrs(pa), "the flags of the plan");
	return 1;
}

static int compare_part(struct table *t, const struct part_layout *l, const struct part *p, const char *path, struct err *e)
{
	AUTO_FREE char *what = xasprintf("partition %llu", (unsigned long long)p->number);
	uint64_t sector = fdisk_get_sector_size(t->cxt);
	struct fdisk_partition *pa = NULL;
	int r = 1;

	if (fdisk_get_partition(t->cxt, p->number - 1, &pa) != 0 || !fdisk_partition_is_used(pa))
		r = differs(e, path, what, "missing", "there");
	else if (fdisk_partition_get_start(pa) * sector != p->start || fdisk_partition_get_size(pa) * sector != p->size)
		r = differs(e, path, what, "at another place", "where the layout wants it");
	else if (!type_is(l->scheme, pa, p->type))
		r = differs(e, path, what, "of another type", p->type);
	else
		r = compare_ids(l, p, pa, path, what, e);
	fdisk_unref_partition(pa);
	return r;
}

static size_t used_parts(struct fdisk_context *cxt)
{
	size_t n = 0, i;

	for (i = 0; i < fdisk_get_npartitions(cxt); i++)
		n += fdisk_is_partition_used(cxt, i) == 1;
	return n;
}

/* The library repairs in memory what one of the two copies of a GPT lacks, and marks the table as changed: that is half a table. */
static int compare_table(struct table *t, const struct part_layout *l, const char *path, struct err *e)
{
	AUTO_FREE char *id = NULL;

	if (!fdisk_has_label(t->cxt) || !fdisk_is_labeltype(t->cxt, l->scheme == PART_GPT ? FDISK_DISKLABEL_GPT : FDISK_DISKLABEL_DOS))
		return differs(e, path, "the partition table", fdisk_has_label(t->cxt) ? "of another kind" : "missing",
			       l->scheme == PART_GPT ? "gpt" : "dos");
	if (fdisk_label_is_changed(fdisk_get_label(t->cxt, NULL)) || *t->said)
		return differs(e, path, "the partition table", *t->said ? t->said : "damaged", "whole");
	if (fdisk_get_disklabel_id(t->cxt, &id) != 0 || !same(id, l->id))
		return differs(e, path, "the id of the partition table", id, l->id);
	if (used_parts(t->cxt) != l->n)
		return differs(e, path, "the number of partitions", used_parts(t->cxt) > l->n ? "larger" : "smaller", "that of the layout");
	return 1;
}

int part_compare(const char *path, const struct part_layout *l, struct err *e)
{
	CLEANUP(table_close) struct table t = TABLE_INIT;
	int r = table_open(&t, path, false, e);
	size_t i;

	if (r < 0)
		return r;
	r = compare_table(&t, l, path, e);
	for (i = 0; r == 1 && i < l->n; i++)
		r = compare_part(&t, l, &l->parts[i], path, e);
	return r;
}

/* ---- T67 ---- */

static bool gpt_header_at(int fd, uint64_t at)
{
	char magic[8];

	return pread(fd, magic, sizeof(magic), (off_t)at) == (ssize_t)sizeof(magic) && memcmp(magic, "EFI PART", sizeof(magic)) == 0;
}

/* UEFI specification, 5.2.3: one entry of type 0xEE makes the MBR a protective one; beside others it is a hybrid. */
static void look_at_mbr(const uint8_t *b, bool *ret_mbr, unsigned int *ret_protective, unsigned int *ret_other)
{
	unsigned int i;

	*ret_mbr = b[510] == 0x55 && b[511] == 0xaa;
	*ret_protective = *ret_other = 0;
	for (i = 0; i < 4 && *ret_mbr; i++) {
		uint8_t type = b[446 + 16 * i + 4];

		*ret_protective += type == 0xee;
		*ret_other += type != 0xee && type != 0;
	}
}

static int check_gpt(int fd, const char *path, struct err *e)
{
	unsigned int protective, other;
	uint64_t size = 0;
	uint8_t b[512];
	int sector = 512;
	bool gpt, mbr;

	if (ioctl(fd, BLKGETSIZE64, &size) < 0 || ioctl(fd, BLKSSZGET, &sector) < 0 || pread(fd, b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return err_errno(e, "read '%s'", path);
	look_at_mbr(b, &mbr, &protective, &other);
	gpt = gpt_header_at(fd, (uint64_t)sector) || gpt_header_at(fd, size - (uint64_t)sector);
	if (protective && !gpt)
		return err_set(e, -EUCLEAN, "'%s': its MBR says that there is a GPT, but there is none", path);
	if (gpt && !protective)
		return err_set(e, -EUCLEAN, "'%s': there is a GPT, but %s", path, mbr && other ? "its MBR describes other partitions" :
			       "no protective MBR before it");
	if (protective && other)
		return err_set(e, -EUCLEAN, "'%s': its MBR describes partitions beside the GPT (a hybrid)", path);
	return 0;
}

int part_check_disk(const char *path, struct err *e)
{
	CLEANUP(table_close) struct table t = TABLE_INIT;
	int r = table_open(&t, path, false, e);

	if (r < 0)
		return r;
	if (fdisk_has_label(t.cxt) && !fdisk_is_labeltype(t.cxt, FDISK_DISKLABEL_GPT) && !fdisk_is_labeltype(t.cxt, FDISK_DISKLABEL_DOS))
		return err_set(e, -EUCLEAN, "'%s': has a partition table of the kind '%s'", path,
			       fdisk_label_get_name(fdisk_get_label(t.cxt, NULL)));
	return check_gpt(t.fd, path, e);
}

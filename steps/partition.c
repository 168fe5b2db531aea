/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * partition - a new partition table from a layout in the plan or a saved one. Every place and identity is fixed before the first byte is
 * written, so the table that is read back must be equal in all of them.
 */
#include "blk.h"
#include "fault.h"
#include "fs.h"
#include "parttable.h"
#include "step.h"

struct row {
	uint64_t number, start, size;
	char *type, *name, *uuid;
	struct strv flags;
};

struct partition {
	struct opt_device device;
	int table;
	char *disk_id;
	struct opt_rows layout;
	struct opt_path file;
	bool keep_ids, wipe, replace_unknown;
};

static const struct opt row_opts[] = {
	{ "number", OPT_U64, OPT_FIELD(struct row, number), .min = 0, .max = PART_MAX, .def = "0",
	  .help = "Number of the partition. The next free one when it is not given." },
	{ "start", OPT_SIZE, OPT_FIELD(struct row, start), .help = "Distance from the start of the disk. Behind the one before, on the next MiB." },
	{ "size", OPT_SIZE, OPT_FIELD(struct row, size), .help = "Its size. All space up to the next partition or the end when it is not given." },
	{ "type", OPT_STR, OPT_FIELD(struct row, type), .def = "linux", .min = 1, .max = 36,
	  .help = "One of " PART_TYPE_WORDS ", a GUID (gpt), or two hexadecimal digits (mbr)." },
	{ "name", OPT_STR, OPT_FIELD(struct row, name), .max = 72, .help = "Its name in a GPT, at most 36 characters." },
	{ "uuid", OPT_UUID, OPT_FIELD(struct row, uuid), .help = "Its PARTUUID in a GPT. A new one is chosen when it is not given." },
	{ "flags", OPT_LIST, OPT_FIELD(struct row, flags),
	  .help = "Words or bit numbers: required, no-block-io, legacy-boot, read-only, hidden, no-auto (gpt); active (mbr)." },
	OPT_END
};

static const struct opt opts[] = {
	{ "device", OPT_DEVICE, OPT_FIELD(struct partition, device), .flags = OPT_REQUIRED, .access = ACCESS_ERASE,
	  .help = "The whole disk that gets the table." },
	{ "layout", OPT_ROWS, OPT_FIELD(struct partition, layout), .sub = row_opts, .sub_size = sizeof(struct row), .excl = "layout-file",
	  .help = "The partitions." },
	{ "layout-file", OPT_PATH, OPT_FIELD(struct partition, file), .access = ACCESS_READ,
	  .help = "A saved layout, as sfdisk --dump writes it. Its disk id, PARTUUIDs, names and flags are kept." },
	{ "table", OPT_ENUM, OPT_FIELD(struct partition, table), .choices = "gpt mbr", .def = "gpt",
	  .help = "Kind of table for layout; a saved one brings its own." },
	{ "disk-id", OPT_STR, OPT_FIELD(struct partition, disk_id), .min = 1, .max = 36, .excl = "layout-file",
	  .help = "Id of the table: a GUID, or eight hexadecimal digits with 0x before them for mbr. A new one is chosen when it is not given." },
	{ "keep-ids", OPT_BOOL, OPT_FIELD(struct partition, keep_ids), .def = "yes",
	  .help = "Keep the ids of a saved layout. Say no when the disk that it was saved from is in this machine too." },
	{ "wipe", OPT_BOOL, OPT_FIELD(struct partition, wipe), .def = "no",
	  .help = "Wipe the signatures inside the new partitions, too. Without it a table that was lost can be made again around the filesystems "
		  "that are still there." },
	{ "replace-unknown", OPT_BOOL, OPT_FIELD(struct partition, replace_unknown), .def = "no",
	  .help = "Go on although the disk holds a table of an unknown kind, or a GPT and an MBR that contradict each other." },
	OPT_END
};

static int add_row(struct part_layout *l, const struct row *w, struct err *e)
{
	struct part *p = part_add(l);
	size_t i;

	p->number = w->number;
	p->start = w->start;
	p->size = w->size;
	p->type = part_type(l->scheme, w->type);
	if (!p->type)
		return err_set(e, -EINVAL, "type: '%s' means nothing in %s; it takes " PART_TYPE_WORDS " or %s", w->type,
			       l->scheme == PART_GPT ? "a GPT" : "an MBR", l->scheme == PART_GPT ? "a GUID" : "two hexadecimal digits");
	if (l->scheme == PART_MBR && (w->name || w->uuid))
		return err_set(e, -EINVAL, "%s: partitions of an MBR have none", w->name ? "name" : "uuid");
	p->name = w->name && *w->name ? xstrdup(w->name) : NULL;
	p->uuid = w->uuid ? xstrdup(w->uuid) : NULL;
	for (i = 0; i < w->flags.n; i++)
		if (part_flag(l->scheme, w->flags.v[i], &p->flags) < 0)
			return err_set(e, -EINVAL, "flags: '%s' is not a flag of this kind of table", w->flags.v[i]);
	return 0;
}

static int from_rows(const struct partition *m, struct part_layout *l, struct err *e)
{
	const struct row *rows = m->layout.v;
	size_t i;
	int r = 0;

	l->scheme = m->table == 1 ? PART_MBR : PART_GPT;
	l->id = m->disk_id ? xstrdup(m->disk_id) : NULL;
	for (i = 0; r == 0 && i < m->layout.n; i++) {
		r = add_row(l, &rows[i], e);
		if (r < 0)
			err_wrap(e, r, "layout: partition %zu", i + 1);
	}
	return r;
}

static void forget_ids(struct part_layout *l)
{
	size_t i;

	free(TAKE_PTR(l->id));
	for (i = 0; i < l->n; i++)
		free(TAKE_PTR(l->parts[i].uuid));
}

/* STEP_LATER while the saved layout cannot be read yet. */
static int from_file(const struct partition *m, struct part_layout *l, struct err *e)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r;

	if (!m->file.real)
		return STEP_LATER;
	r = fs_read(m->file.real, PART_TEXT_MAX, &text, &len, e);
	if (r == 0)
		r = part_parse(text, len, l, e);
	if (r < 0)
		return err_wrap(e, r, "layout-file '%s'", m->file.path);
	if (!m->keep_ids)
		forget_ids(l);
	return 0;
}

static const char *number_key(char key[24], uint64_t number)
{
	snprintf(key, 24, "uuid%llu", (unsigned long long)number);
	return key;
}

/* What was decided before holds. */
static void take_facts(struct part_layout *l, struct step_io *io)
{
	char key[24];
	size_t i;

	if (!l->id && step_fact(io, "disk_id"))
		l->id = xstrdup(step_fact(io, "disk_id"));
	for (i = 0; i < l->n; i++)
		if (!l->parts[i].uuid && step_fact(io, number_key(key, l->parts[i].number)))
			l->parts[i].uuid = xstrdup(step_fact(io, key));
}

static int keep_fact(struct step_io *io, const char *key, const char *value, struct err *e)
{
	const char *old = step_fact(io, key);

	return old && str_eq(old, value) ? 0 : step_fact_set(io, key, value, e);
}

static int keep_facts(const struct part_layout *l, struct step_io *io, struct err *e)
{
	char key[24];
	size_t i;
	int r = keep_fact(io, "disk_id", l->id, e);

	for (i = 0; r == 0 && i < l->n; i++)
		r = keep_fact(io, number_key(key, l->parts[i].number), l->parts[i].uuid, e);
	return r;
}

/* The whole layout for this disk, placed and with all ids that are decided so far. 0, STEP_LATER, -errno. */
static int placed(const struct partition *m, struct step_io *io, struct blk *disk, struct part_layout *l, struct err *e)
{
	int r = m->file.path || m->file.device ? from_file(m, l, e) : from_rows(m, l, e);

	if (r != 0)
		return r;
	if (l->n == 0)
		return err_set(e, -EINVAL, "layout or layout-file is needed");
	if (!m->device.path)
		return STEP_LATER;
	r = blk_get(m->device.path, disk, e);
	if (r < 0)
		return r;
	if (disk->partition)
		return err_set(e, -EINVAL, "'%s' is a partition: a whole disk is needed", disk->path);
	r = part_place(l, disk->size, disk->sector, e);
	if (r < 0)
		return err_wrap(e, r, "'%s'", disk->path);
	take_facts(l, io);
	return 0;
}

static int decide(void *self, struct step_io *io, struct err *e)
{
	const struct partition *m = self;
	CLEANUP(blk_free) struct blk disk = { 0 };
	CLEANUP(part_free) struct part_layout l = { 0 };
	int r = placed(m, io, &disk, &l, e);

	if (r != 0)
		return r == STEP_LATER ? 0 : r;         /* run decides then, before it writes */
	r = part_decide(&l, e);
	return r < 0 ? r : keep_facts(&l, io, e);
}

static int check_disk_id(const struct partition *m, const struct part_layout *l, struct err *e)
{
	uint64_t n;

	if (!m->disk_id || !l->id || (l->scheme == PART_GPT ? strlen(l->id) == 36 :
				      (str_starts(l->id, "0x") && strlen(l->id) == 10 && str_to_u64(l->id, &n) == 0)))
		return 0;
	return err_set(e, -EINVAL, "disk-id: '%s' is not %s", l->id, l->scheme == PART_GPT ? "a GUID" : "a number such as 0x1234abcd");
}

/* T67: an interrupted attempt of ours leaves just such a disk, so a resumed step does not ask. */
static int check_unknown(const struct partition *m, struct step_io *io, const char *path, struct err *e)
{
	struct err why = ERR_INIT;
	int r = step_is_resume(io) ? 0 : part_check_disk(path, &why);

	if (r == -EUCLEAN && m->replace_unknown) {
		step_warn(io, "%s, going on because of replace-unknown", why.msg);
		return 0;
	}
	if (r == -EUCLEAN)
		return err_set(e, r, "%s: nobody knows what is there; look at it, then say 'replace-unknown: yes' if it may go", why.msg);
	return r < 0 ? err_set(e, r, "%s", why.msg) : 0;
}

static int check_target(const struct partition *m, struct step_io *io, const struct blk *disk, struct err *e)
{
	int r = 0;

	if (!step_may_erase(io, disk->path))
		return err_set(e, -EPERM, "'%s' is no device that this plan may erase", disk->path);
	if (disk->read_only)
		r = err_set(e, -EROFS, "'%s' is read-only: 'blockdev --setrw %s' if that is a mistake", disk->path, disk->path);
	if (r == 0)
		r = blk_unused(disk->path, e);
	return r < 0 ? r : check_unknown(m, io, disk->path, e);
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct partition *m = self;
	CLEANUP(blk_free) struct blk disk = { 0 };
	CLEANUP(part_free) struct part_layout l = { 0 };
	int r = placed(m, io, &disk, &l, e);

	if (r == 0)
		r = check_disk_id(m, &l, e);
	return r != 0 ? r : check_target(m, io, &disk, e);
}

static int wipe_parts(const struct part_layout *l, const char *disk, struct err *e)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < l->n; i++) {
		AUTO_FREE char *path = blk_partition_path(disk, l->parts[i].number);

		if (l->scheme == PART_MBR && (str_eq(l->parts[i].type, "05") || str_eq(l->parts[i].type, "0f")))
			continue;       /* what an extended partition holds is the table of the logical ones */
		r = path ? blk_wipe(path, e) : err_set(e, -ENODEV, "'%s': partition %llu did not appear", disk,
						       (unsigned long long)l->parts[i].number);
	}
	return r;
}

static int make(const struct partition *m, const struct part_layout *l, const char *path, struct err *e)
{
	int r = blk_wipe(path, e);

	if (r < 0)
		return r;
	fault_point("partition.wiped");
	r = part_write(path, l, e);
	fault_point("partition.written");
	if (r == 0)
		r = blk_reread(path, e);
	fault_point("partition.reread");
	return r == 0 && m->wipe ? wipe_parts(l, path, e) : r;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct partition *m = self;
	CLEANUP(blk_free) struct blk disk = { 0 };
	CLEANUP(part_free) struct part_layout l = { 0 };
	int r = placed(m, io, &disk, &l, e);

	if (r == STEP_LATER)
		return err_set(e, -ENODEV, "'%s' is not there", m->device.path ? m->file.path : m->device.name);
	if (r == 0)
		r = check_target(m, io, &disk, e);
	if (r == 0)
		r = part_decide(&l, e);
	if (r == 0)
		r = keep_facts(&l, io, e);
	if (r == 0)
		r = make(m, &l, disk.path, e);
	if (r == 0)
		step_note(io, "%zu partition%s on %s", l.n, l.n == 1 ? "" : "s", disk.path);
	return r;
}

/* The kernel has each partition where the table says. */
static int kernel_knows(const struct part_layout *l, const char *disk, struct err *e)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		unsigned long long number = l->parts[i].number;
		AUTO_FREE char *path = blk_partition_path(disk, number);
		CLEANUP(blk_free) struct blk b = { 0 };

		if (l->scheme == PART_MBR && (str_eq(l->parts[i].type, "05") || str_eq(l->parts[i].type, "0f") || str_eq(l->parts[i].type, "85")))
			continue;
		if (!path || blk_get(path, &b, NULL) < 0 || b.start != l->parts[i].start || b.size != l->parts[i].size) {
			err_set(e, 0, "'%s': the kernel does not have partition %llu where the table says", disk, number);
			return 0;
		}
	}
	return 1;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct partition *m = self;
	CLEANUP(blk_free) struct blk disk = { 0 };
	CLEANUP(part_free) struct part_layout l = { 0 };
	int r = placed(m, io, &disk, &l, e);
	size_t i;

	if (r < 0)
		return r;
	for (i = 0; r == 0 && i < l.n; i++)
		if (!l.id || (l.scheme == PART_GPT && !l.parts[i].uuid))
			r = STEP_LATER;
	if (r == STEP_LATER) {
		err_set(e, 0, "nothing was decided yet");
		return 0;
	}
	r = part_compare(disk.path, &l, e);
	return r == 1 ? kernel_knows(&l, disk.path, e) : r;
}

const struct step_type step_partition = {
	.name = "partition",
	.summary = "Write a new partition table to a disk.",
	.manual = "The partitions come from layout, or from layout-file, the text that 'sfdisk --dump' wrote when the disk was well. Every start, "
		  "size and id is fixed first: ${ID.disk_id} and ${ID.uuid1}, ${ID.uuid2}, ... are facts that later steps can use. Then old "
		  "signatures of the whole disk are removed at both ends, the table is written, the kernel is told, and the table is read back and "
		  "compared in everything, its second copy too.\n\n"
		  "A disk whose table is of an unknown kind, or whose MBR and GPT contradict each other, stops the run before anything is written.",
	.opts = opts, .size = sizeof(struct partition),
	.effect = STEP_DESTRUCTIVE, .resume = STEP_RERUN,
	.facts = "disk_id uuid1 uuid2 uuid3 uuid4 uuid5 uuid6 uuid7 uuid8 uuid9 uuid10 uuid11 uuid12 uuid13 uuid14 uuid15 uuid16",
	.decide = decide, .preflight = preflight, .run = run, .verify = verify,
};

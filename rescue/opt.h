/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt.h - one table row an option: parser, ranges, help, manual and completion read the same row.
 *
 *   struct mkfs { struct opt_device device; int type; char *label; };
 *   static const struct opt opts[] = {
 *           { "device", OPT_DEVICE, OPT_FIELD(struct mkfs, device), .flags = OPT_REQUIRED, .access = ACCESS_ERASE,
 *             .help = "The device that gets the new filesystem." },
 *           { "type", OPT_ENUM, OPT_FIELD(struct mkfs, type), .choices = "btrfs ext4 xfs", .def = "btrfs", .help = "..." },
 *           { "label", OPT_STR, OPT_FIELD(struct mkfs, label), .max = 255, .help = "..." },
 *           OPT_END
 *   };
 *
 * A plan's values arrive as a tree of `struct opt_val` (text with its place in the file); opt_apply() checks them against a table
 * and fills a struct. Every value is text until its row parses it.
 */
#ifndef RESCUE_OPT_H
#define RESCUE_OPT_H

#include "err.h"
#include "str.h"

enum access { ACCESS_NONE, ACCESS_READ, ACCESS_WRITE, ACCESS_ERASE, ACCESS_MAX };

enum opt_type {
	OPT_STR,                /* char *           min/max: length in bytes */
	OPT_BOOL,               /* bool             yes/no, true/false, on/off */
	OPT_U64,                /* uint64_t         min/max: value */
	OPT_SIZE,               /* uint64_t         bytes, "10G" */
	OPT_SECONDS,            /* uint64_t         seconds, "5m" */
	OPT_ENUM,               /* int              index into choices */
	OPT_LIST,               /* struct strv      a YAML list of scalars, or one scalar */
	OPT_DEVICE,             /* struct opt_device  "${name}" */
	OPT_DEVICES,            /* struct opt_devices a list of them, or one */
	OPT_PATH,               /* struct opt_path  "/absolute" or "${name}:/absolute"; or "${name}" alone when OPT_BARE_DEVICE */
	OPT_UUID,               /* char *           canonical lower case text (vfat: XXXX-XXXX is accepted too) */
	OPT_ROWS,               /* struct opt_rows  a list of maps, each checked against .sub */
	OPT_TYPE_MAX
};

#define OPT_REQUIRED    (1u << 0)
#define OPT_BARE_DEVICE (1u << 1)       /* OPT_PATH: a device without a path is allowed; then path is NULL */
#define OPT_NOT_EMPTY   (1u << 2)       /* lists: at least one element */
#define OPT_SECRET      (1u << 3)       /* never shown in logs or by --dry-run */
#define OPT_STDIN       (1u << 4)       /* OPT_PATH: "-" is standard input */

struct opt_device {
	char *name;             /* the device's name in the plan */
	char *path;             /* its device node at this moment, filled in by the runner before each hook; NULL while it does not exist */
};

struct opt_devices {
	struct opt_device *v;
	size_t n;
};

struct opt_path {
	char *device;           /* device name, or NULL for a path of this system */
	char *path;             /* the path as written: inside the device's filesystem, or of this system; NULL: the bare device */
	char *real;             /* where it is at this moment (mount folder + path, or the device node); NULL while not mounted */
};

struct opt_rows {
	void *v;                /* array of structs of sub_size bytes each */
	size_t n;
};

struct opt {
	const char *key;
	enum opt_type type;
	size_t offset, field_size;      /* OPT_FIELD() */
	unsigned int flags;
	enum access access;             /* OPT_DEVICE(S), OPT_PATH with a device: the access that the plan must have given, at least */
	const char *def;                /* default, as text, or NULL: zero / NULL / empty */
	uint64_t min, max;              /* 0, 0: no limit */
	const char *choices;            /* OPT_ENUM: words separated by one space */
	const char *excl;               /* keys (separated by one space) that must not be given together with this one */
	const struct opt *sub;          /* OPT_ROWS */
	size_t sub_size;
	const char *help;               /* one or more sentences: capital letter, full stop */
};

#define OPT_FIELD(type, member) .offset = offsetof(type, member), .field_size = sizeof(((type *)0)->member)
#define OPT_END { .key = NULL }

/* A value of a plan: scalar (text), list (kids without key) or map (kids with key). */
enum opt_kind { OPT_SCALAR, OPT_SEQ, OPT_MAP };

struct opt_val {
	enum opt_kind kind;
	char *key;                      /* NULL for list elements and the root */
	char *text;                     /* OPT_SCALAR */
	bool quoted;                    /* the scalar was quoted in the plan */
	bool pending;                   /* the text holds a fact that is not known yet: accepted, not parsed, the field stays empty */
	struct opt_val *kids;
	size_t n_kids;
	int key_line, key_col;          /* place of the key, 1-based */
	int line, col;                  /* place of the value, 1-based */
};

void opt_val_free(struct opt_val *v);   /* what it owns, not v itself */
const struct opt_val *opt_val_kid(const struct opt_val *map, const char *key);         /* or NULL */
const struct opt *opt_row(const struct opt *table, const char *key);                    /* or NULL */

/*
 * Fills `self` (zeroed, of the table's struct size) from `map`. `where` is the file name that starts each error:
 *   plan.yaml:14:5: mkfs: lable: unknown option, did you mean 'label'?
 * 0 or -EINVAL. Free with opt_release whatever the result.
 */
int opt_apply(const struct opt *table, void *self, const struct opt_val *map, const char *where, const char *what, struct err *e);
void opt_release(const struct opt *table, void *self);
/* Calls fn for every OPT_DEVICE(S) and OPT_PATH field that names something, depth first through OPT_ROWS. Stops at the first non-zero result and returns it. */
int opt_each_ref(const struct opt *table, void *self,
		 int (*fn)(const struct opt *row, struct opt_device *dev, struct opt_path *path, void *arg), void *arg);
/* The table is sound: unique keys, field sizes match types, defaults parse and are in range, help is a sentence. For a unit test over all tables. */
int opt_table_check(const struct opt *table, size_t size, struct err *e);

const char *access_name(enum access a);         /* "read" ... */
int access_parse(const char *word, enum access *ret);
/* Word number i of a space-separated list, or NULL; buf holds it. */
const char *opt_choice(const char *choices, int i, char *buf, size_t n);
const char *opt_type_name(enum opt_type t);     /* "text", "size", "device", ... as the manual calls it */

#endif

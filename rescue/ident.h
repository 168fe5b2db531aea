/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ident.h - identifiers of filesystems and partitions in text: old -> new, everywhere, and proof that none was left (T42).
 *
 *   CLEANUP(ident_map_free) struct ident_map m = { 0 };
 *   ident_map_add(&m, "old uuid", "new uuid");
 *   n = ident_replace(&m, text, len, &out);
 *
 * A UUID is found in any case, with its dashes as they are, without (GRUB: cryptouuid/...), with colons (mdadm.conf), or written \x2d (systemd unit names);
 * never inside a longer run of digits. What is around it keeps every byte.
 */
#ifndef RESCUE_IDENT_H
#define RESCUE_IDENT_H

#include "err.h"
#include "str.h"

struct ident_pair {
	char *old, *new;
};

struct ident_map {
	struct ident_pair *v;
	size_t n;
};

/* Equal pairs and pairs without a change are dropped. -EINVAL when old is shorter than 8 characters, -EEXIST when old has another new. */
int ident_map_add(struct ident_map *m, const char *old, const char *new, struct err *e);
void ident_map_free(struct ident_map *m);
/* Writes all of text to out with every old identifier replaced; returns how many. out may be NULL: counts only. */
size_t ident_replace(const struct ident_map *m, const char *text, size_t n, struct str *out);

/* GRUB's environment block: 1024 bytes exactly, "NAME=VALUE" lines, filled with '#'. */
#define GRUBENV_SIZE 1024
bool ident_is_grubenv(const char *text, size_t n);
/* -EFBIG when the values do not fit any more. */
int ident_replace_grubenv(const struct ident_map *m, const char *text, size_t n, struct str *out, size_t *ret_count, struct err *e);

/*
 * Takes "resume=..." and "resume_offset=..." away from kernel command lines in a file of this name ("etc/default/grub", "*.conf", grub.cfg)
 * when `gone` says that the device exists no more (T43). initramfs-tools' RESUME= becomes none. Returns how many.
 */
size_t ident_drop_resume(const char *text, size_t n, bool (*gone)(const char *spec, void *arg), void *arg, struct str *out);

/* What one run did, for the report. */
struct ident_report {
	void (*rewritten)(void *arg, const char *path, size_t count);           /* path inside the root, how many places */
	int (*keep)(void *arg, const char *path, const char *old, size_t n, struct err *e);     /* saves the old copy; before anything is written */
	void (*binary)(void *arg, const char *path);    /* a program that carries an old identifier inside: needs installing anew */
	void *arg;
	size_t files, places, stale;    /* results; stale: places that still have an old identifier */
};

/* Rewrites every text file below etc, boot, efi of `root`, whatever symbolic links say (T49). Owner, mode and labels are kept; durable. */
int ident_rewrite(const char *root, const struct ident_map *m, bool (*gone)(const char *spec, void *arg), void *gone_arg,
		  struct ident_report *rep, struct err *e);
/* Looks again: number of places left; names the first one in e. */
int ident_stale(const char *root, const struct ident_map *m, size_t *ret, struct err *e);

/* Finds old -> new by comparing what the files of `root` name with what is mounted there and what this machine has. */
int ident_find(const char *root, struct ident_map *m, void (*say)(void *arg, const char *line), void *arg, struct err *e);
/*
 * subvolid= in the target's fstab, and in rootflags= of its kernel command lines, belongs to the filesystem that was lost (T66): set to the id of what is mounted at that place, or taken
 * out when subvol= says it anyway. ident_rootflags writes `text` with the id of the root filesystem's subvolume
 * (`subvol`: its path); flags that name another subvolume, a snapshot perhaps, stay. Returns how many changed. With `write` false only counts. keep and rewritten of `rep` are called as by ident_rewrite.
 */
size_t ident_rootflags(const char *text, size_t n, const char *subvol, uint64_t id, struct str *out);
/* Files that hold kernel command lines (glob patterns inside the root), NULL-terminated. */
extern const char *const ident_command_lines[];
int ident_subvolids(const char *root, bool write, struct ident_report *rep, size_t *ret_changed, struct err *e);
/* "UUID=" of one line of mdadm.conf as a UUID with dashes, or NULL: a line without one. The caller frees. */
char *ident_array_uuid(const char *line);
/* For `gone`: no device of this machine answers to "UUID=...", "PARTUUID=...", "LABEL=..." or a path. */
bool ident_spec_is_gone(const char *spec, void *unused);

#endif

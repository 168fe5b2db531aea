/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack.h - devices stacked on others (device mapper, md), as sysfs shows them, and their tools.
 */
#ifndef RESCUE_STACK_H
#define RESCUE_STACK_H

#include "err.h"
#include "str.h"

/* Node (/dev/dm-N) of the mapping with this name, or NULL when there is none; the caller frees. */
char *stack_dm_node(const char *name);
/* First line of /sys/class/block/NAME/ATTR of the node, or NULL; the caller frees. */
char *stack_attr(const char *node, const char *attr);
/* True when `upper` is built directly on `lower`; both are device nodes. */
bool stack_on(const char *upper, const char *lower);
/* Node of an md array that is built on `lower`, or NULL; the caller frees. */
char *stack_md_on(const char *lower);

/* Runs a tool of device mapper or md: without udev it makes the device nodes itself. `input` may be NULL. */
int stack_run(const struct strv *argv, const char *input, size_t input_len, struct err *e);
/* The same; its standard output without the last newline is in *ret. */
int stack_output(const struct strv *argv, char **ret, struct err *e);
/* A LUKS key: the whole file when `file` is given, else the passphrase. Wipe and free it. */
int stack_read_key(const char *file, const char *passphrase, char **ret, size_t *ret_len, struct err *e);
bool stack_lvm_name(const char *name);  /* of a volume group or logical volume (lvm(8)) */
/* -ENOENT with a sentence that names the package. */
int stack_need(const char *tool, const char *package, struct err *e);

#endif

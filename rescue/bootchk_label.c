/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SELinux in enforcing mode and files without labels: the first program may not read its own files, and /.autorelabel is not reached (T54).
 */
#include <fcntl.h>
#include <sys/xattr.h>

#include "bootchk_int.h"
#include "fs.h"

/* SELINUX= of /etc/selinux/config; the last one counts. */
static bool enforcing(struct bootctx *c)
{
	size_t n = 0;
	AUTO_FREE char *text = bootchk_read_in_root(c, "/etc/selinux/config", &n);
	CLEANUP(strv_free) struct strv lines = STRV_INIT;
	bool on = false;

	if (text)
		strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *l = str_trim(lines.v[i]);

		if (str_starts(l, "SELINUX="))
			on = strcasecmp(l + strlen("SELINUX="), "enforcing") == 0;
	}
	return on;
}

static bool switched_off(struct bootctx *c)
{
	const char *args = c->args ? c->args : "";
	AUTO_FREE char *selinux = bootchk_arg(args, "selinux"), *mode = bootchk_arg(args, "enforcing");

	return (selinux && str_eq(selinux, "0")) || (mode && str_eq(mode, "0"));
}

/* 1 it has one, 0 it has none, -1 it is not there. */
static int labelled(struct bootctx *c, const char *path)
{
	AUTO_CLOSE int fd = fs_open_in_root(c->rootfd, path, O_RDONLY, 0, NULL);

	return fd < 0 ? -1 : fgetxattr(fd, "security.selinux", NULL, 0) > 0;
}

void bootchk_labels(struct bootctx *c)
{
	static const char *const files[] = { "/sbin/init", "/etc/passwd", "/etc/fstab", "/bin/sh" };
	const char *first = NULL;
	unsigned int looked = 0, without = 0;

	if (!enforcing(c) || switched_off(c))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int l = labelled(c, files[i]);

		looked += l >= 0;
		without += l == 0;
		if (l == 0 && !first)
			first = files[i];
	}
	if (!without) {
		bootchk_say(c, "labels", BOOTCHK_OK, "SELinux is enforcing, and the files looked at have labels");
		return;
	}
	bootchk_say(c, "labels", BOOTCHK_BAD, "SELinux is enforcing, but %u of %u files looked at have no label, %s first: it stops before it could relabel "
		    "itself; label it now ('setfiles -r' from a system with its policy, or 'setfiles -F ...' in a chroot step), or write enforcing=0 into its "
		    "command line for one start, with /.autorelabel", without, looked, first);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stack.h"

#include <dirent.h>

#include "child.h"
#include "fs.h"

#define SYS_BLOCK "/sys/class/block"
#define KEY_MAX (8 * MIB)       /* as cryptsetup's own limit */

static const char *kernel_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *stack_attr(const char *node, const char *attr)
{
	AUTO_FREE char *real = realpath(node, NULL);
	AUTO_FREE char *path = xasprintf(SYS_BLOCK "/%s/%s", kernel_name(real ? real : node), attr);

	return fs_read_word(path);
}

char *stack_dm_node(const char *name)
{
	DIR *d = opendir(SYS_BLOCK);
	struct dirent *ent;
	char *found = NULL;

	while (d && !found && (ent = readdir(d))) {
		AUTO_FREE char *have = str_starts(ent->d_name, "dm-") ? stack_attr(ent->d_name, "dm/name") : NULL;

		if (have && str_eq(have, name))
			found = xasprintf("/dev/%s", ent->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

bool stack_on(const char *upper, const char *lower)
{
	AUTO_FREE char *u = realpath(upper, NULL), *l = realpath(lower, NULL), *slave = NULL;

	if (!u || !l)
		return false;
	slave = xasprintf(SYS_BLOCK "/%s/slaves/%s", kernel_name(u), kernel_name(l));
	return fs_exists(slave);
}

char *stack_md_on(const char *lower)
{
	AUTO_FREE char *real = realpath(lower, NULL);
	AUTO_FREE char *dir = xasprintf(SYS_BLOCK "/%s/holders", kernel_name(real ? real : lower));
	DIR *d = opendir(dir);
	struct dirent *ent;
	char *found = NULL;

	while (d && !found && (ent = readdir(d)))
		if (str_starts(ent->d_name, "md"))
			found = xasprintf("/dev/%s", ent->d_name);
	if (d)
		closedir(d);
	return found;
}

static struct child tool(const struct strv *argv)
{
	static const char *const alone[] = { "DM_DISABLE_UDEV=1", "LVM_SUPPRESS_FD_WARNINGS=1", NULL };
	static const char *const with_udev[] = { "LVM_SUPPRESS_FD_WARNINGS=1", NULL };

	return (struct child) {
		.argv = (const char *const *)argv->v, .env = fs_exists("/run/udev/control") ? with_udev : alone, .timeout_s = 300,
	};
}

int stack_run(const struct strv *argv, const char *input, size_t input_len, struct err *e)
{
	struct child c = tool(argv);

	c.input = input;
	c.input_len = input_len;
	return child_run(&c, e);
}

int stack_output(const struct strv *argv, char **ret, struct err *e)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct child c = tool(argv);
	int r;

	c.out = &out;
	r = child_run(&c, e);
	if (r < 0)
		return r;
	*ret = str_take(&out);
	while (str_ends(*ret, "\n"))
		(*ret)[strlen(*ret) - 1] = '\0';
	return 0;
}

int stack_need(const char *name, const char *package, struct err *e)
{
	AUTO_FREE char *found = child_find(name);

	return found ? 0 : err_set(e, -ENOENT, "%s is not installed (package %s)", name, package);
}

int stack_read_key(const char *file, const char *passphrase, char **ret, size_t *ret_len, struct err *e)
{
	if (file)
		return fs_read(file, KEY_MAX, ret, ret_len, e);
	if (!passphrase)
		return err_set(e, -ENOENT, "the key is not there");
	*ret = xstrdup(passphrase);
	*ret_len = strlen(*ret);
	return 0;
}

bool stack_lvm_name(const char *name)
{
	return *name && name[0] != '-' && !str_eq(name, ".") && !str_eq(name, "..") &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-") == strlen(name);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan will need when it runs, asked while the medium is built: a missing tool is an error now, not at three in the morning. */
#include "image.h"
#include "plan.h"

/* Step types that run programs of the rescue system. Programs that a step runs inside the target (chroot) are the target's business. */
static const struct need {
	const char *step, *option, *value;      /* only when the option has this value; NULL: always */
	const char *tools;                      /* separated by spaces */
	const char *package;
} needs[] = {
	{ "mkfs", "type", "btrfs", "mkfs.btrfs", "btrfs-progs" },
	{ "mkfs", "type", "ext4", "mke2fs", "e2fsprogs" },
	{ "mkfs", "type", "xfs", "mkfs.xfs", "xfsprogs" },
	{ "mkfs", "type", "vfat", "mkfs.vfat", "dosfstools" },
	{ "mkfs", "type", "swap", "mkswap", "util-linux" },
	{ "luks-open", NULL, NULL, "cryptsetup", "cryptsetup-bin" },
	{ "luks-format", NULL, NULL, "cryptsetup", "cryptsetup-bin" },
	{ "lvm-create", NULL, NULL, "lvm", "lvm2" },
	{ "lvm-activate", NULL, NULL, "lvm", "lvm2" },
	{ "md-assemble", NULL, NULL, "mdadm", "mdadm" },
	{ "extract", NULL, NULL, "dmsetup", "dmsetup" },         /* rungs on an overlay; then what repairs or reads each filesystem */
	{ "extract", "type", "btrfs", "btrfs btrfs-find-root", "btrfs-progs" },
	{ "extract", "type", "ext4", "e2fsck debugfs mkfs.ext4", "e2fsprogs" },
	{ "extract", "type", "xfs", "xfs_repair", "xfsprogs" },
	{ "image-device", NULL, NULL, "ddrescue", "gddrescue" },
	{ "bacula-restore", "engine", "bextract", "bextract", "bacula-sd" },
	{ "bacula-restore", "engine", "bconsole", "bconsole bacula-fd", "bacula-console and bacula-fd" },
	{ "bacula-salvage", NULL, NULL, "bconsole bacula-fd", "bacula-console and bacula-fd" },
};

static const struct opt_val *option(const struct plan_step *s, const char *key)
{
	for (size_t i = 0; key && i < s->vals.n_kids; i++)
		if (s->vals.kids[i].key && str_eq(s->vals.kids[i].key, key))
			return &s->vals.kids[i];
	return NULL;
}

static bool applies(const struct need *n, const struct plan_step *s)
{
	const struct opt_val *v = option(s, n->option);

	if (!str_eq(n->step, s->type->name))
		return false;
	if (!n->option)
		return true;
	return v && v->text && str_eq(v->text, n->value);
}

static int missing(const struct plan_step *s, const char *where, const char *tool, const char *package, struct err *e)
{
	return err_set(e, -ENOENT, "%s:%d:%d: %s: step '%s' runs '%s', which is not aboard%s%s", where, s->line, s->col, s->type->name, s->id, tool,
		       package ? ": install " : " (--add it)", package ? package : "");
}

static int check_tools(const struct image *im, const char *where, const struct plan_step *s, const struct need *n, struct err *e)
{
	CLEANUP(strv_free) struct strv tools = STRV_INIT;

	strv_split(&tools, n->tools, " ");
	for (size_t i = 0; i < tools.n; i++)
		if (!image_has_prog(im, tools.v[i]))
			return missing(s, where, tools.v[i], n->package, e);
	return 0;
}

/* `exec` and `reboot` name their program themselves; inside the target it is the target's business. */
static int check_exec(const struct image *im, const char *where, const struct plan_step *s, const char *key, struct err *e)
{
	const struct opt_val *v = option(s, key);
	const char *prog = !v ? NULL : v->kind == OPT_SEQ && v->n_kids ? v->kids[0].text : v->text;

	if (!prog || !*prog || strchr(prog, '$') || image_has_prog(im, prog))
		return 0;
	return missing(s, where, prog, NULL, e);
}

static int check_step(const struct image *im, const char *where, const struct plan_step *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(needs); i++)
		if (applies(&needs[i], s))
			r = check_tools(im, where, s, &needs[i], e);
	if (r == 0 && (str_eq(s->type->name, "exec") || str_eq(s->type->name, "reboot")) && !option(s, "root"))
		r = check_exec(im, where, s, "command", e);
	if (r == 0 && str_eq(s->type->name, "exec") && !option(s, "root"))
		r = check_exec(im, where, s, "check", e);
	return r;
}

int image_check_plan(const struct image *im, const char *plan_path, struct err *e)
{
	struct plan *p = NULL;
	int r = plan_load(plan_path, &p, e);

	for (size_t i = 0; r == 0 && i < p->n_steps; i++)
		r = check_step(im, plan_path, &p->steps[i], e);
	if (p)
		plan_free(p);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec - run a program that no step type covers. It cannot be asked whether it did its work half, so unless the plan says that
 * repeating is harmless, a run that died in the middle of it stops and asks for a person.
 */
#include "child.h"
#include "fs.h"
#include "step.h"

struct file {
	char *name;
	struct opt_path path;
};

struct exec {
	struct strv command, check, env;
	struct opt_path root, cwd;
	struct opt_rows files;
	struct opt_devices reads, writes, erases;
	bool repeatable;
};

static const struct opt file_opts[] = {
	{ "name", OPT_STR, OPT_FIELD(struct file, name), .flags = OPT_REQUIRED, .min = 1, .max = 64,
	  .help = "Name of the environment variable." },
	{ "path", OPT_PATH, OPT_FIELD(struct file, path), .flags = OPT_REQUIRED, .access = ACCESS_READ,
	  .help = "The path that it gets; inside a device, it is where that device is mounted at the moment." },
	OPT_END
};

static const struct opt opts[] = {
	{ "command", OPT_LIST, OPT_FIELD(struct exec, command), .flags = OPT_REQUIRED | OPT_NOT_EMPTY,
	  .help = "The program and its arguments, one list element each; no shell is involved unless it is named." },
	{ "check", OPT_LIST, OPT_FIELD(struct exec, check),
	  .help = "A second command that looks at the result; the step is done only when its exit code is 0." },
	{ "repeatable", OPT_BOOL, OPT_FIELD(struct exec, repeatable), .def = "no",
	  .help = "Say yes when running the command twice does no harm; else a run that dies in it stops there until a person says --from." },
	{ "root", OPT_PATH, OPT_FIELD(struct exec, root), .access = ACCESS_READ,
	  .help = "Folder of an installed system: both commands run inside it (chroot)." },
	{ "cwd", OPT_PATH, OPT_FIELD(struct exec, cwd), .access = ACCESS_READ, .help = "Folder in which the commands start." },
	{ "env", OPT_LIST, OPT_FIELD(struct exec, env), .help = "More environment variables, each written NAME=value." },
	{ "files", OPT_ROWS, OPT_FIELD(struct exec, files), .sub = file_opts, .sub_size = sizeof(struct file),
	  .help = "Paths handed over as environment variables." },
	{ "reads", OPT_DEVICES, OPT_FIELD(struct exec, reads), .access = ACCESS_READ,
	  .help = "Devices that the command reads; the node of device root is in RESCUE_DEVICE_root." },
	{ "writes", OPT_DEVICES, OPT_FIELD(struct exec, writes), .access = ACCESS_WRITE,
	  .help = "Devices that the command changes; handed over like reads." },
	{ "erases", OPT_DEVICES, OPT_FIELD(struct exec, erases), .access = ACCESS_ERASE,
	  .help = "Devices that the command may destroy, with the consent that this needs; handed over like reads." },
	OPT_END
};

static void add_devices(struct strv *env, const struct opt_devices *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].path)
			strv_addf(env, "RESCUE_DEVICE_%s=%s", d->v[i].name, d->v[i].path);
}

static void environment(struct strv *env, const struct exec *x)
{
	const struct file *f = x->files.v;

	for (size_t i = 0; i < x->env.n; i++)
		strv_add(env, x->env.v[i]);
	for (size_t i = 0; i < x->files.n; i++)
		if (f[i].path.real)
			strv_addf(env, "%s=%s", f[i].name, f[i].path.real);
	add_devices(env, &x->reads);
	add_devices(env, &x->writes);
	add_devices(env, &x->erases);
}

static int start(const struct exec *x, const struct strv *argv, struct err *e)
{
	CLEANUP(strv_free) struct strv env = STRV_INIT;
	struct child c = { .argv = (const char *const *)argv->v, .root = x->root.real, .cwd = x->cwd.real };

	strv_add(&env, "RESCUE=1");
	environment(&env, x);
	c.env = (const char *const *)env.v;
	return child_run(&c, e);
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct exec *x = self;
	AUTO_FREE char *prog = NULL;

	(void)io;
	for (size_t i = 0; i < x->env.n; i++)
		if (!strchr(x->env.v[i], '='))
			return err_set(e, -EINVAL, "env '%s': is not NAME=value", x->env.v[i]);
	if (x->root.path || (x->cwd.path && !x->cwd.real))
		return STEP_LATER;              /* the program lives in a system that may not be there yet */
	prog = child_find(x->command.v[0]);
	if (!prog)
		return err_set(e, -ENOENT, "%s: program not found", x->command.v[0]);
	return 0;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct exec *x = self;

	(void)io;
	return start(x, &x->command, e);
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct exec *x = self;
	int r;

	(void)io;
	if (!x->check.n)
		return 1;
	r = start(x, &x->check, e);
	if (r == 0)
		return 1;
	err_wrap(e, 0, "check");
	return r == -EIO ? 0 : r;
}

const struct step_type step_exec = {
	.name = "exec",
	.summary = "Run a program, with the devices and files that it may use.",
	.manual = "Standard input is /dev/null; what the program prints goes to the step's log. The step succeeds when the exit code is 0 and, "
		  "if check is given, when that command's exit code is 0 too.",
	.opts = opts, .size = sizeof(struct exec),
	.effect = STEP_DURABLE, .resume = STEP_ASK,
	.preflight = preflight, .run = run, .verify = verify,
};

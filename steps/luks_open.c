/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * luks-open - an encrypted volume becomes readable for the rest of the run, through cryptsetup. Nothing can wait for a person here: the key
 * comes from a file or from the plan.
 */
#include "blk.h"
#include "stack.h"
#include "step.h"

struct luks_open {
	struct opt_device device;
	struct opt_path key_file, header;
	char *name, *passphrase;
	bool read_only, discards;
};

static const struct opt opts[] = {
	{ "device", OPT_DEVICE, OPT_FIELD(struct luks_open, device), .flags = OPT_REQUIRED, .access = ACCESS_READ,
	  .help = "The encrypted device. One that the plan may only read is opened read-only." },
	{ "name", OPT_STR, OPT_FIELD(struct luks_open, name), .flags = OPT_REQUIRED, .min = 1, .max = 127,
	  .help = "Name of the opened volume: it appears as /dev/mapper/NAME." },
	{ "key-file", OPT_PATH, OPT_FIELD(struct luks_open, key_file), .access = ACCESS_READ, .excl = "passphrase",
	  .help = "File whose whole content is the key, its last newline included." },
	{ "passphrase", OPT_STR, OPT_FIELD(struct luks_open, passphrase), .flags = OPT_SECRET, .min = 1, .max = 512,
	  .help = "The passphrase. It is in the plan then, readable for whoever reads that; key-file is better." },
	{ "header", OPT_PATH, OPT_FIELD(struct luks_open, header), .access = ACCESS_READ, .flags = OPT_BARE_DEVICE,
	  .help = "A LUKS header that is kept apart from the data." },
	{ "read-only", OPT_BOOL, OPT_FIELD(struct luks_open, read_only), .def = "no", .help = "Open it read-only." },
	{ "allow-discards", OPT_BOOL, OPT_FIELD(struct luks_open, discards), .def = "no",
	  .help = "Pass on which blocks are unused. It shows from outside which ones those are." },
	OPT_END
};

static bool has_header(const struct luks_open *l)
{
	return l->header.path || l->header.device;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct luks_open *l = self;
	CLEANUP(blk_free) struct blk b = { 0 };
	int r = stack_need("cryptsetup", "cryptsetup-bin", e);

	if (r < 0)
		return r;
	if (!l->passphrase && !l->key_file.path)
		return err_set(e, -EINVAL, "key-file or passphrase is needed: nobody is asked");
	if (strchr(l->name, '/') || str_eq(l->name, "control") || l->name[0] == '-' || l->name[0] == '.')
		return err_set(e, -EINVAL, "name: '%s' cannot be the name of a mapping", l->name);
	if (!l->device.path || (l->key_file.path && !l->key_file.real) || (has_header(l) && !l->header.real))
		return STEP_LATER;
	r = blk_get(l->device.path, &b, e);
	if (r < 0 || has_header(l) || (b.fs_type && str_eq(b.fs_type, "crypto_LUKS")))
		return r;
	if (step_may_erase(io, l->device.path))
		return STEP_LATER;              /* luks-format comes first */
	return err_set(e, -EMEDIUMTYPE, "'%s' is no LUKS device: there is %s on it", l->device.path, b.fs_type ? b.fs_type : "nothing known");
}

/* 1 that name is our device, opened; 0 there is none of that name; -EEXIST it is something else. */
static int is_open(const struct luks_open *l, struct err *e)
{
	AUTO_FREE char *node = stack_dm_node(l->name), *uuid = NULL;

	if (!node)
		return 0;
	uuid = stack_attr(node, "dm/uuid");
	if (l->device.path && stack_on(node, l->device.path) && uuid && str_starts(uuid, "CRYPT-LUKS"))
		return 1;
	return err_set(e, -EEXIST, "'/dev/mapper/%s' is there already, and is something else", l->name);
}

static void arguments(const struct luks_open *l, bool read_only, struct strv *a)
{
	strv_add(a, "cryptsetup");
	strv_add(a, "open");
	strv_add(a, "--batch-mode");
	strv_add(a, "--type=luks");
	strv_add(a, "--key-file=-");
	if (read_only)
		strv_add(a, "--readonly");
	if (l->discards)
		strv_add(a, "--allow-discards");
	if (has_header(l))
		strv_addf(a, "--header=%s", l->header.real);
	strv_add(a, "--");
	strv_add(a, l->device.path);
	strv_add(a, l->name);
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct luks_open *l = self;
	CLEANUP(blk_free) struct blk b = { 0 };
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	AUTO_FREE char *key = NULL;
	size_t len;
	int r;

	(void)io;
	if (!l->device.path)
		return err_set(e, -ENODEV, "device '%s' is not there", l->device.name);
	r = is_open(l, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = blk_get(l->device.path, &b, e);
	if (r == 0)
		r = stack_read_key(l->key_file.real, l->passphrase, &key, &len, e);
	if (r < 0)
		return r;
	arguments(l, l->read_only || b.read_only, &argv);
	r = stack_run(&argv, key, len, e);
	explicit_bzero(key, len);
	return r < 0 ? err_wrap(e, r, "open '%s'", l->device.path) : 0;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct luks_open *l = self;
	int r = is_open(l, e);

	(void)io;
	if (r == 0)
		err_set(e, 0, "'/dev/mapper/%s' is not there", l->name);
	return r == -EEXIST ? 0 : r;
}

const struct step_type step_luks_open = {
	.name = "luks-open",
	.summary = "Open a LUKS volume for the rest of the run.",
	.manual = "The opened volume is /dev/mapper/NAME; a device of the plan finds the filesystem in it by its UUID or label. It stays open when the "
		  "run ends, and is opened again when a plan is resumed after a reboot. The key is handed to cryptsetup through a pipe and appears "
		  "in no log and on no command line.",
	.opts = opts, .size = sizeof(struct luks_open),
	.effect = STEP_EPHEMERAL, .resume = STEP_RERUN,
	.preflight = preflight, .run = run, .verify = verify,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * luks-format - a new LUKS volume, whose UUID is in the journal before its first byte is on the disk. The target's crypttab and initramfs may
 * go on naming the old volume when it gets that one's UUID.
 */
#include <fcntl.h>

#include "blk.h"
#include "fault.h"
#include "guid.h"
#include "stack.h"
#include "step.h"

struct luks_format {
	struct opt_device device;
	struct opt_path key_file;
	char *passphrase, *uuid, *label;
	int type, pbkdf;
};

static const char *const types[] = { "luks2", "luks1" };
static const char *const pbkdfs[] = { NULL, "argon2id", "pbkdf2" };

static const struct opt opts[] = {
	{ "device", OPT_DEVICE, OPT_FIELD(struct luks_format, device), .flags = OPT_REQUIRED, .access = ACCESS_ERASE,
	  .help = "The device that becomes an encrypted volume. Everything on it is lost." },
	{ "key-file", OPT_PATH, OPT_FIELD(struct luks_format, key_file), .access = ACCESS_READ, .excl = "passphrase",
	  .help = "File whose whole content is the key, its last newline included." },
	{ "passphrase", OPT_STR, OPT_FIELD(struct luks_format, passphrase), .flags = OPT_SECRET, .min = 1, .max = 512,
	  .help = "The passphrase. It is in the plan then, readable for whoever reads that; key-file is better." },
	{ "uuid", OPT_UUID, OPT_FIELD(struct luks_format, uuid),
	  .help = "Its UUID. With that of the lost volume, crypttab and initramfs of the target stay right. A new one is chosen when it is not given." },
	{ "label", OPT_STR, OPT_FIELD(struct luks_format, label), .min = 1, .max = 47, .help = "Its label; luks2 only." },
	{ "type", OPT_ENUM, OPT_FIELD(struct luks_format, type), .choices = "luks2 luks1", .def = "luks2", .help = "The version of its header." },
	{ "pbkdf", OPT_ENUM, OPT_FIELD(struct luks_format, pbkdf), .choices = "default argon2id pbkdf2", .def = "default",
	  .help = "How the key is derived. GRUB can open pbkdf2 only; argon2id needs up to 1 GiB of memory whenever it is opened." },
	OPT_END
};

static const char *uuid_of(const struct luks_format *l, struct step_io *io)
{
	return l->uuid ? l->uuid : step_fact(io, "uuid");
}

static int decide(void *self, struct step_io *io, struct err *e)
{
	const struct luks_format *l = self;
	char uuid[37];
	int r;

	if (l->uuid)
		return step_fact_set(io, "uuid", l->uuid, e);
	if (step_fact(io, "uuid"))
		return 0;
	r = guid_random(uuid, e);
	return r < 0 ? r : step_fact_set(io, "uuid", uuid, e);
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct luks_format *l = self;
	int r = stack_need("cryptsetup", "cryptsetup-bin", e);

	if (r < 0)
		return r;
	if (!l->passphrase && !l->key_file.path)
		return err_set(e, -EINVAL, "key-file or passphrase is needed: nobody is asked");
	if (l->type == 1 && (l->label || l->pbkdf == 1))
		return err_set(e, -EINVAL, "luks1 has no label and derives keys with pbkdf2 only: take luks2");
	if (l->uuid && !guid_valid(l->uuid))
		return err_set(e, -EINVAL, "uuid: '%s' is not a UUID", l->uuid);
	if (!l->device.path || (l->key_file.path && !l->key_file.real))
		return STEP_LATER;
	if (!step_may_erase(io, l->device.path))
		return err_set(e, -EPERM, "'%s' is no device that this plan may erase", l->device.path);
	return blk_unused(l->device.path, e);
}

static void arguments(const struct luks_format *l, struct step_io *io, struct strv *a)
{
	strv_add(a, "cryptsetup");
	strv_add(a, "luksFormat");
	strv_add(a, "--batch-mode");
	strv_add(a, "--key-file=-");
	strv_addf(a, "--type=%s", types[l->type]);
	strv_addf(a, "--uuid=%s", uuid_of(l, io));
	if (l->label)
		strv_addf(a, "--label=%s", l->label);
	if (pbkdfs[l->pbkdf] && l->type == 0)
		strv_addf(a, "--pbkdf=%s", pbkdfs[l->pbkdf]);
	strv_add(a, "--");
	strv_add(a, l->device.path);
}

static int format(const struct luks_format *l, struct step_io *io, struct err *e)
{
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	AUTO_FREE char *key = NULL;
	size_t len = 0;
	int r = stack_read_key(l->key_file.real, l->passphrase, &key, &len, e);

	if (r < 0)
		return r;
	arguments(l, io, &argv);
	r = stack_run(&argv, key, len, e);
	explicit_bzero(key, len);
	return r;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct luks_format *l = self;
	AUTO_CLOSE int fd = -1;
	int r = preflight(self, io, e);

	if (r == STEP_LATER)
		return err_set(e, -ENODEV, "device '%s' or the key is not there", l->device.name);
	if (r == 0)
		r = blk_wipe(l->device.path, e);
	fault_point("luks_format.wiped");
	if (r == 0)
		r = format(l, io, e);
	if (r < 0)
		return err_wrap(e, r, "'%s'", l->device.path);
	fd = open(l->device.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_errno(e, "sync '%s'", l->device.path);
	step_note(io, "%s with UUID %s on %s", types[l->type], uuid_of(l, io), l->device.path);
	return 0;
}

/* The key is tried: a volume that nobody can open is no volume. */
static int opens(const struct luks_format *l, struct err *e)
{
	CLEANUP(strv_free) struct strv argv = STRV_INIT;
	const char *const words[] = { "cryptsetup", "open", "--batch-mode", "--test-passphrase", "--key-file=-", "--", l->device.path };
	AUTO_FREE char *key = NULL;
	size_t len = 0;
	int r = stack_read_key(l->key_file.real, l->passphrase, &key, &len, e);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		strv_add(&argv, words[i]);
	if (r < 0)
		return r;
	r = stack_run(&argv, key, len, e);
	explicit_bzero(key, len);
	return r < 0 ? 0 : 1;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct luks_format *l = self;
	CLEANUP(blk_free) struct blk b = { 0 };
	const char *want = uuid_of(l, io);
	int r = l->device.path ? blk_get(l->device.path, &b, e) : 0;

	if (r < 0)
		return r;
	if (b.fs_type && str_eq(b.fs_type, "crypto_LUKS") && b.uuid && want && strcasecmp(b.uuid, want) == 0)
		return opens(l, e);
	err_set(e, 0, "'%s' is not the LUKS volume with UUID %s", l->device.path ? l->device.path : l->device.name, want ? want : "(none yet)");
	return 0;
}

const struct step_type step_luks_format = {
	.name = "luks-format",
	.summary = "Make a new LUKS volume.",
	.manual = "Its UUID is decided and written to the journal first, so that later steps can use it as ${ID.uuid}. All signatures of what was on the "
		  "device are removed and proven gone; then cryptsetup makes the volume, and it is done when libblkid finds it with that UUID and the "
		  "key opens it. luks-open opens it for the rest of the run. The key appears in no log and on no command line.",
	.opts = opts, .size = sizeof(struct luks_format),
	.effect = STEP_DESTRUCTIVE, .resume = STEP_RERUN, .facts = "uuid",
	.decide = decide, .preflight = preflight, .run = run, .verify = verify,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* efi-entry: the firmware starts this system's loader again, by an entry or, when it refuses entries, by the removable path. */
#include "efi_repair.h"
#include "efi_var.h"
#include "fs.h"
#include "step.h"

struct efi_entry_step {
	struct opt_path esp;
	struct opt_devices devices;
	char *loader, *label, *arch;
	int place;
	bool removable, required;
};

static const struct opt opts[] = {
	{ .key = "esp", .type = OPT_PATH, OPT_FIELD(struct efi_entry_step, esp), .flags = OPT_REQUIRED,
	  .help = "Folder where the EFI system partition is mounted, for example /target/boot/efi." },
	{ .key = "devices", .type = OPT_DEVICES, OPT_FIELD(struct efi_entry_step, devices), .access = ACCESS_READ,
	  .help = "Partitions that carry it. Default: what is mounted there, and every member of a RAID1." },
	{ .key = "loader", .type = OPT_STR, OPT_FIELD(struct efi_entry_step, loader), .max = 500,
	  .help = "Path on the ESP, for example \\EFI\\debian\\shimx64.efi. Default: the best that is found: what BOOTX64.CSV names, shim, GRUB, "
		  "systemd-boot, a unified kernel image." },
	{ .key = "label", .type = OPT_STR, OPT_FIELD(struct efi_entry_step, label), .max = 200,
	  .help = "Name in the firmware's menu. Default: from BOOTX64.CSV or the loader's folder." },
	{ .key = "arch", .type = OPT_STR, OPT_FIELD(struct efi_entry_step, arch), .max = 16,
	  .help = "Kind of firmware: x64, ia32, aa64, riscv64. Default: this machine's." },
	{ .key = "place", .type = OPT_ENUM, OPT_FIELD(struct efi_entry_step, place), .choices = "first last keep", .def = "first",
	  .help = "Where the entry stands in BootOrder. Other entries keep their order. Entries for several partitions (a RAID1) stand directly one "
		  "behind the other, so that with one disk gone the next one starts." },
	{ .key = "removable", .type = OPT_BOOL, OPT_FIELD(struct efi_entry_step, removable), .def = "yes",
	  .help = "Make \\EFI\\BOOT\\BOOTX64.EFI too when there is none: some firmware forgets entries." },
	{ .key = "required", .type = OPT_BOOL, OPT_FIELD(struct efi_entry_step, required), .def = "no",
	  .help = "Fail when the firmware refuses the entry. Otherwise the removable path is used and the step ends degraded." },
	OPT_END
};

static void note(void *io, const char *line)
{
	step_note(io, "%s", line);
}

static int collect(struct efi_entry_step *s, struct esp_part **ret, size_t *ret_n, struct err *e)
{
	struct esp_part *v = NULL;
	size_t n = 0;

	if (!s->devices.n)
		return esp_parts(s->esp.real, ret, ret_n, e);
	for (size_t i = 0; i < s->devices.n; i++) {
		struct esp_part *more = NULL;
		size_t m = 0;
		int r = esp_parts(s->devices.v[i].path, &more, &m, e);

		if (r < 0) {
			esp_parts_free(v, n);
			return r;
		}
		v = xrealloc(v, (n + m) * sizeof(*v));
		memcpy(v + n, more, m * sizeof(*v));
		n += m;
		free(more);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static struct efi_repair request(struct efi_entry_step *s, struct step_io *io, struct esp_part *v, size_t n)
{
	return (struct efi_repair){ .esp = s->esp.real, .arch = s->arch, .parts = v, .n_parts = n, .file = s->loader, .label = s->label,
				    .place = (enum efi_place)s->place, .removable = s->removable, .entries_only = s->required,
				    .say = note, .arg = io };
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	struct efi_entry_step *s = self;
	struct esp_loader *v = NULL;
	size_t n = 0;
	int r;

	(void)io;
	if (s->required) {
		r = efi_var_ready(e);
		if (r < 0)
			return r;
	}
	if (!s->esp.real || !fs_is_dir(s->esp.real))
		return STEP_LATER;
	r = esp_scan(s->esp.real, s->arch ? s->arch : efi_arch(), &v, &n, e);
	esp_loaders_free(v, n);
	return r < 0 ? r : n ? 0 : STEP_LATER;
}

/* One loader: the one that was asked for, else the best, decided before anything is written. */
static int choose(struct efi_entry_step *s, struct step_io *io, struct efi_repair *r, struct err *e)
{
	AUTO_FREE char *file = NULL, *label = NULL;
	int rc = efi_repair_pick(r, &file, &label, e);

	if (rc == 0)
		rc = step_fact_set(io, "loader", file, e);
	if (rc == 0)
		rc = step_fact_set(io, "label", label, e);
	if (rc < 0)
		return rc;
	free(s->loader);
	free(s->label);
	s->loader = TAKE_PTR(file);
	s->label = TAKE_PTR(label);
	r->file = s->loader;
	r->label = s->label;
	return 0;
}

static int finish(struct efi_repair *r, struct step_io *io, struct err *e)
{
	char num[16];
	int rc;

	snprintf(num, sizeof(num), "Boot%04X", r->num);
	rc = step_fact_set(io, "state", r->degraded ? "removable" : "entry", e);
	if (rc == 0)
		rc = step_fact_set(io, "entry", r->degraded ? "-" : num, e);
	if (rc == 0 && r->degraded)
		step_degraded(io, "%s: the disk starts by its removable path \\EFI\\BOOT instead", r->degraded);
	else if (rc == 0)
		step_note(io, "%s starts %s%s", num, r->first, r->written ? "" : ": it was there already");
	return rc;
}

static int run(void *self, struct step_io *io, struct err *e)
{
	struct efi_entry_step *s = self;
	struct esp_part *v = NULL;
	struct efi_repair r;
	struct err why = ERR_INIT;
	size_t n = 0;
	int rc = collect(s, &v, &n, &why);

	if (rc < 0) {
		if (s->required)
			return err_set(e, rc, "%s", why.msg);
		step_warn(io, "%s, going on without an entry", why.msg);
	}
	r = request(s, io, v, n);
	rc = choose(s, io, &r, e);
	if (rc == 0)
		rc = efi_repair(&r, e);
	if (rc == 0)
		rc = finish(&r, io, e);
	free(r.first);
	free(r.degraded);
	esp_parts_free(v, n);
	return rc;
}

static int verify(void *self, struct step_io *io, struct err *e)
{
	struct efi_entry_step *s = self;
	const char *file = step_fact(io, "loader"), *label = step_fact(io, "label"), *state = step_fact(io, "state");
	struct esp_part *v = NULL;
	struct efi_repair r;
	size_t n = 0;
	int rc;

	if (!file || !label || !state) {
		err_set(e, -ENOENT, "no entry was made yet");
		return 0;
	}
	if (!s->esp.real)
		return err_set(e, -ENOENT, "the ESP is not mounted");
	if (str_eq(state, "entry")) {
		rc = collect(s, &v, &n, e);
		if (rc < 0)
			return rc;
	}
	r = request(s, io, v, n);
	rc = efi_repair_holds(&r, file, label, str_eq(state, "removable"), e);
	esp_parts_free(v, n);
	return rc;
}

const struct step_type step_efi_entry = {
	.name = "efi-entry", .summary = "Make the firmware start this system: write its boot entry, prove it, and keep everybody else's.",
	.manual = "An equal entry is used again and never doubled; entries of other systems keep their bytes, numbers and order. The entry is "
		  "written before BootOrder and taken back when BootOrder cannot be written; both are read back.\n\n"
		  "When the firmware has no room, refuses, or the machine was not started by UEFI, the loader is copied to the removable path with "
		  "what it needs beside it, and the step ends degraded: the machine will start all the same.",
	.opts = opts, .size = sizeof(struct efi_entry_step), .effect = STEP_DURABLE, .resume = STEP_RERUN,
	.facts = "loader label state entry", .preflight = preflight, .run = run, .verify = verify,
};

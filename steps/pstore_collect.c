/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pstore-collect - a crashed kernel's last words into the state directory, and room in NVRAM. Everything is in rescue/pstore_*.c. */
#include <inttypes.h>

#include "fs.h"
#include "pstore_collect.h"
#include "pstore_record.h"
#include "step.h"

struct collect {
	struct opt_path from, efivars, to;
	bool keep;
};

static const struct opt opts[] = {
	{ "to", OPT_PATH, OPT_FIELD(struct collect, to), .access = ACCESS_WRITE,
	  .help = "The store. Without it the dumps go into this step's folder in the state directory." },
	{ "from", OPT_PATH, OPT_FIELD(struct collect, from), .access = ACCESS_WRITE,
	  .help = "Folder of records instead of /sys/fs/pstore; then EFI variables are read only when efivars is given too." },
	{ "efivars", OPT_PATH, OPT_FIELD(struct collect, efivars), .access = ACCESS_WRITE,
	  .help = "Folder of EFI variables instead of /sys/firmware/efi/efivars." },
	{ "keep", OPT_BOOL, OPT_FIELD(struct collect, keep), .def = "no", .help = "Copy the records, erase nothing." },
	OPT_END
};

static bool given(const struct collect *c)
{
	return c->from.path || c->efivars.path;
}

static const char *pstore_dir(const struct collect *c)
{
	return given(c) ? c->from.real : PSTORE_DIR;
}

static const char *efivars_dir(const struct collect *c)
{
	return given(c) ? c->efivars.real : PSTORE_EFIVARS_DIR;
}

static int preflight(void *self, struct step_io *io, struct err *e)
{
	const struct collect *c = self;

	(void)io;
	if ((c->to.path && !c->to.real) || (c->from.path && !c->from.real) || (c->efivars.path && !c->efivars.real))
		return STEP_LATER;
	if (c->from.path && !fs_is_dir(c->from.real))
		return err_set(e, -ENOENT, "from '%s': is not a folder", c->from.real);
	if (c->efivars.path && !fs_is_dir(c->efivars.real))
		return err_set(e, -ENOENT, "efivars '%s': is not a folder", c->efivars.real);
	return 0;
}

static void progress(void *arg, size_t done, size_t all)
{
	struct step_progress p = { .items = done, .items_total = all };

	step_progress(arg, &p);
}

static int set_number(struct step_io *io, const char *key, uint64_t v, struct err *e)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%" PRIu64, v);
	return step_fact_set(io, key, buf, e);
}

static int facts(struct step_io *io, const struct pstore_result *res, struct err *e)
{
	const char *newest = pstore_result_newest(res);
	int r = set_number(io, "dumps", res->n_found, e);

	if (r >= 0)
		r = set_number(io, "records", res->records, e);
	if (r >= 0)
		r = set_number(io, "left", res->left, e);
	if (r >= 0)
		r = step_fact_set(io, "newest", newest ? newest : "no crash", e);
	return r;
}

static void speak(struct step_io *io, const struct pstore_result *res)
{
	for (size_t i = 0; i < res->n_found; i++)
		step_note(io, "%s: %s%s", res->found[i].name, res->found[i].line, res->found[i].missing ? " (parts are missing)" : "");
	for (size_t i = 0; i < res->notes.n; i++)
		step_warn(io, "%s", res->notes.v[i]);
	if (res->nvram_known)
		step_note(io, "NVRAM: %" PRIu64 " bytes free before, %" PRIu64 " after%s", res->nvram_before, res->nvram_after,
			  res->reboot_needed ? "; the firmware gives the space back when it starts: reboot before writing EFI variables" : "");
	if (res->left)
		step_degraded(io, "%zu of %zu crash records stay where they are", res->left, res->records);
}

static int run(void *self, struct step_io *io, struct err *e)
{
	const struct collect *c = self;
	struct pstore_collect_opts o = { .pstore = pstore_dir(c), .efivars = efivars_dir(c), .keep = c->keep, .progress = progress, .arg = io };
	CLEANUP(strv_free) struct strv notes = STRV_INIT;
	struct pstore_result res;
	int r;

	o.to = c->to.path ? c->to.real : step_dir(io, e);
	if (!o.to)
		return e->code ? e->code : -EIO;
	if (!given(c))
		pstore_prepare(&notes);
	for (size_t i = 0; i < notes.n; i++)
		step_warn(io, "%s", notes.v[i]);
	r = pstore_collect(&o, &res, e);
	if (r == -ENOENT && !given(c)) {
		step_note(io, "%s: nothing to collect", e->msg);
		r = 0;
	}
	if (r >= 0) {
		speak(io, &res);
		r = facts(io, &res, e);
	}
	pstore_result_free(&res);
	return r;
}

/* No more records are in the sources than run() said it had to leave there. */
static int verify(void *self, struct step_io *io, struct err *e)
{
	const struct collect *c = self;
	CLEANUP(pstore_set_free) struct pstore_set set = { .n = 0 };
	const char *fact = step_fact(io, "left");
	uint64_t left;
	int r = 0;

	if (!fact || str_to_u64(fact, &left) < 0) {
		err_set(e, 0, "it did not come to its end");
		return 0;
	}
	if (c->keep)
		return 1;
	if (pstore_dir(c))
		r = pstore_scan(&set, pstore_dir(c), PSTORE_SCAN_RECORDS, e);
	if (efivars_dir(c) && (r >= 0 || r == -ENOENT))
		r = pstore_scan(&set, efivars_dir(c), PSTORE_SCAN_EFIVARS, e);
	if (r < 0 && r != -ENOENT)
		return r;
	pstore_set_link(&set);
	if (set.n <= left)
		return 1;
	err_set(e, 0, "%zu crash records are still there", set.n);
	return 0;
}

const struct step_type step_pstore_collect = {
	.name = "pstore-collect",
	.summary = "Collect a crashed kernel's last words and make room in NVRAM.",
	.manual = "Every record of /sys/fs/pstore and every crash variable in efivarfs is copied into the store, synced, read back from the medium and "
		  "compared; only then it is erased, and its absence proven in efivarfs. Running again stores nothing twice. Each dump gets its raw records, "
		  "the log put together oldest text first, and report.json with an explanation (pstore.md). The fact newest is one line about the newest "
		  "crash, or 'no crash'.\n\n"
		  "Records that cannot be stored or erased stay where they are and the run ends as degraded: a full NVRAM is no reason to stop a recovery.",
	.opts = opts, .size = sizeof(struct collect),
	.effect = STEP_DURABLE, .resume = STEP_RERUN,
	.facts = "dumps records left newest",
	.run = run, .preflight = preflight, .verify = verify,
};

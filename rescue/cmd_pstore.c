/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"
#include "fs.h"
#include "pstore_collect.h"
#include "pstore_explain.h"
#include "pstore_show.h"
#include "pstore_store.h"

#define DEFAULT_STORE "/var/lib/rescue/pstore"

static const char *from, *efivars, *to = DEFAULT_STORE, *map, *vmlinux;
static bool json, keep, volatile_store;

static const struct cmd_opt opts[] = {
	{ "from", CMD_TEXT, &from, "DIR", "Folder of records instead of /sys/fs/pstore; then EFI variables are read only from --efivars." },
	{ "efivars", CMD_TEXT, &efivars, "DIR", "Folder of EFI variables instead of /sys/firmware/efi/efivars." },
	{ "to", CMD_TEXT, &to, "DIR", "The store; " DEFAULT_STORE " when not given." },
	{ "keep", CMD_FLAG, &keep, NULL, "Copy, erase nothing." },
	{ "volatile-store", CMD_FLAG, &volatile_store, NULL, "Erase records even when the store is on a filesystem that a reboot forgets." },
	{ "map", CMD_TEXT, &map, "FILE", "System.map of the kernel that crashed." },
	{ "vmlinux", CMD_TEXT, &vmlinux, "FILE", "The vmlinux (or its debug file) of the kernel that crashed: source lines in the trace." },
	{ "json", CMD_FLAG, &json, NULL, "Print JSON." },
	CMD_END
};

static int fail(const struct err *e)
{
	cmd_error("%s", e->msg);
	switch (e->code) {
	case -EBUSY: return EXIT_BUSY;
	case -EINVAL: return EXIT_USAGE;
	case -EROFS: case -ENOSPC: case -EACCES: return EXIT_STATE;
	default: return EXIT_FAILED;
	}
}

static bool given(void)
{
	return from || efivars;
}

static const char *pstore_dir(void)
{
	return given() ? from : PSTORE_DIR;
}

static const char *efivars_dir(void)
{
	return given() ? efivars : PSTORE_EFIVARS_DIR;
}

/* What was named on the command line must be there; the usual places need not be. */
static int check_given(struct err *e)
{
	const char *const dirs[] = { from, efivars };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (dirs[i] && !fs_is_dir(dirs[i]))
			return err_set(e, -ENOENT, "'%s' is not a folder", dirs[i]);
	return 0;
}

static void prepare(void)
{
	CLEANUP(strv_free) struct strv notes = STRV_INIT;

	if (given())
		return;
	pstore_prepare(&notes);
	for (size_t i = 0; i < notes.n; i++)
		cmd_error("%s", notes.v[i]);
}

static int collect(void)
{
	struct pstore_collect_opts o = { .pstore = pstore_dir(), .efivars = efivars_dir(), .to = to, .keep = keep, .allow_volatile = volatile_store };
	CLEANUP(str_free) struct str out = STR_INIT;
	struct pstore_result res;
	struct err e = ERR_INIT;
	int code = EXIT_DONE;

	if (check_given(&e) < 0)
		return fail(&e);
	prepare();
	if (pstore_collect(&o, &res, &e) < 0) {
		pstore_result_free(&res);
		return fail(&e);
	}
	if (json)
		pstore_result_json(&res, to, &out);
	else
		pstore_result_text(&res, to, &out);
	fputs(str_cstr(&out), stdout);
	if (res.left)
		code = res.n_found ? EXIT_DEGRADED : EXIT_STATE;
	pstore_result_free(&res);
	return code;
}

static int show_options(struct pstore_show *sh, struct err *e)
{
	*sh = (struct pstore_show){ .json = json };
	return pstore_show_symbols(sh, map, vmlinux, e);
}

/* The dumps of a scanned set, oldest first. */
static int show_set(struct pstore_set *set, bool log)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct pstore_dumps dumps;
	struct pstore_show sh;
	struct err e = ERR_INIT;
	int r;

	pstore_set_link(set);
	pstore_dumps_make(&dumps, set);
	r = show_options(&sh, &e);
	sh.log = log;
	for (size_t i = 0; r >= 0 && i < dumps.n; i++)
		pstore_show_dump(&sh, NULL, &dumps.v[i], &out);
	fputs(str_cstr(&out), stdout);
	for (size_t i = 0; i < set->notes.n; i++)
		cmd_error("%s", set->notes.v[i]);
	pstore_show_end(&sh);
	pstore_dumps_free(&dumps);
	return r < 0 ? fail(&e) : set->notes.n ? EXIT_DEGRADED : EXIT_DONE;
}

static int list_store(void)
{
	CLEANUP(pstore_store_close) struct pstore_store s = PSTORE_STORE_INIT;
	CLEANUP(str_free) struct str out = STR_INIT;
	struct pstore_show sh = { .json = json, .brief = true };
	struct err e = ERR_INIT;

	if (!fs_exists(to))
		return EXIT_DONE;
	if (pstore_store_open(&s, to, false, &e) < 0)
		return fail(&e);
	for (size_t i = 0; i < s.n; i++)
		pstore_show_dump(&sh, s.v[i].name, &s.v[i].dump, &out);
	fputs(str_cstr(&out), stdout);
	for (size_t i = 0; i < s.notes.n; i++)
		cmd_error("%s", s.notes.v[i]);
	return s.notes.n ? EXIT_DEGRADED : EXIT_DONE;
}

static int list(void)
{
	CLEANUP(pstore_set_free) struct pstore_set set = { .n = 0 };
	CLEANUP(str_free) struct str out = STR_INIT;
	struct pstore_show sh = { .json = json, .brief = true };
	struct pstore_dumps dumps;
	struct err e = ERR_INIT;

	if (check_given(&e) < 0)
		return fail(&e);
	prepare();
	if (pstore_dir() && pstore_scan(&set, pstore_dir(), PSTORE_SCAN_RECORDS, &e) < 0 && given())
		return fail(&e);
	if (efivars_dir() && pstore_scan(&set, efivars_dir(), PSTORE_SCAN_EFIVARS, &e) < 0 && given())
		return fail(&e);
	pstore_set_link(&set);
	pstore_dumps_make(&dumps, &set);
	for (size_t i = 0; i < dumps.n; i++)
		pstore_show_dump(&sh, "(not collected yet)", &dumps.v[i], &out);
	fputs(str_cstr(&out), stdout);
	pstore_dumps_free(&dumps);
	return list_store();
}

static int show(const char *name)
{
	CLEANUP(pstore_store_close) struct pstore_store s = PSTORE_STORE_INIT;
	CLEANUP(str_free) struct str out = STR_INIT;
	const struct pstore_stored *d;
	struct pstore_show sh = { .n_symbols = 0 };
	struct err e = ERR_INIT;
	int r = pstore_store_open(&s, to, false, &e);

	if (r < 0)
		return fail(&e);
	d = name ? pstore_store_find(&s, name) : s.n ? &s.v[s.n - 1] : NULL;
	if (!d) {
		cmd_error(name ? "'%s': no dump, or not exactly one, is called so; 'rescue pstore list' names them" : "'%s': no dump is stored there",
			  name ? name : to);
		return EXIT_FAILED;
	}
	r = show_options(&sh, &e);
	sh.log = true;
	if (r >= 0)
		pstore_show_dump(&sh, d->name, &d->dump, &out);
	fputs(str_cstr(&out), stdout);
	pstore_show_end(&sh);
	return r < 0 ? fail(&e) : EXIT_DONE;
}

static int decode_one(struct pstore_set *set, const char *path, struct err *e)
{
	AUTO_FREE char *dir = xstrdup(path), *data = NULL;
	char *slash = strrchr(dir, '/');
	size_t len;
	int r;

	if (fs_is_dir(path))
		return pstore_scan(set, path, PSTORE_SCAN_STORED, e);
	r = fs_read(path, 64 * MIB, &data, &len, e);
	if (r < 0)
		return r;
	if (slash)
		*slash = '\0';
	set->v = xrealloc(set->v, (set->n + 1) * sizeof(*set->v));
	pstore_record_make(&set->v[set->n++], slash ? dir : ".", slash ? slash + 1 : path, TAKE_PTR(data), len, 0);     /* a copy's date says nothing */
	return 0;
}

static int decode(int n, char **files)
{
	CLEANUP(pstore_set_free) struct pstore_set set = { .n = 0 };
	struct err e = ERR_INIT;

	for (int i = 0; i < n; i++)
		if (decode_one(&set, files[i], &e) < 0)
			return fail(&e);
	return show_set(&set, true);
}

static int run(int argc, char **argv)
{
	const char *verb = argc ? argv[0] : "collect";

	if (str_eq(verb, "collect") && argc <= 1)
		return collect();
	if (str_eq(verb, "list") && argc == 1)
		return list();
	if (str_eq(verb, "show") && argc <= 2)
		return show(argc == 2 ? argv[1] : NULL);
	if (str_eq(verb, "decode") && argc >= 2)
		return decode(argc - 1, argv + 1);
	cmd_error("pstore: say 'collect', 'list', 'show [DUMP]' or 'decode FILE...'");
	return EXIT_USAGE;
}

const struct cmd cmd_pstore = {
	.name = "pstore",
	.summary = "Collect a crashed kernel's last words and make room in NVRAM.",
	.usage = "[collect|list|show|decode] [FILE...]",
	.manual = "collect (the default) copies every record that a crashed kernel left in pstore and in the EFI variables into the store, reads the copy back "
		  "from the medium, and only then erases the record. list names what is there and what is stored. show explains one stored dump (the newest "
		  "when none is named) and prints its log. decode does the same for record files, without a store.\n\n"
		  "The exit code is 0 only when every record is stored and gone from its old place.",
	.opts = opts,
	.run = run,
};

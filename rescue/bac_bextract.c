/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bacula's own bextract: its exit code lies, so its words are read. */
#include "bac_console.h"

#include "bac_index.h"
#include "bac_sd.h"
#include "child.h"
#include "fs.h"
#include "rootmap.h"

static int write_config(const char *volumes, const char *media, const char *dir, char **ret, struct err *e)
{
	AUTO_FREE char *path = fs_join(dir, "bextract-sd.conf");
	AUTO_FREE char *text = xasprintf("Storage { Name = rescue-sd; WorkingDirectory = \"%s\"; PidDirectory = \"%s\" }\n"
					 "Director { Name = none; Password = \"none\" }\n"
					 "Device { Name = rescue; Media Type = \"%s\"; Archive Device = \"%s\"; Random Access = yes; AutomaticMount = yes;\n"
					 "  RemovableMedia = no; AlwaysOpen = no }\n"
					 "Messages { Name = rescue; console = all }\n", dir, dir, media, volumes);
	int r = fs_write_atomic(path, text, strlen(text), 0600, e);

	*ret = r == 0 ? TAKE_PTR(path) : NULL;
	return r;
}

static uint64_t expected(const struct bac_plan *p)
{
	uint64_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < p->sess[i].n_ranges; k++)
			n += p->sess[i].ranges[k].hi - p->sess[i].ranges[k].lo + 1;
	return n;
}

/* "20514 files restored." */
static uint64_t restored(const char *text)
{
	const char *p = strstr(text, " files restored");

	while (p && p > text && p[-1] >= '0' && p[-1] <= '9')
		p--;
	return p ? strtoull(p, NULL, 10) : 0;
}

static bool complains(const char *text)
{
	return strstr(text, "Error") || strstr(text, "error:") || strstr(text, "mismatch") || strstr(text, "Unknown stream") ||
	       strstr(text, "Unexpected stream") || strstr(text, "was deleted");
}

static int extract(const char *config, const char *bsr, const char *to, const char *dir, struct str *out, struct err *e)
{
	const char *const argv[] = { "bextract", "-c", config, "-b", bsr, "rescue", to, NULL };
	struct child c = { .argv = argv, .out = out, .cwd = dir };

	return child_run(&c, e);
}

int bac_bextract(const char *volumes, const char *bsr, const char *to, struct step_io *io, struct err *e)
{
	struct bac_index ix = { 0 };
	struct bac_plan plan = { 0 };
	CLEANUP(str_free) struct str out = STR_INIT;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *config = NULL;
	const char *dir = step_dir(io, e);
	AUTO_FREE char *log = dir ? fs_join(dir, "joblog.txt") : NULL;
	AUTO_FREE char *done = dir ? fs_join(dir, "job.txt") : NULL;
	uint64_t want, got;
	size_t len;
	int r = dir ? bac_sd_stopped(volumes, e) : e->code;

	if (r == 0)
		r = bac_index_add(&ix, volumes, e);
	if (r == 0)
		r = fs_read(bsr, 64 * MIB, &text, &len, e);
	if (r == 0)
		r = bac_bsr_plan(&ix, text, len, bsr, &plan, e);
	if (r == 0)
		r = write_config(volumes, ix.vols[0].label.media, dir, &config, e);
	want = expected(&plan);
	bac_plan_free(&plan);
	bac_index_free(&ix);
	if (r == 0)
		r = extract(config, bsr, to, dir, &out, e);
	if (log)
		(void)fs_write_atomic(log, str_cstr(&out), out.len, 0600, NULL);
	if (r < 0)
		return r;
	got = restored(str_cstr(&out));
	if (!got)
		return err_set(e, -ENODATA, "bextract restored no file: its words are in joblog.txt in the step's folder");
	r = rootmap_sync(to, e);
	if (r < 0)
		return r;
	step_note(io, "bextract restored %llu of %llu files", (unsigned long long)got, (unsigned long long)want);
	step_degraded(io, "bextract restores no ACLs, attributes and capabilities and compares no digests%s: its words are in joblog.txt",
		      got < want ? ", and files are missing" : complains(str_cstr(&out)) ? ", and it complained" : "");
	return fs_write_atomic(done, "bextract\n", 9, 0600, e);
}

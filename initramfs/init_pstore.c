/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Last words of a kernel that crashed. They are taken before anything writes NVRAM: copied to RESCUE-STATE, synced, read back, compared, and only
 * then erased from the firmware, with proof. This is the one thing that the rescue system changes on a machine without being asked: a record
 * in NVRAM is in the way (of boot entries, and of the next crash's record), and where it is now nobody reads it. Without a RESCUE-STATE, or with
 * rescue.pstore=keep, they are only copied. rescue.pstore=off: not even looked at.
 */
#include "fs.h"
#include "init.h"

#define STORE STATE_DIR "/pstore"

/* A plan that runs by itself and collects decides where its records go. */
static bool plan_collects(const struct session *s)
{
	AUTO_FREE char *text = NULL;
	size_t n;

	return s->args.automatic && s->plan && !s->finished && fs_read(PLAN_FILE, 16 * MIB, &text, &n, NULL) == 0 && boot_plan_has(text, "pstore-collect");
}

/* Why the records must stay where they are, or NULL: they may be taken. */
static const char *why_keep(const struct session *s)
{
	if (!s->state)
		return "there is no " STATE_LABEL " to keep them";
	if (s->args.pstore == BOOT_PSTORE_KEEP)
		return "rescue.pstore=keep";
	return plan_collects(s) ? "the plan collects them itself" : NULL;
}

/* The sums and notes; what each dump says is among the findings. */
static void say_sums(const char *text)
{
	for (const char *s = text, *next; *s; s = next) {
		size_t n = strcspn(s, "\n");
		AUTO_FREE char *line = xstrndup(s, n);

		next = s + n + (s[n] == '\n');
		if (str_starts(line, "NVRAM: ") || str_starts(line, "note: ") || strstr(line, " records found, "))
			say("crash records: %s", line);
	}
}

static void collect(const char *keep)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct err e = ERR_INIT;
	int r = run_quiet(300, &out, &e, "rescue", "pstore", "collect", "--to", STORE, keep ? "--keep" : NULL, NULL);

	say_sums(str_cstr(&out));
	if (r < 0)
		say("crash records: %s; what is not in " STORE " is still in the firmware", e.msg);
	else if (keep)
		say("crash records: copied to " STORE ", and left in the firmware: %s; 'rescue pstore --to DIR' takes them", keep);
	else
		say("crash records: they are on " STATE_LABEL ":/pstore now, and gone from the firmware");
}

void pstore_look(struct session *s)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct err e = ERR_INIT;

	if (s->args.pstore == BOOT_PSTORE_OFF)
		return;
	if (run_quiet(60, &out, &e, "rescue", "pstore", "list", "--to", STORE, NULL) < 0 && !out.len) {
		say("crash records: %s, going on", e.msg);
		return;
	}
	if (boot_crash_findings(str_cstr(&out), "rescue pstore show --to " STORE, &s->findings))
		collect(why_keep(s));
}

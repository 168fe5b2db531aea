/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Last words of a kernel that crashed. Looking and copying changes nothing on the machine: its records stay in NVRAM until a plan or a person
 * collects them. ramoops is never loaded here (T7).
 */
#include "fs.h"
#include "init.h"

#define STORE STATE_DIR "/pstore"

/* "(not collected yet) Oops#1, 3 records" is followed by "  general protection fault in f+0x1/0x2 by x, kernel 6.1". */
static void add_findings(struct session *s, char *text)
{
	char *save, *line;
	bool fresh = false;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == ' ' && fresh) {
			char *sentence = xasprintf("this machine crashed: %s (rescue pstore show)", str_trim(line));

			strv_add(&s->findings, sentence);
			free(sentence);
		}
		fresh = str_starts(line, "(not collected yet)");
	}
}

void pstore_look(struct session *s)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct err e = ERR_INIT;
	size_t before = s->findings.n;

	if (run_quiet(60, &out, &e, "rescue", "pstore", "list", "--to", STORE, NULL) < 0 && !out.len)
		return;
	str_cstr(&out);
	add_findings(s, out.s);
	if (s->findings.n == before || !s->state)
		return;
	if (run_quiet(120, NULL, &e, "rescue", "pstore", "collect", "--keep", "--to", STORE, NULL) < 0)
		say("copy of the crash records: %s", e.msg);
	else
		say("the crash records were copied to " STATE_LABEL ":/pstore; they stay in the firmware until 'rescue pstore --to " STORE "'");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes are a journal or a sentence; what is a journal has a state for each step. */
#include "journal.h"
#include "runstate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct run_step steps[] = {
	{ "rootfs", STEP_DESTRUCTIVE, STEP_VERIFY_FIRST, true },
	{ "mount", STEP_EPHEMERAL, STEP_RERUN, true },
	{ "restore", STEP_DURABLE, STEP_FROM_MARK, true },
	{ "hook", STEP_DURABLE, STEP_ASK, false },
};

static void use(const struct journal *j)
{
	struct runstate s;

	runstate_read(&s, j, steps, ARRAY_SIZE(steps));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		enum run_action a = runstate_action(&s, i);

		if (s.steps[i].status == RUN_DONE && steps[i].effect != STEP_EPHEMERAL && a != RUN_SKIP)
			abort();
		(void)runstate_fact(j, steps[i].id, "uuid");
	}
	runstate_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal j = JOURNAL_INIT;
	struct err e = ERR_INIT;
	size_t good;

	if (journal_parse(&j, (const char *)data, size, &good, &e) == 0) {
		if (good > size || (good < size) != j.torn)
			abort();
		use(&j);
	} else if (!*e.msg) {
		abort();
	}
	journal_close(&j);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "runstate.h"

enum { DISK, LOOK, EPH, FILE_, MARKS, ASK, N };

static const struct run_step steps[N] = {
	[DISK] = { "disk", STEP_DESTRUCTIVE, STEP_VERIFY_FIRST, true },
	[LOOK] = { "look", STEP_LOOKS, STEP_RERUN, false },
	[EPH] = { "eph", STEP_EPHEMERAL, STEP_RERUN, true },
	[FILE_] = { "file", STEP_DURABLE, STEP_RERUN, true },
	[MARKS] = { "marks", STEP_DURABLE, STEP_FROM_MARK, true },
	[ASK] = { "ask", STEP_DURABLE, STEP_ASK, false },
};

/* A journal in short: "disk fact uuid=1; disk begin; - resume". */
static void records(struct journal *j, const char *text)
{
	CLEANUP(strv_free) struct strv lines = STRV_INIT;

	*j = (struct journal)JOURNAL_INIT;
	strv_split(&lines, text, ";");
	j->recs = xcalloc(lines.n, sizeof(*j->recs));
	for (size_t i = 0; i < lines.n; i++) {
		CLEANUP(strv_free) struct strv w = STRV_INIT;
		struct journal_rec *r = &j->recs[j->n++];

		strv_split(&w, lines.v[i], " ");
		*r = (struct journal_rec){ .seq = i + 1, .time = i + 1, .verb = J_VERB_MAX };
		r->step = xstrdup(w.v[0]);
		r->payload = xstrdup(w.n > 2 ? w.v[2] : "");
		for (int v = 0; v < J_VERB_MAX; v++)
			if (str_eq(journal_verb_name((enum journal_verb)v), w.v[1]))
				r->verb = (enum journal_verb)v;
		assert_true(r->verb != J_VERB_MAX);
	}
}

#define ALL_DONE "- plan d; disk begin; disk done; look begin; look done; eph begin; eph done; file begin; file done; " \
		 "marks begin; marks done; ask begin; ask done"

static const struct {
	const char *journal;
	size_t step;
	enum run_status status;
	enum run_action action;
} cases[] = {
	{ "- plan d", DISK, RUN_NEW, RUN_START },
	{ "- plan d; disk fact uuid=1", DISK, RUN_NEW, RUN_START },
	/* decided in an earlier run: perhaps made, too, and the line that said so is lost */
	{ "- plan d; disk fact uuid=1; - resume d", DISK, RUN_NEW, RUN_VERIFY },
	{ "- plan d; disk begin", DISK, RUN_BEGUN, RUN_VERIFY },
	{ "- plan d; disk begin; disk fail x", DISK, RUN_FAILED, RUN_VERIFY },
	{ "- plan d; disk fail x", DISK, RUN_NEW, RUN_START },
	{ "- plan d; disk begin; disk done", DISK, RUN_DONE, RUN_SKIP },
	{ "- plan d; disk begin; disk done; - resume d", DISK, RUN_DONE, RUN_SKIP },
	{ "- plan d; disk fact uuid=1; disk begin; disk done; disk resume again; - resume d", DISK, RUN_NEW, RUN_START },
	{ "- plan d; look begin", LOOK, RUN_BEGUN, RUN_START },
	{ "- plan d; look begin; look done", LOOK, RUN_DONE, RUN_SKIP },
	{ "- plan d; eph begin; eph done; - resume d", EPH, RUN_DONE, RUN_VERIFY },
	{ ALL_DONE, EPH, RUN_DONE, RUN_SKIP },
	{ ALL_DONE "; ask resume again", EPH, RUN_DONE, RUN_VERIFY },
	{ "- plan d; file begin", FILE_, RUN_BEGUN, RUN_START },
	{ "- plan d; marks begin; marks mark 10", MARKS, RUN_BEGUN, RUN_START },
	{ "- plan d; ask begin", ASK, RUN_BEGUN, RUN_REFUSE },
	{ "- plan d; ask begin; ask fail exit", ASK, RUN_FAILED, RUN_REFUSE },
	{ "- plan d; ask begin; ask resume again", ASK, RUN_NEW, RUN_START },
	{ "- plan d; ask begin; ask done", ASK, RUN_DONE, RUN_SKIP },
	{ "- plan d; stranger begin", ASK, RUN_NEW, RUN_START },
};

static void test_each_state_has_its_action(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct journal j;
		struct runstate s;

		records(&j, cases[i].journal);
		runstate_read(&s, &j, steps, N);
		if (s.steps[cases[i].step].status != cases[i].status || runstate_action(&s, cases[i].step) != cases[i].action)
			fail_msg("case %zu: %s", i, cases[i].journal);
		runstate_free(&s);
		journal_close(&j);
	}
}

static void test_finished_means_every_step_of_this_plan(void **state)
{
	static const struct { const char *journal; bool finished, degraded; } t[] = {
		{ ALL_DONE, false, false },
		{ ALL_DONE "; - end done", true, false },
		{ ALL_DONE "; marks degraded x; - end degraded", true, true },
		{ ALL_DONE "; - end done; disk resume again", false, false },
		{ "- plan d; disk begin; disk done; - end done", false, false },        /* the plan has more steps now */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct journal j;
		struct runstate s;

		records(&j, t[i].journal);
		runstate_read(&s, &j, steps, N);
		assert_int_equal(s.finished, t[i].finished);
		assert_int_equal(s.degraded, t[i].degraded);
		runstate_free(&s);
		journal_close(&j);
	}
}

static void test_marks_facts_and_consent_end_when_a_step_is_taken_back(void **state)
{
	struct journal j;
	struct runstate s;

	(void)state;
	records(&j, "- plan d; disk fact uuid=1; disk fact uuid=2; disk consent root=serial; marks mark 5; marks begin; marks mark 6");
	runstate_read(&s, &j, steps, N);
	assert_string_equal(s.steps[MARKS].last_mark, "6");
	assert_string_equal(runstate_fact(&j, "disk", "uuid"), "2");
	assert_null(runstate_fact(&j, "disk", "uui"));
	assert_null(runstate_fact(&j, "marks", "uuid"));
	assert_true(runstate_consented(&j, "disk", "root=serial"));
	assert_false(runstate_consented(&j, "disk", "root=other"));
	assert_false(runstate_consented(&j, "marks", "root=serial"));
	assert_string_equal(s.digest, "d");
	runstate_free(&s);
	journal_close(&j);
	records(&j, "- plan d; disk fact uuid=1; disk consent root=serial; marks mark 5; marks resume again; disk resume again; - resume e");
	runstate_read(&s, &j, steps, N);
	assert_null(s.steps[MARKS].last_mark);
	assert_null(runstate_fact(&j, "disk", "uuid"));
	assert_false(runstate_consented(&j, "disk", "root=serial"));
	assert_string_equal(s.digest, "e");
	runstate_free(&s);
	journal_close(&j);
}

static void test_losses_count_until_the_step_starts_over(void **state)
{
	static const struct { const char *journal; size_t degraded; } t[] = {
		{ "- plan d; marks begin; marks mark 1; marks degraded a; marks begin; marks degraded b", 2 },
		{ "- plan d; marks begin; marks degraded a; marks begin; marks degraded b", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct journal j;
		struct runstate s;

		records(&j, t[i].journal);
		runstate_read(&s, &j, steps, N);
		assert_int_equal(s.steps[MARKS].degraded, t[i].degraded);
		assert_string_equal(s.steps[MARKS].degradation, "b");
		runstate_free(&s);
		journal_close(&j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_state_has_its_action),
		cmocka_unit_test(test_finished_means_every_step_of_this_plan),
		cmocka_unit_test(test_marks_facts_and_consent_end_when_a_step_is_taken_back),
		cmocka_unit_test(test_losses_count_until_the_step_starts_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans: any bytes. What is accepted has sound parts; what is refused has a sentence. */
#include "plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *some_facts(const char *fact, void *arg UNUSED)
{
	return strlen(fact) % 2 ? "5e1ad7f4-0000-4000-8000-000000000000" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan *p = NULL;
	struct err e = ERR_INIT;

	if (plan_parse("fuzz", (const char *)data, size, &p, &e) < 0) {
		if (!e.msg[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < p->n_steps; i++) {
		void *self = NULL;
		bool pending;

		if (!p->steps[i].type || !p->steps[i].id)
			abort();
		(void)plan_step_apply(p, &p->steps[i], some_facts, NULL, &self, &pending, &e);
		plan_step_free_self(&p->steps[i], self);
	}
	plan_free(p);
	return 0;
}

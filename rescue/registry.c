/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "step.h"

#define STEP(id) extern const struct step_type step_##id;
#include "../steps/steps.def"
#undef STEP

const struct step_type *const step_types[] = {
#define STEP(id) &step_##id,
#include "../steps/steps.def"
#undef STEP
	NULL
};

const struct step_type *step_type_find(const char *name)
{
	for (size_t i = 0; step_types[i]; i++)
		if (str_eq(step_types[i]->name, name))
			return step_types[i];
	return NULL;
}

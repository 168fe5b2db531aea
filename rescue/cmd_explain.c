/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"
#include "manual.h"
#include "plan_device.h"

static void devices(struct str *out)
{
	str_add(out, "devices - names for disks, partitions and filesystems, under 'devices:' of a plan\n\n");
	manual_opts_text(out, plan_device_opts());
}

static void options(struct str *out)
{
	str_add(out, "options that every step takes beside its own\n\n");
	manual_opts_text(out, plan_common_opts());
}

static void exit_codes(struct str *out)
{
	str_add(out, "what the exit code says\n\n");
	manual_exit_codes_text(out);
}

static const struct { const char *word; void (*write)(struct str *out); } topics[] = {
	{ "devices", devices }, { "options", options }, { "exit-codes", exit_codes },
};

static int list(void)
{
	printf("step types ('rescue explain TYPE' shows one; also known: devices, options, exit-codes):\n");
	for (size_t i = 0; step_types[i]; i++)
		printf("  %-16s %s\n", step_types[i]->name, step_types[i]->summary);
	return EXIT_DONE;
}

static int unknown(const char *word)
{
	CLEANUP(strv_free) struct strv names = STRV_INIT;
	const char *near;

	for (size_t i = 0; step_types[i]; i++)
		strv_add(&names, step_types[i]->name);
	for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
		strv_add(&names, topics[i].word);
	near = names.n ? str_nearest(word, (const char *const *)names.v) : NULL;
	cmd_error("there is no step type '%s'%s%s%s", word, near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "; 'rescue explain' lists them");
	return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	const struct step_type *t = argc ? step_type_find(argv[0]) : NULL;

	if (argc == 0)
		return list();
	for (size_t i = 0; !t && i < ARRAY_SIZE(topics); i++)
		if (str_eq(topics[i].word, argv[0]))
			topics[i].write(&out);
	if (t)
		manual_step_text(&out, t);
	if (!out.len)
		return unknown(argv[0]);
	fputs(str_cstr(&out), stdout);
	return EXIT_DONE;
}

const struct cmd cmd_explain = {
	.name = "explain", .summary = "List the step types, or explain one with all its options.", .usage = "[STEP-TYPE]",
	.manual = "Also known: 'devices' (what names a device in a plan), 'options' (what every step takes), 'exit-codes'.", .run = run,
};

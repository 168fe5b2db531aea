/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"
#include "plan_show.h"

static int run(int argc UNUSED, char **argv)
{
	CLEANUP(str_free) struct str out = STR_INIT;
	struct plan *p;
	struct blk *list = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;

	if (plan_load(argv[0], &p, &e) < 0) {
		cmd_error("%s", e.msg);
		return EXIT_REFUSED;
	}
	if (blk_list(&list, &n, &e) < 0)
		cmd_error("%s, going on without looking at this machine", e.msg);
	plan_show(&out, p, list, n);
	fputs(str_cstr(&out), stdout);
	printf("\nThe plan is valid. 'rescue run --dry-run %s' finds its devices on this machine and shows what would run.\n", argv[0]);
	blk_list_free(list, n);
	plan_free(p);
	return EXIT_DONE;
}

const struct cmd cmd_check = {
	.name = "check", .summary = "Check a plan and show it in words; nothing is changed.", .usage = "PLAN",
	.manual = "Every step, option, device and fact is checked; an error names file, line and column. Whether the devices are in this machine "
		  "is shown, but a plan is also valid on a machine that does not have them.",
	.run = run,
};

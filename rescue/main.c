/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"
#include "fault.h"

int main(int argc, char **argv)
{
	fault_init();
	return cmd_main(argc, argv);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base.h"

int main(void)
{
	puts("rescue " RESCUE_VERSION);
	return 0;
}

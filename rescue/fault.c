/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fault.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base.h"

static struct {
	bool on;
	const char *name, *trace;
	unsigned long at;               /* passage that kills */
	atomic_ulong *passed;           /* shared by all processes of the run */
	pid_t runner;
} fault;

static void arm(const char *spec)
{
	const char *colon = strrchr(spec, ':');

	fault.name = xstrndup(spec, colon ? (size_t)(colon - spec) : strlen(spec));
	fault.at = colon ? strtoul(colon + 1, NULL, 10) : 1;
	fault.passed = mmap(NULL, sizeof(*fault.passed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fault.on = fault.passed != MAP_FAILED;
}

void fault_init(void)
{
	const char *spec = getenv("RESCUE_FAULT");

	fault.runner = getpid();
	fault.trace = getenv("RESCUE_FAULT_TRACE");
	if (spec && *spec)
		arm(spec);
	fault.on = fault.on || fault.trace;
}

static void trace(const char *name)
{
	AUTO_CLOSE int fd = open(fault.trace, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		dprintf(fd, "%s\n", name);
}

void fault_point(const char *name)
{
	if (!fault.on)
		return;
	if (fault.trace)
		trace(name);
	if (!fault.name || !str_eq(fault.name, name) || atomic_fetch_add(fault.passed, 1) + 1 != fault.at)
		return;
	if (fault.runner != getpid())
		kill(fault.runner, SIGKILL);
	kill(getpid(), SIGKILL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bac_first.h"

#include <ctype.h>

#include "str.h"

/* Silence of the Director is waited for as long as its machine may need to start; the unit then begins anew, and goes on with the same job. */
static const char body[] =
	"state=${RESCUE_STATE:-/var/lib/rescue}\n"
	"pause=${RESCUE_POLL:-10}\n"
	"log() { echo \"$(date -u +%FT%TZ) first backup: $*\" >>\"$state/after-boot.log\"; }\n"
	"ends() { sync; [ ! -r \"$state/after-boot\" ] || sh \"$state/after-boot\"; exit \"$1\"; }\n"
	"problem() { log \"$*\"; echo \"the first backup: $*\" >\"$state/backup-problem\"; ends 1; }\n"
	"ask() { printf '%s\\nquit\\n' \"$1\" | bconsole -n -c \"$conf\" 2>&1; }\n"
	"field() { printf '%s\\n' \"$answer\" | sed -n \"s/^ *$1: *//p\" | head -n 1 | tr -d ' ,'; }\n"
	"begin() {\n"
	"\ttries=1\n"
	"\tuntil answer=$(ask \"run job=\\\"$job\\\" yes\"); printf '%s\\n' \"$answer\" | grep -q -e '1000 OK' -e 'uthorization' || [ $tries -ge ${RESCUE_TRIES:-30} ]; do\n"
	"\t\ttries=$((tries + 1))\n"
	"\t\tsleep \"$pause\"\n"
	"\tdone\n"
	"\tid=$(printf '%s\\n' \"$answer\" | sed -n 's/.*JobId=\\([0-9]*\\).*/\\1/p' | tail -n 1)\n"
	"\t[ -n \"$id\" ] || problem \"no job was started: $(printf '%s\\n' \"$answer\" | grep -v -e '^ *$' -e '^quit' | tail -n 1)\"\n"
	"\techo \"$id\" >\"$state/backup-job.new\" && mv \"$state/backup-job.new\" \"$state/backup-job\" && sync\n"
	"\tlog \"job $id was started\"\n"
	"}\n"
	"[ ! -e \"$state/backup-done\" ] || exit 0\n"
	"id=$(cat \"$state/backup-job\" 2>/dev/null)\n"
	"[ -n \"$id\" ] || begin\n"
	"silent=0\n"
	"while :; do\n"
	"\tanswer=$(ask \"llist jobid=$id\")\n"
	"\tstatus=$(field '[Jj]ob[Ss]tatus') files=$(field '[Jj]ob[Ff]iles')\n"
	"\tcase $status in\n"
	"\tT | W) break ;;\n"
	"\tA | E | e | f | I | N) rm -f \"$state/backup-job\"; problem \"job $id ended with status $status; its log: list joblog jobid=$id\" ;;\n"
	"\t'') silent=$((silent + 1)); [ $silent -lt 60 ] || problem \"the Director says nothing about job $id\" ;;\n"
	"\t*) silent=0 ;;\n"
	"\tesac\n"
	"\tsleep \"$pause\"\n"
	"done\n"
	"rm -f \"$state/backup-job\"\n"
	"[ \"${files:-0}\" -gt 0 ] || problem \"job $id ended, and saved no file\"\n"
	"log \"job $id ended with status $status, $files files\"\n"
	"[ \"$status\" = T ] || log \"warnings are in its log: list joblog jobid=$id\"\n"
	"rm -f \"$state/backup-problem\"\n"
	"echo \"$id\" >\"$state/backup-done\"\n"
	"ends 0\n";

const char bac_first_unit[] =
	"[Unit]\nDescription=After a recovery: the first backup, through Bacula's Director\n"
	"Wants=network-online.target\nAfter=network-online.target rescue-after-boot.service bacula-fd.service bacula-sd.service bacula-director.service\n\n"
	"[Service]\nType=simple\nExecStart=/bin/sh /" BAC_FIRST "\nRestart=on-failure\nRestartSec=10min\n\n[Install]\nWantedBy=multi-user.target\n";

int bac_first_check(const char *job, const char *console, struct err *e)
{
	for (const char *p = job; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(" -_.:", *p))
			return err_set(e, -EINVAL, "job '%s': Bacula's names hold letters, digits, blanks and - _ . : only", job);
	if (*console != '/' || strpbrk(console, "'\n\r"))
		return err_set(e, -EINVAL, "console configuration '%s': must be an absolute path without quotes", console);
	return 0;
}

char *bac_first_script(const char *job, const char *console)
{
	return xasprintf("#!/bin/sh\n# Installed by rescue after a recovery: runs one backup through the Director and looks at its result.\n"
			 "job='%s'\nconf='%s'\n%s", job, console, body);
}

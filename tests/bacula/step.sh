#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The step bacula-restore with its three engines, against real daemons (T88 T89): each end is a sentence and an exit code.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
bac_need
bac_lab

run() { # run CODE STEP-OPTIONS...
	local want=$1 rc=0
	shift
	rm -rf "$lab/to" "$lab/state"
	mkdir "$lab/to"
	{
		printf 'plan: 1\nname: test\nsteps:\n  - bacula-restore:\n      id: r\n      to: %s\n' "$lab/to"
		for o in "$@"; do printf '      %s\n' "$o"; done
	} >"$lab/plan.yaml"
	"$RESCUE" run "$lab/plan.yaml" --state "$lab/state" --volatile-state >"$lab/out" 2>&1 </dev/null || rc=$?
	[ $rc = "$want" ] || { cat "$lab/plan.yaml" "$lab/out"; echo "exit code $rc, wanted $want"; exit 1; }
}
says() { grep -qF -- "$1" "$lab/out" || { cat "$lab/out"; echo "it does not say: $1"; exit 1; }; }
same() {
	python3 "$top/tests/bacula/manifest.py" "$1" >"$lab/got"
	diff "$lab/m" "$lab/got" >"$lab/diff" || { head -20 "$lab/diff"; exit 1; }
}

tree_full "$lab/src"
# what docs/bacula.md says that a console of least privilege needs (T91)
BAC_DIR_EXTRA='Console { Name = rescue; Password = "conpw"; CommandACL = restore, run, cancel, status, list, llist, .jobs; JobACL = backup-web, restore
  ClientACL = web-01-fd; StorageACL = St; FileSetACL = FS; PoolACL = P; CatalogACL = C; WhereACL = "*all*"; DirectoryACL = "*all*"
}
Client { Name = other-fd; Address = 127.0.0.1; FDPort = 1; Catalog = C; Password = "x" }
'"FileSet { Name = Pipe; Include { Options { readfifo = yes }; File = \"$lab/pipe\" } }
Job { Name = slow; Type = Backup; Client = web-01-fd; FileSet = Pipe; Storage = St; Pool = P; Messages = M }"
bac_config
bac_db
for i in 0 1; do
	echo "Device { Name = Drive-$i; Media Type = Tape; Archive Device = \"$lab/robot/$i\"; Random Access = yes; RemovableMedia = no; AlwaysOpen = no; Autochanger = yes }"
done >>"$lab/etc/sd.conf"
echo 'Autochanger { Name = Robot; Device = Drive-0, Drive-1; Changer Command = ""; Changer Device = /dev/null }' >>"$lab/etc/sd.conf"
mkdir -p "$lab/robot/0" "$lab/robot/1"
bac_start
bac_run Full
python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m"

run 0 "volumes: $lab/vol" "client: web-01-fd" "strip: $lab/src" "skeleton: no"
same "$lab/to"
says "proven by their digest"
run 0 "volumes: $lab/vol" "bsr: $lab/backup-web.bsr" "strip: $lab/src" "skeleton: no"
same "$lab/to"
run 1 "volumes: $lab/vol" "client: other-fd"
says "client 'other-fd' is not on these volumes (they hold 'web-01-fd')"
run 1 "volumes: $lab/vol" "paths: [/nothing/here]"
says "no file was restored"
run 3 "volumes: $lab/src" "client: web-01-fd"
says "no volume in this folder"
run 3 "engine: bconsole" "client: web-01-fd"
says "a question would hang"

# bextract beside a Storage Daemon (T92): a job that waits for a pipe has the volume open; then only the device is named; a changer is no drive
mkfifo "$lab/pipe"
slow=$(bac_console "run job=slow level=Full yes" | sed -n 's/.*JobId=\([0-9]*\).*/\1/p' | tail -1)
i=0
while ! ls -l "/proc/$bac_pid_sd/fd" | grep -qF "$lab/vol/"; do sleep 0.1; i=$((i + 1)); [ $i -lt 300 ]; done
run 3 "engine: bextract" "volumes: $lab/vol" "bsr: $lab/backup-web.bsr"
says "the Storage Daemon (bacula-sd, process $bac_pid_sd) has '$lab/vol/Vol-0001' open: stop it, then type the same command again"
echo done >"$lab/pipe"
bac_wait_job "$slow"
run 3 "engine: bextract" "volumes: $lab/vol/Vol-0001" "bsr: $lab/backup-web.bsr"
says "the Storage Daemon (bacula-sd, process $bac_pid_sd) uses '$lab/vol/Vol-0001' as its device 'D' and may change it at any time: stop it"
run 3 "engine: bextract" "volumes: /mnt/Robot" "bsr: $lab/backup-web.bsr"
says "'/mnt/Robot' is an autochanger, and data is read from a drive: name what one of its drives reads: $lab/robot/0 (Drive-0), $lab/robot/1 (Drive-1)"
rc=0
(cd "$lab" && "$RESCUE" bacula list Robot >"$lab/out" 2>&1) || rc=$?
[ $rc = 1 ] || { echo "exit code $rc"; cat "$lab/out"; exit 1; }
says "'Robot' is an autochanger, and data is read from a drive"
# another folder is nobody's
cp -r "$lab/vol" "$lab/copy"
run 7 "engine: bextract" "volumes: $lab/copy" "bsr: $lab/backup-web.bsr"
says "bextract restored"
[ -e "$lab/to/$lab/src/stays" ]

# the Director: the test's own File Daemon gives way to the one that the step starts
kill "$bac_pid_fd"
wait "$bac_pid_fd" 2>/dev/null || true
con="engine: bconsole|console-config: $lab/etc/bconsole.conf|fd-config: $lab/etc/fd.conf|client: web-01-fd|fileset: FS|restore-job: restore"
IFS='|' read -ra con <<<"$con"
run 0 "${con[@]}"
[ -e "$lab/to/$lab/src/stays" ] && [ -e "$lab/to/$lab/src/becomes-dir" ]
grep -q 'Files Restored' "$lab"/state/*/joblog.txt "$lab"/state/*/*/joblog.txt 2>/dev/null
run 1 "${con[@]}" "before: '2020-01-01'"
says "No Full backup before 2020-01-01"
run 1 "${con[@]}" "restore-client: no-such-fd" || true
# a restricted console: its own client, and no other machine's files
cat >"$lab/etc/restricted.conf" <<CONF
Director { Name = test-dir; DIRport = $bac_port; address = 127.0.0.1; Password = "-" }
Console { Name = rescue; Password = "conpw" }
CONF
restricted=("${con[@]/bconsole.conf/restricted.conf}")
run 0 "${restricted[@]}"
[ -e "$lab/to/$lab/src/stays" ] && [ -e "$lab/to/$lab/src/becomes-dir" ]
python3 "$top/tests/bacula/manifest.py" "$lab/to/$lab/src" >"$lab/undisturbed"
run 1 "${restricted[@]/client: web-01-fd/client: other-fd}"
says "other-fd"
# interrupted, it goes on with the same few rights: looks what is missing, has the job of before cancelled, and only what is missing is sent
cp "$lab/etc/fd.conf" "$lab/etc/fast.conf"
sed -i 's/^FileDaemon {/&\n  Maximum Bandwidth Per Job = 400 kb\/s\n/' "$lab/etc/fd.conf"
total=$(bac_sql "select JobFiles from Job where JobId=(select max(JobId) from Job where Type='R' and JobStatus='T')")
RESCUE_FAULT=bacula.console.marked:2 run 137 "${restricted[@]}" 2>/dev/null
mv "$lab/etc/fast.conf" "$lab/etc/fd.conf"
sleep 1
go() { "$RESCUE" run "$lab/plan.yaml" --state "$lab/state" --volatile-state >"$lab/out" 2>&1 </dev/null; }
! { RESCUE_FAULT=bacula.console.started:1 go; } 2>/dev/null
go || { cat "$lab/out"; exit 1; }
says "of the attempt before is cancelled"
says "entries are whole and are not sent again"
files=$(bac_sql "select JobFiles from Job where JobId=(select max(JobId) from Job where Type='R' and JobStatus='T')")
echo "restricted console: $files of $total entries were sent after the interruption"
[ "$files" -gt 0 ] && [ "$files" -lt "$total" ] || { cat "$lab/out"; echo "not only what was missing was sent"; exit 1; }
[ "$(bac_sql "select count(*) from Job where Type='R' and JobStatus in ('C','R','F','S')")" = 0 ] || { echo "an earlier job still runs"; exit 1; }
python3 "$top/tests/bacula/manifest.py" "$lab/to/$lab/src" >"$lab/got"
diff "$lab/undisturbed" "$lab/got" || { echo "the tree is another one than that of a restore that was not interrupted"; exit 1; }
sed -i 's/dirpw/wrong/' "$lab/etc/bconsole.conf"
run 3 "${con[@]}"
says "the Director refuses us: wrong name or password"
sed -i 's/wrong/dirpw/' "$lab/etc/bconsole.conf"

# its daemon cannot take backups: the Director's schedule would otherwise save the rescue system (recovery environment rule)
mkdir -p "$lab/fd"
cat >"$lab/try.c" <<'C'
#include "bac_fd.h"
#include "fs.h"
int main(int argc, char **argv)
{
	struct bac_fd f = BAC_FD_INIT;
	struct err e = ERR_INIT;
	(void)argc;
	if (bac_fd_start(&f, argv[1], argv[2], 'r', &e) < 0) { printf("%s\n", e.msg); return 1; }
	puts("ready");
	fflush(stdout);
	getchar();
	bac_fd_stop(&f);
	return 0;
}
C
cc -D_GNU_SOURCE -I"$top/rescue" "$lab/try.c" "${O:-$top/build}/librescue.a" -o "$lab/try"
mkfifo "$lab/hold"
"$lab/try" "$lab/etc/fd.conf" "$lab/fd" <"$lab/hold" >"$lab/try.out" &
exec 7>"$lab/hold"
i=0
while ! grep -q ready "$lab/try.out"; do sleep 0.1; i=$((i + 1)); [ $i -lt 300 ]; done
if bac_run Full 2>/dev/null; then echo "the rescue system's File Daemon took a backup"; exit 1; fi
grep -q 'is disabled' "$lab/work/dir.log"
exec 7>&-
wait $!

# a volume that is not there: the job waits for a person; we do not
mv "$lab/vol/Vol-0001" "$lab/Vol-away"
run 1 "${con[@]}" "silence: 8"
says "made no progress for 8 seconds and was cancelled"
bac_stop
run 3 "${con[@]}"
says "the Director does not answer"

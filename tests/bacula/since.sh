#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# extract since a Bacula job's time: the labels on volumes of the real daemons say from when on a file is new, without catalog or Director. What is
# old has times in an ext4 image that were set by debugfs, since nobody else can set a ctime.
set -eu
. "$(dirname "$0")/lib.sh"
if [ -z "${IN_SINCE:-}" ]; then exec env IN_SINCE=1 unshare --mount --propagation private bash "$0" "$@"; fi
bac_need
bac_lab
echo regular >"$lab/src/file"
BAC_DIR_EXTRA="FileSet { Name = Pipe; Include { Options { readfifo = yes }; File = \"$lab/pipe\" } }
Job { Name = slow; Type = Backup; Client = web-01-fd; FileSet = Pipe; Storage = St; Pool = P; Messages = M }"
bac_start
bac_run Full
bac_run Incremental
newest=$bac_jobid

mkdir "$lab/tree" "$lab/mnt"
for f in old touched written; do echo $f >"$lab/tree/$f"; done
mkfs.ext4 -q -F -d "$lab/tree" "$lab/disk.img" 8M >/dev/null
at() { # at FILE FIELD SECONDS-BEFORE-NOW
	debugfs -w -R "sif $1 $2 @$(($(date +%s) - $3))" "$lab/disk.img" 2>/dev/null
}
at old mtime 100000; at old ctime 100000
at touched mtime 100000                                         # moved here with its old time: the ctime says so
at written mtime 300; at written ctime 300                      # the clocks differ: it may be newer than the backup
loop_mount "$lab/disk.img" "$lab/mnt"

run() { # run CODE OPTIONS...
	local want=$1 rc=0
	shift
	rm -rf "$lab/to" "$lab/state"
	{
		printf 'plan: 1\nname: test\nsteps:\n  - extract:\n      id: get\n      from: %s\n      to: %s\n' "$lab/mnt" "$lab/to"
		for o in "$@"; do printf '      %s\n' "$o"; done
	} >"$lab/plan.yaml"
	"$RESCUE" run "$lab/plan.yaml" --state "$lab/state" --volatile-state >"$lab/out" 2>&1 </dev/null || rc=$?
	[ $rc = "$want" ] || { cat "$lab/plan.yaml" "$lab/out"; echo "exit code $rc, wanted $want"; exit 1; }
}
says() { grep -qF -- "$1" "$lab/out" || { cat "$lab/out"; echo "it does not say: $1"; exit 1; }; }
has() { [ "$(cd "$lab/to" && echo *)" = "$1" ] || { ls -l --time-style=+%s "$lab/mnt" "$lab/to"; cat "$lab/out"; echo "not $1"; exit 1; }; }

run 0
has "lost+found old touched written"
run 0 "since-volumes: $lab/vol"
has "lost+found touched written"
says "the newest good backup is job $newest (backup-web) of $(date -u +%Y-%m-%d)"
grep -q "^since: job $newest (backup-web) of .* UTC, less 600 s" "$lab/state/steps/get/report.txt"
run 3 "since-volumes: $lab/vol" "since: '@1'"
run 3 "since-job: backup-web"
says "needs since-volumes"
run 1 "since-volumes: $lab/vol" "since-job: another"
says "no backup of job another that ended well is on them"

# a newer one does not count before its end, and not when it was cancelled: here it is in the middle of a pipe
mkfifo "$lab/pipe"
slow=$(bac_console "run job=slow level=Full yes" | sed -n 's/.*JobId=\([0-9]*\).*/\1/p' | tail -1)
timeout 60 sh -c "{ head -c 500000 /dev/urandom; sleep 30; } >'$lab/pipe'" &
writer=$! i=0
until grep -aq slow "$lab"/vol/*; do [ $((i += 1)) -lt 150 ] || { echo "the slow job does not begin"; exit 1; }; sleep 0.2; done
run 0 "since-volumes: $lab/vol"
says "the newest good backup is job $newest (backup-web)"
bac_console "cancel jobid=$slow yes" >/dev/null
kill $writer
until [ "$(bac_sql "select JobStatus from Job where JobId=$slow")" = A ]; do [ $((i += 1)) -lt 450 ] || { echo "it is not cancelled"; exit 1; }; sleep 0.2; done
run 0 "since-volumes: $lab/vol"
says "the newest good backup is job $newest (backup-web)"

bac_run Full backup-two
run 1 "since-volumes: $lab/vol"
says "say which one with since-job"
run 0 "since-volumes: $lab/vol" "since-job: backup-two"
has "lost+found touched written"
says "is job $bac_jobid (backup-two)"
umount "$lab/mnt"

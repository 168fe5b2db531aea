#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# after-boot with bacula-job, against real daemons: the recovered machine runs its job, looks at the result, and only then is quiet.
set -eu
. "$(dirname "$0")/lib.sh"
bac_need
bac_lab
t=$lab/target b=$t/var/lib/rescue
mkdir -p "$t/etc/systemd" "$t/etc/bacula" "$t/usr/sbin" "$b"
says() { grep -qF -- "$2" "$1" || { cat "$1"; echo "it does not say: $2"; exit 1; }; }
refused() { # refused TEXT OPTIONS...
	local rc=0 text=$1
	shift
	plan "$@"
	rm -rf "$lab/state"
	"$RESCUE" run "$lab/plan.yaml" --state "$lab/state" --volatile-state >"$lab/out" 2>&1 </dev/null || rc=$?
	[ $rc != 0 ] || { echo "not refused: $text"; exit 1; }
	says "$lab/out" "$text"
}
plan() { { printf 'plan: 1\nname: test\nsteps:\n  - after-boot:\n      root: %s\n' "$t"; printf '      %s\n' "$@"; } >"$lab/plan.yaml"; }
first() { # first CODE: as the unit does; the paths of the target are paths here
	local rc=0
	RESCUE_STATE=$b RESCUE_POLL=0.3 sh "$b/first-backup" >"$lab/out" 2>&1 || rc=$?
	[ $rc = "$1" ] || { cat "$lab/out" "$b/after-boot.log"; echo "exit code $rc, wanted $1"; exit 1; }
}

for i in 1 2 3 4 5 6 7 8; do echo "$i" >"$lab/src/$i"; done
bac_start
refused "Bacula's names hold" 'bacula-job: "x\" level=Full"'
refused "bconsole is not in the target" 'bacula-job: backup-web'
ln -s "$(command -v bconsole)" "$t/usr/sbin/bconsole"
: >"$t/usr/sbin/there"; ln -sf there "$t/usr/sbin/bconsole"
refused "is not in the target" 'bacula-job: backup-web' "bacula-console: $lab/etc/bconsole.conf"
mkdir -p "$t$lab/etc"; : >"$t$lab/etc/bconsole.conf"
echo 7 >"$b/backup-done"        # this machine was recovered once before, and backed up since
plan 'bacula-job: backup-web' "bacula-console: $lab/etc/bconsole.conf"
rm -rf "$lab/state"
"$RESCUE" run "$lab/plan.yaml" --state "$lab/state" --volatile-state >"$lab/out" 2>&1 </dev/null || { cat "$lab/out"; exit 1; }
[ ! -e "$b/backup-done" ] || { echo "the answer of an earlier recovery counts"; exit 1; }
[ -L "$t/etc/systemd/system/multi-user.target.wants/rescue-first-backup.service" ]
mv "$b/after-boot" "$lab/after-boot"    # its paths are the whole system's; tests/disk/boot_steps.sh runs it

# a wrong password, then a job that saves nothing: no end of the reminder
sed -i 's/dirpw/wrong/' "$lab/etc/bconsole.conf"
first 1
says "$b/backup-problem" 'no job was started'
sed -i 's/wrong/dirpw/' "$lab/etc/bconsole.conf"
mv "$lab/src" "$lab/away"
first 1
grep -qE 'saved no file|ended with status' "$b/backup-problem" || { cat "$b/backup-problem"; exit 1; }
[ ! -e "$b/backup-done" ] && [ ! -e "$b/backup-job" ]
mv "$lab/away" "$lab/src"

# the power goes while it waits: the same job is asked about again, no second one is started
kill -STOP "$bac_pid_sd"         # so that the job is not done before the power goes
(RESCUE_STATE=$b RESCUE_POLL=60 exec sh "$b/first-backup" >/dev/null 2>&1) &
p=$!
i=0
while [ ! -s "$b/backup-job" ]; do sleep 0.1; i=$((i + 1)); [ $i -lt 600 ]; done
id=$(cat "$b/backup-job")
kill -9 $p
wait $p 2>/dev/null || true
kill -CONT "$bac_pid_sd"
first 0
[ "$(cat "$b/backup-done")" = "$id" ] && [ ! -e "$b/backup-problem" ]
says "$b/after-boot.log" "job $id ended with status T"
[ "$(bac_sql "select JobStatus||JobFiles from Job where JobId=$id")" = T9 ]
[ "$(bac_sql 'select max(JobId) from Job')" = "$id" ]
first 0         # once done, no further job
[ "$(bac_sql 'select max(JobId) from Job')" = "$id" ]

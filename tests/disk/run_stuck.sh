#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A step that hangs in the kernel (state D, here in a filesystem that was frozen) is reported with its kernel stack, given up after
# SIGKILL, and the run is resumed when the kernel lets go.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.ext4 fsfreeze

loop_new fs 32M
mkfs.ext4 -q -F "$LOOP"
mkdir "$W/m"
mount "$LOOP" "$W/m"
fsfreeze -f "$W/m"
at_end "fsfreeze -u $W/m 2>/dev/null"
# hangs: the run goes on until it is stopped by hand, twice; $took is how long that took, $W/log what the log said before
hangs() {
	set -m # a job's SIGINT is not ignored
	start
	set +m
	wait_for 60 grep -q "no progress for " "$W/run.out"
	says "what its threads do is in $log"
	cp "$log" "$W/log"
	kill -INT $p
	sleep 0.5
	took=$SECONDS
	kill -INT $p
	ends "$1"
	took=$((SECONDS - took))
	[ $took -lt 60 ] || fail "it waited $took s for a process in state D"
	grep -q 'D (disk sleep)' "$W/log" || { cat "$W/log"; fail "the log does not show state D"; }
	grep -Eq 'percpu_rwsem|sb_start_write|freeze' "$W/log" || { cat "$W/log"; fail "the log does not show where it hangs"; }
}

# a program
log=$STATE/logs/02-hang.log
plan <<E
plan: 1
name: stuck
steps:
  - exec: {id: before, command: ["true"], repeatable: yes}
  - exec: {id: hang, command: [sh, -c, "echo x >$W/m/file"], repeatable: yes, stall: 2}
E
hangs 8
says "[2/2] hang: warning: 1 of its processes do not react to SIGKILL: stuck in the kernel, they may still write when it lets go (where: $log), going on"
says "[2/2] hang: cancelled"
fsfreeze -u "$W/m"
runs 0
says "[1/2] before: done before"
equal "$(cat "$W/m/file")" x "what the step wrote"

# the step itself
again
fsfreeze -f "$W/m"
log=$STATE/logs/01-hang.log
plan <<E
plan: 1
name: stuck
steps:
  - write-file: {id: hang, path: $W/m/second, content: y, stall: 2}
E
hangs 1
says "[1/1] hang: does not react to SIGKILL: it is stuck in the kernel, see $log"
fsfreeze -u "$W/m"
runs 0
equal "$(cat "$W/m/second")" y "what the step wrote"
umount "$W/m"

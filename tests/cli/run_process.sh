#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Processes: cancel, kill, stall, timeout, what steps leave behind, and a storm of dying children.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root

gone() { ! kill -0 "$(cat "$1")" 2>/dev/null; }

# SIGTERM: stops, exit code 8, resumable
plan <<E
plan: 1
name: cancel
steps:
  - exec: {id: s, command: [sh, -c, "sleep 300 & echo \$! > $W/pid2; echo \$\$ > $W/pid; wait"], repeatable: yes}
  - write-file: {id: t, path: $W/t, content: "t"}
E
start
wait_for 90 test -s "$W/pid"
kill -TERM $p
ends 8
says "s: cancelled"
gone "$W/pid" && gone "$W/pid2" || fail "a process of the cancelled step is alive"
[ ! -e "$W/t" ] || fail "went on after the cancel"
sed -i 's/sleep 300/sleep 0.1/' "$W/plan.yaml"
runs 0 --accept-changes
[ -e "$W/t" ] || fail "did not resume"

# SIGKILL of the runner: nothing of the step stays, not its children, not what left its session; no mount stays; the next run goes on
again; rm -f "$W"/pid*
plan <<E
plan: 1
name: killed
steps:
  - exec: {id: s, command: [sh, -c, "mount -t tmpfs tmpfs $W; setsid -f sleep 301; sleep 300 & echo \$! > $W.pid2; echo \$\$ > $W.pid; wait"], repeatable: yes}
E
at_end "rm -f $W.pid $W.pid2"
start
wait_for 90 test -s "$W.pid"
kill -KILL $p
wait $p || true
wait_for 45 gone "$W.pid"
wait_for 45 gone "$W.pid2"
wait_for 45 eval '! ps -C sleep -o args= | grep -q "^sleep 301"'
grep -q " /run/rescue \| $W " /proc/self/mountinfo && fail "a killed runner left a mount behind"
sed -i 's/setsid.*wait/true/' "$W/plan.yaml"
runs 0 --accept-changes

# a daemon that a step leaves behind ends with the step
again
plan <<E
plan: 1
name: daemon
steps:
  - exec: {id: s, command: [sh, -c, "setsid -f sh -c 'echo \$\$ > $W/pid3; exec sleep 300'; while ! test -s $W/pid3; do sleep 0.05; done"]}
E
runs 0
gone "$W/pid3" || fail "what the step left behind is alive"

# stall: every thread's state goes to the log; on-stall: cancel ends the step
again
plan <<E
plan: 1
name: stall
steps:
  - exec: {id: s, command: [sh, -c, "sleep 300; true"], stall: 1, on-stall: cancel}
E
t0=$SECONDS
runs 1
says "no progress for"
[ $((SECONDS - t0)) -lt 150 ] || fail "the stalled step was not stopped in time"
log=$STATE/logs/01-s.log
grep -q "thread" "$log" && grep -q "status: Name:.*sleep" "$log" && grep -q "wchan: " "$log" || { cat "$log"; fail "the log does not say what the threads did"; }

# timeout
again
plan <<E
plan: 1
name: timeout
steps:
  - exec: {id: s, command: [sleep, "300"], timeout: 1}
E
runs 1
says "s: took longer than 1 s"

# a step whose process dies by itself is a failure with its signal
again
plan <<E
plan: 1
name: dies
steps:
  - exec: {id: s, command: [sh, -c, "kill -SEGV \$PPID"]}
E
runs 1
says "was ended by signal 11"

# 500 children write and die at once while the runner does not read: nothing deadlocks, nothing is lost, nothing is left
again
cat >"$W/storm" <<'E'
exec 2>&1
echo $$ >"$1/pid4"
until [ -e "$1/go" ]; do sleep 0.02; done
for i in {1..500}; do { printf '%04d %04000d\n' $i 0; exit 1; } & done
wait
echo all
E
plan <<E
plan: 1
name: storm
steps:
  - exec: {id: s, command: [bash, $W/storm, $W]}
  - write-file: {id: t, path: $W/after, content: "t"}
E
start
wait_for 90 test -s "$W/pid4"
kill -STOP $p
touch "$W/go"
sleep 2
kill -CONT $p
ends 0
equal "$(grep -Ec '^[0-9]{4} 0{4000}$' "$log")" 500 "lines of 500 children"
equal "$(tail -1 "$log")" all "the last line"
[ -e "$W/after" ] || fail "the run did not go on after the storm"

# a step that prints without end fills its log up to the limit, not the state directory, and can still be cancelled
again
plan <<E
plan: 1
name: talk
steps:
  - exec: {id: s, command: ["yes"]}
E
start
wait_for 180 grep -q "the log is full" "$log"
kill -TERM $p
ends 8
[ "$(stat -c %s "$log")" -le $((65 << 20)) ] || fail "the log grew over its limit"

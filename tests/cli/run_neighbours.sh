#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A killed run is cleaned up after, and nobody else is: while one run is killed again and again, other runs on the same machine, and
# strangers with a mount namespace of their own, go on. (The kernel gives the number of a namespace that has gone to the next one.)
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root

step='- exec: {id: ID, command: [sleep, "0.02"], repeatable: yes}'
{ printf 'plan: 1\nsteps:\n'; for i in 1 2 3 4 5 6 7 8; do echo "  ${step/ID/s$i}"; done; } >"$W/quiet.yaml"
printf 'plan: 1\nsteps:\n  %s\n' "${step/ID/victim}" | sed 's/0.02/300/' >"$W/victim.yaml"

kill_runs() {
	local v
	while [ ! -e "$W/stop" ]; do
		rm -rf "$W/victim-state"
		"$RESCUE" run "$W/victim.yaml" --state "$W/victim-state" --volatile-state >/dev/null 2>&1 </dev/null & v=$!
		sleep 0.1
		kill -KILL $v
		wait $v 2>/dev/null || true
	done
}
strangers() {
	while [ ! -e "$W/stop" ]; do unshare --mount sleep 0.01 || touch "$W/stranger-killed"; done
}
kill_runs 2>/dev/null & killer=$!
others=()
for i in 1 2 3 4 5 6; do strangers 2>/dev/null & others+=($!); done
for i in $(seq 25); do
	rm -rf "$W/quiet-state"
	"$RESCUE" run "$W/quiet.yaml" --state "$W/quiet-state" --volatile-state >"$W/out" 2>&1 </dev/null || {
		touch "$W/stop"; cat "$W/out"; fail "run $i was disturbed"; }
done
touch "$W/stop"
wait $killer "${others[@]}" || true
[ ! -e "$W/stranger-killed" ] || fail "a stranger was killed"

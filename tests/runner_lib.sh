# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced after lib.sh by tests of the runner. The state directory is $W/state, allowed on whatever /tmp is.
STATE=$W/state
run() { "$RESCUE" run "$W/plan.yaml" --state "$STATE" --volatile-state "$@"; }
# runs CODE [OPTIONS]: the run ends with this code
runs() {
	local want=$1 rc=0
	shift
	run "$@" >"$W/run.out" 2>&1 </dev/null || rc=$?
	[ $rc = "$want" ] || { cat "$W/run.out"; fail "exit code $rc, wanted $want: run $*"; }
}
says() { grep -qF -- "$1" "$W/run.out" || { cat "$W/run.out"; fail "it does not say: $1"; }; }
plan() { cat >"$W/plan.yaml"; }
again() { rm -rf "$STATE"; }
verbs() { grep -c " $1 $2 " "$STATE/journal" || true; }        # verbs STEP VERB: how many such records
# wait_for SECONDS COMMAND...
wait_for() {
	local end=$((SECONDS + $1 * 6))         # a busy machine is slow, not wrong
	shift
	until "$@" 2>/dev/null; do
		[ $SECONDS -lt $end ] || fail "waited too long for: $*"
		sleep 0.05
	done
}
# start: the run in the background, its own pid in $p (no shell in between, so that signals arrive)
start() { "$RESCUE" run "$W/plan.yaml" --state "$STATE" --volatile-state >"$W/run.out" 2>&1 </dev/null & p=$!; }
ends() { local rc=0; wait $p || rc=$?; [ $rc = "$1" ] || { cat "$W/run.out"; fail "exit code $rc, wanted $1"; }; }

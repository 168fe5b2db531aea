#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The runner's own time a step, fsyncs apart: plans of N and 2N write-file steps, state directory and files in memory, so that a sync costs
# nothing; the difference divided by N. That is three processes (preflight, run, verify), two records and the step's own work. Then the
# same with every sync on this disk.
. "$(dirname "$0")/../lib.sh"
need_root
N=${N:-100}

mkdir "$W/mem" && mount -t tmpfs -o size=64m tmpfs "$W/mem"
make_plan() { # make_plan FILE COUNT
	{ echo "plan: 1"; echo "name: bench"; echo "steps:"; for ((i = 0; i < $2; i++)); do echo "  - write-file: {id: s$i, path: OUT/s$i, content: x}"; done; } >"$1"
}
ms() { # ms PLAN STATE: milliseconds of one run
	local t0 t1
	t0=$(date +%s%N)
	"$RESCUE" run "$1" --state "$2" --volatile-state >/dev/null || fail "the run failed"
	t1=$(date +%s%N)
	echo $(((t1 - t0) / 1000000))
}
best() { # best PLAN STATE: the best of three
	local b=999999 t
	for _ in 1 2 3; do
		rm -rf "$2" "$W/mem/out" "$W/out"; mkdir "$W/mem/out" "$W/out"
		t=$(ms "$1" "$2")
		[ "$t" -ge $b ] || b=$t
	done
	echo $b
}
per_step() { # per_step OUT STATE
	local one two
	make_plan "$W/one.yaml" "$N"; make_plan "$W/two.yaml" $((2 * N))
	sed -i "s|OUT|$1|" "$W/one.yaml" "$W/two.yaml"
	one=$(best "$W/one.yaml" "$2") two=$(best "$W/two.yaml" "$2")
	awk -v a="$one" -v b="$two" -v n="$N" 'BEGIN { printf "%.2f", (b - a) / n }'
}
memory=$(per_step "$W/mem/out" "$W/mem/state")
disk=$(per_step "$W/out" "$W/state")
echo "runner's own time a step (3 processes; journal in memory): $memory ms (limit 5)"
echo "with every sync on this disk: $disk ms"
awk -v m="$memory" 'BEGIN { exit !(m < 5) }' || { echo "over the limit"; exit 1; }

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# State directories and journals that cannot be used: each with its exit code and sentence, and nothing changed.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need python3

plan <<E
plan: 1
name: journal
steps:
  - write-file: {id: a, path: $W/a, content: "a"}
  - exec: {id: b, command: [sh, -c, "echo b >> $W/b"]}
  - write-file: {id: c, path: $W/c, content: "c"}
E
runs 0
cp "$STATE/journal" "$W/whole"

# damage in the middle
python3 -c 'import sys; f=open(sys.argv[1],"r+b"); f.seek(150); f.write(b"#")' "$STATE/journal"
runs 5
says "journal '$STATE/journal': line 2: checksum mismatch"
refuses 5 "line 2: checksum mismatch" "$RESCUE" status --state "$STATE"

# emptied beside the plan's copy
: >"$STATE/journal"
runs 5
says "empty, although this state directory was used before"

# cut in the middle of the last line, and after each line: finishes, and b (which may not be repeated) is never run again once begun
total=$(wc -l <"$W/whole")
for n in $(seq 1 "$total"); do
	head -n "$n" "$W/whole" >"$STATE/journal"
	printf '%s' "$((n + 1)) torn" >>"$STATE/journal"
	before=$(wc -l <"$W/b")
	done_=$(head -n "$n" "$W/whole" | grep -c ' b done ' || true) begun=$(head -n "$n" "$W/whole" | grep -c ' b begin ' || true)
	case $begun$done_ in
	10) runs 3 ;;
	*) runs 0 ;;
	esac
	says "torn and is cut off"
	[ "$begun" = 0 ] || equal "$(wc -l <"$W/b")" "$before" "runs of b after line $n"
done

# a reboot forgets it
mkdir "$W/mem" && mount -t tmpfs -o size=8m tmpfs "$W/mem"
refuses 9 "state directory '$W/mem/s': it would lie in memory (tmpfs), and a reboot forgets it" "$RESCUE" run "$W/plan.yaml" --state "$W/mem/s"
[ ! -e "$W/mem/s" ] || fail "a refused state directory was made"

# full from the start; full in the middle
dd if=/dev/zero of="$W/mem/fill" bs=1M count=6 status=none
refuses 9 "are free there, 4 MiB are needed" "$RESCUE" run "$W/plan.yaml" --state "$W/mem/s" --volatile-state
rm "$W/mem/fill"
STATE=$W/mem/s
plan <<E
plan: 1
name: full
steps:
  - exec: {id: fill, command: [sh, -c, "cat /dev/zero > $W/mem/fill; true"], repeatable: yes}
E
for i in {1..80}; do echo "  - write-file: {id: z$i, path: $W/z$i, content: z}"; done >>"$W/plan.yaml"   # more than the block that is there
again
runs 9
says "No space left on device"
[ ! -e "$W/z80" ] || fail "the run went on although its journal could not be written"
rm "$W/mem/fill"
sed -i 's/cat .dev.zero > [^;]*;//' "$W/plan.yaml"
runs 0 --accept-changes

# two at once
STATE=$W/state2
plan <<E
plan: 1
name: twice
steps:
  - exec: {id: slow, command: [sleep, "60"]}
E
start
wait_for 90 grep -q ' slow begin ' "$STATE/journal"
runs 6
says "another run uses it: process $p"
"$RESCUE" status --state "$STATE" >"$W/run.out"
says "slow           begun"
kill -TERM $p
ends 8

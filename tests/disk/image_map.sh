#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# T74: the map of ddrescue is kept in a second place. A state directory without room for it, one that runs full in the middle (ddrescue asks a
# person then, for ever), and a resume that takes the newer of two maps.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need ddrescue mkfs.ext4
[ -e /dev/fuse ] || { echo "/dev/fuse is missing"; exit 77; }

bad_loop() { # [OFF LEN|stop ...]
	local i
	: >"$W/bad"
	"$O/helpers/badfile" "$W/disk.img" "$W/bad" "$@" & server=$!
	at_end "umount -l $W/bad 2>/dev/null"
	for i in $(seq 100); do [ "$(stat -c %s "$W/bad")" = 0 ] || break; sleep 0.1; done
	loop_file "$W/bad" -r
}
bad_end() { loop_end "$LOOP"; umount -l "$W/bad"; wait $server || true; }
plan() {
	cat >"$W/plan.yaml" <<PLAN
plan: 1
name: image
devices:
  src: {loop: "$W/bad", access: read}
steps:
$1
  - image-device: {id: get, from: "\${src}", to: "$W/image"}
PLAN
}
start() { "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state" >"$W/run.log" 2>&1 </dev/null & p=$!; }
ends() { local rc=0; wait $p || rc=$?; equal "$rc" "$1" "exit code ($(tail -3 "$W/run.log"))"; }
fill() { dd if=/dev/zero of="$W/state/fill" bs=1024 count="${1:-9999}" status=none 2>/dev/null || true; }
head -c 24M /dev/urandom >"$W/disk.img"
mkdir "$W/state"
loop_new state 8M
mkfs.ext4 -qF -b 1024 -m 0 -O ^has_journal "$LOOP"             # blocks so small that a map with some bad places needs one more
mount "$LOOP" "$W/state"

# no room for a map from the beginning
bad_loop 8192000 4096
plan "  - exec: {command: [sh, -c, 'dd if=/dev/zero of=$W/state/fill bs=1024 count=\$((\$(df --output=avail -k $W/state | tail -1) - 100)) status=none']}"
start; ends 7
grep -q "the state directory has no room for the map of ddrescue: it is kept in '$W/image.map', beside the image" "$W/run.log" || fail "no sentence"
equal "$(find "$W/state" -name 'map*')" "" "maps in the full state directory"
grep -q '^0x007D0000  *0x00001000  *-' "$W/image.map" || fail "the second map: $(cat "$W/image.map")"
grep -q 'bytes 8192000-8196095' "$W/state/steps/get/losses.txt" || fail "$(cat "$W/state/steps/get/losses.txt")"
cmp -n 8192000 "$W/image" "$W/disk.img"
bad_end

# it runs full while ddrescue reads
find "$W/state" -mindepth 1 -delete
rm -f "$W/image" "$W/image.map"
ranges=$(for i in $(seq 15); do echo $((i * 40960)) 4096; done)
bad_loop 12000000 stop $ranges
plan ""
start
until grep -q '^State:.*T' /proc/$server/status; do sleep 0.05; done
fill
kill -CONT $server
for i in $(seq 3000); do ! grep -q "is kept in '$W/image.map'" "$W/run.log" || break; sleep 0.05; done
rm -f "$W/state/fill"
grep -q "is kept in '$W/image.map'" "$W/run.log" || fail "it still asks somebody"
rc=0; wait $p || rc=$?
if [ $rc = 1 ]; then start; ends 7; else equal $rc 7 "exit code"; fi      # 1: its last lines found no room either
cmp <(tail -c +700000 "$W/image") <(tail -c +700000 "$W/disk.img")
equal "$(grep -c '^partial' "$W/state/steps/get/losses.txt")" 15 "bad places"
bad_end

# killed: the newer of two maps counts, and a first one that was cut off does not. What a map calls rescued is not read again
bad_loop
plan ""
for first in cut older; do
	find "$W/state" -mindepth 1 -delete
	rm -f "$W/image" "$W/image.map"
	RESCUE_FAULT=step.mark.before:1 KEEP_STATE=1 run_plan 137 2>/dev/null
	map=$(find "$W/state" -name map)
	[ -s "$map" ] && cmp "$map" "$W/image.map" || fail "the two maps differ after a kill"
	printf 'not read again' | dd of="$W/image" bs=1 seek=100000 conv=notrunc status=none
	case $first in
	cut) : >"$map" ;;
	older) sed -i '/^0x00000000 .*[0-9] *+$/{/0x01800000/s/+$/?/}' "$map"; grep -q '0x01800000 *?' "$map" || fail "$(cat "$map")" ;;
	esac
	KEEP_STATE=1 run_plan 0
	[ "$(dd if="$W/image" bs=1 skip=100000 count=14 status=none)" = "not read again" ] || fail "$first: what was rescued was read once more"
done
# a map beside an image that is gone, or of a run that was not this one, counts for nothing
find "$W/state" -mindepth 1 -delete
rm -f "$W/image"
KEEP_STATE=1 run_plan 0
cmp "$W/image" "$W/disk.img" || fail "an old map was believed"
bad_end

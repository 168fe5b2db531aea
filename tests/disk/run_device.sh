#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a plan may only read is read-only at the block device (T63), also after a kill; ${name}:/path is mounted for the run alone;
# the state directory is not on a target and not on the damaged source (T57, T74).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.ext4

loop_new source 32M; source=$LOOP
loop_new salvage 32M; salvage=$LOOP
loop_new target 32M; target=$LOOP
mkfs.ext4 -q -F "$source"
mkfs.ext4 -q -F "$salvage"
mkfs.ext4 -q -F "$target"
mkdir "$W/m" && mount "$source" "$W/m" && echo lost >"$W/m/file" && umount "$W/m"
before=$(digest "$source")
ro() { blockdev --getro "$1"; }

plan <<E
plan: 1
name: devices
devices:
  src: {loop: $W/source.img}
  usb: {loop: $W/salvage.img, access: write}
steps:
  - exec:
      id: copy
      command: [sh, -c, "cp \$FROM \$TO && blockdev --getro \$RESCUE_DEVICE_src > $W/ro && grep -c /run/rescue/ /proc/self/mountinfo > $W/mounts; test -e $W/allow || sleep 300"]
      reads: ["\${src}"]
      files: [{name: FROM, path: "\${src}:/file"}, {name: TO, path: "\${usb}:/copy"}]
      repeatable: yes
E
start
wait_for 90 test -s "$W/mounts"
kill -KILL $p
wait $p || true
equal "$(cat "$W/ro")" 1 "read-only flag of the source during the run"
[ "$(cat "$W/mounts")" -ge 2 ] || fail "devices were not mounted"
grep -q ' /run/rescue' /proc/self/mountinfo && fail "a mount was left"
touch "$W/allow"
runs 0
equal "$(ro "$source")" 0 "read-only flag of the source after the run (it was writable before the run that was killed)"
equal "$(digest "$source")" "$before" "content of the source"
mount -o ro "$salvage" "$W/m"
equal "$(cat "$W/m/copy")" lost "the copy"
umount "$W/m"

# a flag that was set before stays set
again; rm -f "$W/allow"; touch "$W/allow"
blockdev --setro "$source"
runs 0
equal "$(ro "$source")" 1 "read-only flag that was set before"
blockdev --setrw "$source"

# mounted for writing: refused, nothing is cut off
again
mount "$source" "$W/m"
runs 3
says "is mounted for writing at '$W/m', and the plan may only read it"
equal "$(ro "$source")" 0 "read-only flag after the refusal"
umount "$W/m"

# nothing fits; access that is too small; erase is not for paths
again
sed "s|$W/source.img|$W/nowhere.img|" "$W/plan.yaml" >"$W/other.yaml"
refuses 3 "$W/other.yaml:4:3: device 'src' (loop file $W/nowhere.img): nothing in this machine fits" "$RESCUE" run "$W/other.yaml" --state "$STATE" --volatile-state
sed "s|access: write|access: erase|" "$W/plan.yaml" >"$W/other.yaml"
refuses 3 "device 'usb' has access erase: what is on it now will be gone" "$RESCUE" run "$W/other.yaml" --state "$STATE" --volatile-state

# the state directory on the target, on the source; on the salvage disk it is welcome; also through a file on the target
plan <<E
plan: 1
name: places
devices:
  root: {loop: $W/target.img, access: erase, consent: $W/target.img}
  src: {loop: $W/source.img}
  usb: {loop: $W/salvage.img, access: write}
steps:
  - exec: {id: e, command: ["true"], reads: ["\${src}"], erases: ["\${root}"]}
E
mount "$target" "$W/m"
refuses 9 "it lies on device 'root' (loop file $W/target.img, $target), which the plan erases" "$RESCUE" run "$W/plan.yaml" --state "$W/m/state"
[ ! -e "$W/m/state" ] || fail "a refused state directory was made"
truncate -s 24M "$W/m/inner.img" && loop_file "$W/m/inner.img"
mkfs.ext4 -q -F "$LOOP"; mkdir "$W/inner" && mount "$LOOP" "$W/inner"
refuses 9 "it lies on device 'root'" "$RESCUE" run "$W/plan.yaml" --state "$W/inner/state"
umount "$W/inner"; loop_end "$LOOP"
umount "$W/m"
mount -o ro "$source" "$W/m"
refuses 9 "it lies on device 'src' (loop file $W/source.img, $source), which the plan may only read" "$RESCUE" run "$W/plan.yaml" --state "$W/m/state"
umount "$W/m"
mount "$salvage" "$W/m"
STATE=$W/m/state
runs 0
umount "$W/m"

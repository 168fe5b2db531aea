#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kernel names move in the middle of a run (T58): a disk comes back under another name and a stranger of the same size has its old one;
# a disk goes away between two steps; a disk has moved when a killed run is resumed. Only the named disk is ever written.
# alone: it counts on a loop device's number staying free for an instant
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.ext4

loop_new target 64M; target=$LOOP
truncate -s 64M "$W/stranger.img"
echo "nobody named this one" | dd of="$W/stranger.img" conv=notrunc status=none
stranger=$(digest "$W/stranger.img")
cat >"$W/swap" <<E
#!/bin/sh
# the target's node goes to the stranger, the target comes back under another name; once
[ -e $W/swapped ] && exit 0
losetup -d $target && losetup $target $W/stranger.img && losetup --find --show $W/target.img >$W/new && touch $W/swapped
E
chmod +x "$W/swap"
at_end "losetup -d $target; losetup -d \$(cat $W/new) 2>/dev/null"
LOOPS=()
moved() {
	equal "$(digest "$W/stranger.img")" "$stranger" "the stranger under the old name"
	now=$(cat "$W/new")
	[ "$now" != "$target" ] || fail "the device did not move: this test shows nothing"
}

plan <<E
plan: 1
name: moves
devices:
  root: {loop: $W/target.img, access: erase, consent: $W/target.img}
steps:
  - exec: {id: swap, command: [$W/swap], repeatable: yes}
  - mkfs: {id: fs, device: "\${root}", type: ext4, label: moved}
  - mount: {id: top, device: "\${root}", at: $W/t}
  - write-file: {id: f, path: $W/t/file, content: x}
  - exec: {id: wait, command: [test, -e, $W/allow], repeatable: yes}
  - write-file: {id: g, path: $W/t/second, content: y}
E
runs 1
says "[5/6] wait"
moved
equal "$(blkid -p -o value -s LABEL "$now")" moved "label on the target"

# it moves again while the run is down
losetup -d "$now"
losetup --find >"$W/gap"                                # so that it cannot get the same name again
losetup "$(cat "$W/gap")" "$W/stranger.img"
at_end "losetup -d $(cat "$W/gap")"
losetup --find --show "$W/target.img" >"$W/new"
touch "$W/allow"
runs 0
says "[2/6] fs: done before"
moved
mkdir "$W/m"
mount -o ro "$now" "$W/m"
equal "$(cat "$W/m/file" "$W/m/second")" xy "files on the target"
umount "$W/m"

# it goes away between two steps
again
rm "$W/swapped" "$W/allow"
plan <<E
plan: 1
name: goes
devices:
  root: {loop: $W/target.img, access: erase, consent: $W/target.img}
steps:
  - exec: {id: gone, command: [losetup, -d, $now], repeatable: yes}
  - mkfs: {id: fs, device: "\${root}", type: ext4}
E
before=$(digest "$W/target.img")
rc=0; run >"$W/run.out" 2>&1 </dev/null || rc=$?
[ $rc = 1 ] || [ $rc = 3 ] || { cat "$W/run.out"; fail "exit code $rc"; }
says "(loop file $W/target.img): nothing in this machine fits"
equal "$(digest "$W/target.img")" "$before" "the disk that went away"
losetup --find --show "$W/target.img" >"$W/new"
sed -i "s/\[losetup, -d, [^]]*\]/['true']/" "$W/plan.yaml"
runs 0 --accept-changes
equal "$(digest "$W/stranger.img")" "$stranger" "the stranger"

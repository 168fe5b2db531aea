#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A plan whose tool is not there is refused before anything is changed, with the tool's name.
. "$(dirname "$0")/../lib.sh"
need_root
need mkfs.xfs

loop_new disk 400M
printf 'keep me' | dd of="$LOOP" conv=notrunc status=none
sync
before=$(digest "$W/disk.img")
: >"$W/nothing"
chmod 644 "$W/nothing"
mount --bind "$W/nothing" "$(readlink -f "$(command -v mkfs.xfs)")"         # in this test's own namespace
cat >"$W/plan.yaml" <<PLAN
plan: 1
devices:
  root: {loop: $W/disk.img, access: erase, consent: $W/disk.img}
steps:
  - mkfs: {device: "\${root}", type: xfs}
PLAN
refuses 3 "mkfs.xfs is not installed (package xfsprogs)" "$RESCUE" run --state "$W/state" --volatile-state "$W/plan.yaml"
equal "$(digest "$W/disk.img")" "$before" "the disk of a refused plan"

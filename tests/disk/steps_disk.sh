#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From an empty disk to a mounted tree: partition, mkfs of every kind, subvolumes, mount, as one plan. What the plan does not name is not
# touched (T57): the neighbours' digests are the same before and after. A finished plan does nothing again (T59). SIGTERM in the middle of
# mkfs leaves a state from which the run goes on.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.btrfs mke2fs mkfs.xfs mkfs.vfat mkswap

loop_new before 64M; before=$LOOP
loop_new disk 1G; disk=$LOOP
loop_new after 64M; after=$LOOP
loop_new extra 200M; extra=$LOOP
at_end "partx -d $disk 2>/dev/null"
mke2fs -q -F "$before"; mkswap -q "$after" >/dev/null
head -c 8M /dev/urandom | dd of="$before" bs=1M seek=20 conv=notrunc status=none
sync "$before" "$after"
neighbours() { blockdev --flushbufs "$before"; blockdev --flushbufs "$after"; sha256sum "$W/before.img" "$W/after.img" "$before" "$after"; }
neighbours >"$W/neighbours"

plan <<E
plan: 1
name: empty disk to a mounted tree
devices:
  disk: {loop: $W/disk.img, access: erase, consent: $W/disk.img}
  esp: {loop: $W/disk.img, partition: 1, access: erase, consent: $W/disk.img}
  root: {loop: $W/disk.img, partition: 2, access: erase, consent: $W/disk.img}
  srv: {loop: $W/disk.img, partition: 3, access: erase, consent: $W/disk.img}
  swap: {loop: $W/disk.img, partition: 4, access: erase, consent: $W/disk.img}
  extra: {loop: $W/extra.img, access: erase, consent: $W/extra.img}
steps:
  - partition:
      id: parts
      device: "\${disk}"
      layout:
        - {size: 64M, type: esp, name: EFI system}
        - {size: 200M, name: root}
        - {size: 400M, type: srv}
        - {type: swap}
  - mkfs: {id: espfs, device: "\${esp}", type: vfat, label: EFI}
  - mkfs: {id: rootfs, device: "\${root}", devices: ["\${extra}"], type: btrfs, label: system, metadata: raid1, data: single}
  - mkfs: {id: srvfs, device: "\${srv}", type: xfs, label: srv}
  - mkfs: {id: swapfs, device: "\${swap}", type: swap}
  - subvolumes: {device: "\${root}", create: ["@", "@home", "@/var/log"], default: "@"}
  - mount:
      id: tree
      at: $W/target
      tree:
        - {device: "\${srv}", at: /srv}
        - {device: "\${root}", at: /home, options: "subvol=@home"}
        - {device: "\${root}", at: /, options: "subvol=@,compress=zstd"}
  - write-file: {path: $W/target/srv/uuids, content: "\${parts.disk_id} \${parts.uuid2} \${rootfs.uuid} \${espfs.uuid} \${swapfs.uuid}\n"}
E

# what is on the disk in the end, without the identities that differ from run to run
picture() {
	sfdisk -d "$disk" | sed -n "s|^$disk||p" | sed 's/uuid=[^,]*//'
	local n
	for n in 1 2 3 4; do blkid -p -o export "$disk"p$n | grep -E '^(TYPE|LABEL|VERSION)='; done
	blkid -p -o export "$extra" | grep -E '^(TYPE|LABEL)='
	mount "$disk"p2 "$W/m"
	btrfs subvolume list "$W/m" | sed 's/.* path //' | sort
	btrfs subvolume get-default "$W/m" | sed 's/.* path //'
	btrfs filesystem df "$W/m" | sed 's/:.*//'
	umount "$W/m"
	mount "$disk"p3 "$W/m"
	stat -c '%s %a' "$W/m/uuids"
	umount "$W/m"
}
mkdir "$W/m"

rc=0; run --dry-run >"$W/run.out" 2>&1 || rc=$?
equal $rc 0 "exit code of the dry run"
[ -z "$(wipefs -n "$disk")" ] || fail "the dry run wrote to the disk"
runs 0
picture >"$W/undisturbed"
for what in VERSION=FAT32 TYPE=xfs TYPE=swap TYPE=btrfs @home var/log 'Metadata, RAID1'; do
	grep -qx "$what" "$W/undisturbed" || { cat "$W/undisturbed"; fail "not there: $what"; }
done
mount "$disk"p3 "$W/m"
equal "$(cut -d' ' -f2 "$W/m/uuids")" "$(blkid -p -s PART_ENTRY_UUID -o value "$disk"p2)" "fact uuid2 and the PARTUUID"
equal "$(cut -d' ' -f3 "$W/m/uuids")" "$(blkid -p -s UUID -o value "$disk"p2)" "fact and UUID of the btrfs"
equal "$(cut -d' ' -f4 "$W/m/uuids")" "$(blkid -p -s UUID -o value "$disk"p1)" "fact and volume id of the vfat"
umount "$W/m"
grep -q " $W/target" /proc/self/mountinfo && fail "a mount of the run is left"

# T59: finished is finished
mount "$disk"p3 "$W/m"; echo mine >"$W/m/mine"; umount "$W/m"
runs 0
mount "$disk"p3 "$W/m"; equal "$(cat "$W/m/mine")" mine "a file made after the run"; umount "$W/m"
neighbours | cmp - "$W/neighbours" || fail "a neighbour changed"

# SIGTERM while mkfs works: a tool that waits before it begins
mkdir "$W/slow"
cat >"$W/slow/mkfs.xfs" <<E
#!/bin/sh
[ -e $W/hurry ] || { touch $W/waiting; sleep 60; }
PATH=\${PATH#$W/slow:} exec mkfs.xfs "\$@"
E
chmod +x "$W/slow/mkfs.xfs"
again
PATH=$W/slow:$PATH start
wait_for 60 test -e "$W/waiting"
kill -TERM $p
rc=0; wait $p || rc=$?
[ $rc != 0 ] || fail "a run that was ended says that all is well"
"$RESCUE" status --state "$STATE" >"$W/status" 2>&1 || true
grep -q srvfs "$W/status" || { cat "$W/status"; fail "status does not name the step that was interrupted"; }
uuid=$(blkid -p -s UUID -o value "$disk"p2)
touch "$W/hurry"
PATH=$W/slow:$PATH runs 0
picture | diff - "$W/undisturbed" || fail "the end differs from that of an undisturbed run"
equal "$(blkid -p -s UUID -o value "$disk"p2)" "$uuid" "UUID of the filesystem that was done before the signal: it is not made twice"
neighbours | cmp - "$W/neighbours" || fail "a neighbour changed"

# T60, T58: without consent, or with that for another device, nothing is written
again
sed -i "s|root: {\(.*\), consent: [^}]*}|root: {\1}|" "$W/plan.yaml"
d=$(digest "$W/disk.img")
rc=0; run >"$W/run.out" 2>&1 </dev/null || rc=$?
[ $rc != 0 ] || fail "went on without consent"
says consent
equal "$(digest "$W/disk.img")" "$d" "the disk without consent"
neighbours | cmp - "$W/neighbours" || fail "a neighbour changed"

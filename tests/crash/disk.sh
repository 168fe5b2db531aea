#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Steps that destroy: partition, mkfs, subvolumes, mount, from an empty disk. Killed at every passage of their own fault points, and the
# resume killed again at the same point when it comes by; then at random moments, in the middle of the tools. The end equals an undisturbed
# run, no step that was done is begun again, what was decided before the kill stays, and the neighbour is never touched (T57).
#   default: own points once each, at most LOOP_SECONDS (90) * 3 long, then random moments for LOOP_SECONDS / 3; FULL=1: all passages of all points
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.btrfs mke2fs mkswap python3
unset RESCUE_FAULT RESCUE_FAULT_TRACE

loop_new disk 320M; disk=$LOOP
loop_new beside 320M; beside=$LOOP
at_end "partx -d $disk 2>/dev/null"
mke2fs -q -F "$beside"; sync "$beside"
mkdir "$W/m"

plan <<E
plan: 1
name: crash loop of a disk
devices:
  disk: {loop: $W/disk.img, access: erase, consent: $W/disk.img}
  root: {loop: $W/disk.img, partition: 1, access: erase, consent: $W/disk.img}
  data: {loop: $W/disk.img, partition: 2, access: erase, consent: $W/disk.img}
  swap: {loop: $W/disk.img, partition: 5, access: erase, consent: $W/disk.img}
steps:
  - partition:
      id: parts
      device: "\${disk}"
      layout: [{size: 200M, name: root}, {size: 60M}, {number: 5, type: swap, name: swap}]
  - mkfs: {id: rootfs, device: "\${root}", type: btrfs, label: system}
  - mkfs: {id: datafs, device: "\${data}", type: ext4, label: data}
  - mkfs: {id: swapfs, device: "\${swap}", type: swap, label: swap}
  - subvolumes: {id: subs, device: "\${root}", create: ["@", "@home"], default: "@"}
  - mount: {id: tree, at: $W/t, tree: [{device: "\${data}", at: /data}, {device: "\${root}", at: /}]}
  - write-file: {id: fstab, path: $W/t/fstab, content: "\${parts.disk_id} \${parts.uuid1} \${rootfs.uuid} \${parts.uuid2} \${datafs.uuid} \${parts.uuid5} \${swapfs.uuid}\n"}
E

fresh() {
	again
	partx -d "$disk" 2>/dev/null || true
	blkdiscard -f "$disk" 2>/dev/null || dd if=/dev/zero of="$disk" bs=1M count=320 conv=notrunc status=none
	blockdev --flushbufs "$disk"
}
value() { blkid -p -o value -s "$2" "$1"; }
# What is there; the ids of this run become their names.
picture() {
	local n ids i=0
	mount -o ro "$disk"p1 "$W/m" || fail "the root filesystem cannot be mounted"
	ids=$(cat "$W/m/fstab")
	btrfs subvolume get-default "$W/m" | sed 's/.* path //' >"$1"
	(cd "$W/m" && find . -printf '%P %y %m %s\n' | sort) >>"$1"
	umount "$W/m"
	mount -o ro,subvolid=5 "$disk"p1 "$W/m"; ls "$W/m" >>"$1"; umount "$W/m"
	{
		echo "ids $(value "$disk" PTUUID) $(for n in 1 2 5; do printf '%s ' "$(value "$disk"p$n PART_ENTRY_UUID)" "$(value "$disk"p$n UUID)"; done)"
		sfdisk -d "$disk" | sed -n "s|^$disk||p"
		for n in 1 2 5; do blkid -p -o export "$disk"p$n | grep -E '^(TYPE|LABEL)='; done
		wipefs -n "$disk"p1 "$disk"p2 "$disk"p5 --noheadings --output TYPE
	} | tr a-z A-Z >>"$1"
	for n in $ids; do i=$((i + 1)); sed -i "s/${n^^}/DECIDED-$i/g" "$1"; done
	e2fsck -fn "$disk"p2 >/dev/null 2>&1 || fail "the ext4 is not whole"
	btrfs check --readonly "$disk"p1 >/dev/null 2>&1 || fail "the btrfs is not whole"
}
killed() { # killed SPEC: 1 when the run ended by itself
	local rc=0
	{ env RESCUE_FAULT="$1" "$RESCUE" run "$W/plan.yaml" --state "$STATE" --volatile-state >"$W/run.out" 2>&1 </dev/null || rc=$?; } 2>/dev/null
	case $rc in 137) return 0 ;; 0) return 1 ;; esac
	cat "$W/run.out"
	fail "killed at $1: exit code $rc instead"
}
facts() { grep " fact " "$STATE/journal" 2>/dev/null | cut -d' ' -f4-6 || true; }
check_end() { # check_end WHAT
	local before
	before=$(facts)
	runs 0
	facts >"$W/facts"
	[ -z "$before" ] || [ "$(head -n "$(wc -l <<<"$before")" "$W/facts")" = "$before" ] || fail "$1: what was decided before changed"
	[ -z "$(sort "$W/facts" | uniq | cut -d= -f1 | uniq -d)" ] || { cat "$W/facts"; fail "$1: a fact was decided twice"; }
	picture "$W/end"
	cmp -s "$W/undisturbed" "$W/end" || { diff "$W/undisturbed" "$W/end"; fail "$1: the end is another one"; }
	python3 - "$STATE/journal" <<'E' || fail "$1: a done step was begun again"
import sys
done = set()
for l in open(sys.argv[1]):
    f = l.split(" ")
    if f[4] == "done": done.add(f[3])
    if f[4] == "begin" and f[3] in done and f[3] != "tree": sys.exit(f[3])
E
}

fresh
beside_before=$(digest "$W/beside.img")
RESCUE_FAULT_TRACE=$W/trace runs 0
picture "$W/undisturbed"
grep -q '^IDS DECIDED-1 DECIDED-2 DECIDED-3 DECIDED-4 DECIDED-5 DECIDED-6 DECIDED-7' "$W/undisturbed" || { cat "$W/undisturbed"; fail "ids of the undisturbed run"; }
sed -i '/^$/d' "$W/trace"
awk '{ print $1 ":" ++n[$1] }' "$W/trace" >"$W/points"
[ -n "${FULL:-}" ] && mapfile -t points <"$W/points" || mapfile -t points < <(grep -E '^(partition|mkfs|subvolumes)\.' "$W/points")
[ ${#points[@]} -ge 11 ] || { cat "$W/points"; fail "too few passages of the steps' own points"; }

twice=0 done=0 limit=${LOOP_SECONDS:-90} began=$SECONDS
for p in $(printf '%s\n' "${points[@]}" | awk '{ k = NR % 3 }; { l[k] = l[k] "\n" $0 }; END { print l[1] l[2] l[0] }'); do        # every third, so that an early end saw all steps
	[ -n "${FULL:-}" ] || [ $done -lt 5 ] || [ $((SECONDS - began)) -lt $((limit * 3)) ] || break
	fresh
	killed "$p" || fail "$p was not passed"
	if killed "${p%:*}:1"; then twice=$((twice + 1)); fi
	check_end "$p, twice"
	done=$((done + 1))
done
echo "killed at $done of the steps' own ${#points[@]} passages, of $(wc -l <"$W/points") in all, $twice of the resumes killed again, all equal"

end=$((SECONDS + ${LOOP_SECONDS:-90} / 3)) random=0
RANDOM=${SEED:-$$}; echo "seed ${SEED:-$$}"
while [ $SECONDS -lt $end ]; do
	fresh
	start
	sleep "$((RANDOM % 3)).$((RANDOM % 1000))"
	kill -KILL $p 2>/dev/null || true
	wait $p 2>/dev/null || true
	check_end "random moment"
	random=$((random + 1))
done
echo "killed at $random random moments, all equal"
blockdev --flushbufs "$beside"
equal "$(digest "$W/beside.img")" "$beside_before" "the neighbour"

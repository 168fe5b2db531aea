#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kills a run at every passage of every fault point, and the resume again, then compares what is there with an undisturbed run.
#   default: single kills for LOOP_SECONDS (90), then pairs (killed, resumed, killed again, resumed) for half as long; a fixed order that
#            is spread over all passages
#   FULL=1:  every passage once, and every pair of named points
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../runner_lib.sh"
need_root
need mkfs.btrfs python3
unset RESCUE_FAULT RESCUE_FAULT_TRACE

loop_new target 128M; target=$LOOP
loop_new source 16M; source=$LOOP
mkfs.ext4 -q -F "$source"
mkdir "$W/m" "$W/t" && mount "$source" "$W/m"
mkdir -p "$W/m/tree/sub" && echo one >"$W/m/tree/a" && ln "$W/m/tree/a" "$W/m/tree/sub/b" && head -c 3000000 /dev/urandom >"$W/m/tree/big"
tar -C "$W/m" -cf "$W/m/tree.tar" tree
umount "$W/m"

plan <<E
plan: 1
name: crash loop
devices:
  root: {loop: $W/target.img, access: erase, consent: $W/target.img}
  src: {loop: $W/source.img}
steps:
  - write-file: {id: note, path: $W/note, content: "begun\n"}
  - mkfs: {id: rootfs, device: "\${root}", type: btrfs, label: system}
  - subvolumes: {id: subs, device: "\${root}", create: ["@", "@home"], default: "@"}
  - mount: {id: top, device: "\${root}", at: $W/t, options: "subvol=@"}
  - exec: {id: copy, command: [sh, -c, "mkdir -p $W/t/etc && rm -rf $W/t/tree && cp -a \$FROM $W/t/tree && sync -f $W/t"], repeatable: yes,
      files: [{name: FROM, path: "\${src}:/tree"}], check: [test, -s, $W/t/tree/big]}
  - archive-restore: {id: unpack, from: "\${src}:/tree.tar", to: $W/t/unpacked, mark: 1}
  - write-file: {id: fstab, root: $W/t, path: /etc/fstab, content: "UUID=\${rootfs.uuid} / btrfs subvol=@ 0 1\n"}
  - exec: {id: count, command: [sh, -c, "echo once >> $W/t/count && sync -f $W/t"], check: [test, -s, $W/t/count], repeatable: yes}
E

fresh() {
	again
	rm -f "$W/note"
	blkdiscard -f "$target" 2>/dev/null || dd if=/dev/zero of="$target" bs=1M count=128 conv=notrunc status=none
}
# What a person would look at afterwards; the UUID is another one each time, so only whether the fstab has the right one is told.
picture() {
	local uuid
	uuid=$(blkid -p -o value -s UUID "$target")
	mount -o ro "$target" "$W/m" || fail "the target cannot be mounted"
	{
		cat "$W/note"
		blkid -p -o value -s LABEL "$target"
		sed "s/$uuid/RIGHT/" "$W/m/etc/fstab"
		btrfs subvolume list "$W/m" | sed 's/.* path//'
		(cd "$W/m" && find . -type f ! -name count ! -name fstab -exec sha256sum {} + | sort -k 2 && find . ! -name count -printf '%P %y %m %U %G %n\n' | sort)
	} >"$1"
	umount "$W/m"
}
# killed SPEC: one attempt that is killed at SPEC; 1 when it ended by itself before (then it must have been done)
killed() {
	local rc=0
	{ env RESCUE_FAULT="$1" "$RESCUE" run "$W/plan.yaml" --state "$STATE" --volatile-state >"$W/run.out" 2>&1 </dev/null || rc=$?; } 2>/dev/null
	case $rc in
	137) return 0 ;;
	0) return 1 ;;
	*) cat "$W/run.out"; fail "killed at $1: exit code $rc instead" ;;
	esac
}
check_end() { # check_end WHAT: after the last resume
	runs 0
	picture "$W/end"
	cmp -s "$W/undisturbed" "$W/end" || { diff "$W/undisturbed" "$W/end"; fail "$1: the end is another one"; }
	# a step that the journal called done was never begun again, and the filesystem was not made again after its done
	python3 - "$STATE/journal" <<'E' || fail "$1: a done step was begun again"
import sys
done = set()
for l in open(sys.argv[1]):
    f = l.split(" ")
    if f[4] == "done": done.add(f[3])
    if f[4] == "begin" and f[3] in done and f[3] != "top": sys.exit(f[3])
E
	equal "$(blockdev --getro "$source")" 0 "$1: read-only flag of the source"
}

fresh
RESCUE_FAULT_TRACE=$W/trace runs 0
picture "$W/undisturbed"
grep -q RIGHT "$W/undisturbed" || fail "the undisturbed run has no right fstab"
sed -i '/^$/d' "$W/trace"
# NAME:N for each passage, in order
awk '{ print $1 ":" ++n[$1] }' "$W/trace" >"$W/points"
total=$(wc -l <"$W/points") names=$(sort -u "$W/trace" | wc -l)
echo "$names fault points, $total passages"
[ "$total" -ge 60 ] || fail "too few passages: the trace is not what it should be"

mapfile -t points <"$W/points"
single=0 pairs=0 second=0
limit=${LOOP_SECONDS:-90}
one() {
	fresh
	killed "$1" || fail "$1 was not passed"
	check_end "$1"
	single=$((single + 1))
}
pair() {
	fresh
	killed "$1" || fail "$1 was not passed"
	if killed "$2"; then second=$((second + 1)); fi
	check_end "$1, then $2"
	pairs=$((pairs + 1))
}
stride=37
while [ $((total % stride)) = 0 ]; do stride=$((stride + 2)); done      # 37 and its followers: every passage comes once
while python3 -c "import math,sys; sys.exit(math.gcd($stride, $total) == 1)"; do stride=$((stride + 2)); done
end=$((SECONDS + limit))
for ((i = 0; i < total; i++)); do
	[ -n "${FULL:-}" ] || [ $SECONDS -lt $end ] || break
	one "${points[(i * stride + total - 1) % total]}"       # the last one first: it is special
done
echo "killed at $single of $total passages, each resumed, all equal"
if [ -n "${FULL:-}" ]; then
	mapfile -t firsts < <(sort -u "$W/trace" | sed 's/$/:1/')
	for a in "${firsts[@]}"; do for b in "${firsts[@]}"; do pair "$a" "$b"; done; done
else
	end=$((SECONDS + limit / 2))
	for ((i = 0; SECONDS < end; i++)); do pair "${points[i * stride % total]}" "${points[(i * 53 + 11) % total]}"; done
fi
echo "killed, resumed and killed again: $pairs pairs ($second of them hit a second time), all equal"
[ $single -gt 5 ] && [ $pairs -gt 2 ] || fail "too few"

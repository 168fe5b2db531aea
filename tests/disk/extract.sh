#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# extract: everything that belongs to a file comes along, from and to every filesystem; it resumes; what it refuses, it refuses with a
# sentence.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need mkfs.btrfs mkfs.ext4 mkfs.xfs setfattr setfacl python3 bsdtar

for fs in btrfs ext4 xfs; do
	mkdir "$W/$fs"
	loop_new $fs 500M
	case $fs in
	btrfs) mkfs.btrfs -qf "$LOOP" >/dev/null 2>&1 ;;
	ext4) mkfs.ext4 -qF -b 4096 "$LOOP" ;;
	xfs) mkfs.xfs -qf "$LOOP" ;;
	esac
	mount "$LOOP" "$W/$fs"
done
at_end "unflag $W/*/*"
FLAGS=1 nasty_tree "$W/btrfs/src"

# a chain through all three, and back onto the first one (blocks are shared there)
extract_plan "$W/btrfs/src" "$W/ext4/to" "verify: yes"
run_plan 0
same_tree "$W/btrfs/src" "$W/ext4/to"
extract_plan "$W/ext4/to" "$W/xfs/to"
run_plan 0
same_tree "$W/btrfs/src" "$W/xfs/to"
extract_plan "$W/xfs/to" "$W/btrfs/back"
run_plan 0
same_tree "$W/btrfs/src" "$W/btrfs/back"
extract_plan "$W/btrfs/src" "$W/btrfs/clone"
run_plan 0
same_tree "$W/btrfs/src" "$W/btrfs/clone"
unflag "$W/ext4/to" "$W/xfs/to" "$W/btrfs/back" "$W/btrfs/clone"
rm -rf "$W/ext4/to" "$W/btrfs/back" "$W/btrfs/clone"

# into an archive, and out of it again: everything but the socket, which tar does not have and which is listed
unflag "$W/xfs/to"; rm -rf "$W/xfs/to"
extract_plan "$W/btrfs/src" "$W/ext4/all.tar.zst"
run_plan 7
equal "$(cat "$(report losses.txt)")" "lost: /sock: the archive format has no sockets: Operation not supported" "losses of an archive"
restore_plan "$W/ext4/all.tar.zst" "$W/btrfs/again" "verify: yes"
run_plan 0
rm "$W/btrfs/src/sock"; touch -d '2010-10-10 10:10:10.10' "$W/btrfs/src"
same_tree "$W/btrfs/src" "$W/btrfs/again"
unflag "$W/btrfs/again"; rm -rf "$W/btrfs/again"

# first, include, exclude, since
mkdir "$W/s"
(cd "$W/s" && mkdir -p a/b c/d/e && touch a/1 a/b/2.log c/d/e/3 c/d/4.log && touch -d 2000-01-01 a/1 c/d/e/3)
files() { (cd "$1" && find . -type f | sort | tr '\n' ' '); }
extract_plan "$W/s" "$W/ext4/f" "first: [/c/d, /nowhere]" "exclude: ['*.log']"
run_plan 0
equal "$(files "$W/ext4/f")" "./a/1 ./c/d/e/3 " "first and exclude"
equal "$(stat -c %y "$W/ext4/f/c/d/e/3" | cut -c1-4)" 2000 "time of a file that came first"
extract_plan "$W/s" "$W/ext4/g" "include: [/c/d/e, /a/b/*.log]"
run_plan 0
equal "$(files "$W/ext4/g")" "./a/b/2.log ./c/d/e/3 " "include"
touch -d '+1 hour' "$W/s/a/1"
extract_plan "$W/s" "$W/ext4/h" "since: '$(date -u -d '+30 min' +%Y-%m-%dT%H:%M:%S)'"
run_plan 0
equal "$(files "$W/ext4/h")" "./a/1 " "since"

# killed at every mark and resumed, twice: the same tree (T68); half-written files are seen
for point in copy.mark.before-sync copy.mark.synced step.mark.before step.mark.after; do
	unflag "$W/xfs/to"; rm -rf "$W/xfs/to" "$W/state"
	extract_plan "$W/btrfs/src" "$W/xfs/to"
	RESCUE_FAULT=$point:1 KEEP_STATE=1 run_plan 137
	for f in big exact etc/f7 deep/sym; do : >"$W/xfs/to/half"; done
	rm -f "$W/xfs/to/half"; printf half >"$W/xfs/to/exact"
	RESCUE_FAULT=$point:1 KEEP_STATE=1 run_plan 137
	KEEP_STATE=1 run_plan 0
	same_tree "$W/btrfs/src" "$W/xfs/to"
	[ ! -e "$W/xfs/to/.rescue-hard-links" ] || fail "the nursery of hard links is still there"
done

# the destination runs full: it stops with a sentence and goes on when there is room
loop_new small 20M
mkfs.ext4 -qF "$LOOP"; mkdir "$W/small"; mount "$LOOP" "$W/small"
head -c 12M /dev/zero >"$W/small/ballast"
mkdir "$W/many"; for i in 1 2 3 4 5 6; do head -c 2M /dev/urandom >"$W/many/$i"; done
extract_plan "$W/many" "$W/small/to"
run_plan 1
grep -q "No space left on device" "$W/run.log" || fail "no sentence about the full disk"
rm "$W/small/ballast"
KEEP_STATE=1 run_plan 0
same_tree "$W/many" "$W/small/to"

# refusals
mkdir "$W/full"; touch "$W/full/x"
extract_plan "$W/s" "$W/full"
refuses 3 "'$W/full': is not empty; give another folder, or merge: yes" "$RESCUE" run "$W/plan.yaml" --state "$W/state2"
extract_plan "$W/missing" "$W/out"
refuses 3 "'$W/missing': does not exist" "$RESCUE" run "$W/plan.yaml" --state "$W/state3"
extract_plan "$W/s" "$W/out" "since: yesterday"
refuses 3 "since 'yesterday': not a time such as 2026-11-28T18:00:00 or @1795888800" "$RESCUE" run "$W/plan.yaml" --state "$W/state4"

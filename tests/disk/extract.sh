#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# extract: everything that belongs to a file comes along, from and to every filesystem; it resumes; what it refuses, it refuses with a
# sentence.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need mkfs.btrfs mkfs.ext4 mkfs.xfs setfattr setfacl python3 bsdtar zstd

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

# into a program that reads the archive; one that fails, and one that stops reading, are named; what was cut off cannot be taken for whole
pipe_plan() { # FROM COMMAND: a plan whose archive goes to a shell's command
	printf 'plan: 1\nname: p\nsteps:\n  - extract:\n      id: get\n      from: "%s"\n      pipe: [sh, -c, "%s"]\n' "$1" "$2" >"$W/plan.yaml"
}
pipe_plan "$W/btrfs/src" "cat >$W/ext4/sent.tar.zst"
run_plan 0
restore_plan "$W/ext4/sent.tar.zst" "$W/btrfs/again" "verify: yes"
run_plan 0
same_tree "$W/btrfs/src" "$W/btrfs/again"
unflag "$W/btrfs/again"; rm -rf "$W/btrfs/again"
pipe_plan "$W/btrfs/src" "cat >$W/ext4/sent.tar.zst; echo no room over there >&2; exit 4"
run_plan 1
grep -q "sh: exit code 4: no room over there" "$W/run.log" || fail "no sentence about a program that failed"
pipe_plan "$W/btrfs/src" "head -c 100000 >$W/ext4/sent.tar.zst; echo line is gone >&2; exit 255"
run_plan 1
grep -q "sh: exit code 255: line is gone" "$W/run.log" || fail "no sentence about a program that stopped reading"
head -c 100M /dev/urandom >"$W/ext4/large"
pipe_plan "$W/ext4" "cat >$W/xfs/sent.tar.zst"
mkdir -p "$W/state"; rm -rf "$W/state"; mkdir "$W/state"
"$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state" >"$W/run.log" 2>&1 </dev/null & p=$!
until [ -s "$W/xfs/sent.tar.zst" ]; do sleep 0.02; done
kill -TERM $p; wait $p || true
refuses 1 "" zstd -qt "$W/xfs/sent.tar.zst"
rm -f "$W/ext4/large" "$W/ext4/sent.tar.zst" "$W/xfs/sent.tar.zst"
pipe_plan "$W/btrfs/src" "true"; sed -i 's/\[sh,/[no-such-program,/' "$W/plan.yaml"
refuses 3 "pipe: 'no-such-program': no such program" "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state5"
sed -i '/pipe:/d' "$W/plan.yaml"
refuses 3 "neither 'to' nor 'pipe' is given: say where the files go" "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state6"

# first, include, exclude, since
mkdir "$W/s"
(cd "$W/s" && mkdir -p a/b c/d/e && touch a/1 a/b/2.log c/d/e/3 c/d/4.log && touch -d 2000-01-01 a/1 c/d/e/3)
files() { (cd "$1" && find . -type f | sort | tr '\n' ' '); }
extract_plan "$W/s" "$W/ext4/f" "first: [/c/d, /nowhere]" "exclude: ['*.log']"
run_plan 0
equal "$(files "$W/ext4/f")" "./a/1 ./c/d/e/3 " "first and exclude"
equal "$(stat -c %y "$W/ext4/f/c/d/e/3" | cut -c1-4)" 2000 "time of a file that came first"
# one below the other, written with more slashes than needed, below what is no folder, and below what is not there: each file once, nothing is missing
extract_plan "$W/s" "$W/ext4/first" "first: [/c, /c/d/e/, //a//b, /a/1/x, /no/where]"
run_plan 0
equal "$(files "$W/ext4/first")" "./a/1 ./a/b/2.log ./c/d/4.log ./c/d/e/3 " "paths of first that meet"
equal "$(grep -c ' f ' "$(report manifest)")" 4 "files of a manifest with paths of first that meet"
extract_plan "$W/s" "$W/ext4/first" "first: [/c/../a]"
refuses 3 "have no '.' or '..' in it" "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state7"
extract_plan "$W/s" "$W/ext4/g" "include: [/c/d/e, /a/b/*.log]"
run_plan 0
equal "$(files "$W/ext4/g")" "./a/b/2.log ./c/d/e/3 " "include"
touch -d '+1 hour' "$W/s/a/1"
extract_plan "$W/s" "$W/ext4/h" "since: '$(date -u -d '+30 min' +%Y-%m-%dT%H:%M:%S)'"
run_plan 0
equal "$(files "$W/ext4/h")" "./a/1 " "since"

# only what an earlier extract's manifest does not have as it is now
extract_plan "$W/s" "$W/ext4/i"
run_plan 0
cp "$(report manifest)" "$W/ext4/known"
echo new >"$W/s/c/new"; echo x >>"$W/s/a/b/2.log"; chmod 700 "$W/s/c/d/e/3"
extract_plan "$W/s" "$W/ext4/j" "since-manifest: $W/ext4/known"
run_plan 0
equal "$(files "$W/ext4/j")" "./a/b/2.log ./c/d/e/3 ./c/new " "since-manifest"
"$RESCUE" manifest "$W/s" >"$W/ext4/known"
extract_plan "$W/s" "$W/ext4/k" "since-manifest: $W/ext4/known"
run_plan 0
equal "$(files "$W/ext4/k")" "" "nothing has changed since"

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
extract_plan "$W/many" "$W/small/to" "first: [/5, /6]"
run_plan 1
grep -q "No space left on device" "$W/run.log" || fail "no sentence about the full disk"
for f in 5 6; do cmp "$W/many/$f" "$W/small/to/$f" || fail "what comes first was not first (T76)"; done
rm "$W/small/ballast"
KEEP_STATE=1 run_plan 0
same_tree "$W/many" "$W/small/to"
rm -rf "$W/small/to"; head -c 12M /dev/zero >"$W/small/ballast"       # an archive keeps what it has
extract_plan "$W/many" "$W/small/all.tar.zst"
run_plan 1
grep -q "No space left on device" "$W/run.log" || fail "no sentence about the full disk"
[ -s "$W/small/all.tar.zst.part" ] && [ ! -e "$W/small/all.tar.zst" ] || fail "what there is of an archive on a full disk"
rm "$W/small/ballast"
KEEP_STATE=1 run_plan 0
[ ! -e "$W/small/all.tar.zst.part" ] || fail "the part is still there"
restore_plan "$W/small/all.tar.zst" "$W/xfs/again"
run_plan 0
same_tree "$W/many" "$W/xfs/again"

# refusals
mkdir "$W/full"; touch "$W/full/x"
extract_plan "$W/s" "$W/full"
refuses 3 "'$W/full': is not empty; give another folder, or merge: yes" "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state2"
extract_plan "$W/missing" "$W/out"
refuses 3 "'$W/missing': does not exist" "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state3"
extract_plan "$W/s" "$W/out" "since: yesterday"
refuses 3 "since 'yesterday': not a time such as 2026-11-28T18:00:00 or @1795888800" "$RESCUE" run "$W/plan.yaml" --volatile-state --state "$W/state4"

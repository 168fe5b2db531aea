#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A damaged xfs: its type is known without the first superblock; what xfs_repair can mend is mended on an overlay alone; where nothing mounts, and
# where what mounts shows nothing, the run says so, why, and what can be done. The source is the same afterwards.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need mkfs.xfs xfs_db xfs_repair

mkdir "$W/mnt" "$W/out"
# crashed NAME: $W/NAME.img as after a power cut just behind a sync, when everything is in the log alone
crashed() {
	loop_new "$1" 350M
	mkfs.xfs -qf "$LOOP"
	mount "$LOOP" "$W/mnt"
	mkdir "$W/mnt/d"
	for i in $(seq 100); do echo "file $i" >"$W/mnt/d/f$i"; done
	head -c 3M /dev/urandom >"$W/mnt/big"
	sync -f "$W/mnt"
	cp --sparse=always "$W/$1.img" "$W/crash.img"
	(cd "$W/mnt" && find . -type f -exec sha256sum {} + | sort -k2) >"$W/want"
	umount "$W/mnt"
	loop_end "$LOOP"
}
field() { xfs_db -r -c "$1" -c "p $2" "$W/x.img" | sed -n 's/.* = //p' | head -1; }
garbage() { head -c "$2" /dev/urandom | dd of="$W/d.img" bs=512 seek=$(($1 / 512)) conv=notrunc status=none; }
fresh() { rm -f "$W/d.img"; cp --sparse=always "$W/x.img" "$W/d.img"; }
same_files() { (cd "$W/out/to" && find . -type f -exec sha256sum {} + | sort -k2) | diff - "$W/want" || fail "$1: the files differ"; }

crashed x
agcount=$(field "sb 0" agcount) agblocks=$(field "sb 0" agblocks) rootino=$(field "sb 0" rootino)
root=$(xfs_db -r -c "convert ino $rootino daddr" "$W/x.img" | sed 's/.*(\([0-9]*\)).*/\1/')

fresh; garbage 0 512
extract_image 7 "$W/d.img"
equal "$(rung)" "repaired on an overlay" "rung without the first superblock"
same_files "without the first superblock"

# the headers of the first group and the inode of the root folder: names below it are kept, it itself is lost+found
fresh; garbage 512 1024; garbage $((root * 512)) 512
extract_image 7 "$W/d.img" "verify: yes"
equal "$(rung)" "repaired on an overlay" "rung without the root folder"
grep -q 'read from a copy that xfs_repair was run on: files may be missing, look into lost+found' "$W/run.log" || fail "a repaired filesystem was called complete"
(cd "$W/out/to" && find . -type f -exec sha256sum {} +) | cut -d' ' -f1 | sort >"$W/have"
cut -d' ' -f1 "$W/want" | sort | diff - "$W/have" || fail "content is missing without the root folder"
[ "$(grep -c '^unproven' "$(report manifest)")" = 101 ] || fail "files of a repaired copy must be unproven"

# no superblock is left in any group: nothing mounts
fresh; for ((g = 0; g < agcount; g++)); do garbage $((g * agblocks * 4096)) 512; done
for to in to all.tar.zst; do
	before=$(digest "$W/d.img")
	loop_file "$W/d.img"
	extract_plan "$LOOP" "$W/out/none/$to" "type: xfs"
	mkdir -p "$W/out/none"
	run_plan 1
	loop_end "$LOOP"
	equal "$(digest "$W/d.img")" "$before" "the source after a run that found no way in"
	for f in "$W/run.log" "$(report report.txt)"; do
		for words in "(xfs): no rung of the ladder holds: neither the kernel nor xfs_repair on a copy can make it mount" "next: copy the device with image-device" \
			"'xfs_repair -n IMAGE' says what is broken" "never run xfs_repair -L on the device itself"; do
			grep -qF -- "$words" "$f" || { cat "$f"; fail "$f does not say: $words"; }
		done
	done
done

# the log is broken, and everything was only there: what mounts is empty, and that is no success
fresh; log2=$(field "sb 0" agblklog) at=$(field "sb 0" logstart); at=$(((at >> log2) * agblocks + (at & ((1 << log2) - 1))))
mv "$W/crash.img" "$W/d.img"; garbage $((at * 4096)) 262144
extract_image 7 "$W/d.img"
grep -q "there is no file in it: unless it was empty, its log or its root folder is lost, and no rung shows more" "$W/run.log" || { cat "$W/run.log"; fail "an empty tree was called a success"; }
grep -q "rung 'repaired on an overlay': holds, but its root folder is empty" "$(report report.txt)" || fail "the rungs behind an empty one were not tried"

# one that is empty for good is said to be, too; nothing is lost
loop_new e 350M; mkfs.xfs -qf "$LOOP"; loop_end "$LOOP"
extract_image 7 "$W/e.img"
equal "$(rung)" "read-only" "rung of an empty filesystem"
[ ! -s "$(report losses.txt)" ] || fail "losses of an empty filesystem"

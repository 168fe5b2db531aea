#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Filesystems that nothing can mount any more: btrfs without its root trees (btrfs-find-root, btrfs restore), ext4 that only debugfs reads.
# No file of these is called good, a file that a tool leaves short is found out and fetched again from an older root, nobody is asked, and
# the source stays as it was (T68, T69, T70).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
. "$TOP/tests/damage_lib.sh"
need_root
need mkfs.btrfs mkfs.ext4 python3 btrfs btrfs-find-root debugfs e2fsck

mkdir "$W/mnt" "$W/out"
ODD="new
line (1) [a-z]\$"
small_tree() { # DIR: what btrfs restore and debugfs can bring back: files, folders, links
	mkdir -p "$1/etc" "$1/deep/er"
	for i in $(seq 60); do echo "file $i" >"$1/etc/f$i"; done
	head -c 3000000 /dev/urandom >"$1/big"; : >"$1/deep/none"; ln -s ../etc/f1 "$1/deep/link"
	head -c 300000 /dev/urandom | base64 -w 0 >"$1/deep/er/$ODD"
	printf x >"$1/etc/$(printf 'bad\377utf')"
	chmod 4711 "$1/etc/f2"; chown 5:6 "$1/etc/f3"
}
tree_of() { (cd "$1" && find . -mindepth 1 ! -path './lost+found*' -printf '%p %y %m %U %G %l\n' | LC_ALL=C sort; find . -type f ! -path './lost+found*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }
nothing_good() {
	! grep -q '^good' "$(report manifest)" || fail "a file is called good that nobody checked"
	[ "$(grep -c '^unproven f' "$(report manifest)")" -ge "${1:-60}" ] || fail "the manifest does not say which files are unproven"
	grep -q 'nothing proves that the files are good' "$W/run.log" || fail "the run does not say what this is worth"
}
content_of() { echo $(($(filefrag -v "$1" | sed -n 's/^ *0: *[^:]*: *\([0-9]*\)\..*/\1/p') * 4096)); }      # btrfs's own address
# spoil IMAGE ADDRESS: garbage there (by the chunk tree of the whole image)
spoil() {
	local at
	at=$(btrfs inspect-internal dump-tree -t chunk "$W/b.img" | awk -v a="$2" '/CHUNK_TREE CHUNK_ITEM/ {c = substr($6, 1, length($6) - 1)}
		$1 == "length" {l = $2} $1 == "stripe" && $5 == "offset" && a >= c && a < c + l {print a - c + $6; exit}')
	[ "${at:-0}" -gt 0 ] || fail "where does address $2 lie?"
	printf '%4000s' | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

echo "== btrfs"
loop_new b 300M
mkfs.btrfs -qf "$LOOP" >/dev/null 2>&1
mount -o compress-force=zstd "$LOOP" "$W/mnt"
small_tree "$W/mnt"
mkdir "$W/mnt/more"; for i in $(seq 200); do echo "more $i" >"$W/mnt/more/m$i"; done
mkdir "$W/mnt/links"; (cd "$W/mnt/links" && for i in $(seq 3000); do ln -s "../etc/f$((i % 60 + 1))" l$i; done)      # no loop (T71)
btrfs subvolume create "$W/mnt/sub" >/dev/null; echo inside >"$W/mnt/sub/inside"
sync -f "$W/mnt"
cp "$W/mnt/deep/er/$ODD" "$W/version1"
first=$(content_of "$W/mnt/deep/er/$ODD")
head -c 300000 /dev/urandom | base64 -w 0 >"$W/mnt/deep/er/$ODD"
for i in $(seq 7); do sync -f "$W/mnt"; touch "$W/mnt/etc/f$i"; done     # generations: four are in the superblock's backups, these are lost
tree_of "$W/mnt" >"$W/b.want"
second=$(content_of "$W/mnt/deep/er/$ODD")
umount "$W/mnt"; loop_end "$LOOP"

cp --sparse=always "$W/b.img" "$W/d.img"
wipe_blocks "$W/d.img" "$(super "$W/b.img" root)" $(super "$W/b.img" backup_tree_root:)
spoil "$W/d.img" "$second"              # the newest content does not decompress
extract_image 7 "$W/d.img"
case $(rung) in "btrfs restore, tree root "*) ;; *) fail "rung '$(rung)' without the root trees" ;; esac
nothing_good 64
tree_of "$W/out/to" >"$W/have"
diff <(sed '/er\/new/d' "$W/b.want") <(sed '/er\/new/d' "$W/have") || fail "files are missing or different"
cmp "$W/version1" "$W/out/to/deep/er/$ODD"
grep -q '^older: /deep/er/new.*line' "$(report losses.txt)" || fail "an older version is not in the list of losses"
grep -q '1 only in an older version' "$W/run.log" || fail "the run does not say that a version is older"
echo "btrfs, no root tree of the superblock left: '$(rung)', all files, one of them older"

# the older version has gone too: a short file stays, and is called partial
spoil "$W/d.img" "$first"
extract_image 7 "$W/d.img"
grep -q '^partial: /deep/er/new.*line.*cut short' "$(report losses.txt)" || fail "a short file is not in the list of losses"
equal "$(grep -c '^partial f .*/deep/er/new' "$(report manifest)")" 1 "short files in the manifest"
[ ! -e "$W/out/to/.rescue-redo" ] || fail "the folder of second attempts is still there"

cp --sparse=always "$W/b.img" "$W/d.img"
wipe_blocks "$W/d.img" owner:3
extract_image 0 "$W/d.img"
equal "$(rung)" "chunk tree made anew on an overlay" "rung"
tree_of "$W/out/to" | diff "$W/b.want" - || fail "a chunk tree made anew: the tree differs"
[ "$(grep -c '^good f' "$(report manifest)")" -ge 260 ] || fail "what checksums proved is not called good"
echo "btrfs, no chunk tree left: '$(rung)', $(grep -c '^good f' "$(report manifest)") files good"

wipe_blocks "$W/d.img" owner:4          # and the device tree, from which it could be made
extract_image 1 "$W/d.img"
grep -q 'reading without a mount found no file either' "$W/run.log" || fail "no sentence about a filesystem without chunk and device tree"
grep -q "chunk tree made anew.*tree blocks were found, but not those that say where everything lies" "$(report report.txt)" || fail "what was tried"
echo "btrfs, no chunk and no device tree left: nothing can be had, and the run says so"

# a wrong bit in a leaf of the file tree: what the checking rung gives up comes from a deeper one, unproven; the rest stays good
cp --sparse=always "$W/b.img" "$W/d.img"
leaf=$(btrfs inspect-internal dump-tree -t 5 "$W/d.img" | awk '/^leaf/ {l = $2} /name: m100$/ {print l}' | tail -1)
flip_leaf "$W/d.img" "$leaf"
extract_image 7 "$W/d.img"
[ "$(rung)" = read-only ] || cat "$(report report.txt)"; equal "$(rung)" read-only rung
tree_of "$W/out/to" | diff "$W/b.want" - || fail "a wrong bit in a leaf: the tree differs"
grep -q "came through rung '.*', unproven" "$W/run.log" || fail "the run does not say that a deeper rung was needed"
[ "$(grep -c '^unproven f' "$(report manifest)")" -ge 1 ] || fail "no file is called unproven"
! grep -q '^lost' "$(report losses.txt)" || { cat "$(report losses.txt)"; fail "what came later is still called lost"; }
echo "btrfs, a wrong bit in a leaf: $(grep -c '^unproven f' "$(report manifest)") files unproven, $(grep -c '^good f' "$(report manifest)") good"

echo "== ext4"
loop_new e 200M
mkfs.ext4 -qF -b 4096 "$LOOP"
mount "$LOOP" "$W/mnt"
small_tree "$W/mnt"
tree_of "$W/mnt" >"$W/e.want"
umount "$W/mnt"; loop_end "$LOOP"
cp --sparse=always "$W/e.img" "$W/d.img"
for block in 1 32769; do                # both tables of group descriptors: the bitmaps would lie outside of the device
	python3 -c 'import sys
f = open(sys.argv[1], "r+b"); at = int(sys.argv[2]) * 4096
for g in range(2):
    f.seek(at + 64 * g); f.write(b"\xff" * 8)' "$W/d.img" $block
done
extract_image 7 "$W/d.img"
equal "$(rung)" "repaired on an overlay" "rung"
tree_of "$W/out/to" | diff "$W/e.want" - || fail "ext4 repaired on an overlay: the tree differs"
echo "ext4, group descriptors wrong: '$(rung)'"

mount --bind /dev/null /dev/fuse        # no overlay can be made: what is left is debugfs
extract_image 7 "$W/d.img"
umount /dev/fuse
equal "$(rung)" "debugfs rdump" "rung"
nothing_good
tree_of "$W/out/to" | diff <(sed 's/ 4711 / 711 /' "$W/e.want") - || fail "ext4 through debugfs: the tree differs"
echo "ext4, and no overlay: '$(rung)'"

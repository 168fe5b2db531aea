#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A state of the filesystem that is not its newest never wins silently: what shows the newest comes first, checked or not; where only an older
# one can be shown, the run says so, nothing is called good, and what the newest gave is not replaced (T72, T73).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
. "$TOP/tests/damage_lib.sh"
need_root
need mkfs.btrfs mkfs.ext4 debugfs e2fsck python3 btrfs

mkdir "$W/mnt" "$W/out"
root_of() { btrfs inspect-internal dump-tree -t root "$1" | grep -A2 "key ($2 ROOT_ITEM" | sed -n 's/.* bytenr \([0-9]*\).*/\1/p' | head -1; }
leaf_of() { btrfs inspect-internal dump-tree -t 5 "$1" | awk -v n="name: $2" '/^leaf/ {l = $2} $0 ~ n "$" {print l}' | tail -1; }
words() { awk '$2 == "f" {print $1}' "$(report manifest)" | sort | uniq -c | awk '{printf "%s%s %s", (NR > 1 ? ", " : ""), $2, $1}'; }
no_good() { ! grep -q '^good' "$(report manifest)" || fail "a file is called good: $(words)"; }
says() { grep -qE "$1" "$W/run.log" || { tail -n 20 "$W/run.log"; fail "the run does not say: $1"; }; }
tree_of() { (cd "$1" && find . -type f ! -path './lost+found*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }

echo "== btrfs: the backup roots show a nearly empty filesystem"
loop_new b 300M
mkfs.btrfs -qf "$LOOP" >/dev/null 2>&1
mount "$LOOP" "$W/mnt"
echo old >"$W/mnt/old"; head -c 300000 /dev/urandom >"$W/mnt/stays"
sync -f "$W/mnt"
then=$(super "$W/b.img" generation)
mkdir "$W/mnt/more"; for i in $(seq 300); do echo "more $i" >"$W/mnt/more/m$i"; done
head -c 3000000 /dev/urandom >"$W/mnt/new"; rm "$W/mnt/old"
sync -f "$W/mnt"
tree_of "$W/mnt" >"$W/b.want"
umount "$W/mnt"; loop_end "$LOOP"

cp --sparse=always "$W/b.img" "$W/d.img"
wipe_blocks "$W/d.img" "$(root_of "$W/b.img" CSUM_TREE)"
# kernels (6.1, not 6.18) that go on to a backup root here show the older state, and say nothing
extract_image 7 "$W/d.img"
equal "$(rung)" ibadroots "rung without the newest checksum tree"
tree_of "$W/out/to" | diff "$W/b.want" - || fail "the newest state did not come out"
no_good
says 'nothing proves that they are good'
echo "btrfs, newest checksum tree gone: '$(rung)', all files of the newest state ($(words))"

cp --sparse=always "$W/b.img" "$W/d.img"
mapfile -t newer < <(btrfs inspect-internal dump-super -f "$W/b.img" | awk -v g="$then" '$1 == "backup_tree_root:" && $4 > g {print $2}')
wipe_blocks "$W/d.img" "${newer[@]}"
extract_image 7 "$W/d.img"
equal "$(rung)" "second root before the newest, on an overlay" "rung without the two newest root trees"
no_good
says 'the newest state cannot be shown: this is the one of generation [0-9]+, the newest is '"$(super "$W/b.img" generation)"
[ -e "$W/out/to/old" ] && [ ! -e "$W/out/to/new" ] || { echo "then $then, wiped ${newer[*]}"; cat "$(report report.txt)"; find "$W/out/to" | head; fail "which state is this?"; }
equal "$(grep -c '^older f' "$(report manifest)")" 2 "files called older"
echo "btrfs, newest root tree gone: '$(rung)' ($(words))"

echo "== btrfs: a log and a leaf with a wrong bit: the leaf can only be read by a rung that leaves out the log"
loop_new c 300M
mkfs.btrfs -qf "$LOOP" >/dev/null 2>&1
mount "$LOOP" "$W/mnt"
mkdir "$W/mnt/a" "$W/mnt/z"
for i in $(seq 300); do echo "a $i" >"$W/mnt/a/a$i"; done
for i in $(seq 300); do echo "z $i" >"$W/mnt/z/z$i"; done
sync -f "$W/mnt"
rm "$W/mnt/a/a1"; echo "newer 61" >"$W/mnt/a/a61"; echo newest >"$W/mnt/a/newest"
python3 -c 'import os,sys
for p in sys.argv[1:]: os.fsync(os.open(p, os.O_RDONLY))' "$W/mnt/a/a61" "$W/mnt/a/newest" "$W/mnt/a"
cp --sparse=always "$W/c.img" "$W/d.img"
tree_of "$W/mnt" >"$W/c.want"
umount "$W/mnt"; loop_end "$LOOP"
[ "$(super "$W/d.img" log_root)" != 0 ] || fail "there is no log: this test tests nothing"
flip_leaf "$W/d.img" "$(leaf_of "$W/d.img" z150)"
extract_image 7 "$W/d.img"
equal "$(rung)" "log replayed on an overlay" "rung"
tree_of "$W/out/to" | diff "$W/c.want" - || fail "the newest version of a file was replaced, or a deleted one came back"
listed=$(grep -c '^older: /z/' "$(report losses.txt)" || true)
[ "$listed" -ge 1 ] || fail "nothing came through a rung without the log: this test tests nothing"
echo "btrfs, log and a wrong bit in a leaf: '$(rung)' ($(words)); $listed listed as older"
says 'files whose newest version is lost came in an older one'
equal "$(find "$W/out/to/z" -maxdepth 0 -printf '%m %U')" "755 0" "mode and owner of a folder around"

# killed while it looks there: the same in the end
cp "$(report losses.txt)" "$W/losses"
RESCUE_FAULT=copy.mark.synced:2 extract_image 137 "$W/d.img"
loop_file "$W/d.img"
extract_plan "$LOOP" "$W/out/to"
KEEP_STATE=1 run_plan 7
loop_end "$LOOP"
tree_of "$W/out/to" | diff "$W/c.want" - || fail "killed and resumed: the tree differs"
sort "$(report losses.txt)" | diff <(sort "$W/losses") - || fail "killed and resumed: another list of losses"

echo "== ext4: a folder's inode is gone, its files are found by a repair of the overlay"
loop_new e 100M
mkfs.ext4 -qF -b 4096 "$LOOP"
mount "$LOOP" "$W/mnt"
mkdir -p "$W/mnt/d/e" "$W/mnt/good"
for i in $(seq 20); do echo "below $i" >"$W/mnt/d/e/f$i"; echo "good $i" >"$W/mnt/good/g$i"; done
umount "$W/mnt"; loop_end "$LOOP"
debugfs -w -R 'clri /d' "$W/e.img" 2>/dev/null
extract_image 7 "$W/e.img"
equal "$(rung)" read-only "rung"
equal "$(cat "$W"/out/to/lost+found/*/f7 2>/dev/null)" "below 7" "a file below a folder that is gone"
equal "$(cat "$W/out/to/good/g7")" "good 7" "a file beside it"
says 'came from a copy that was repaired'
grep -q '^lost: /d: ' "$(report losses.txt)" || { cat "$(report losses.txt)"; fail "the folder is not listed any more"; }
grep -q '^older: /lost+found/.*/f7: came from a copy that was repaired' "$(report losses.txt)" || fail "what the repair found is not listed"

echo "== ext4: the first superblock is gone and the journal is dirty: the newest files are in it"
loop_new j 200M
mkfs.ext4 -qF -b 4096 "$LOOP"
mount "$LOOP" "$W/mnt"
echo x >"$W/mnt/file"; sync -f "$W/mnt"
echo newest >"$W/mnt/newest"
python3 -c 'import os,sys; f = os.open(sys.argv[1], os.O_RDONLY); os.fsync(f)' "$W/mnt/newest"
cp --sparse=always "$W/j.img" "$W/d.img"
umount "$W/mnt"; loop_end "$LOOP"
dd if=/dev/zero of="$W/d.img" bs=1024 seek=1 count=1 conv=notrunc status=none
extract_image 0 "$W/d.img"
equal "$(rung)" "another superblock on an overlay, journal replayed" "rung"
equal "$(cat "$W/out/to/newest")" newest "what only the journal knows"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A disk with unreadable places: image-device copies around them and lists them (T74, T75); extract gets every other byte out of the
# filesystem that is still mounted from it.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need ddrescue mkfs.ext4 debugfs python3
[ -e /dev/fuse ] || { echo "/dev/fuse is missing"; exit 77; }

# bad_loop IMAGE OFF LEN...: $LOOP shows the image with unreadable ranges
bad_loop() {
	local i
	: >"$W/bad"
	"$O/helpers/badfile" "$1" "$W/bad" "${@:2}" &
	at_end "umount -l $W/bad 2>/dev/null"
	for i in $(seq 100); do [ "$(stat -c %s "$W/bad")" = 0 ] || break; sleep 0.1; done
	loop_file "$W/bad" -r
}

loop_new disk 64M
mkfs.ext4 -qF -b 4096 "$LOOP"
mkdir "$W/m"; mount "$LOOP" "$W/m"
mkdir "$W/m/d"
for i in 1 2 3; do head -c 400000 /dev/urandom >"$W/m/d/f$i"; done
cp -a "$W/m/d" "$W/want"
umount "$W/m"; loop_end "$LOOP"
at=$(python3 -c 'import sys; print(open(sys.argv[1], "rb").read().find(open(sys.argv[2], "rb").read()[81920:86016]))' "$W/disk.img" "$W/want/f2")
[ "$at" -gt 0 ] || fail "the file is not in the image"

bad_loop "$W/disk.img" "$at" 4096
before=$(digest "$W/disk.img")
extract_plan "$LOOP" "$W/to"
run_plan 7
equal "$(grep -c . "$(report losses.txt)")" 1 "losses"
grep -q '^partial: /d/f2: bytes 81920-86015: Input/output error$' "$(report losses.txt)" || { cat "$(report losses.txt)"; fail "the unreadable range"; }
cmp "$W/want/f1" "$W/to/d/f1"
cmp "$W/want/f3" "$W/to/d/f3"
cmp -n 81920 "$W/want/f2" "$W/to/d/f2"
cmp <(tail -c +86017 "$W/want/f2") <(tail -c +86017 "$W/to/d/f2")

# at the first error the device is imaged and everything comes from the image; what is unreadable stays a noted hole, not zeros
rm -rf "$W/to"
extract_plan "$LOOP" "$W/to" "image-to: $W/first"
run_plan 7
equal "$(cat "$(report losses.txt)")" "partial: /d/f2: bytes 81920-86015: Input/output error" "losses through the image"
for f in f1 f3; do cmp "$W/want/$f" "$W/to/d/$f"; done
cmp -n 81920 "$W/want/f2" "$W/to/d/f2"
cmp <(tail -c +86017 "$W/want/f2") <(tail -c +86017 "$W/to/d/f2")
grep -q "4096 bytes in 1 places unreadable" "$(report report.txt)" || fail "the report does not tell about the image"
equal "$(stat -c %s "$W/first")" "$(stat -c %s "$W/disk.img")" "size of the image"
# killed while it is imaged: it goes on with the map
rm -rf "$W/to" "$W/first"
RESCUE_FAULT=extract.image.done:1 run_plan 137
KEEP_STATE=1 run_plan 7
equal "$(cat "$(report losses.txt)")" "partial: /d/f2: bytes 81920-86015: Input/output error" "losses after a kill"
cmp "$W/want/f1" "$W/to/d/f1"
# the same, and the map in the state directory is gone: the one beside the image counts. What it calls rescued is not read again
rm -rf "$W/to" "$W/first"
RESCUE_FAULT=extract.image.done:1 run_plan 137
find "$W/state" -name map -delete
[ -s "$W/first.map" ] || fail "no map beside the image"
printf "not read again" | dd of="$W/first" bs=1 seek=60000000 conv=notrunc status=none
KEEP_STATE=1 run_plan 7
equal "$(dd if="$W/first" bs=1 skip=60000000 count=14 status=none)" "not read again" "what was rescued before the kill"
equal "$(cat "$(report losses.txt)")" "partial: /d/f2: bytes 81920-86015: Input/output error" "losses with the map beside the image"
for f in f1 f3; do cmp "$W/want/$f" "$W/to/d/$f"; done
rm -rf "$W/to" "$W/first"

# a block of the inode table: its 16 files are on the list, all others come through the image
umount -l "$W/bad"; loop_end "$LOOP"
loop_new inodes 64M
mkfs.ext4 -qF -b 4096 "$LOOP"
mount "$LOOP" "$W/m"
mkdir "$W/m/many"; for i in $(seq 100); do echo "file $i" >"$W/m/many/f$i"; done
umount "$W/m"; loop_end "$LOOP"
bad_loop "$W/inodes.img" $(($(debugfs -R 'imap /many/f30' "$W/inodes.img" 2>/dev/null | sed -n 's/.*at block \([0-9]*\).*/\1/p') * 4096)) 4096
# a path that comes first, and nobody can even say what it is: it is on the list, once
extract_plan "$LOOP" "$W/to" "first: [/many/f30]"
run_plan 7
equal "$(grep -c '^lost: /many/f30: .*Input/output error' "$(report losses.txt)")" 1 "a path of 'first' that cannot be read: $(cat "$(report losses.txt)")"
[ -e "$W/to/many/f99" ] || fail "the rest is not there"
rm -rf "$W/to"
extract_plan "$LOOP" "$W/to" "image-to: $W/first"
run_plan 7
lost=$(grep -c '^lost: /many/f' "$(report losses.txt)")
[ "$lost" -ge 1 ] && [ "$lost" -le 16 ] || fail "$lost files lost with a block of 16 inodes"
equal "$(find "$W/to/many" -type f | wc -l)" $((100 - lost)) "files through the image"
equal "$(cat "$W/to/many/f99")" "file 99" "a file through the image"
umount -l "$W/bad"; loop_end "$LOOP"

# the block with the attributes of a file, and of a folder: they come without them, and are listed; into an archive as well
loop_new attributes 64M
mkfs.ext4 -qF -b 4096 "$LOOP"
mount "$LOOP" "$W/m"
mkdir "$W/m/folder"; echo content >"$W/m/folder/file"
for i in folder/file folder; do setfattr -n user.big -v "$i$(printf '%2000s')" "$W/m/$i"; done
umount "$W/m"; loop_end "$LOOP"
rm -rf "$W/to" "$W/first"
acl() { echo $(($(debugfs -R "stat $1" "$W/attributes.img" 2>/dev/null | sed -n 's/.*File ACL: *\([0-9]*\).*/\1/p') * 4096)); }
bad_loop "$W/attributes.img" "$(acl /folder)" 4096 "$(acl /folder/file)" 4096
for to in to to.tar; do
	extract_plan "$LOOP" "$W/$to"
	run_plan 7
	equal "$(sort "$(report losses.txt)" | tr '\n' '|')" \
		"attributes: /folder/file: read extended attributes: Input/output error|attributes: /folder: read extended attributes: Input/output error|" "losses of $to"
done
equal "$(cat "$W/to/folder/file") $(tar -xOf "$W/to.tar" ./folder/file)" "content content" "a file whose attributes are lost"
umount -l "$W/bad"; loop_end "$LOOP"
bad_loop "$W/disk.img" "$at" 4096
rm -rf "$W/to" "$W/to.tar" "$W/first"

cat >"$W/plan.yaml" <<PLAN
plan: 1
name: image
devices:
  dying: {loop: "$W/bad", access: read}
steps:
  - image-device: {id: get, from: "\${dying}", to: "$W/image"}
PLAN
run_plan 7
equal "$(cat "$(report losses.txt)")" "partial: $W/image: bytes $at-$((at + 4095)): could not be read" "what ddrescue could not read"
cmp -n "$at" "$W/disk.img" "$W/image"
cmp <(tail -c +$((at + 4097)) "$W/disk.img") <(tail -c +$((at + 4097)) "$W/image")
equal "$(digest "$W/disk.img")" "$before" "the source"

# btrfs: the image has the UUIDs of the device (T62), checksums prove what was read from it, and nothing is called good that is not
umount -l "$W/bad"; loop_end "$LOOP"
loop_new b 120M
mkfs.btrfs -qf "$LOOP" >/dev/null 2>&1
mount "$LOOP" "$W/m"
cp -a "$W/want" "$W/m/d"
sync -f "$W/m"; umount "$W/m"; loop_end "$LOOP"
at=$(python3 -c 'import sys; print(open(sys.argv[1], "rb").read().find(open(sys.argv[2], "rb").read()[81920:86016]))' "$W/b.img" "$W/want/f2")
[ "$at" -gt 0 ] || fail "the file is not in the image"
bad_loop "$W/b.img" "$at" 4096
rm -rf "$W/to"
extract_plan "$LOOP" "$W/to" "image-to: $W/first"
run_plan 7
grep -q '^partial: /d/f2: bytes 81920-' "$(report losses.txt)" || { cat "$(report losses.txt)"; fail "the unreadable range of a btrfs"; }
equal "$(grep -c '^good f' "$(report manifest)")" 2 "files proven through the image"
for f in f1 f3; do cmp "$W/want/$f" "$W/to/d/$f"; done

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Damaged filesystems: everything that can be had comes out, what cannot is listed, nothing false is called good, and the source stays as
# it was to the last bit (T63, T68, T69, T72, T73).
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
. "$TOP/tests/damage_lib.sh"
need_root
need mkfs.btrfs mkfs.ext4 mkfs.xfs setfattr setfacl python3 btrfs debugfs

mkdir "$W/mnt" "$W/out"
MANY=400 DEEP=5

# make_image NAME SIZE MKFS...: a filesystem with the nasty tree; its manifest is NAME.manifest
make_image() {
	local name=$1 size=$2
	shift 2
	loop_new "$name" "$size"
	"$@" "$LOOP" >/dev/null 2>&1
	mount "$LOOP" "$W/mnt"
	nasty_tree "$W/mnt"
	head -c 300000 /dev/urandom >"$W/mnt/marked"
	touch -d '2011-11-11' "$W/mnt/marked" "$W/mnt"
	sync -f "$W/mnt"
	cp "$W/mnt/marked" "$W/marked"
}
manifest_of() { "$RESCUE" manifest --skip lost+found "$1"; }
finish_image() { # NAME
	manifest_of "$W/mnt" >"$W/$1.manifest"
	umount "$W/mnt"
	loop_end "$LOOP"
}
# the image as it would be after a power cut right now: copied while mounted, after an fsync; again when somebody else's sync(2) came between them
crash_image() { # NAME
	local i
	for i in 1 2 3 4 5 6 7 8; do
		rm -f "$W/mnt/newest"
		printf 'the newest file\n' >"$W/mnt/newest"
		python3 -c 'import os,sys; f = os.open(sys.argv[1], os.O_RDONLY); os.fsync(f); f = os.open(sys.argv[2], os.O_RDONLY); os.fsync(f)' "$W/mnt/newest" "$W/mnt"
		cp --sparse=always "$W/$1.img" "$W/$1-dirty.img"
		case $(blkid -p -s TYPE -o value "$W/$1.img") in
		btrfs) btrfs inspect-internal dump-super "$W/$1-dirty.img" | grep -q '^log_root[[:space:]]*0$' || break ;;
		*) break ;;
		esac
		sync -f "$W/mnt"
	done
	finish_image "$1"
	mv "$W/$1-dirty.img" "$W/$1.img"
}
tree_blocks() { # IMAGE BYTENR: where the copies of this btrfs tree block lie in the image
	python3 - "$1" "$2" <<'PY'
import mmap, struct, sys
f = open(sys.argv[1], 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); want = int(sys.argv[2]); fsid = m[65536 + 32:65536 + 48]
for at in range(0, len(m) - 4096, 4096):
    if m[at + 32:at + 48] == fsid and struct.unpack_from('<Q', m, at + 48)[0] == want:
        print(at)
PY
}

expect_rung() { [ "$(rung)" = "$1" ] || cat "$(report report.txt)"; equal "$(rung)" "$1" "rung"; }
expect_tree() { # NAME [paths that may differ, as a regular expression]
	manifest_of "$W/out/to" >"$W/have"
	grep -vE "${2:-^\$}" "$W/$1.manifest" >"$W/a" || true
	grep -vE "${2:-^\$}" "$W/have" >"$W/b" || true
	diff "$W/a" "$W/b" >"$W/diff" || { cut -c1-250 "$W/diff" | head -20; fail "$1: the tree differs"; }
}
say() { printf '%-45s %s\n' "$1" "rung '$(rung)': $(tail -n 1 "$(report report.txt)" | sed 's/.*): //')"; }
losses() { cat "$(report losses.txt)"; }
unproven() { grep -c '^unproven' "$(report manifest)" || true; }

echo "== btrfs"
make_image btrfs 300M mkfs.btrfs -f
finish_image btrfs

cp --sparse=always "$W/btrfs.img" "$W/d.img"
dd if=/dev/zero of="$W/d.img" bs=4096 seek=16 count=1 conv=notrunc status=none
extract_image 0 "$W/d.img"
expect_rung "another superblock on an overlay"
expect_tree btrfs
say "btrfs, first superblock gone"

cp --sparse=always "$W/btrfs.img" "$W/d.img"
at=$(find_bytes "$W/d.img" "$W/marked" 8192)
[ "$at" -gt 0 ] || fail "the marked file is not in the image"
printf 'flipped' | dd of="$W/d.img" bs=1 seek=$((at + 100)) conv=notrunc status=none
extract_image 7 "$W/d.img" "verify: yes"
expect_rung "read-only"
equal "$(losses)" "partial: /marked: bytes 8192-12287: Input/output error" "the list of losses"
grep -q '^partial f .* /marked$' "$(report manifest)" || fail "the manifest calls a damaged file something else than partial"
expect_tree btrfs ' /marked$'
cmp -n 8192 "$W/marked" "$W/out/to/marked" || fail "the part before the hole"
cmp <(tail -c +12289 "$W/marked") <(tail -c +12289 "$W/out/to/marked") || fail "the part behind the hole"
equal "$(stat -c %s "$W/out/to/marked")" 300000 "size of a file with a hole"
say "btrfs, data with a wrong checksum"

make_image log 300M mkfs.btrfs -f
crash_image log
extract_image 0 "$W/log.img"
expect_rung "log replayed on an overlay"
equal "$(cat "$W/out/to/newest")" "the newest file" "what only the log knows"
say "btrfs, log to be replayed"
log_root=$(btrfs inspect-internal dump-super "$W/log.img" | awk '$1 == "log_root" {print $2}')
[ "$log_root" != 0 ] || fail "the image has no log tree"
mapfile -t stripes < <(tree_blocks "$W/log.img" "$log_root")
[ ${#stripes[@]} -gt 0 ] || fail "where is the log root?"
for p in "${stripes[@]}"; do printf 'garbage' | dd of="$W/log.img" bs=1 seek=$((p + 200)) conv=notrunc status=none; done
extract_image 7 "$W/log.img"
expect_rung "nologreplay"
grep -q 'its log could not be replayed' "$W/run.log" || fail "the run does not say that the log is missing"
! grep -q '^good' "$(report manifest)" || fail "a file of the state before the log is called good"
expect_tree log ' (/|/newest)$'
say "btrfs, broken log tree"

loop_new r1 300M; A=$LOOP
loop_new r2 300M; B=$LOOP
mkfs.btrfs -qf -d raid1 -m raid1 "$A" "$B" >/dev/null 2>&1
mount "$A" "$W/mnt"
nasty_tree "$W/mnt"
manifest_of "$W/mnt" >"$W/raid.manifest"
umount "$W/mnt"
loop_end "$A"; loop_end "$B"
btrfs device scan --forget
extract_image 0 "$W/r2.img"
expect_rung "degraded"
expect_tree raid
say "btrfs, RAID1 with a device missing"

# chunk and root trees are fine, the filesystem tree's own checksum is not: only modes that ignore it can read, and nothing is called good
cp --sparse=always "$W/btrfs.img" "$W/d.img"
loop_file "$W/d.img"
csum_root=$(btrfs inspect-internal dump-tree -t root "$LOOP" | grep -A2 'key (CSUM_TREE ROOT_ITEM' | sed -n 's/.* bytenr \([0-9]*\).*/\1/p' | head -1)
loop_end "$LOOP"
mapfile -t stripes < <(tree_blocks "$W/d.img" "$csum_root")
[ ${#stripes[@]} -gt 0 ] || fail "where is the checksum tree?"
for p in "${stripes[@]}"; do printf 'garbage' | dd of="$W/d.img" bs=1 seek=$((p + 300)) conv=notrunc status=none; done
extract_image 7 "$W/d.img"
case $(rung) in
ibadroots* | idatacsums | all) ;;
*) fail "rung '$(rung)' with a broken checksum tree" ;;
esac
expect_tree btrfs
equal "$(grep -c '^good' "$(report manifest)" || true)" 0 "files called good although checksums were ignored"
[ "$(unproven)" -gt 100 ] || fail "only $(unproven) files are called unproven"
say "btrfs, broken checksum tree"

echo "== ext4"
make_image ext4 300M mkfs.ext4 -qF -b 4096
finish_image ext4
cp --sparse=always "$W/ext4.img" "$W/d.img"
dd if=/dev/zero of="$W/d.img" bs=1024 seek=1 count=1 conv=notrunc status=none
extract_image 0 "$W/d.img"
expect_rung "another superblock on an overlay, journal replayed"
expect_tree ext4
say "ext4, first superblock gone"

make_image journal 300M mkfs.ext4 -qF -b 4096
crash_image journal
extract_image 0 "$W/journal.img"
expect_rung "journal replayed on an overlay"
expect_tree journal
equal "$(cat "$W/out/to/newest")" "the newest file" "what only the journal knows"
say "ext4, dirty journal"

# one block of the inode table: 16 inodes; the rest must come out
cp --sparse=always "$W/ext4.img" "$W/d.img"
inode=$(debugfs -R 'stat /etc/f30' "$W/d.img" 2>/dev/null | sed -n 's/^Inode: \([0-9]*\).*/\1/p')
block=$(debugfs -R "imap <$inode>" "$W/d.img" 2>/dev/null | sed -n 's/.*at block \([0-9]*\).*/\1/p')
head -c 4096 /dev/urandom | dd of="$W/d.img" bs=4096 seek="$block" count=1 conv=notrunc status=none
extract_image 7 "$W/d.img"
expect_rung "read-only"
n=$(losses | grep -c '^lost: ')
[ "$n" -ge 1 ] && [ "$n" -le 16 ] || fail "$n files lost with one block of 16 inodes"
losses | grep -q '^lost: /etc/f30: ' || fail "the lost file is not listed"
manifest_of "$W/out/to" >"$W/have"
equal "$(($(wc -l <"$W/ext4.manifest") - $(wc -l <"$W/have")))" "$n" "files missing and files listed"
say "ext4, a block of the inode table gone"

# all copies of the group descriptors: e2fsck finds nothing with what it makes of them; they are where mkfs.ext4 would put them
cp --sparse=always "$W/ext4.img" "$W/d.img"
for at in 1 32769; do head -c 4096 /dev/urandom | dd of="$W/d.img" bs=4096 seek=$at conv=notrunc status=none; done
extract_image 7 "$W/d.img"
expect_rung "group descriptors made anew on an overlay"
expect_tree ext4
grep -q 'files may be missing' "$W/run.log" || fail "a repaired filesystem was called complete"
say "ext4, group descriptors gone"
# a filesystem that grew has them elsewhere: nothing is made up
truncate -s 300M "$W/grown.img"
mkfs.ext4 -qF -b 4096 "$W/grown.img" 100M
resize2fs "$W/grown.img" >/dev/null 2>&1
loop_file "$W/grown.img"; mount "$LOOP" "$W/mnt"; echo here >"$W/mnt/file"; umount "$W/mnt"; loop_end "$LOOP"
for at in 1 32769; do head -c 4096 /dev/urandom | dd of="$W/grown.img" bs=4096 seek=$at conv=notrunc status=none; done
extract_image 7 "$W/grown.img"
grep -q 'group descriptors made anew on an overlay.*it was resized' "$(report report.txt)" || fail "a layout that nobody knows was made up"

echo "== xfs"
make_image xfs 350M mkfs.xfs -qf
crash_image xfs
extract_image 0 "$W/xfs.img"
expect_rung "log replayed on an overlay"
expect_tree xfs
equal "$(cat "$W/out/to/newest")" "the newest file" "what only the log knows"
say "xfs, dirty log"

make_image clean 350M mkfs.xfs -qf
finish_image clean
cp --sparse=always "$W/clean.img" "$W/d.img"
dd if=/dev/zero of="$W/d.img" bs=512 count=1 conv=notrunc status=none
extract_image 7 "$W/d.img" "type: xfs"
expect_rung "repaired on an overlay"
expect_tree clean
grep -q 'files may be missing' "$W/run.log" || fail "a repaired filesystem was called complete"
say "xfs, first superblock gone"

echo "== nothing at all"
truncate -s 100M "$W/empty.img"
loop_file "$W/empty.img"
extract_plan "$LOOP" "$W/out/none"
run_plan 1
grep -q 'unknown type' "$W/run.log" || fail "no sentence about an unknown filesystem"

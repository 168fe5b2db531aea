#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Small files of a btrfs that is read-only are read from its devices, many at once: the same tree and the same manifest as the usual way, and what
# is not ordinary, damaged or does not answer comes the usual way.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/tree_lib.sh"
need_root
need mkfs.btrfs setfattr setfacl chattr python3
[ -e /dev/fuse ] || { echo "no /dev/fuse"; exit 77; }

mkdir -p "$W/m" "$W/dst" "$W/logs"
truncate -s 600M "$W/dst.img"
loop_file "$W/dst.img"
mkfs.btrfs -qf "$LOOP" >/dev/null 2>&1          # it keeps every attribute
mount "$LOOP" "$W/dst"
at_end "umount -l '$W/m' 2>/dev/null"
made() { # MKFS-OPTION...: a new btrfs at $W/m
	umount "$W/m" 2>/dev/null || true
	[ -z "${image:-}" ] || { loop_end "$LOOP"; rm "$image"; }
	loop_new btrfs 400M
	image=$W/btrfs.img
	mkfs.btrfs -qf "$@" "$LOOP" >/dev/null 2>&1
	mount -o noatime "$LOOP" "$W/m"
}
read_only() { umount "$W/m"; mount -o ro "${1:-$LOOP}" "$W/m"; }
copy() { # [OPTION...]: $W/dst/to, $W/out; $bulk files came from the device
	rm -rf "$W/dst/to" "$W/logs"; mkdir "$W/dst/to" "$W/logs"
	echo 3 >/proc/sys/vm/drop_caches
	"$O/helpers/copytree" "$W/m" "$W/dst/to" logs="$W/logs" "$@" >"$W/out" || fail "$(cat "$W/out")"
	bulk=$(grep -o 'bulk [0-9]*' "$W/out" | cut -d' ' -f2)
}
both_manifests() { { grep -v -e '^#' -e ' inode:' "$W/logs/manifest" | sort; "$RESCUE" manifest "$W/dst/to"; } >"$1"; }   # which name of a file is the first one is not always the same
some() { # DIR N: files of 2.5 to 60 KB, as they come: no two are alike
	mkdir -p "$1"
	for i in $(seq "$2"); do head -c $((2500 + i * 577 % 60000)) /dev/urandom >"$1/f$i"; done
}

# ---- everything that a file can be ----
made
DEEP=3 nasty_tree "$W/m/nasty"
some "$W/m/plain" 200
head -c 1500 /dev/urandom >"$W/m/inline"; : >"$W/m/nothing"; printf 1 >"$W/m/one"
for n in 2047 2048 2049 4095 4096 4097 1048575 1048576; do head -c $n /dev/urandom >"$W/m/size$n"; done
for i in $(seq 6); do head -c 10000 /dev/urandom >>"$W/m/pieces"; sync -f "$W/m"; done                   # several extents, with parts that are not used
for i in $(seq 0 2 30); do head -c 4096 /dev/urandom | dd of="$W/m/many-pieces" bs=4096 seek=$i conv=notrunc status=none; sync -f "$W/m"; done
for i in $(seq 1 2 31); do head -c 4096 /dev/urandom | dd of="$W/m/many-pieces" bs=4096 seek=$i conv=notrunc status=none; sync -f "$W/m"; done
head -c 50000 /dev/urandom >"$W/m/hole"; sync -f "$W/m"; fallocate -p -o 8192 -l 16384 "$W/m/hole"
head -c 5000 /dev/urandom >"$W/m/reserved"; fallocate -n -l 100000 "$W/m/reserved"
fallocate -l 20000 "$W/m/only-reserved"
head -c 90000 /dev/urandom >"$W/m/shorter"; sync -f "$W/m"; truncate -s 33333 "$W/m/shorter"
head -c 40000 /dev/urandom >"$W/m/longer"; sync -f "$W/m"; truncate -s 44444 "$W/m/longer"
head -c 200000 /dev/urandom >"$W/m/whole"; sync -f "$W/m"; cp --reflink=always "$W/m/whole" "$W/m/shared"; truncate -s 65536 "$W/m/shared"
head -c 60000 /dev/urandom >"$W/m/head"; sync -f "$W/m"; head -c 4096 /dev/urandom | dd of="$W/m/head" conv=notrunc status=none      # the rest of an extent
mkdir "$W/m/compressed" "$W/m/nocow" "$W/m/forced"
mount -o remount,compress-force=zstd "$W/m"
for i in 1 2 3; do head -c 100000 < <(yes "forced $i") >"$W/m/forced/c$i"; done
sync -f "$W/m"
mount -o remount,compress=no "$W/m"
for i in $(seq 30); do head -c 4096 /dev/urandom >"$W/m/behind$i"; done         # have checksums, where the compressed ones seem to go on
chattr +c "$W/m/compressed"; chattr +C "$W/m/nocow"
for i in 1 2 3; do head -c 100000 < <(yes "line $i") >"$W/m/compressed/c$i"; head -c 30000 /dev/urandom >"$W/m/nocow/n$i"; done
head -c 1800 < <(yes short) >"$W/m/compressed/inline"
for i in $(seq 40); do setfattr -n "user.attribute$i" -v "$(printf 'value%.0s' $(seq "$i"))" "$W/m/plain/f7"; done
setfattr -n user.empty "$W/m/plain/f8"
head -c 3000 /dev/urandom >"$W/m/flagged"; chattr +d "$W/m/flagged"
btrfs subvolume create "$W/m/sub" >/dev/null
some "$W/m/sub/in" 50
for i in $(seq 1 300); do echo "$i" >"$W/m/plain/z$i"; done
rm "$W"/m/plain/z?[02468]; some "$W/m/plain/later" 20; for i in $(seq 500 520); do head -c 7000 /dev/urandom >"$W/m/plain/a$i"; done
sync
copy; both_manifests "$W/usual"
equal "$bulk" 0 "files from the device while the filesystem is mounted writable"
mount -o remount,ro,bind "$W/m"
copy
equal "$bulk" 0 "files from the device of a filesystem of which only one mount is read-only"
read_only
copy; both_manifests "$W/bulk"
diff "$W/usual" "$W/bulk" >"$W/diff" || fail "not the same as the usual way: $(head -20 "$W/diff")"
[ ! -s "$W/logs/losses.txt" ] || fail "$(cat "$W/logs/losses.txt")"
# what is left for the usual way: over 1 MiB, several names, no blocks, and the nine kinds above that are not ordinary
odd=$(($(find "$W/m" -type f \( -size +1048576c -o -links +1 \) | wc -l) + $(ls "$W"/m/{compressed,nocow,forced}/* | wc -l) +
	$(ls "$W"/m/{many-pieces,hole,reserved,only-reserved,longer,flagged} "$W"/m/nasty/{sparse,allhole,tailhole} | wc -l)))
odd=$((odd - $(find "$W/m/nasty" -maxdepth 1 \( -name sparse -o -name allhole \) -size +1048576c | wc -l)))
equal "$((bulk + odd))" "$(find "$W/m" -type f -printf x | wc -c)" "files from the device, and those that are read the usual way"
unflag "$W/dst/to"

# a resumed copy finds what is there
marks=$W/marks; : >"$marks"
copy mark=1 marks="$marks"
mark=$(tail -1 "$marks" | sed "s/^trust [0-9]*/trust $(date +%s%N)/")
rm -r "$W/dst/to/plain/later"
"$O/helpers/copytree" "$W/m" "$W/dst/to" logs="$W/logs" resume="$mark" >"$W/out"
grep -q ' bulk 20 ' "$W/out" || fail "resumed: $(cat "$W/out")"
"$RESCUE" manifest "$W/dst/to" >"$W/again"
tail -n "$(wc -l <"$W/again")" "$W/usual" | cmp - "$W/again" || fail "the resumed copy differs"
unflag "$W/dst/to"

# ---- other profiles: what one device has whole is read there, stripes are the kernel's ----
places_of() { # FILE: where its beginning is in the image, each time
	python3 - "$image" "$1" <<'PY'
import sys
b = open(sys.argv[1], 'rb').read(); what = open(sys.argv[2], 'rb').read(512); at = b.find(what)
while at >= 0:
    print(at); at = b.find(what, at + 512)
PY
}
made -d dup -m dup
some "$W/m/a" 60
sync
mapfile -t places < <(places_of "$W/m/a/f30")
[ ${#places[@]} = 2 ] || fail "no two copies: ${places[*]}"
read_only
copy; same_tree "$W/m" "$W/dst/to"; equal "$bulk" 60 "files from the device, two copies of each"
umount "$W/m"
dd if=/dev/urandom of="$LOOP" bs=4096 seek=$((places[0] / 4096)) count=1 conv=notrunc status=none
mount -o ro "$LOOP" "$W/m"
copy; same_tree "$W/m" "$W/dst/to"; equal "$bulk" 59 "files from the device, the first copy of one is damaged"
[ ! -s "$W/logs/losses.txt" ] || fail "there is a second copy: $(cat "$W/logs/losses.txt")"

for sum in xxhash sha256 blake2; do
	made --csum $sum
	some "$W/m/a" 20
	read_only
	copy; same_tree "$W/m" "$W/dst/to"
	equal "$bulk" "$([ $sum = blake2 ] && echo 0 || echo 20)" "files from the device with $sum"
done

truncate -s 300M "$W/other.img"; main=$LOOP; loop_file "$W/other.img"; other=$LOOP LOOP=$main
for profile in raid1 raid0; do
	made -d $profile -m raid1 "$other"
	some "$W/m/a" 40
	read_only
	copy; same_tree "$W/m" "$W/dst/to"
	equal "$bulk" "$([ $profile = raid1 ] && echo 40 || echo 0)" "files from two devices, $profile"
done
umount "$W/m"
wipefs -qa "$other"

# ---- one copy only, damaged: that block is a hole, as ever, and nothing else suffers ----
made -d single -m dup
some "$W/m/a" 60
some "$W/m/b" 60
sync
place=$(places_of "$W/m/a/f30")
umount "$W/m"
dd if=/dev/urandom of="$LOOP" bs=4096 seek=$((place / 4096)) count=1 conv=notrunc status=none
mount -o ro "$LOOP" "$W/m"
copy; equal "$bulk" 119 "files from the device, one is damaged"
equal "$(cut -d: -f1,2,3 "$W/logs/losses.txt")" "partial: /a/f30: bytes 0-4095" "losses with a wrong block"
rm "$W/dst/to/a/f30"; equal "$(diff -r "$W/m" "$W/dst/to" 2>/dev/null)" "Only in $W/m/a: f30" "everything else"

# ---- a device that answers with an error, or not at all ----
umount "$W/m"
loop_end "$LOOP"
touch "$W/below"
serve() { # OFF LEN|stop: the filesystem behind a server that has trouble there
	"$O/helpers/badfile" "$image" "$W/below" "$@" & server=$!
	until [ -s "$W/below" ]; do sleep 0.05; done
	loop_file "$W/below" -r
	mount -o ro "$LOOP" "$W/m"
}
served() {
	kill -CONT $server 2>/dev/null || true
	umount -l "$W/m"
	loop_end "$LOOP"
	umount -l "$W/below"
	wait $server || true
}
at_end "kill -CONT \$server 2>/dev/null; umount -l '$W/m' 2>/dev/null; losetup -d \$LOOP 2>/dev/null; umount -l '$W/below' 2>/dev/null"
serve "$place" 4096
copy threads=1
equal "$(cut -d: -f1,2,3 "$W/logs/losses.txt")" "partial: /a/f30: bytes 0-4095" "losses with a bad sector"
rm "$W/dst/to/a/f30"; equal "$(diff -r "$W/m" "$W/dst/to" 2>/dev/null)" "Only in $W/m/a: f30" "everything else with a bad sector"
equal "$bulk" 0 "files from a device with a bad sector, which the first read of many finds"
served

dd if=/dev/urandom of="$image" bs=4096 seek=$((place / 4096)) count=1 conv=notrunc status=none
hanging() { # SECONDS [OPTION...]: the server stops where f30 lies, and goes on after so many seconds, 0: when the copy has ended
	if [ -n "${DEAD:-}" ]; then serve; else serve "$place" stop; fi # DEAD: it stops before the copy begins
	echo 3 >/proc/sys/vm/drop_caches
	find "$W/m" -printf '%s' >/dev/null
	[ -z "${DEAD:-}" ] || kill -STOP $server
	rm -rf "$W/dst/to" "$W/logs"; mkdir "$W/dst/to" "$W/logs"; : >"$W/out"
	"$O/helpers/copytree" "$W/m" "$W/dst/to" logs="$W/logs" "${@:2}" >"$W/out" 2>"$W/err" & p=$! rc=0
	[ "$1" = 0 ] || { sleep "$1"; kill -CONT $server; }
	for i in $(seq 300); do [ ! -s "$W/out" ] || break; sleep 0.1; done
	[ -s "$W/out" ] || fail "it still waits for the disk"
	kill -CONT $server; wait $p || rc=$?
}
hanging 3 patience=2
equal "$rc$(cut -d: -f1,2 "$W/logs/losses.txt")" "0partial: /a/f30" "losses after a late answer"
rm "$W/dst/to/a/f30"; equal "$(diff -r "$W/m" "$W/dst/to" 2>/dev/null)" "Only in $W/m/a: f30" "everything else after a late answer"
equal "$(cut -d' ' -f1-3 "$W/out")" "files 120 folders" "files after a late answer"
served
# The read that hangs was for twelve files, and no later one is answered either: each of them is listed, once.
hanging 0 patience=1 include='/a/f2?' include='/a/f3[01]'
equal "$rc" 0 "exit code"
sed -n 's/^lost: \/\(.*\): read: no answer: .*/\1/p' "$W/logs/losses.txt" >"$W/lost"
[ -s "$W/lost" ] || fail "nothing hung"
equal "$({ cat "$W/lost"; cd "$W/dst/to"; find . -type f | cut -c3-; } | sort | tr '\n' ' ')" \
	"$(cd "$W/m"; printf '%s ' a/f2? a/f3[01])" "each file is copied or listed as lost, once"
served
# A disk that does not answer at all is no reason to wait for ever.
DEAD=yes hanging 0 patience=1 threads=6
equal "$rc" 1 "exit code"
grep -q "^read '$W/m': [0-9]* reads got no answer within 1 s, and there is more to read. Turn the disk off" "$W/err" || fail "$(cat "$W/err")"
served

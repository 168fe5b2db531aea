#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Blocks with wrong checksums inside big files, which are read and written past the page cache, and behind the reading: only those blocks are missing,
# they are named and they are holes without blocks; everything around them is right, and the file is as long as it was.
. "$(dirname "$0")/../lib.sh"
need_root
need mkfs.btrfs mkfs.ext4 mkfs.xfs filefrag cmp python3
mkdir "$W/m"
truncate -s 300M "$W/src.img"
mkfs.btrfs -q -f -m single "$W/src.img" >/dev/null 2>&1
loop_file "$W/src.img"
mount "$LOOP" "$W/m"
head -c 3000001 /dev/urandom >"$W/m/three"
head -c 20000001 /dev/urandom >"$W/m/twenty"
sync
cp "$W/m/three" "$W/m/twenty" "$W"
umount "$W/m"
loop_end "$LOOP"
python3 - "$W" <<'END'
import sys
w = sys.argv[1]
image = open(w + "/src.img", "r+b")
raw = image.read()
for name, block in ("three", 300), ("three", 732), ("twenty", 0), ("twenty", 2000), ("twenty", 2001), ("twenty", 4000):
    want = open(f"{w}/{name}", "rb").read()[block * 4096:(block + 1) * 4096]
    at = raw.index(want)
    image.seek(at + len(want) - 1)
    image.write(bytes([want[-1] ^ 1]))
END
losses='partial: /three: bytes 1228800-1232895, 2998272-3000000: Input/output error|partial: /twenty: bytes 0-4095, 8192000-8200191, 16384000-16388095: Input/output error|'
for fs in ext4 xfs btrfs; do
	rm -f "$W/dst.img"; truncate -s 350M "$W/dst.img"; loop_file "$W/dst.img"
	mkfs.$fs -q $([ $fs = ext4 ] && echo -F || echo -f) "$LOOP" >/dev/null 2>&1
	mkdir -p "$W/d"
	mount "$LOOP" "$W/d"
	loop_file "$W/src.img"
	mount -o ro "$LOOP" "$W/m"
	mkdir "$W/d/to" "$W/d/logs"
	"$O/helpers/copytree" "$W/m" "$W/d/to" logs="$W/d/logs" >"$W/out" || fail "copytree: $(cat "$W/out")"
	equal "$(sort "$W/d/logs/losses.txt" | tr '\n' '|')" "$losses" "losses on $fs"
	sync -f "$W/d"
	for f in three twenty; do
		cp "$W/$f" "$W/expected"
		sed -n "s|^partial: /$f: bytes \(.*\): Input.*|\1|p" "$W/d/logs/losses.txt" | tr -d ' ' | tr , '\n' | while IFS=- read -r from to; do
			dd if=/dev/zero of="$W/expected" bs=1 seek="$from" count=$((to - from + 1)) conv=notrunc status=none
		done
		cmp "$W/expected" "$W/d/to/$f" || fail "$fs: '$f' differs in what could be read"
		holes=$(python3 - "$W/d/to/$f" <<'END'
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
size, at, out = os.fstat(f).st_size, 0, []
while at < size:
    hole = os.lseek(f, at, os.SEEK_HOLE)
    if hole >= size:
        break
    try:
        at = os.lseek(f, hole, os.SEEK_DATA)
    except OSError:
        at = size
    out.append(f"{hole}-{at - 1}")
print(", ".join(out))
END
)
		equal "$holes" "$(sed -n "s|^partial: /$f: bytes \(.*\): Input.*|\1|p" "$W/d/logs/losses.txt")" "holes of '$f' on $fs"
	done
	umount "$W/d" "$W/m"
done

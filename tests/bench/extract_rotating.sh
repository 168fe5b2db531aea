#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The engine of extract on a disk that turns, beside cp, rsync and tar: seconds and seeks. The disk is a model (rotating.c, by way of FUSE and a loop
# device): what is compared is the order in which each one reads, and that goes for any machine, busy or not.
# Needs libfuse3-dev and fuse3, which `make check` does not. TREE (a folder, default /usr/include), FS (ext4), RUNS (3), TOOLS.
. "$(dirname "$0")/../lib.sh"
need_root
need fusermount3 rsync tar getfattr
pkg-config --exists fuse3 || { echo "extract_rotating: install libfuse3-dev"; exit 77; }
C=$O/helpers/copytree TREE=${TREE:-/usr/include} FS=${FS:-ext4} RUNS=${RUNS:-3}
# shellcheck disable=SC2046
cc -O1 -o "$W/rotating" "$(dirname "$0")/rotating.c" $(pkg-config --cflags --libs fuse3) -lm

mkdir "$W/src" "$W/fuse" "$W/dst"
mount -t tmpfs tmpfs "$W/dst"
truncate -s 4G "$W/dst/disk.img"
loop_file "$W/dst/disk.img"
"mkfs.$FS" -q "$LOOP"
mount "$LOOP" "$W/src"
cp -a "$TREE/." "$W/src"
umount "$W/src"
"$W/rotating" "$W/dst/disk.img" "$W/fuse" &
at_end "umount -l '$W/fuse'"
for _ in $(seq 50); do [ ! -e "$W/fuse/disk" ] || break; sleep 0.1; done
LOOP=$(losetup -f --show -r "$W/fuse/disk")
LOOPS+=("$LOOP")
echo 1 >"/sys/block/${LOOP#/dev/}/queue/rotational"
echo mq-deadline >"/sys/block/${LOOP#/dev/}/queue/scheduler"
mount -o ro "$LOOP" "$W/src"
echo "$(find "$W/src" -type f | wc -l) files, $(du -sh "$W/src" | cut -f1), $FS"

one() {
	case $1 in
	rescue) "$C" "$W/src" "$W/dst/t" logs="$W/dst/logs" mark=5 ;;
	threads=*) "$C" "$W/src" "$W/dst/t" logs="$W/dst/logs" mark=5 "$1" ;;
	cp) cp -a "$W/src/." "$W/dst/t" ;;
	rsync) rsync -aHAX "$W/src/" "$W/dst/t/" ;;
	tar) tar -C "$W/src" --xattrs --acls -cf - . | tar -C "$W/dst/t" --xattrs --acls -xpf - ;;
	esac
}
for tool in ${TOOLS:-rescue cp rsync tar threads=1 threads=6}; do
	for ((i = 0; i < RUNS; i++)); do
		rm -rf "$W/dst/t" "$W/dst/logs"
		mkdir "$W/dst/t" "$W/dst/logs"
		sync; echo 3 >/proc/sys/vm/drop_caches
		t0=$(date +%s.%N) s0=$(getfattr --only-values -n user.seeks "$W/fuse/disk" 2>/dev/null)
		one $tool >/dev/null
		echo "$(date +%s.%N) $t0 $(getfattr --only-values -n user.seeks "$W/fuse/disk" 2>/dev/null) $s0"
	done | awk '{print $1 - $2, $3 - $4}' | sort -n |
		awk -v t=$tool '{s[NR] = $1; k[NR] = $2} END {m = int((NR + 1) / 2); printf "%-10s %6.1f s, %d seeks\n", t, s[m], k[m]}'
done

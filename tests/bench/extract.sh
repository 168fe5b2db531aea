#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The engine of extract beside what a user would run instead, cold caches, sync included: medians and ratios of one run.
# TREE (a folder to take as source, default /usr), FS ("btrfs ext4 xfs"), RUNS (3; after the first only the two quickest of the others go on),
# WHERE ("tmpfs disk"), BIG (MiB of the large files), SIZE (of the images, 12G), BTRFS (of a btrfs in such an image, 64G), AROUND (a command that is
# called with "begin" and "end" around each copy, and may stop what else runs here).
# QUICK=yes: /usr/include and 256 MiB, a few minutes. On a busy machine the seconds mean little; the processor time in brackets still does.
. "$(dirname "$0")/../lib.sh"
need_root
need rsync bsdtar tar
[ -z "${QUICK:-}" ] || { TREE=${TREE:-/usr/include} BIG=${BIG:-256}; }
C=$O/helpers/copytree
TREE=${TREE:-/usr} RUNS=${RUNS:-3} BIG=${BIG:-1024}

# Free memory, as much as a copy of 5 GB takes, is written to once: a virtual machine may have given it back to its host, and whoever comes next
# would wait for it.
mkdir "$W/fill"
mount -t tmpfs -o size=100% tmpfs "$W/fill"
cold() {
	local n
	sync; echo 3 >/proc/sys/vm/drop_caches
	n=$(awk '/^MemFree/ {n = $2 / 1024 * 0.9; printf "%d", n < 10240 ? n : 10240}' /proc/meminfo)
	dd if=/dev/zero of="$W/fill/all" bs=1M count="$n" status=none
	rm "$W/fill/all"
}
now() { date +%s.%N; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

one() { # TOOL FROM TO: copies
	case $1 in
	rescue) mkdir "$3"; mkdir -p "$W/logs"; "$C" "$2" "$3" logs="$W/logs" mark=5 >"$W/last" || return 1 ;;
	cp) cp -a "$2" "$3" ;;
	rsync) rsync -aHAX "$2/" "$3/" ;;
	tar) mkdir "$3"; tar -C "$2" --xattrs --acls -cf - . | tar -C "$3" --xattrs --acls -xpf - ;;
	bsdtar) mkdir "$3"; bsdtar -C "$2" --format pax -cf - . | bsdtar -C "$3" -xpf - ;;
	dd) mkdir "$3"; for f in "$2"/*; do dd if="$f" of="$3/${f##*/}" bs=1M status=none; done ;;
	esac
}
measure() { # TOOL FROM TO: one copy; its seconds, and the processor's of the tool itself
	local t0 TIMEFORMAT='%U %S'
	rm -rf "$3"
	# btrfs gives block groups back when it has time for it, and the next copy would take new ones, where nobody has written yet
	[ "$fs" != btrfs ] || { sync -f "${3%/*}" && btrfs balance start -dusage=0 -musage=0 "${3%/*}" >/dev/null; }
	cold
	${AROUND:-:} begin
	t0=$(now)
	{ time one "$1" "$2" "$3" 2>>"$W/errors" || touch "$W/failed"; } 2>"$W/cpu"
	sync -f "${3%/*}"
	awk -v a="$t0" -v b="$(now)" 'BEGIN {printf "%.2f\n", b - a}' >>"$W/wall.$1"
	${AROUND:-:} end
	awk '{printf "%.2f\n", $1 + $2}' "$W/cpu" >>"$W/cpu.$1"
	[ ! -e "$W/failed" ] || { echo "$1 failed:"; tail -n 3 "$W/errors"; } >&2
	rm -f "$W/failed"
}
table() { # WHAT FROM TO TOOL...: the first tool is ours. Round by round, so that a machine that slows down does it to all of them
	local what=$1 from=$2 to=$3 t i best=() all
	shift 3
	all=("$@")
	rm -f "$W"/wall.* "$W"/cpu.*
	one cp "$from" "$to" 2>/dev/null                        # whoever comes first would pay for the image's own blocks
	for t; do measure "$t" "$from" "$to"; done
	shift
	mapfile -t best < <(for t; do echo "$(<"$W/wall.$t") $t"; done | sort -n | awk 'NR <= 2 {print $2}')
	for ((i = 1; i < RUNS; i++)); do
		for t in "${all[0]}" "${best[@]}"; do measure "$t" "$from" "$to"; done
	done
	printf '%-34s' "$what"
	for t in "${all[@]}"; do printf ' %s %s s (%s)' "$t" "$(median <"$W/wall.$t")" "$(median <"$W/cpu.$t")"; done
	for t in "${best[@]}"; do median <"$W/wall.$t"; done | sort -n | head -n 1 |
		awk -v o="$(median <"$W/wall.${all[0]}")" '{printf "   ratio %.2f", $1 / o}'
	paste -d' ' "$W/wall.${all[0]}" "${best[@]/#/$W/wall.}" |
		awk '{b = $2; if (NF > 2 && $3 < b) b = $3; printf " %s%.2f", NR == 1 ? "(single rounds " : "", b / $1} END {print ")"}'
	rm -rf "$to"
}

echo "load when it begins: $(cut -d' ' -f1-3 /proc/loadavg)"
# The whole image is there from the beginning and nothing of it is discarded: who writes to it first would pay for its blocks, or for its memory.
# Two of them in memory must leave room for what is copied to be in the cache, too; if they do not, they grow as before, and that is said.
# A btrfs is 64 GB large, of which only SIZE is there: on a small one everybody waits for the space that it keeps for metadata. On disk, the loop
# device passes the cache of the machine by, as a disk of its own would.
image() { # WHERE FILE
	local size=$(($(numfmt --from=iec "${SIZE:-12G}") / 1048576)) memory=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 1024))
	if [ "$1" = tmpfs ] && [ $((size * 2)) -gt $((memory * 6 / 10)) ]; then
		echo "two images of $size MiB are much for $memory MiB of memory: the first round may be slow, SIZE makes them smaller"
		truncate -s "${size}M" "$2"
	else
		dd if=/dev/zero of="$2" bs=1M count=$size status=none
	fi
}
for where in ${WHERE:-tmpfs disk}; do
	mkdir -p "$W/images"
	[ $where = disk ] || mount -t tmpfs -o size=90% tmpfs "$W/images"
	for fs in ${FS:-btrfs ext4 xfs}; do
		for i in src dst; do
			image "$where" "$W/images/$i"
			[ $fs != btrfs ] || truncate -s "${BTRFS:-64G}" "$W/images/$i"
			loop_file "$W/images/$i"
			[ $where = tmpfs ] || losetup --direct-io=on "$LOOP"
			case $fs in
			btrfs) mkfs.btrfs -qKf "$LOOP" >/dev/null 2>&1 ;;
			ext4) mkfs.ext4 -qF -E nodiscard "$LOOP" ;;
			xfs) mkfs.xfs -qKf "$LOOP" ;;
			esac
			mkdir -p "$W/$i"
			mount -o nodiscard "$LOOP" "$W/$i"
		done
		mkdir "$W/src/tree" "$W/src/big"
		cp -a --one-file-system "$TREE/." "$W/src/tree"
		for i in 1 2; do head -c $((BIG / 2))M /dev/urandom >"$W/src/big/$i"; done
		mount -o remount,ro "$W/src"            # as extract has it, and so for everybody
		table "$where $fs $(find "$W/src/tree" -type f | wc -l) files" "$W/src/tree" "$W/dst/t" rescue cp rsync tar bsdtar
		sed 's/^/    /' "$W/last"
		table "$where $fs large files $BIG MiB" "$W/src/big" "$W/dst/t" rescue cp dd
		umount "$W/src" "$W/dst"
		for i in "${LOOPS[@]}"; do losetup -d "$i"; done
		LOOPS=()
		rm "$W/images/src" "$W/images/dst"
	done
	[ $where = disk ] || umount "$W/images"
done

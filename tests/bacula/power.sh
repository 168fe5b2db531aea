#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a mark vouches for survives a power cut, on every filesystem of the target: the disks are copied at the instant of the kill, without what the
# kernel had not written yet, and the restore goes on with the copies.
if [ -z "${IN_POWER:-}" ]; then exec env IN_POWER=1 unshare --mount --propagation private bash "$0" "$@"; fi
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
bac_need mkfs.ext4
bac_lab
trap 'rc=$?; set +e; bac_stop; umount -R "$lab/to" 2>/dev/null; rm -rf "$lab"; exit $rc' EXIT
tree_full "$lab/src"
tree_many "$lab/src/var/many" 1500 5 links
bac_start
bac_run Full
tree_change1 "$lab/src"
bac_run Incremental
bac_stop
python3 "$top/tests/bacula/manifest.py" "$lab/src" >"$lab/m"

disks() { # disks NUMBER: root and var, two filesystems, at $lab/to
	mkdir -p "$lab/to"
	loop_mount "$lab/root$1.img" "$lab/to"
	mkdir -p "$lab/to/var"
	loop_mount "$lab/var$1.img" "$lab/to/var"
}
go() { "$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" --strip "$lab/src" "$lab/vol"; }

for f in bacula.marked:1 bacula.marked:2 bacula.session:2; do
	rm -rf "$lab"/*.img "$lab/state"
	truncate -s 200M "$lab/root1.img" "$lab/var1.img"
	for d in root1 var1; do mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=1 "$lab/$d.img"; done
	disks 1
	rmdir "$lab/to/lost+found" "$lab/to/var/lost+found"
	rc=0
	{ RESCUE_FAULT=$f go >"$lab/out" 2>&1 || rc=$?; } 2>/dev/null
	[ $rc = 137 ] || { cat "$lab/out"; echo "$f: exit code $rc"; exit 1; }
	for d in root var; do cp --sparse=always "$lab/${d}1.img" "$lab/${d}2.img"; done       # the power goes
	cp -r "$lab/state" "$lab/state2"
	umount "$lab/to/var" "$lab/to"
	rm -rf "$lab/state"; mv "$lab/state2" "$lab/state"
	disks 2
	go >"$lab/out" 2>&1 || { cat "$lab/out"; exit 1; }
	python3 "$top/tests/bacula/manifest.py" "$lab/to" >"$lab/got"
	umount "$lab/to/var" "$lab/to"
	diff "$lab/m" "$lab/got" >"$lab/diff" || { echo "$f: after the power cut the tree is another one:"; head -20 "$lab/diff"; exit 1; }
	echo "$f: the same"
done

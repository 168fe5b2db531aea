#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# T86: a raw device in the backup. Nothing is ever written to a device: it is left out and named, or its content goes into an ordinary file.
set -eu
. "$(dirname "$0")/lib.sh"
bac_need losetup
bac_lab
head -c 1500000 /dev/urandom >"$lab/disk"
truncate -s 2M "$lab/disk"
loop=$(losetup --find --show "$lab/disk")
trap 'rc=$?; set +e; bac_stop; losetup -d "$loop"; rm -rf "$lab"; exit $rc' EXIT
echo file >"$lab/src/file"
BAC_FILES="$loop $lab/src"
BAC_OPTIONS="signature = SHA1"
bac_start
bac_run Full
bac_stop
"$RESCUE" bacula ls --job 1 "$lab/vol" | grep -q 'raw.*loop' || { "$RESCUE" bacula ls --job 1 "$lab/vol"; echo "the daemon did not save a raw device"; exit 1; }
cp "$lab/disk" "$lab/was"
dd if=/dev/zero of="$lab/disk" bs=64k count=4 conv=notrunc status=none        # what a restore to the device would bring back
sum=$(sha256sum <"$lab/disk")

restore() { # restore CODE OPTIONS...
	local want=$1 rc=0
	shift
	rm -rf "$lab/to" "$lab/state"; mkdir "$lab/to"
	"$RESCUE" bacula restore --quiet --no-skeleton --to "$lab/to" --state "$lab/state" "$@" "$lab/vol" >"$lab/out" 2>&1 || rc=$?
	[ $rc = "$want" ] || { cat "$lab/out"; echo "exit code $rc, wanted $want"; exit 1; }
	sync
	[ "$(sha256sum <"$lab/disk")" = "$sum" ] || { echo "the device was written to"; exit 1; }
	[ -z "$(find "$lab/to" -type b)" ] || { echo "a device node was made"; exit 1; }
}
restore 7
grep -q 'not written to a device' "$lab/state/report.json"
[ ! -e "$lab/to/$loop" ] && [ "$(cat "$lab/to/$lab/src/file")" = file ]
restore 0 --raw-as-file
cmp "$lab/was" "$lab/to/$loop"

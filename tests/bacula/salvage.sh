#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# bacula-salvage: a read-only filesystem goes into the Director's catalog as a job of its own, and what is in it comes back. Then a damaged device: it is
# mounted by the ladder for the time of the job, never written to, and free again afterwards.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree_lib.sh"
if [ -z "${IN_SALVAGE:-}" ]; then exec env IN_SALVAGE=1 unshare --mount --propagation private bash "$0" "$@"; fi
bac_need
bac_lab
mkdir "$lab/broken"
tree_full "$lab/broken"
echo regular >"$lab/src/file"
mount --bind "$lab/broken" "$lab/broken"
mount -o remount,bind,ro "$lab/broken"
BAC_DIR_EXTRA="FileSet { Name = SalvageFS; Include { Options { signature = SHA1; aclsupport = yes; xattrsupport = yes; sparse = yes }
  File = \"$lab/broken\" } }
FileSet { Name = DamagedFS; Include { Options { signature = SHA1; aclsupport = yes; xattrsupport = yes; sparse = yes }; File = "/damaged" } }
Job { Name = damaged; Type = Backup; Level = Full; Client = web-01-fd; FileSet = DamagedFS; Storage = St; Pool = SalvagePool; Messages = M }
Pool { Name = SalvagePool; Pool Type = Backup; AutoPrune = no; Recycle = no; Label Format = \"Salvage-\" }
Job { Name = salvage; Type = Backup; Level = Full; Client = web-01-fd; FileSet = SalvageFS; Storage = St; Pool = SalvagePool; Messages = M }"
bac_start
bac_run Full
kill "$bac_pid_fd"
wait "$bac_pid_fd" 2>/dev/null || true

run() { # run CODE OPTIONS...
	local want=$1 rc=0
	shift
	rm -rf "$lab/state"
	{
		printf 'plan: 1\nname: test\n%ssteps:\n  - bacula-salvage:\n      id: s\n' "${devices:-}"
		for o in "console-config: $lab/etc/bconsole.conf" "fd-config: $lab/etc/fd.conf" "client: web-01-fd" "fileset: ${fileset:-SalvageFS}" "$@"; do
			printf '      %s\n' "$o"
		done
	} >"$lab/plan.yaml"
	"$RESCUE" run "$lab/plan.yaml" --state "$lab/state" --volatile-state >"$lab/out" 2>&1 </dev/null || rc=$?
	[ $rc = "$want" ] || { cat "$lab/plan.yaml" "$lab/out"; echo "exit code $rc, wanted $want"; exit 1; }
}
says() { grep -qF -- "$1" "$lab/out" || { cat "$lab/out"; echo "it does not say: $1"; exit 1; }; }

run 3 "from: $lab/broken" "job: backup-web" "regular-job: backup-web"
says "would replace good backups"
run 3 "from: $lab/src" "job: salvage"
says "mount what is to be salvaged read-only"
run 1 "from: $lab/broken" "job: salvage" "min-files: 1000000"
says "were wanted"
run 0 "from: $lab/broken" "job: salvage" "regular-job: backup-web"
says "ended with status T"
[ "$(bac_sql "select count(*) from Job where Name='backup-web'")" = 1 ]

truncate -s 300M "$lab/disk.img"
mkfs.btrfs -q -f "$lab/disk.img" >/dev/null 2>&1
mkdir "$lab/disk"
loop_mount "$lab/disk.img" "$lab/disk"
tree_full "$lab/disk"
python3 "$top/tests/bacula/manifest.py" "$lab/disk" >"$lab/m-disk"
umount "$lab/disk"
dd if=/dev/urandom of="$lab/disk.img" bs=4096 seek=16 count=1 conv=notrunc status=none     # the first superblock
before=$(sha256sum <"$lab/disk.img")
loop=$(losetup --find --show "$lab/disk.img")
trap 'rc=$?; set +e; bac_stop; umount "$lab/broken" 2>/dev/null; losetup -d "$loop"; rm -rf "$lab"; exit $rc' EXIT
devices="devices: {d: {loop: $lab/disk.img}}
" fileset=DamagedFS
run 0 'from: "${d}"' "job: damaged" "regular-job: backup-web"
says "ended with status T"
[ "$before" = "$(sha256sum <"$lab/disk.img")" ]
if findmnt -n /damaged; then echo "/damaged is still mounted"; exit 1; fi
bac_stop
mkdir "$lab/to-disk"
"$RESCUE" bacula restore --quiet --no-skeleton --job-name damaged --to "$lab/to-disk" --strip /damaged "$lab/vol"
python3 "$top/tests/bacula/manifest.py" "$lab/to-disk" | diff "$lab/m-disk" -
mkdir "$lab/to"
"$RESCUE" bacula restore --quiet --no-skeleton --job-name salvage --to "$lab/to" --strip "$lab/broken" "$lab/vol"
python3 "$top/tests/bacula/manifest.py" "$lab/broken" >"$lab/m"
python3 "$top/tests/bacula/manifest.py" "$lab/to" | diff "$lab/m" -
umount "$lab/broken"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The main job, end to end: btrfs with subvolumes holding a real tree is lost (wipefs, superblocks overwritten). One plan takes everything
# out of the damaged original, read-only; makes the filesystem anew; restores it from an archive. Both trees must equal the original in
# content, owner, mode, mtime (ns), extended attributes, ACLs, hard-link groups and holes. Neighbours must not change by a byte.
. "$(dirname "$0")/../lib.sh"
need_root
need mkfs.btrfs mkfs.ext4 wipefs tar zstd setfacl setfattr setcap
TREE=${TREE:-/usr/share}

loop_new disk 3G; DISK=$LOOP
loop_new backup 3G; BACKUP=$LOOP
loop_new usb 4G; USB=$LOOP
loop_new neighbour 3G; NEIGHBOUR=$LOOP             # T57: as large as the lost one
mkfs.btrfs -q -f -L system "$DISK" >/dev/null 2>&1
mkfs.ext4 -q -F -L JOB-BACKUP "$BACKUP"
mkfs.ext4 -q -F -L JOB-SALVAGE "$USB"
mkfs.ext4 -q -F -L JOB-OTHER "$NEIGHBOUR"
before=$(digest "$W/neighbour.img")

special() { # files with everything that a file can have
	local h=$1
	echo "the thesis" >"$h/thesis"
	ln "$h/thesis" "$h/same"
	ln -s thesis "$h/link"; ln -s /nowhere/at/all "$h/broken"
	mkfifo "$h/fifo"; mknod "$h/null" c 1 3; mknod "$h/block" b 7 200
	setfattr -n user.note -v "last page" "$h/thesis"
	setfattr -n trusted.mark -v x "$h/thesis"
	setfacl -m u:12345:rw,g:54321:r "$h/thesis"
	mkdir "$h/shared"; setfacl -d -m u:12345:rwx "$h/shared"; chmod 2775 "$h/shared"; chown 1000:1001 "$h/shared"
	cp /bin/true "$h/ping"; setcap cap_net_raw+ep "$h/ping"
	cp /bin/true "$h/suid"; chown 1000 "$h/suid"; chmod 4755 "$h/suid"
	truncate -s 300M "$h/sparse"; echo end | dd of="$h/sparse" bs=1 seek=200M conv=notrunc status=none
	dd if=/dev/urandom of="$h/big" bs=1M count=40 status=none
	touch -d '1969-07-20 20:17:40.123456789' "$h/old"
	printf 'x' >"$h/$(printf 'line\nbreak')"; printf 'y' >"$h/$(printf 'bad\377utf8')"
	chown 4294967294:4294967294 "$h/old"
}

mkdir "$W/src" "$W/target" "$W/m"
mount "$DISK" "$W/src"
btrfs -q subvolume create "$W/src/@"
btrfs -q subvolume create "$W/src/@home"
mkdir -p "$W/src/@/usr" "$W/src/@home/anna"
cp -a "$TREE" "$W/src/@/usr/share"
special "$W/src/@home/anna"
sync
mount "$BACKUP" "$W/m"
tar -C "$W/src" --acls --xattrs --xattrs-include='*' --sparse --numeric-owner --format=posix -cf - . | zstd -q -1 -T0 -o "$W/m/system.tar.zst"
umount "$W/m"
"$RESCUE" manifest "$W/src" >"$W/original.manifest"
umount "$W/src"

# lost: the signature, and the first superblock overwritten
wipefs -aq "$DISK"
dd if=/dev/urandom of="$DISK" bs=4096 seek=16 count=16 conv=notrunc status=none
refuses 32 "wrong fs type" mount "$DISK" "$W/src"

cat >"$W/plan.yaml" <<PLAN
plan: 1
name: the main job
devices:
  root:   {loop: $W/disk.img, size: 3G, access: erase, consent: $W/disk.img}
  backup: {label: JOB-BACKUP}
  usb:    {label: JOB-SALVAGE, access: write}
steps:
  - extract:         {id: salvage, from: "\${root}", to: "\${usb}:/salvage", type: btrfs}
  - mkfs:            {id: rootfs, device: "\${root}", type: btrfs, label: system}
  - subvolumes:      {device: "\${root}", create: ["@", "@home"]}
  - mount:           {device: "\${root}", at: $W/target}
  - archive-restore: {id: restore, from: "\${backup}:/system.tar.zst", to: $W/target}
PLAN
backup=$(digest "$W/backup.img")
rc=0
"$RESCUE" run --volatile-state --state "$W/state" "$W/plan.yaml" || rc=$?
[ $rc = 0 ] || { cat "$W"/state/logs/* "$W"/state/steps/*/report.txt; fail "the run ended with exit code $rc"; }

same() { # same FOLDER NAME: its manifest equals the original's
	"$RESCUE" manifest "$1" >"$W/$2.manifest"
	diff "$W/original.manifest" "$W/$2.manifest" >"$W/diff" || { head -n 40 "$W/diff"; fail "$2 differs from the original"; }
}
mount "$DISK" "$W/src"
same "$W/src" restored
umount "$W/src"
mount "$USB" "$W/m"
same "$W/m/salvage" salvaged
umount "$W/m"
equal "$(digest "$W/neighbour.img")" "$before" "the neighbour of the same size"
equal "$(digest "$W/backup.img")" "$backup" "the backup, which was only to be read"
echo "$(wc -l <"$W/original.manifest") entries equal in the restored and in the salvaged tree"

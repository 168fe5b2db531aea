#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `sudo make demo`: a small real system on btrfs with two subvolumes and a backup archive; the filesystem is destroyed; a plan brings
# it back; the runner is killed in the middle once; the same command goes on; every file is compared with the manifest.
# Everything happens on disk images under build/demo and in a mount namespace of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
if [ "$(id -u)" != 0 ]; then
	echo "The demo makes loop devices and mounts: please run 'sudo make demo'." >&2
	exit 1
fi
[ -n "${DEMO_NS:-}" ] || DEMO_NS=1 exec unshare --mount --propagation private bash "$0" "$@"

RESCUE=$PWD/build/rescue
W=$PWD/build/demo
t0=$SECONDS
rm -rf --one-file-system "$W"
mkdir -p "$W/mnt" "$W/backup" "$W/target"
LOOPS=()
end() {
	local rc=$?
	set +e
	umount -R "$W/mnt" "$W/backup" "$W/target" 2>/dev/null
	for l in "${LOOPS[@]}"; do losetup -d "$l"; done
	rm -f "$W"/*.img
	rmdir "$W/mnt" "$W/backup" "$W/target" 2>/dev/null
	exit $rc
}
trap end EXIT
trap 'exit 130' INT TERM
trap 'echo "The demo ended in line $LINENO, which is not as it should be: $BASH_COMMAND" >&2' ERR
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }
changed() { # a status of tar: 1 says only that files changed while it read them, and this system is in use
	[ "$1" = 1 ] || { cat "$W/tar.err" >&2; return 1; }
}
loop() { LOOP=$(losetup --find --show "$1"); LOOPS+=("$LOOP"); }

say "A small system on btrfs, and its backup"
truncate -s 1G "$W/disk.img"
truncate -s 600M "$W/backup.img"
loop "$W/disk.img"; DISK=$LOOP
loop "$W/backup.img"; BACKUP=$LOOP
mkfs.btrfs -q -L system "$DISK" >/dev/null
mkfs.ext4 -q -L DEMO-BACKUP "$BACKUP"
mount "$DISK" "$W/mnt"
btrfs -q subvolume create "$W/mnt/@"
btrfs -q subvolume create "$W/mnt/@home"
mkdir -p "$W/mnt/@home/anna"
list=()
for d in etc usr/share/doc/libc6 usr/share/doc/bash usr/share/misc usr/share/perl5 usr/share/man/man8 usr/share/bash-completion \
	usr/share/zoneinfo usr/share/i18n usr/bin; do
	[ ! -e "/$d" ] || list+=("$d")
done
{ tar -C / --exclude='usr/bin/[e-z]*' --one-file-system -cf - "${list[@]}" 2>"$W/tar.err" || changed $?; } | tar -C "$W/mnt/@" -xpf -
echo "the thesis" >"$W/mnt/@home/anna/thesis.txt"
ln "$W/mnt/@home/anna/thesis.txt" "$W/mnt/@home/anna/same-file"
setfattr -n user.note -v "last page missing" "$W/mnt/@home/anna/thesis.txt"
setfacl -m u:daemon:r "$W/mnt/@home/anna/thesis.txt"
truncate -s 50M "$W/mnt/@home/anna/sparse.img"
dd if=/dev/urandom of="$W/mnt/@home/anna/photo" bs=1M count=24 status=none
sync
mount "$BACKUP" "$W/backup"
tar -C "$W/mnt" --acls --xattrs --xattrs-include='*' --sparse --format=posix -cf - . | zstd -q -3 -T0 -o "$W/backup/system.tar.zst"
"$RESCUE" manifest "$W/mnt" >"$W/before.manifest"
etc_time=$(stat -c %.9Y "$W/mnt/@/etc")
printf '%s entries, %s in the archive\n' "$(wc -l <"$W/before.manifest")" "$(du -h "$W/backup/system.tar.zst" | cut -f1)"
umount "$W/mnt" "$W/backup"

say "The filesystem is destroyed"
show wipefs --all --quiet "$DISK"
for at in 65536 67108864; do dd if=/dev/urandom of="$DISK" bs=4096 seek=$((at / 4096)) count=256 conv=notrunc status=none; done
mount "$DISK" "$W/mnt" 2>&1 | tail -n 1 || true

say "The plan"
cat >"$W/plan.yaml" <<PLAN
plan: 1
name: demo, after the filesystem was lost
devices:
  root:   {loop: $W/disk.img, size: 1G, access: erase, consent: $W/disk.img}
  backup: {label: DEMO-BACKUP}
steps:
  - mkfs:            {id: rootfs, device: "\${root}", type: btrfs, label: system}
  - subvolumes:      {device: "\${root}", create: ["@", "@home"]}
  - mount:           {device: "\${root}", at: $W/target}
  - archive-restore: {id: restore, from: "\${backup}:/system.tar.zst", to: $W/target}
  - write-file:      {path: $W/target/@/etc/rescued, content: "new filesystem \${rootfs.uuid}\n"}
PLAN
cat "$W/plan.yaml"
show "$RESCUE" run --dry-run --state "$W/state" "$W/plan.yaml"

say "It runs, and is killed in the middle (SIGKILL)"
printf '$ rescue run --state %s %s\n' "$W/state" "$W/plan.yaml"
"$RESCUE" run --state "$W/state" "$W/plan.yaml" >"$W/first.log" 2>&1 &
pid=$!
for _ in $(seq 600); do
	! grep -q ' restore begin ' "$W/state/journal" 2>/dev/null || break
	kill -0 $pid 2>/dev/null || break
	sleep 0.05
done
sleep 0.5
kill -KILL $pid 2>/dev/null && echo "killed process $pid" || echo "it was faster than the kill"
{ wait $pid; } 2>/dev/null || true
sed 's/^/  | /' "$W/first.log"
show "$RESCUE" status --state "$W/state" || true

say "The same command again: it goes on"
show "$RESCUE" run --state "$W/state" "$W/plan.yaml"

say "Every file against the manifest"
mount "$DISK" "$W/mnt"
grep -q "new filesystem $(blkid -s UUID -o value "$DISK")" "$W/mnt/@/etc/rescued"
rm "$W/mnt/@/etc/rescued"
touch -d "@$etc_time" "$W/mnt/@/etc"              # its time changed with the new file in it
"$RESCUE" manifest "$W/mnt" >"$W/after.manifest"
if ! diff "$W/before.manifest" "$W/after.manifest" >"$W/diff"; then
	head -n 20 "$W/diff"
	echo "THE RESULT DIFFERS: $W/diff"
	exit 1
fi
printf 'all %s entries are equal: content, owner, mode, times, attributes, ACLs, hard links, holes.\n' "$(wc -l <"$W/after.manifest")"
umount "$W/mnt"
say "Done in $((SECONDS - t0)) seconds. Plan, journal and logs are in build/demo."

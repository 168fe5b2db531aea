# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A lost filesystem, its backup, and the plan that brings it back: what the scenarios of the rescue image share. Source lib.sh first.

# recovery_tree DIR: what the filesystem held. Files of many sizes, a link, an odd name, a capability-free but exact mode.
recovery_tree() {
	local i
	mkdir -p "$1/etc" "$1/usr/bin" "$1/var/lib"
	for i in $(seq "${RECOVERY_FILES:-120}"); do
		head -c $((i * i * 37 % 200000)) /dev/zero | openssl enc -aes-128-ctr -K 00112233445566778899aabbccddee$(printf %02x $((i % 256))) \
			-iv 00000000000000000000000000000000 >"$1/var/lib/file $i"
	done
	echo "recovered" >"$1/etc/motd"
	ln -s ../etc/motd "$1/var/motd"
	chmod 4711 "$1/var/lib/file 7"
	(cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$VM_DIR/manifest"
	cp "$VM_DIR/manifest" "$1/manifest"
}

# recovery_disks: $VM_DIR/target.img (GPT; partition 2 held the filesystem, its start is overwritten) and $VM_DIR/backup.img (ext4 BACKUP)
recovery_disks() {
	mkdir -p "$VM_DIR/tree" "$VM_DIR/backup"
	[ -e "$VM_DIR/manifest" ] || recovery_tree "$VM_DIR/tree"
	[ -e "$VM_DIR/backup/tree.tar.zst" ] || tar -C "$VM_DIR/tree" --owner=0 --group=0 --numeric-owner --sort=name -cf - . | zstd -q -3 >"$VM_DIR/backup/tree.tar.zst"
	truncate -s 420M "$VM_DIR/target.img"
	sgdisk -n 1:2048:+16M -t 1:ef00 -n 2:0:0 -t 2:8300 "$VM_DIR/target.img" >/dev/null
	dd if=/dev/urandom of="$VM_DIR/target.img" bs=1M seek=18 count=2 conv=notrunc status=none
	mkfs.ext4 -q -F -L BACKUP -d "$VM_DIR/backup" "$VM_DIR/backup.img" 96M
}

# recovery_plan FILE [FINISH]
recovery_plan() {
	cat >"$1" <<END
plan: 1
name: lost root filesystem
finish: ${2:-poweroff}
devices:
  root: {serial: TARGET, partition: 2, access: erase, consent: TARGET}
  backup: {label: BACKUP}
steps:
  - mkfs: {id: rootfs, device: "\${root}", type: ${RECOVERY_FS:-btrfs}, label: system}
  - mount: {device: "\${root}", at: /target}
  - archive-restore: {from: "\${backup}:/tree.tar.zst", to: /target, mark: 1s}
  - write-file: {path: /target/etc/fstab, content: "UUID=\${rootfs.uuid} / ${RECOVERY_FS:-btrfs} defaults 0 1"}
  - exec: {id: compare, command: [sh, -c, "cd /target && sha256sum -c manifest >/dev/null"], repeatable: yes}
END
}

# recovery_check: the filesystem in the target holds exactly what it held, seen from here. It is mounted as the recovered machine would do it, writable
# (on a copy): after a power cut behind the plan's last step its log is replayed.
recovery_check() {
	local start m=$VM_DIR/mnt
	start=$(sgdisk -i 2 "$VM_DIR/target.img" | sed -n 's/^First sector: \([0-9]*\).*/\1/p')
	mkdir -p "$m"
	cp --sparse=always "$VM_DIR/target.img" "$VM_DIR/check.img"
	unshare -m --propagation private bash -eu -c '
		loop=$(losetup --find --show --offset $(($3 * 512)) "$1")
		blockdev --setrw "$loop"
		trap "umount $2 2>/dev/null; losetup -d $loop" EXIT
		mount "$loop" "$2"
		cd "$2"
		sha256sum -c --quiet "$4"
		[ "$(readlink var/motd)" = ../etc/motd ]
		[ "$(stat -c %a "var/lib/file 7")" = 4711 ]
		grep -q "^UUID=$(blkid -p -s UUID -o value "$loop") / " etc/fstab
		find . -type f | wc -l >"$5"
		cd /
	' bash "$VM_DIR/check.img" "$m" "$start" "$VM_DIR/manifest" "$VM_DIR/count" || vm_fail "the recovered filesystem differs from the lost one"
	rm "$VM_DIR/check.img"
	[ "$(cat "$VM_DIR/count")" = $(($(wc -l <"$VM_DIR/manifest") + 2)) ] || vm_fail "the recovered filesystem holds other files too"
}

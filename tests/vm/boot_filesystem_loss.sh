#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real Debian on btrfs with subvolumes, lost together with its ESP and the firmware's entry. Nobody at the console: the rescue image makes
# filesystems, restores an archive, corrects identifiers, installs GRUB, writes the entry, proves the chain. Then the disk starts by itself, under its
# own systemd, and says so. boot-check's answer (inside the plan) is the prediction.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
vm_need "$RESCUE" sfdisk zstd debootstrap mkfs.ext4
. "$TOP/tests/debian.sh"
cached_debootstrap

. "$(dirname "$0")/victim_lib.sh"

victim_tree <<'END'
findmnt -no SOURCE,FSTYPE,OPTIONS / /home
tail -n 2 /var/lib/rescue/after-boot.log
echo "VICTIM-STARTED $(cat /home/anna/letters) $(findmnt -no FSTYPE /boot/efi)"
END
mkdir "$VM_DIR/backup"
victim_pack "$VM_DIR/backup/victim.tar.zst"
mkfs.ext4 -q -F -L BACKUP -d "$VM_DIR/backup" "$VM_DIR/backup.img" 300M >/dev/null
mkfs.ext4 -q -F -L RESCUE-STATE "$VM_DIR/state.img" 64M >/dev/null
victim_disk
dd if=/dev/urandom of="$VM_DIR/target.img" bs=1M seek=1 count=66 conv=notrunc status=none       # what is left of both

cat >"$VM_DIR/plan.yaml" <<'END'
plan: 1
name: victim, everything on its disk is lost
finish: poweroff
devices:
  root:   {serial: TARGET, partition: 2, access: erase, consent: TARGET}
  esp:    {serial: TARGET, partition: 1, access: erase, consent: TARGET}
  backup: {label: BACKUP}
steps:
  - mkfs:            {id: rootfs, device: "${root}", type: btrfs, label: system}
  - mkfs:            {id: espfs, device: "${esp}", type: vfat, label: ESP}
  - subvolumes:      {device: "${root}", create: ["@", "@home"]}
  - mount:           {id: mount-root, device: "${root}", at: /target, options: "subvol=@"}
  - mount:           {id: mount-home, device: "${root}", at: /target/home, options: "subvol=@home"}
  - mount:           {id: mount-esp, device: "${esp}", at: /target/boot/efi}
  - archive-restore: {from: "${backup}:/victim.tar.zst", to: /target}
  - identifiers:     {root: /target}
  - grub-install:    {root: /target}
  - grub-mkconfig:   {root: /target}
  - efi-entry:       {esp: /target/boot/efi, removable: no}
  - after-boot:      {root: /target}
  - boot-check:      {root: /target}
END
"$RESCUE" image --initramfs "$VM_DIR/rescue.img" --plan "$VM_DIR/plan.yaml" --quiet
VM_BAD='PLAN FAILED|Kernel panic|the plan does not run by itself'
VM_DISK_CACHE=unsafe    # nothing is cut here
vm_new 1024
vm_firmware uefi "$VM_DIR/vars.fd"
vm_disk "$VM_DIR/target.img" virtio TARGET
vm_disk "$VM_DIR/backup.img" virtio BACKUP
vm_disk "$VM_DIR/state.img" virtio STATE
vm_direct "$VM_KERNEL" "$VM_DIR/rescue.img" "rootfstype=ramfs rescue.auto"
vm_start
vm_wait 'PLAN FINISHED|powering off now|PLAN FAILED|FAILED' 800
vm_has 'boot-check: done'
vm_has_not 'PLAN FAILED'
vm_wait 'reboot: Power down|powering off now' 60
vm_cut
t=$SECONDS
vm_new 1024
vm_firmware uefi "$VM_DIR/vars.fd"
vm_disk "$VM_DIR/target.img" virtio TARGET
vm_start
vm_wait 'VICTIM-STARTED my letters vfat' 800
vm_has 'the firmware kept Boot'
vm_cut
echo "the recovered machine started by itself, $((SECONDS - t)) s after its power came"

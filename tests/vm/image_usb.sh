#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From `rescue image --usb --plan` to a recovered filesystem, nobody at the console: UEFI (OVMF), virtio disks. The power fails twice on the way.
# At the end the machine powers off; started again, the medium's own menu leaves it to the next boot device (T59).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/recovery_lib.sh"
vm_need "$RESCUE" sgdisk zstd openssl mcopy mkfs.vfat grub-mkimage
RECOVERY_FS=ext4
recovery_disks
recovery_plan "$VM_DIR/plan.yaml" poweroff
"$RESCUE" image --usb "$VM_DIR/usb.img" --plan "$VM_DIR/plan.yaml" --quiet
VM_BAD='PLAN FAILED|Kernel panic|the plan does not run by itself'
boot() {
	vm_new 768
	vm_firmware uefi "$VM_DIR/vars.fd"
	vm_disk "$VM_DIR/usb.img" virtio STICK bootindex=1
	vm_disk "$VM_DIR/target.img" virtio TARGET
	vm_disk "$VM_DIR/backup.img" virtio BACKUP
	vm_start
}
boot
vm_wait '\[1/5\] rootfs: begin' 300
vm_cut
boot
vm_wait '\[3/5\] archive-restore: begin' 300
vm_cut
boot
vm_wait 'PLAN FINISHED' 300
vm_wait 'powering off now' 60
vm_cut
recovery_check
hash=$(sha256sum <"$VM_DIR/target.img")
boot
vm_wait "Booting .Leave: boot the next device" 120
vm_cut
[ "$hash" = "$(sha256sum <"$VM_DIR/target.img")" ] || vm_fail "T59: the target changed after the plan had finished"

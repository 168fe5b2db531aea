#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Kernel and initramfs started directly: an unattended recovery of a lost filesystem on NVMe, with the journal on a state disk; then the same
# machine boots again and must not do it twice (T59). The plan is in the initramfs: no medium is needed once it is in memory (T99).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/recovery_lib.sh"
vm_need "$RESCUE" mkfs.ext4 sgdisk zstd openssl
recovery_disks
recovery_plan "$VM_DIR/plan.yaml" reboot
"$RESCUE" image --initramfs "$VM_DIR/rescue.img" --plan "$VM_DIR/plan.yaml" --quiet
mkfs.ext4 -q -F -L RESCUE-STATE "$VM_DIR/state.img" 64M

boot() {
	vm_new 512
	vm_direct "$VM_KERNEL" "$VM_DIR/rescue.img" "rootfstype=ramfs rescue.auto"
	vm_disk "$VM_DIR/target.img" nvme TARGET
	vm_disk "$VM_DIR/backup.img" virtio BACKUP
	vm_disk "$VM_DIR/state.img" virtio STATE
	vm_start
}
boot
VM_BAD='PLAN FAILED|Kernel panic|the plan does not run by itself'
vm_wait 'PLAN FINISHED' 300
vm_off 60                       # -no-reboot: a restart ends the machine
vm_has 'restarting now'
vm_has_not 'Kernel panic'
recovery_check

hash=$(sha256sum <"$VM_DIR/target.img")
boot
vm_wait 'your choice' 120
vm_has 'finished in an earlier boot'
vm_cut
[ "$hash" = "$(sha256sum <"$VM_DIR/target.img")" ] || vm_fail "T59: the second boot changed the target"
debugfs -R 'ls -p /logs' "$VM_DIR/state.img" 2>/dev/null | grep -q boot- || vm_fail "no log of the boot on the state partition"

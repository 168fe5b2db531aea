#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A kernel crashed; the rescue image says so in its banner, copies the records to RESCUE-STATE, and leaves the firmware's alone until it is asked.
. "$(dirname "$0")/lib.sh"
vm_need "$RESCUE" mkfs.ext4 debugfs
cd "$VM_DIR"
vm_guest crash.cpio mod:efi_pstore mod:efivarfs <<'END'
	echo 1 >/proc/sys/kernel/sysrq
	echo CRASHING
	echo c >/proc/sysrq-trigger
	sleep 60
END
vm_new 512
vm_firmware uefi vars.fd
vm_direct "$VM_KERNEL" crash.cpio quiet
vm_start
vm_wait CRASHING 120
vm_off 60
"$RESCUE" image --initramfs rescue.img --quiet
mkfs.ext4 -q -F -L RESCUE-STATE state.img 64M
boot() {
	vm_new 512
	vm_firmware uefi vars.fd
	vm_direct "$VM_KERNEL" rescue.img rootfstype=ramfs
	vm_disk state.img virtio STATE
	vm_start
	vm_wait 'your choice' 180
}
boot
vm_has 'found +this machine crashed: .*SysRq'
vm_has 'copied to RESCUE-STATE:/pstore'
vm_type $'3\n'; vm_wait 'comes back to the menu' 30
vm_type $'ls /sys/firmware/efi/efivars | grep -c dump-type0; echo COUN"TED"\n'
vm_wait COUNTED 30
vm_text | grep -A1 'grep -c dump-type0' | grep -qE '^[1-9]' || vm_fail "the firmware's records are gone although nobody asked for it"
vm_type $'exit\n'; sleep 1; vm_type $'p\n'
vm_wait 'powering off now' 60
vm_cut
debugfs -R 'ls -p /pstore' state.img 2>/dev/null | grep -q panic || vm_fail "no copy on the state partition"

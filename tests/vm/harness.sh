#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The harness itself: a guest with a disk says what it sees; a machine that says nothing is a failure, not a success.
. "$(dirname "$0")/lib.sh"
vm_guest "$VM_DIR/guest.cpio" mod:virtio_blk mod:ext4 mod:virtio_pci bin:mkfs.ext4 <<'END'
	mkfs.ext4 -q /dev/vda && mkdir /m && mount /dev/vda /m && echo hello >/m/f && umount /m && echo "disk $(cat /sys/block/vda/serial)"
END
truncate -s 32M "$VM_DIR/disk.img"
vm_new 256
vm_direct "$VM_KERNEL" "$VM_DIR/guest.cpio" quiet
vm_disk "$VM_DIR/disk.img" virtio S123
vm_run 'VM-EXIT 0' 120
vm_has '^disk S123'
[ "$(debugfs -R 'cat /f' "$VM_DIR/disk.img" 2>/dev/null)" = hello ] || vm_fail "the guest's file did not reach the disk image"
if (vm_new 256; vm_direct "$VM_KERNEL" "$VM_DIR/guest.cpio" "quiet rdinit=/nothing"; trap - EXIT; vm_run 'VM-EXIT 0' 60) 2>/dev/null; then
	vm_fail "a machine without its marker counted as success"
fi

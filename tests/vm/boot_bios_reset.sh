#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine after a BIOS reset: blank NVRAM, no removable path on its ESP. It does not start; the medium repairs it from what the ESP holds (T39);
# the power goes between entry and order (T33); it starts by itself; a second repair adds nothing (T27); it starts again. boot-check predicts each.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
vm_need sfdisk partx mkfs.btrfs losetup debootstrap mcopy mkfs.vfat /usr/lib/shim/shimx64.efi.signed /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed
B=$VM_DIR
. "$TOP/tests/boot_lib.sh"
trap 'boot_close; vm_cleanup' EXIT
boot_base
boot_open
rm -r "$BOOT_ESP/EFI/BOOT"
predicted=$(boot_predict uefi)
boot_write_esp
boot_close
BOOT_VARS=$B/vars.fd

expect() { # expect yes|no: the machine starts by itself, or it does not
	boot_happens uefi
	[ "$(cat "$B/happened")" = "$1" ] || vm_fail "started by itself: $(cat "$B/happened"), wanted $1"
}

# medium MARKER: what the medium runs comes on standard input
medium() {
	vm_guest "$B/medium.cpio" mod:virtio_pci mod:virtio_blk mod:vfat mod:nls_cp437 mod:nls_ascii mod:efivarfs "$RESCUE:/bin/rescue"
	vm_new 512
	vm_firmware uefi "$BOOT_VARS"
	vm_disk "$BOOT_DISK" virtio
	vm_direct "$VM_KERNEL" "$B/medium.cpio" quiet
	vm_run "$1" 500
}

[ "$predicted" = no ] || vm_fail "boot-check said that it starts"
expect no

medium CUT-HERE <<'END'
RESCUE_FAULT=efi.entry.written:1 rescue efi repair --no-removable
ls /sys/firmware/efi/efivars | grep ^Boot0
echo CUT-HERE
sleep 1000
END

medium REPAIRED <<'END'
rescue efi repair --no-removable && rescue efi list && [ "$(rescue efi list | grep -c debian)" = 1 ] && echo REPAIRED
END
vm_has 'put in its place'
expect yes

medium NOTHING-ADDED <<'END'
rescue efi repair --no-removable | tee /out; rescue efi list
grep -q 'nothing had to be changed' /out && [ "$(rescue efi list | grep -c debian)" = 1 ] && rescue efi list | grep '^>' | grep -q debian && echo NOTHING-ADDED
END
expect yes
echo "BIOS reset: did not start, was repaired, started twice, one entry"

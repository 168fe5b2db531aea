#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The media themselves, in machines with nothing but a serial line: each one boots to its menu, by the firmware it is made for.
# Disk image: Secure Boot enforced (signed shim, GRUB, kernel; our initramfs needs no key). ISO: BIOS and UEFI. UKI: UEFI; signed with an own key,
# in a machine whose firmware knows that key and no other: there it starts, and the unsigned one does not.
. "$(dirname "$0")/lib.sh"
vm_need "$RESCUE" xorriso mcopy mkfs.vfat openssl sbsign /usr/share/ovmf/PkKek-1-snakeoil.key mkfs.ext4 grub-mkimage /usr/lib/shim/shimx64.efi.signed /usr/lib/systemd/boot/efi/linuxx64.efi.stub
cd "$VM_DIR"
mkdir debian
cp /usr/lib/shim/shimx64.efi.signed debian/shimx64.efi
cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed debian/grubx64.efi
"$RESCUE" image --usb usb.img --iso rescue.iso --uki rescue.efi --loaders "$PWD/debian" --quiet

# menu FIRMWARE MEDIUM KIND: boots to the menu, and powers off from there
menu() {
	vm_new 768
	vm_firmware "$1"
	vm_disk "$2" "$3"
	vm_start
	vm_wait 'rescue menu, your choice' 240
	vm_type $'p\n'
	vm_wait 'powering off now' 60
	vm_cut
	vm_has_not 'Kernel panic'
	echo "$1 $2: menu"
}
menu secure usb.img virtio
vm_has 'Secure boot enabled'
vm_has 'state +RESCUE-STATE on /dev/vda3'
menu bios rescue.iso cdrom
vm_has 'machine .*, BIOS'
vm_has 'loading the rescue system, for a machine with [12][0-9]* MiB of memory or more'
menu uefi rescue.iso cdrom
vm_has 'no disk at all'

esp() { # esp UKI: a disk whose removable path is the UKI
	rm -f esp.img
	truncate -s 64M esp.img
	mkfs.vfat -F 32 -s 1 esp.img >/dev/null
	mmd -i esp.img ::/EFI ::/EFI/BOOT
	mcopy -i esp.img "$1" ::/EFI/BOOT/BOOTX64.EFI
}
esp rescue.efi
menu uefi esp.img virtio
vm_has 'machine .*, UEFI, Secure Boot off'

vm_new 768
vm_firmware own
vm_disk esp.img virtio
vm_start
vm_wait 'Access Denied|Security Violation' 120
vm_cut
openssl pkey -in /usr/share/ovmf/PkKek-1-snakeoil.key -passin pass:snakeoil -out own.key
"$RESCUE" image --uki signed.efi --sign-key own.key --sign-cert /usr/share/ovmf/PkKek-1-snakeoil.pem --quiet
esp signed.efi
menu own esp.img virtio
vm_has 'machine .*, UEFI, Secure Boot on'

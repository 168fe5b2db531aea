#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The netboot folder, from a TFTP server, to the menu: by iPXE on a BIOS machine, by the distribution's signed GRUB on a UEFI machine.
. "$(dirname "$0")/lib.sh"
GRUBNET=/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed
vm_need "$RESCUE" "$GRUBNET"
cd "$VM_DIR"
"$RESCUE" image --netboot net --quiet
menu() { # menu BOOTFILE
	VM_ARGS+=(-netdev "user,id=net0,tftp=$VM_DIR/net,bootfile=$1" -device "virtio-net-pci,netdev=net0${2:-}")
	vm_start
	vm_wait 'your choice' 240
	vm_has 'network: eth0 is up'
	vm_has 'no disk at all'
	vm_cut
}
vm_new 512
menu boot.ipxe
vm_has 'machine .*, BIOS'

mkdir net/grub
cp net/grub.cfg net/grub/grub.cfg
cp "$GRUBNET" net/
vm_new 768
vm_firmware uefi
menu "$(basename "$GRUBNET")" ,romfile=
vm_has 'machine .*, UEFI'

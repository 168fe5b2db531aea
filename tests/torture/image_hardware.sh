#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's kernel for real machines: the generic image has the drivers that other hardware needs (T96); the stick starts from a USB socket (OVMF, xHCI),
# keeps its state there, and finds a USB disk behind UAS.
. "$(dirname "$0")/../vm/lib.sh"
. "$TOP/tests/debian.sh"
vm_need "$RESCUE" mkfs.vfat mkfs.ext4 mcopy zstd depmod
cached_full_kernel
cd "$VM_DIR"
"$RESCUE" image --kernel "$FULL_KERNEL/boot/vmlinuz-$FULL_KVER" --modules "$FULL_KERNEL/lib/modules/$FULL_KVER" --initramfs img --usb usb.img --quiet
{ zstd -dcq img | cpio -it --quiet; cat "$FULL_KERNEL/lib/modules/$FULL_KVER/modules.builtin"; } | sed -n 's|.*/\([^/]*\)\.ko.*|\1|p' | tr - _ | sort >aboard
for m in xhci_pci ehci_pci ohci_pci uhci_hcd usb_storage uas usbhid hid_generic hid_apple i8042 atkbd hyperv_keyboard i2c_hid_acpi \
	ahci ata_piix nvme megaraid_sas mpt3sas aacraid hpsa smartpqi mmc_block sdhci_pci sd_mod sr_mod vmd \
	virtio_blk virtio_scsi virtio_net hv_storvsc hv_netvsc vmw_pvscsi vmxnet3 xen_blkfront xen_netfront \
	e1000e igb ixgbe i40e ice r8169 tg3 bnx2 bnxt_en mlx5_core r8152 ax88179_178a cdc_ether \
	btrfs xfs ext4 vfat isofs dm_mod dm_crypt dm_thin_pool raid1 raid10 raid456 nls_cp437 nls_ascii efivarfs efi_pstore; do
	grep -qx "$m" aboard || vm_fail "the generic image has no $m"
done
! grep -qx 'iwlwifi' aboard || vm_fail "wireless drivers are aboard"
[ "$(stat -c %s img)" -lt 67108864 ] || vm_fail "T95: an initramfs of $(stat -c %s img) bytes is more than every loader takes"
rm img

truncate -s 32M disk.img
vm_new 768
vm_firmware uefi
vm_disk usb.img usb STICK bootindex=1
VM_ARGS+=(-drive if=none,id=second,format=raw,file=disk.img -device usb-uas,bus=xhcid0.0,id=uas0 -device scsi-hd,bus=uas0.0,drive=second,serial=BEHINDUAS)
vm_start
vm_wait 'your choice' 300
vm_has 'state +RESCUE-STATE on /dev/sd.3'
vm_has 'disk +sd. 32.0 MiB QEMU HARDDISK'
vm_cut

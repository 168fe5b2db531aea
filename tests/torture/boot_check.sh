#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The table of issue "boot repair": every variant is predicted, then started in QEMU. Prints predicted and happened; fails on any difference.
# BOOT_ONLY="name name": only these. Runs about 15 minutes.
. "$(dirname "$0")/../vm/lib.sh"
[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
vm_need sfdisk partx mkfs.btrfs losetup grub-install objcopy unmkinitramfs debootstrap mcopy mkfs.vfat
B=$VM_DIR
. "$TOP/tests/boot_lib.sh"
trap 'boot_close; vm_cleanup' EXIT
boot_base
bad=0 n=0
printf '%-20s %-5s %-9s %-9s %4s  %s\n' variant fw predicted happened s what
while read -r name firmware boots what <&7; do
	[ -n "$name" ] || continue
	[ -z "${BOOT_ONLY:-}" ] || [[ " $BOOT_ONLY " == *" $name "* ]] || continue
	boot_open
	boot_break "$name"
	predicted=$(boot_predict "$firmware")
	[ "$firmware" != uefi ] || boot_write_esp
	boot_close
	t=$SECONDS
	boot_happens "$firmware"
	happened=$(cat "$B/happened")
	n=$((n + 1))
	printf '%-20s %-5s %-9s %-9s %4d  %s\n' "$name" "$firmware" "$predicted" "$happened" $((SECONDS - t)) "$what"
	[ "$name $predicted $happened" != "bios-core no yes" ] || continue      # GRUB mends it: the safe side
	[ "$predicted" = "$happened" ] || { bad=$((bad + 1)); cat "$B/prediction"; vm_text | tail -n 20; }
done 7<<<"$BOOT_VARIANTS"
echo "$n variants, $bad predicted wrongly"
[ $bad = 0 ] && [ $n -gt 0 ]

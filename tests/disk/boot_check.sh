#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# boot-check predicts every variant of a system that was broken in one way. tests/torture/boot_check.sh starts the same disks and compares.
. "$(dirname "$0")/../lib.sh"
need_root
need sfdisk partx mkfs.btrfs btrfs losetup grub-install objcopy unmkinitramfs cpio debootstrap busybox python3 setfattr
for f in /usr/lib/shim/shimx64.efi.signed /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed /usr/lib/systemd/boot/efi/systemd-bootx64.efi; do
	[ -e $f ] || { echo "$f is missing"; exit 77; }
done
B=$W
. "$TOP/tests/boot_lib.sh"
at_end boot_close
boot_base
n=0 wrong=0
while read -r name firmware boots what; do
	[ -n "$name" ] || continue
	boot_open
	boot_break "$name"
	got=$(boot_predict "$firmware")
	if [ "$got" != "$boots" ]; then
		echo "$name ($what): predicted $got, expected $boots"; cat "$B/prediction"
		wrong=$((wrong + 1))
	fi
	[ "$name" != good ] || "$RESCUE" boot-check --json --ignore-entries --firmware uefi --esp "$BOOT_ESP" "$BOOT_ROOT" |
		python3 -c 'import json,sys; l=[json.loads(x) for x in sys.stdin]; assert l[-1]["boots"] is True and len(l) > 8'
	boot_close
	n=$((n + 1))
done <<<"$BOOT_VARIANTS"
echo "$n variants, $wrong wrong"
[ $wrong = 0 ] && [ $n -ge 30 ] || fail "predictions"
# T54: SELinux enforcing and a restore without labels; labelled, or told to let it pass once
boot_open
mkdir -p "$BOOT_ROOT/etc/selinux"
printf '# SELINUX=disabled\nSELINUX=enforcing\nSELINUXTYPE=targeted\n' >"$BOOT_ROOT/etc/selinux/config"
equal "$(boot_predict uefi)" no "enforcing without labels"
grep -q "SELinux is enforcing, but 3 of 3 files looked at have no label, /sbin/init first" "$B/prediction" || { cat "$B/prediction"; fail "no word about SELinux"; }
setfattr -n security.selinux -v system_u:object_r:etc_t:s0 "$BOOT_ROOT/sbin/init" "$BOOT_ROOT/etc/fstab"
equal "$(boot_predict uefi)" no "enforcing with some labels"
setfattr -n security.selinux -v system_u:object_r:bin_t:s0 "$BOOT_ROOT/bin/busybox"
equal "$(boot_predict uefi)" yes "enforcing with labels"
setfattr -x security.selinux "$BOOT_ROOT/bin/busybox"
sed -i 's/ console=ttyS0/ enforcing=0&/' "$BOOT_ROOT/boot/grub/grub.cfg"
equal "$(boot_predict uefi)" yes "enforcing=0 in the command line"
sed -i 's/^SELINUX=.*/SELINUX=permissive/' "$BOOT_ROOT/etc/selinux/config"; sed -i 's/ enforcing=0//' "$BOOT_ROOT/boot/grub/grub.cfg"
equal "$(boot_predict uefi)" yes "permissive"
boot_close
mkdir "$W/empty"
refuses 1 "is not an installed system: it has no /etc" "$RESCUE" boot-check "$W/empty"
refuses 2 "--firmware 'coreboot': use uefi or bios" "$RESCUE" boot-check --firmware coreboot "$W"

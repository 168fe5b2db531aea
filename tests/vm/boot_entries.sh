#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine whose ESP is a RAID1 on two disks, with another system on a third: entries that name partitions which are gone (stale PARTUUID, T31), a boot
# order that starts the other system, and each of the two disks pulled. The efi-entry step repairs (one entry a member, T30; the foreign one keeps
# its bytes, T35); boot-check, inside the medium, predicts each start.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
vm_need sfdisk partx mkfs.btrfs losetup debootstrap mcopy mkfs.vfat mdadm /usr/lib/shim/shimx64.efi.signed /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed
B=$VM_DIR
. "$TOP/tests/boot_lib.sh"
trap 'boot_close; vm_cleanup' EXIT
boot_base
boot_open
boot_close
BOOT_GAVE_UP='OTHER-SYSTEM|grub> |Kernel panic|\(initramfs\)|EMERGENCY|Shell>'   # an entry that cannot be loaded is passed over
BOOT_VARS=$B/vars.fd

# fat FILE FOLDER: a FAT that leaves room for the array's superblock behind it, on a disk with one ESP
fat() {
	truncate -s 60M "$B/fat"
	mkfs.vfat -F 32 -s 1 "$B/fat" >/dev/null
	(cd "$2" && mcopy -s -Q -i "$B/fat" EFI ::/)
	truncate -s 70M "$1"
	printf 'label: gpt\nstart=2048, size=131072, type=U\n' | sfdisk -q "$1"
	dd if="$B/fat" of="$1" bs=1M seek=1 conv=notrunc status=none
	rm "$B/fat"
}
rm -r "$B/esp.base/EFI/BOOT"
fat "$B/one.img" "$B/esp.base"
dd if="$B/one.img" of="$B/content" bs=1M skip=1 count=60 status=none
truncate -s 70M "$B/two.img"
printf 'label: gpt\nstart=2048, size=131072, type=U\n' | sfdisk -q "$B/two.img"
dd if="$B/content" of="$B/two.img" bs=1M seek=1 conv=notrunc status=none
mkdir -p "$B/other/EFI/other" "$B/other/EFI/debian"
cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed "$B/other/EFI/other/grubx64.efi"
printf 'echo OTHER-SYSTEM\nhalt\n' >"$B/other/EFI/debian/grub.cfg"
fat "$B/other.img" "$B/other"

cat >"$B/plan.yaml" <<'END_PLAN'
plan: 1
name: entries
steps:
  - efi-entry: {esp: /esp, label: debian, removable: no, required: yes}
END_PLAN
cat >"$B/common" <<'END_GUEST'
failed() { echo "JOB FAILED: $*"; exit 1; }
E=/sys/firmware/efi/efivars
G=8be4df61-93ca-11d2-aa0d-00e098032b8c
mkdir -p /esp /other /target
mount -t vfat /dev/vdd1 /other && mount -o subvol=@ /dev/vdc3 /target && mount -o subvol=@home /dev/vdc3 /target/home || failed mount
up() { { [ -b /dev/md0 ] || mdadm -q --assemble /dev/md0 /dev/vda1 /dev/vdb1; } && mount -t vfat /dev/md0 /esp || failed "the array"; }
down() { umount /esp; mdadm -q --stop /dev/md0 || failed stop; }
entry() { rm -rf /state; rescue run /plan.yaml --state /state --volatile-state </dev/null >/out 2>&1 || { cat /out /state/logs/*; failed "the step"; }; }
# ours: how many entries name a member as it is now
ours() { n=0; for p in /dev/vda1 /dev/vdb1; do g=$(sfdisk --part-uuid ${p%1} 1 | tr A-Z a-z); n=$((n + $(rescue efi list | tr A-Z a-z | grep 'debian.*shimx64' | grep -c "$g"))); done; echo $n; }
all_ours() { rescue efi list | grep -c 'debian.*shimx64'; }
foreign() { for f in $E/Boot0*-$G; do grep -q FOREIGN-DATA $f && cat $f; done; }
predict() { rescue boot-check --esp /esp /target >/out; case $? in 0) echo "PREDICTED yes" ;; 1) echo "PREDICTED no: $(grep broken /out)" ;; *) cat /out; failed boot-check ;; esac; }
END_GUEST

# medium MARKER: what the medium runs comes on standard input
medium() {
	cat "$B/common" - | vm_guest "$B/medium.cpio" mod:virtio_pci mod:virtio_blk mod:vfat mod:nls_cp437 mod:nls_ascii mod:efivarfs mod:raid1 mod:btrfs \
		bin:mdadm bin:sfdisk bin:chattr "$RESCUE:/bin/rescue" "$B/plan.yaml:/plan.yaml"
	vm_new 768
	vm_firmware uefi "$BOOT_VARS"
	for d in one two disk other; do vm_disk "$B/$d.img" virtio; done
	vm_direct "$VM_KERNEL" "$B/medium.cpio" quiet
	VM_BAD='JOB FAILED' vm_start
	VM_BAD='JOB FAILED' vm_wait "$1" 300
	vm_off 60
}
predicted() { vm_has "PREDICTED $1"; }
starts() { # starts yes|no DISK...
	local want=$1
	shift
	BOOT_DISKS=$* boot_happens uefi
	[ "$(cat "$B/happened")" = "$want" ] || vm_fail "started: $(cat "$B/happened"), wanted $want (disks $*)"
}

medium ALL-MADE <<'END'
mdadm -q --create /dev/md0 --run --assume-clean --metadata=1.0 --level=1 --raid-devices=2 /dev/vda1 /dev/vdb1 >/dev/null 2>&1 || failed create
up
entry
[ "$(ours)" = 2 ] || failed "$(ours) entries for two members"
rescue efi repair --esp /other --no-removable --first >/dev/null || failed other
entry           # the other system's is second, before the firmware's own
number=$(rescue efi list | sed -n 's/.*Boot\([0-9A-F]*\).*other.*/\1/p')
{ cat $E/Boot$number-$G; printf FOREIGN-DATA; } >/tmp/entry
chattr -i $E/Boot$number-$G; dd if=/tmp/entry of=$E/Boot$number-$G bs=4096 2>/dev/null || failed "optional data"
foreign >/other/entry
# the partitions get other identifiers, as after they were made anew
down
for d in vda vdb; do sfdisk -q --part-uuid /dev/$d 1 $(cat /proc/sys/kernel/random/uuid) || failed sfdisk; done
sleep 1
up
rescue efi list
[ "$(ours)" = 0 ] || failed "the entries are not stale"
predict
down
umount /other
echo ALL-MADE
END
predicted "no: .*another system"
starts no one two disk other
vm_has OTHER-SYSTEM

medium ENTRIES-CORRECTED <<'END'
up
entry
cat /out
rescue efi list
[ "$(ours)" = 2 ] && [ "$(all_ours)" = 2 ] || failed "$(ours) of $(all_ours) entries are right"
predict
entry
[ "$(all_ours)" = 2 ] || failed "a second repair added an entry"
rescue efi repair --esp /other --no-removable --first >/dev/null || failed "the wrong order"
predict
down
foreign | cmp - /other/entry || failed "the foreign entry was changed"
umount /other
echo ENTRIES-CORRECTED
END
predicted yes
predicted "no: .*another system"
starts no one two disk other
vm_has OTHER-SYSTEM

medium ORDER-CORRECTED <<'END'
up
entry
rescue efi list
[ "$(ours)" = 2 ] && [ "$(all_ours)" = 2 ] || failed "$(ours) of $(all_ours) entries are right"
predict
down
foreign | cmp - /other/entry || failed "the foreign entry was changed"
umount /other
echo ORDER-CORRECTED
END
predicted yes
cp "$BOOT_VARS" "$B/vars.both"          # firmware may forget the entry of a disk that is not there (T26)
starts yes one disk other
cp "$B/vars.both" "$BOOT_VARS"
starts yes two disk other
echo "stale entries, then a wrong order: did not start, were repaired, and either disk of the mirror starts it"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# NVRAM full of crash dumps, and a machine that needs a boot entry (T23, T24, T26). The efi-entry step ends degraded and the removable path starts the
# disk; the pstore-collect step makes room; the firmware having started once, efi-entry writes the entry, and that alone starts the disk. boot-check,
# inside the medium, predicts each start.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || { echo "this test wants root"; exit 77; }
vm_need sfdisk partx mkfs.btrfs losetup debootstrap mcopy mkfs.vfat /usr/lib/shim/shimx64.efi.signed /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed \
	/usr/share/OVMF/OVMF_CODE.fd
B=$VM_DIR
. "$TOP/tests/boot_lib.sh"
trap 'boot_close; vm_cleanup' EXIT
boot_base
boot_open
rm -r "$BOOT_ESP/EFI/BOOT"
boot_write_esp
boot_close
BOOT_VARS=$B/vars.fd
plan() { # plan NAME STEP...: a plan with these steps
	{ printf 'plan: 1\nname: %s\nsteps:\n' "$1"; shift; printf '  - %s\n' "$@"; }
}
plan entry 'efi-entry: {esp: /target/boot/efi, label: debian}' >"$B/entry.yaml"
plan room 'pstore-collect: {to: /target/var/crash}' 'efi-entry: {esp: /target/boot/efi, label: debian}' >"$B/room.yaml"
plan only 'efi-entry: {esp: /target/boot/efi, label: debian, removable: no, required: yes}' >"$B/only.yaml"
cat >"$B/common" <<'END_GUEST'
failed() { echo "JOB FAILED: $*"; exit 1; }
E=/sys/firmware/efi/efivars
mkdir -p /target
mount -o subvol=@ /dev/vda3 /target && mount -o subvol=@home /dev/vda3 /target/home && mount -t vfat /dev/vda2 /target/boot/efi || failed mount
dumps() { ls $E | grep -c '^dump-type'; }
fill_up() { # not one more entry fits
	g=$(ls $E | sed -n 's/^dump-type0-.*-[CD]-//p' | head -n 1)
	for size in 800 400 200 100 50 20 4; do
		i=$1
		while { printf '\7\0\0\0Panic#9 Part%d\n' $i; head -c $size /dev/zero | tr '\0' x; } >/tmp/v
			dd if=/tmp/v of=$E/dump-type0-$i-$size-1-D-$g bs=4096 2>/dev/null; do i=$((i + 1)); done
		rm -f $E/dump-type0-$i-$size-1-D-$g
	done
}
ours() { rescue efi list | grep -c 'debian.*shimx64'; }
does() { # does PLAN TEXT: the plan ends well, and says so
	rm -rf /state; rescue run /$1.yaml --state /state --volatile-state </dev/null >/out 2>&1; echo "RC $?"
	grep -qE "$2" /out || { cat /out /state/logs/*; failed "$1 does not say: $2"; }
	grep -E "$2" /out
}
predict() { rescue boot-check /target >/out; case $? in 0) echo "PREDICTED yes" ;; 1) echo "PREDICTED no: $(grep broken /out)" ;; *) cat /out; failed boot-check ;; esac; }
END_GUEST
medium() { # medium MARKER|-: what the medium runs comes on standard input; -: until the machine is gone
	cat "$B/common" - | vm_guest "$B/medium.cpio" mod:virtio_pci mod:virtio_blk mod:vfat mod:nls_cp437 mod:nls_ascii mod:efivarfs mod:efi-pstore mod:btrfs \
		"$RESCUE:/bin/rescue" "$B/entry.yaml:/entry.yaml" "$B/room.yaml:/room.yaml" "$B/only.yaml:/only.yaml"
	vm_new 768
	vm_firmware small "$BOOT_VARS"
	vm_disk "$BOOT_DISK" virtio
	vm_direct "$VM_KERNEL" "$B/medium.cpio" quiet
	VM_BAD='JOB FAILED' vm_start
	[ "$1" = - ] || VM_BAD='JOB FAILED' vm_wait "$1" 300
	vm_off 100
}
starts() {
	boot_happens small
	[ "$(cat "$B/happened")" = yes ] || vm_fail "it did not start"
}

medium - <<'END'
mount -t pstore -o kmsg_bytes=64000 pstore /sys/fs/pstore || failed pstore
umount /target/boot/efi /target/home /target
echo 1 >/proc/sys/kernel/sysrq
echo c >/proc/sysrq-trigger
sleep 60
END

# what a machine has that crashed often: the records of that crash again and again, until not one more byte fits
medium DEGRADED-AND-REMOVABLE <<'END'
echo "RECORDS $(dumps)"
[ "$(dumps)" -gt 3 ] || failed "the crash left no records"
originals=$(ls $E | grep '^dump-type0-.*-C-')
first=$(echo "$originals" | head -n 1 | cut -d- -f5)
full=
for again in $(seq 1 60); do
	for n in $originals; do
		copy=$E/$(echo $n | cut -d- -f1-4)-$((first + again))-$(echo $n | cut -d- -f6-)
		dd if=$E/$n of=$copy bs=8192 2>/dev/null || { full=1; rm -f $copy; break; }
	done
	[ -z "$full" ] || break
done
[ -n "$full" ] || failed "NVRAM does not fill up"
fill_up 1
echo "FULL of $(dumps) records, $(stat -f -c %a $E) bytes left"
predict
does entry 'the firmware has no room'
[ "$(ours)" = 0 ] || failed "there is an entry"
[ -s /target/boot/efi/EFI/BOOT/BOOTX64.EFI ] || failed "no removable path"
predict
umount /target/boot/efi
echo DEGRADED-AND-REMOVABLE
END
vm_has 'PREDICTED no: .*no boot entry leads to this ESP'
vm_has 'PREDICTED yes'
vm_text | grep -E '^(RECORDS|FULL|RC)' || true
starts

medium ROOM-WAS-MADE <<'END'
# a start of the firmware sweeps away what was deleted: still full
fill_up 100
does entry 'the firmware has no room'
n=$(dumps)
mkdir -p /target/var
does room 'pstore-collect: done'
cat /out
[ "$(dumps)" = 0 ] || failed "$(dumps) of $n records are left"
rescue efi list
rm -rf /target/boot/efi/EFI/BOOT
umount /target/boot/efi
echo "ROOM-WAS-MADE: $n records collected, $(stat -f -c %a $E) bytes free"
END
medium ENTRY-WRITTEN <<'END'
does only 'efi-entry.*done|Boot0'
[ "$(ours)" = 1 ] || failed "$(ours) entries"
[ ! -e /target/boot/efi/EFI/BOOT ] || failed "there is a removable path"
predict
umount /target/boot/efi
echo ENTRY-WRITTEN
END
vm_has 'PREDICTED yes'
starts
echo "full of crash dumps: started by the removable path; collected: started by its entry"
